"""The decision: names, learned addresses, rebinding, several policies; stricter never allows more."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.decision import Gate
from noegress_guard.destination import parse_address
from noegress_guard.policy import GuardPolicy

PUBLIC, PRIVATE, LOOPBACK = (4, 0x08080808), (4, 0x0A000001), (4, 0x7F000001)
ENTRIES = st.lists(
    st.sampled_from(
        [
            "a.example:443",
            "*.example:80",
            "10.0.0.0/8:*",
            "127.0.0.1:1-1000",
            "udp://8.8.8.8:53",
            "[::1]:80",
            "localhost:80",
        ]
    ),
    max_size=4,
)
ADDRESSES = st.sampled_from([PUBLIC, PRIVATE, LOOPBACK, (6, 1), (4, 0), (6, 0)])
PORTS = st.sampled_from([53, 80, 443, 1000])


def gate(*policies: list[str], private_names: tuple[str, ...] = ()) -> Gate:
    return Gate(
        GuardPolicy({"format": 1, "allow": allow, "private-names": list(private_names)}, "test") for allow in policies
    )


def test_without_a_policy_nothing_is_allowed() -> None:
    empty = Gate(())
    assert not empty.allows_name("a.example", "tcp", 443)
    assert not empty.allows_address(LOOPBACK, "tcp", 80)
    assert not empty.allows_socket("/run/x")
    assert not empty.resolves("a.example")


@given(ENTRIES, ENTRIES, ADDRESSES, PORTS, st.sampled_from(["tcp", "udp"]))
def test_a_second_policy_never_allows_more(
    first: list[str], second: list[str], address: tuple[int, int], port: int, protocol: str
) -> None:
    one, both = gate(first), gate(first, second)
    for each in (one, both):
        each.learn("a.example", address)
    assert one.allows_address(address, protocol, port) or not both.allows_address(address, protocol, port)
    assert one.allows_name("a.example", protocol, port) or not both.allows_name("a.example", protocol, port)
    assert one.resolves("a.example") or not both.resolves("a.example")


@given(ENTRIES, ADDRESSES, PORTS)
def test_the_order_of_the_entries_does_not_matter(entries: list[str], address: tuple[int, int], port: int) -> None:
    assert gate(entries).allows_address(address, "tcp", port) == gate(entries[::-1]).allows_address(
        address, "tcp", port
    )


def test_an_address_is_allowed_at_the_ports_of_the_names_it_was_learned_for() -> None:
    learned = gate(["a.example:443"])
    assert not learned.allows_address(PUBLIC, "tcp", 443)
    assert learned.learn("a.example", PUBLIC)
    assert learned.allows_address(PUBLIC, "tcp", 443)
    assert not learned.allows_address(PUBLIC, "tcp", 80)
    assert not learned.allows_address(PUBLIC, "udp", 443)
    learned.forget("a.example", PUBLIC)
    assert not learned.allows_address(PUBLIC, "tcp", 443)


def test_a_private_answer_for_a_public_name_is_refused() -> None:
    assert not gate(["a.example:443"]).learn("a.example", PRIVATE)
    assert gate(["db.internal:443"]).learn("db.internal", PRIVATE)
    assert gate(["a.example:443"], private_names=("a.example",)).learn("a.example", PRIVATE)


def test_a_private_answer_is_usable_only_where_the_address_itself_is_listed() -> None:
    listed = gate(["a.example:443", "10.0.0.0/8:80"])
    assert listed.learn("a.example", PRIVATE)
    assert listed.allows_address(PRIVATE, "tcp", 80)
    assert not listed.allows_address(PRIVATE, "tcp", 443)


def test_the_unspecified_address_is_loopback() -> None:
    assert gate(["127.0.0.1:80"]).allows_address((4, 0), "tcp", 80)
    assert gate(["[::1]:80"]).allows_address((6, 0), "tcp", 80)
    assert not gate(["10.0.0.1:80"]).allows_address((4, 0), "tcp", 80)
    everything = parse_address("0.0.0.0")
    assert everything == (4, 0)


def test_a_socket_is_judged_by_its_real_path(tmp_path: Path) -> None:
    real = tmp_path / "run"
    real.mkdir()
    (tmp_path / "var").symlink_to(real)
    assert gate([f"unix:{tmp_path}/var/*.sock"]).allows_socket(str(real / "x.sock"))
    assert gate([f"unix:{real}/x.sock"]).allows_socket(str(real / "x.sock"))
    assert not gate([f"unix:{real}/x.sock"]).allows_socket(str(real / "y.sock"))
    assert gate(["unix:@app"]).allows_socket("@app")
    assert not gate(["unix:@app"]).allows_socket("/app")


def test_one_entry_of_several_lists_a_unix_socket() -> None:
    several = gate(["unix:/run/a.sock", "unix:/run/b/*.sock", "unix:@abstract", "a.example:80"])
    for path in ("/run/a.sock", "/run/b/x.sock", "@abstract"):
        assert several.allows_socket(path)
    for path in ("/run/c.sock", "/run/b/c/x.sock", "/abstract", "abstract", "@other"):
        assert not several.allows_socket(path)
    assert several.allows_socket("/run/a.sock", in_full=True)
    assert not several.allows_socket("/run/b/x.sock", in_full=True)


def test_links_in_the_folders_of_an_entry_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    linked = gate([f"unix:{tmp_path}/link/a.sock", f"unix:{tmp_path}/link/x*/b.sock"])
    assert linked.allows_socket(f"{tmp_path}/real/a.sock")
    assert linked.allows_socket(f"{tmp_path}/real/x1/b.sock")
    assert not linked.allows_socket(f"{tmp_path}/real/b.sock")
    (tmp_path / "real" / "a.sock").symlink_to("other.sock")
    assert not linked.allows_socket(f"{tmp_path}/real/other.sock")


def test_an_address_is_listed_by_itself_or_by_a_name_that_led_to_it() -> None:
    both = gate(["a.example:443", "10.0.0.0/8:*"])
    assert both.lists_address(PRIVATE)
    assert not both.lists_address(PUBLIC)
    both.learn("a.example", PUBLIC)
    assert both.lists_address(PUBLIC)
    assert not both.lists_address((4, 0x08080809))
