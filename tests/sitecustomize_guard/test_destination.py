"""The grammar of destinations, held against the standard library's own reading of addresses."""

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.address import format_address, is_private, is_public_name
from noegress_guard.destination import Destination, parse_address, parse_ipv4, parse_ipv6, parse_name


@given(st.ip_addresses())
def test_every_address_reads_as_the_standard_library_reads_it(address: ipaddress.IPv4Address) -> None:
    mapped = getattr(address, "ipv4_mapped", None) or address
    assert parse_address(str(address)) == (mapped.version, int(mapped))


@given(st.ip_addresses(v=6))
def test_every_spelling_of_an_ipv6_address_is_the_same_address(address: ipaddress.IPv6Address) -> None:
    assert parse_ipv6(str(address)) == parse_ipv6(address.exploded) == int(address)


@given(st.ip_addresses())
def test_an_address_is_spelled_so_that_it_reads_back(address: ipaddress.IPv4Address) -> None:
    mapped = getattr(address, "ipv4_mapped", None) or address
    spelled = format_address((mapped.version, int(mapped)))
    assert ipaddress.ip_address(spelled.strip("[]")) == mapped
    assert Destination(f"{spelled}:443").covers_address((mapped.version, int(mapped)))


@given(st.text(alphabet="0123456789abcdefx.:", max_size=30))
def test_nothing_is_an_address_that_the_standard_library_refuses(text: str) -> None:
    try:
        expected: int | None = int(ipaddress.IPv4Address(text))
    except ValueError:
        expected = None
    assert parse_ipv4(text) == expected
    try:
        expected = int(ipaddress.IPv6Address(text))
    except ValueError:
        expected = None
    assert parse_ipv6(text) == expected


@given(st.text(max_size=60))
def test_any_text_is_a_destination_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert Destination(text).text == text


@pytest.mark.parametrize("text", ["127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "0x7f000001", "1.2.3.4.", "1.2.3"])
def test_an_odd_spelling_of_an_address_is_neither_address_nor_name(text: str) -> None:
    assert parse_address(text) is None
    assert parse_name(text) is None
    with pytest.raises(ValueError, match="neither"):
        Destination(f"{text}:80")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("example.com", "port is missing"),
        (":443", "port is missing"),
        ("example.com:0", "1-65535"),
        ("example.com:65536", "up to 65535"),
        ("example.com:90-80", "rises"),
        ("example.com:80-", "a port"),
        ("example.com:٣", "a port"),
        ("*:443", "neither"),
        ("a*.example.com:443", "neither"),
        ("*.*.example.com:443", "neither"),
        ("exa mple.com:443", "neither"),
        ("exämple.com:443", "neither"),
        ("a..example.com:443", "neither"),
        ("-a.example.com:443", "neither"),
        ("10.0.0.1/8:80", "host bits"),
        ("10.0.0.0/33:80", "up to 32"),
        ("10.0.0.0/:80", "prefix length"),
        ("[fd00::1:80", "not closed"),
        ("[fe80::1%eth0]:80", "not an IPv6"),
        ("[fd00::]x:80", "not understood"),
        ("fd00::1:80", "brackets"),
        ("sctp://example.com:80", "protocol"),
        ("unix:run/x", "absolute"),
        ("unix:/run/../x", "absolute"),
        ("unix:@", "absolute"),
        ("unix:/a\0b", "control"),
        ("", "empty"),
        (" example.com:443", "outer spaces"),
    ],
)
def test_a_malformed_destination_is_refused_with_its_reason(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Destination(text)


@pytest.mark.parametrize("text", ["[fd00::]/8:443", "[fd00::/8]:443", "fd00::/8:443"])
def test_an_ipv6_network_is_written_in_three_ways(text: str) -> None:
    address = parse_address("fdff::1")
    assert address is not None
    assert Destination(text).covers_address(address)
    assert not Destination(text).covers_address((6, 1))


def test_a_suffix_covers_what_is_below_it_and_not_itself() -> None:
    suffix = Destination("*.Corp.Example:443")
    assert suffix.covers_name("db.corp.example")
    assert suffix.covers_name("a.b.corp.example")
    assert not suffix.covers_name("corp.example")
    assert not suffix.covers_name("evilcorp.example")


def test_a_mapped_address_is_the_ipv4_address_it_reaches() -> None:
    assert parse_address("::ffff:10.0.0.1") == parse_address("10.0.0.1")
    assert parse_address("::10.0.0.1") != parse_address("10.0.0.1")
    assert Destination("[::ffff:10.0.0.1]:80").covers_address((4, 0x0A000001))


def test_a_path_glob_does_not_cross_a_slash() -> None:
    glob = Destination("unix:/run/*/s.sock")
    assert glob.covers_path("/run/app/s.sock")
    assert not glob.covers_path("/run/app/more/s.sock")
    assert not glob.covers_path("@/run/app/s.sock")
    assert Destination("unix:@app-*").covers_path("@app-1")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "::1", "fe80::1", "fd00::1", "64:ff9b::a00:1"]
)
def test_private_addresses_are_known_as_such(address: str) -> None:
    parsed = parse_address(address)
    assert parsed is not None
    assert is_private(parsed)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700::1", "64:ff9b::808:808"])
