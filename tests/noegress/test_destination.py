from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noegress.destination import Destination, Transport, parse_destination, parse_name
from noegress.errors import DestinationError

# written → canonical
GOOD = {
    "mirror.internal:443": "mirror.internal:443",
    "Mirror.Internal.:443": "mirror.internal:443",
    "tcp://mirror.internal:443": "mirror.internal:443",
    "udp://10.0.0.2:53": "udp://10.0.0.2:53",
    "10.20.0.0/16:5432": "10.20.0.0/16:5432",
    "10.20.0.1/32:5432": "10.20.0.1:5432",
    "*.corp.example:8000-8010": "*.corp.example:8000-8010",
    "[fd00::1]:443": "[fd00::1]:443",
    "[FD00:0::1]:443": "[fd00::1]:443",
    "[fd00::/8]:443": "[fd00::/8]:443",
    "fd00::/8:443": "[fd00::/8]:443",
    "[fd00::]/8:443": "[fd00::/8]:443",
    "[::ffff:10.0.0.1]:80": "10.0.0.1:80",
    "[::ffff:10.0.0.0/104]:80": "10.0.0.0/8:80",
    "localhost:*": "localhost:*",
    "bücher.example:443": "xn--bcher-kva.example:443",
    "unix:/run/postgresql/.s.PGSQL.5432": "unix:/run/postgresql/.s.PGSQL.5432",
    "unix:/tmp/*.sock": "unix:/tmp/*.sock",
    "unix:@dbus": "unix:@dbus",
}
BAD = (
    "",
    " mirror.internal:443",
    "mirror.internal",
    "mirror.internal:",
    "mirror.internal:0",
    "mirror.internal:65536",
    "mirror.internal:9-3",
    "mirror.internal:٤٤٣",
    "https://mirror.internal:443",
    "mirror.internal/path:443",
    "user@mirror.internal:443",
    "mirror.internal:443\n",
    "mirror\0.internal:443",
    "*:443",
    "*mirror.internal:443",
    "a.*.internal:443",
    "-a.internal:443",
    "a..internal:443",
    f"{'a' * 64}.internal:443",
    f"{'a.' * 130}internal:443",
    "10.0.0.300:80",
    "10.0.1:80",
    "0x7f.1:80",
    "127.0.0.0x1:80",
    "010.0.0.1:80",
    "10.20.0.1/16:5432",
    "10.20.0.0/33:5432",
    "fd00::1:443",
    "[fd00::1%eth0]:443",
    "[fd00::1:443",
    "[mirror.internal]:443",
    "unix:run/x.sock",
    "unix:/run/../x.sock",
    "unix:@",
    "unix:/",
)


@pytest.mark.parametrize(("written", "canonical"), GOOD.items())
def test_a_destination_has_one_canonical_form(written: str, canonical: str) -> None:
    destination = parse_destination(written)
    assert str(destination) == canonical
    assert parse_destination(canonical) == destination


@pytest.mark.parametrize("written", BAD)
def test_what_is_outside_the_grammar_is_refused_with_a_fix(written: str) -> None:
    with pytest.raises(DestinationError) as refused:
        parse_destination(written)
    assert refused.value.fix
    assert repr(written) in refused.value.problem or written.partition(":")[0] in refused.value.problem


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused_and_what_parses_round_trips(text: str) -> None:
    try:
        destination = parse_destination(text)
    except DestinationError:
        return
    assert parse_destination(str(destination)) == destination


def test_a_name_matches_itself_in_any_case_and_with_a_trailing_dot() -> None:
    allowed = parse_destination("mirror.internal:443")
    assert allowed.allows_name("MIRROR.internal.", 443)
    assert not allowed.allows_name("mirror.internal", 444)
    assert not allowed.allows_name("mirror.internal", 443, Transport.UDP)
    assert not allowed.allows_name("mirror.internal.evil.example", 443)
    assert not allowed.allows_name("xmirror.internal", 443)


def test_a_suffix_stands_for_names_below_it_and_not_for_itself() -> None:
    allowed = parse_destination("*.corp.example:443")
    assert allowed.allows_name("a.corp.example", 443)
    assert allowed.allows_name("a.b.corp.example", 443)
    assert not allowed.allows_name("corp.example", 443)
    assert not allowed.allows_name("evilcorp.example", 443)


def test_a_v4_mapped_address_counts_as_the_address_inside() -> None:
    allowed = parse_destination("10.20.0.0/16:5432")
    assert allowed.allows_address(ip_address("::ffff:10.20.3.4"), 5432)
    assert not allowed.allows_address(ip_address("10.21.0.1"), 5432)
    assert not allowed.allows_address(ip_address("fd00::1"), 5432)


def test_a_glob_does_not_cross_a_slash_and_abstract_names_are_apart() -> None:
    allowed = parse_destination("unix:/run/*.sock")
    assert allowed.allows_path("/run/a.sock")
    assert not allowed.allows_path("/run/a/b.sock")
    assert not allowed.allows_path("@/run/a.sock")
    assert parse_destination("unix:@dbus-*").allows_path("@dbus-1")
    assert not parse_destination("unix:@dbus").allows_path("dbus")


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("*.example:443", "a.example:443"),
        ("*.example:*", "*.a.example:443"),
        ("10.0.0.0/8:*", "10.1.0.0/16:80-90"),
        ("unix:/run/*.sock", "unix:/run/a.sock"),
        ("[fd00::/8]:443", "[fd00::1]:443"),
    ],
)
def test_covering_is_one_way(wide: str, narrow: str) -> None:
    assert parse_destination(wide).covers(parse_destination(narrow))
    assert not parse_destination(narrow).covers(parse_destination(wide))


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.example:443", "10.0.0.0/8:443"), ("udp://a.example:53", "a.example:53"), ("unix:/run/a", "a.example:1")],
)
def test_kinds_do_not_cover_each_other(first: str, second: str) -> None:
    assert not parse_destination(first).covers(parse_destination(second))
    assert not parse_destination(second).covers(parse_destination(first))


def test_a_name_in_another_script_is_written_in_idna() -> None:
    assert parse_name("BÜCHER.example.") == "xn--bcher-kva.example"
    assert Destination(name="xn--bcher-kva.example").allows_name("xn--bcher-kva.example", 1)
