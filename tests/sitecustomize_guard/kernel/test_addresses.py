"""Socket addresses as bytes: whatever comes, what is judged is what is connected."""

import ipaddress
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.address import format_address
from noegress_guard.kernel.addresses import MAX_SIZE, family_of, from_packed, parse_ip, spell_out, to_raw, unix

PORTS = st.integers(0, 65535)
V4 = st.ip_addresses(v=4) | st.just(ipaddress.ip_address("0.0.0.0"))
V6 = (
    st.ip_addresses(v=6)
    | st.just(ipaddress.ip_address("::"))
    | V4.map(lambda four: ipaddress.ip_address(f"::ffff:{four}"))
)


def sockaddr_in(address: "ipaddress.IPv4Address", port: int) -> bytes:
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + address.packed + bytes(8)


def sockaddr_in6(address: "ipaddress.IPv6Address", port: int, flow: int = 0, scope: int = 0) -> bytes:
    return (
        struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, flow) + address.packed + struct.pack("=I", scope)
    )


@pytest.mark.parametrize("family", [0x0102, 0x010A, 0x0201])
def test_a_family_has_sixteen_bits(family: int) -> None:
    raw = struct.pack("=H", family) + bytes(26)
    assert (family_of(raw), parse_ip(raw)) == (family, None)


@given(
    st.binary(max_size=128)
    | st.tuples(st.sampled_from([0, 1, 2, 10]), st.binary(max_size=126)).map(
        lambda made: struct.pack("=H", made[0]) + made[1]
    )
)
def test_any_bytes_are_an_address_or_none(raw: bytes) -> None:
    parsed = parse_ip(raw)
    assert (parsed is not None) == (
        (len(raw) >= 16 and family_of(raw) == 2) or (len(raw) >= 24 and family_of(raw) == 10)
    )
    spelled = spell_out(raw)
    assert len(spelled) == len(raw)
    assert spell_out(spelled) == spelled
    assert parse_ip(spelled) is None or parse_ip(spelled)[0][1] != 0  # type: ignore[index]


@given(V4, PORTS)
def test_an_ipv4_address_reads_as_the_standard_library_has_it(address: "ipaddress.IPv4Address", port: int) -> None:
    assert parse_ip(sockaddr_in(address, port)) == ((4, int(address)), port)


@given(V6, PORTS, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_an_ipv6_address_reads_as_the_standard_library_has_it(
    address: "ipaddress.IPv6Address", port: int, flow: int, scope: int
) -> None:
    mapped = address.ipv4_mapped
    expected = (6, int(address)) if mapped is None else (4, int(mapped))
    assert parse_ip(sockaddr_in6(address, port, flow, scope)) == (expected, port)
    assert from_packed(address.packed) == expected


@given(V4 | V6, PORTS)
def test_an_address_that_is_spelled_out_differs_only_where_it_was_unspecified(
    address: "ipaddress.IPv4Address | ipaddress.IPv6Address", port: int
) -> None:
    raw = sockaddr_in(address, port) if address.version == 4 else sockaddr_in6(address, port)
    spelled = spell_out(raw)
    parsed, back = parse_ip(raw), parse_ip(spelled)
    assert parsed is not None
    assert back is not None
    loopback = "127.0.0.1" if parsed[0][0] == 4 else "[::1]"
    assert format_address(back[0]) == (format_address(parsed[0]) if parsed[0][1] else loopback)
    assert (family_of(spelled), back[1]) == (family_of(raw), port)


@given(V4 | V6, PORTS)
def test_what_is_written_for_the_kernel_reads_back(
    address: "ipaddress.IPv4Address | ipaddress.IPv6Address", port: int
) -> None:
    found = from_packed(address.packed)
    assert parse_ip(to_raw(found, port)) == (found, port)


@given(st.binary(min_size=1, max_size=107))
def test_the_address_of_a_unix_socket_holds_its_path(path: bytes) -> None:
    raw = unix(path)
    assert family_of(raw) == socket.AF_UNIX
    assert raw[2:] == (path if path[:1] == b"\0" else path + b"\0")


LOOPBACK_4, LOOPBACK_6 = b"\x7f\0\0\1", bytes(15) + b"\1"
MAPPED = bytes(10) + b"\xff\xff"
HEAD_4 = struct.pack("=H", socket.AF_INET) + b"\x12\x34"
HEAD_6 = struct.pack("=H", socket.AF_INET6) + b"\x12\x34" + bytes(4)


def test_the_unspecified_address_is_spelled_out_and_nothing_beside_it_changes() -> None:
    assert spell_out(HEAD_4 + bytes(4) + b"restrest") == HEAD_4 + LOOPBACK_4 + b"restrest"
    assert spell_out(HEAD_4 + bytes(4)) == HEAD_4 + LOOPBACK_4
    for scope in (b"", b"scop"):
        assert spell_out(HEAD_6 + bytes(16) + scope) == HEAD_6 + LOOPBACK_6 + scope
        assert spell_out(HEAD_6 + MAPPED + bytes(4) + scope) == HEAD_6 + MAPPED + LOOPBACK_4 + scope
    for rest in (b"\1" + bytes(15) + b"scop", b"", bytes(3)):
        assert spell_out(HEAD_6[:4] + b"flow" + rest) == HEAD_6 + rest
    for kept in (
        HEAD_6[:2],
        HEAD_6[:4],
        HEAD_6[:7],
        HEAD_4 + b"\0\0\0\1",
        HEAD_4 + b"\1\0\0\0",
        HEAD_4 + bytes(3),
        HEAD_6 + b"\1" + bytes(15),
    ):
        assert spell_out(kept) == kept


def test_addresses_for_the_kernel_are_these_bytes() -> None:
    assert to_raw((4, 0x01020304), 0x1234) == HEAD_4 + b"\1\2\3\4" + bytes(8)
    assert to_raw((6, 1), 0x1234) == HEAD_6[:4] + bytes(4) + LOOPBACK_6 + bytes(4)
    assert from_packed(b"\1\2\3\4") == (4, 0x01020304)


def test_an_address_is_read_from_its_shortest_length_on() -> None:
    assert parse_ip(HEAD_4 + b"\1\2\3\4" + bytes(8)) == ((4, 0x01020304), 0x1234)
    assert parse_ip(HEAD_4 + b"\1\2\3\4" + bytes(7)) is None
    assert parse_ip(HEAD_6 + LOOPBACK_6) == ((6, 1), 0x1234)
    assert parse_ip(HEAD_6 + LOOPBACK_6[1:]) is None
    assert MAX_SIZE == 128
