"""What is known of addresses and names, held against the standard library's tables."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.address import format_address, is_private, is_public_name
from noegress_guard.destination import parse_address


@given(st.ip_addresses())
def test_an_address_is_spelled_as_the_standard_library_spells_it(
    address: "ipaddress.IPv4Address | ipaddress.IPv6Address",
) -> None:
    parsed = parse_address(str(address))
    assert parsed is not None
    if address.version == 6 and address.ipv4_mapped is None:
        assert format_address(parsed) == f"[{address}]"
    assert parse_address(format_address(parsed).strip("[]")) == parsed


SPELLINGS = {
    "::": "[::]",
    "::1": "[::1]",
    "1::": "[1::]",
    "0:0:1::": "[0:0:1::]",
    "1:0:0:2:0:0:0:3": "[1:0:0:2::3]",
    "1:0:0:2:0:0:3:4": "[1::2:0:0:3:4]",
    "1:0:2:3:4:5:6:7": "[1:0:2:3:4:5:6:7]",
    "fd00:0000:00ab::": "[fd00:0:ab::]",
    "::ffff:10.0.0.1": "10.0.0.1",
    "255.254.253.252": "255.254.253.252",
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_the_longest_run_of_zeros_is_left_out_and_of_two_the_first(text: str) -> None:
    parsed = parse_address(text)
    assert parsed is not None
    assert format_address(parsed) == SPELLINGS[text]


# network → an address just below, the first, the last, and one just above
EDGES = {
    "0.0.0.0/8": (None, "0.0.0.0", "0.255.255.255", "1.0.0.0"),
    "10.0.0.0/8": ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
    "100.64.0.0/10": ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
    "127.0.0.0/8": ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
    "169.254.0.0/16": ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
    "172.16.0.0/12": ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
    "192.0.0.0/24": ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
    "192.168.0.0/16": ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
    "198.18.0.0/15": ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
    "224.0.0.0/3": ("223.255.255.255", "224.0.0.0", "255.255.255.255", None),
    "::/96": (None, "::", "::255.255.255.255", "::1:0:0"),
    "64:ff9b:1::/48": ("64:ff9b:0:ffff::", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::"),
    "2002:a00::/24": ("2002:9ff:ffff::", "2002:a00::", "2002:aff:ffff:ffff::", "2002:b00::"),
    "fc00::/7": ("fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::", "fdff:ffff::1", "fe00::"),
    "fe80::/10": ("fe7f:ffff::", "fe80::", "febf:ffff::", None),
    "fec0::/10": (None, "fec0::", "feff:ffff::", None),
    "ff00::/8": (None, "ff00::", "ffff:ffff::", None),
    "64:ff9b::10.0.0.0/104": (
        "64:ff9b::9.255.255.255",
        "64:ff9b::10.0.0.0",
        "64:ff9b::10.255.255.255",
        "64:ff9b::11.0.0.0",
    ),
    "64:ff9b::/96, its neighbours": ("64:ff9a::10.0.0.1", None, None, "64:ff9b:0:0:0:1:a00:1"),
}


@pytest.mark.parametrize("network", EDGES)
def test_private_begins_and_ends_where_the_registries_say(network: str) -> None:
    below, first, last, above = (None if text is None else parse_address(text) for text in EDGES[network])
    assert [is_private(address) for address in (first, last) if address] == [True] * sum(map(bool, (first, last)))
    assert [is_private(address) for address in (below, above) if address] == [False] * sum(map(bool, (below, above)))


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_private(
    address: "ipaddress.IPv4Address | ipaddress.IPv6Address",
) -> None:
    """Documentation networks aside, which it calls private and which nobody has."""
    parsed = parse_address(str(address))
    assert parsed is not None
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        assert is_private(parsed)


@pytest.mark.parametrize("name", ["a.example.com", "example.com", "corp.example", "localhost.example.com"])
def test_a_name_of_several_labels_is_public(name: str) -> None:
    assert is_public_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("localhost", "db", "db.internal", "a.b.local", "x.test", "x.invalid", "nas.lan", "wiki.intranet"),
        *("git.corp", "box.home", "router.home.arpa", "a.localhost"),
    ],
)
def test_a_single_label_or_a_special_use_name_is_not(name: str) -> None:
    assert not is_public_name(name)
