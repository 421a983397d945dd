"""Socket addresses as bytes: whatever comes, what is judged is what is connected."""

import ipaddress
import socket
import struct

from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.address import format_address
from noegress_guard.kernel.addresses import family_of, from_packed, parse_ip, spell_out, to_raw, unix

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