def test_public_addresses_are_not_private(address: str) -> None:
    parsed = parse_address(address)
    assert parsed is not None
    assert not is_private(parsed)


@pytest.mark.parametrize(
    ("name", "public"),
    [("example.com", True), ("a.example", True), ("db", False), ("db.internal", False), ("x.home.arpa", False)],
)
def test_a_name_is_public_unless_its_last_label_is_special(name: str, public: bool) -> None:  # noqa: FBT001
    assert is_public_name(name) is public


def test_lengths_are_those_of_the_standards() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert parse_name(longest) == longest
    assert parse_name("e" + longest) is None
    assert parse_name("a" * 63 + ".example") is not None
    assert parse_name("a" * 64 + ".example") is None
    for bad in ("-a.example", "a-.example", "0x", "a.0xf", "a.0x0"):
        assert parse_name(bad) is None
    for good in ("a.0xg", "xn--a.example", "a.0y1"):
        assert parse_name(good) == good


def test_ports_are_bounded_on_both_sides() -> None:
    every = Destination("10.0.0.0/8:*")
    assert [every.covers_port("tcp", port) for port in (-1, 0, 1, 65535, 65536)] == [False, True, True, True, False]
    some = Destination("a.example:5-7")
    assert [some.covers_port("tcp", port) for port in (4, 5, 7, 8)] == [False, True, True, False]
    assert Destination("a.example:1-65535").high == 65535
    with pytest.raises(ValueError, match="whole number up to 65535"):
        Destination("a.example:1-65536")


def test_networks_cover_their_addresses_and_no_name_covers_one() -> None:
    six = Destination("[2001:db8::]/32:1")
    assert six.covers_address((6, 0x20010DB8 << 96))
    assert six.covers_address((6, (0x20010DB9 << 96) - 1))
    assert not six.covers_address((6, (0x20010DB8 << 96) - 1))
    assert not six.covers_address((6, 0x20010DB9 << 96))
    assert not Destination("a.example:1").covers_address((4, 0))
    assert not Destination("unix:/run/x").covers_address((0, 0))
    assert Destination("[::ffff:10.0.0.0]/104:1").covers_address((4, 0x0AFFFFFF))
    assert Destination("[::ffff:0:0]/96:1").covers_address((4, 0xFFFFFFFF))
    assert not Destination("[::ffff:10.0.0.0]/104:1").covers_address((4, 0x0B000000))
    assert Destination("unix:@a").host == "a"


@pytest.mark.parametrize(
    "text", ["1:::2", "1::2::3", ":1::2", "1::2:", "1:2:3:4:5:6:7::8:9", "1..2.3", "1.2.3.", ".1.2.3"]
)
def test_what_is_nearly_an_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_a_gap_stands_for_one_group_or_more() -> None:
    assert parse_address("1:2:3:4:5:6:7::") == (6, 0x00010002000300040005000600070000)
    assert parse_address("1:2:3:4::5:6:7:8") is None
