"""Core and guard share a data file and nothing else: what one writes and means, the other reads and means."""

import json
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.destination import Destination as GuardDestination
from noegress_guard.destination import parse_address
from noegress_guard.destination import parse_name as guard_parse_name
from noegress_guard.policy import read_policy as read_guard_policy

from noegress.destination import Address, Destination, Transport, parse_destination
from noegress.errors import DestinationError
from noegress.export.guard import guard_policy
from noegress.policy import FoundPolicy, parse_policy

NAMES = st.sampled_from(
    ["a.internal", "A.Internal.", "*.corp.example", "x-1.corp.example", "localhost", "-a.b", "a..b", "1.2"]
)
ADDRESSES = st.one_of(
    st.ip_addresses().map(lambda a: f"[{a}]" if isinstance(a, IPv6Address) else str(a)),
    st.sampled_from(["10.0.0.0/8", "10.0.0.1/8", "[fd00::/8]", "fd00::/8", "[fd00::]/8", "[::ffff:10.0.0.1]", "127.1"]),
    st.sampled_from(["[::ffff:10.0.0.0/104]", "0.0.0.0/0", "[::/0]", "010.0.0.1", "[fd00::1%1]", "[::1"]),
)
PORTS = st.sampled_from(["443", "*", "80-90", "90-80", "0", "65535", "65536", "", "4٤", "1-", "-1", "00443"])
WRITTEN = st.one_of(
    st.builds(
        lambda scheme, host, port: f"{scheme}{host}:{port}",
        st.sampled_from(["", "tcp://", "udp://", "http://"]),
        NAMES | ADDRESSES,
        PORTS,
    ),
    st.sampled_from(
        ["unix:/run/a.sock", "unix:/run/*", "unix:@bus", "unix:@", "unix:rel", "unix:/a/../b", "unix:/a//b", "unix:/"]
    ),
    st.text(max_size=20),
)


def core(text: str) -> Destination | None:
    try:
        return parse_destination(text)
    except DestinationError:
        return None


def guard(text: str) -> GuardDestination | None:
    try:
        return GuardDestination(text)
    except ValueError:
        return None


@given(WRITTEN)
def test_what_the_core_writes_the_guard_reads(text: str) -> None:
    destination = core(text)
    if destination is not None:
        assert guard(str(destination)) is not None


@given(WRITTEN.filter(str.isascii))
def test_both_refuse_the_same_destinations(text: str) -> None:
    assert (core(text) is None) == (guard(text) is None)


@given(WRITTEN, st.one_of(NAMES, st.ip_addresses().map(str)), st.integers(1, 65535), st.sampled_from(["tcp", "udp"]))
def test_both_mean_the_same_by_a_destination(text: str, asked: str, port: int, transport: str) -> None:
    ours = core(text)
    if ours is None or (theirs := guard(str(ours))) is None:
        return
    try:
        address: Address | None = ip_address(asked)
    except ValueError:
        address = None
    if address is not None:
        literal = parse_address(asked)
        assert literal is not None
        expected = ours.allows_address(address, port, Transport(transport))
        assert (theirs.covers_address(literal) and theirs.covers_port(transport, port)) == expected
    elif (name := guard_parse_name(asked)) is not None:
        expected = ours.allows_name(asked, port, Transport(transport))
        assert (theirs.covers_name(name) and theirs.covers_port(transport, port)) == expected


@given(WRITTEN, st.sampled_from(["/run/a.sock", "/run/a/b.sock", "@bus", "@busy", "/run/", "/"]))
def test_both_mean_the_same_by_a_socket_path(text: str, path: str) -> None:
    ours = core(text)
    if ours is not None and (theirs := guard(str(ours))) is not None:
        assert theirs.covers_path(path) == ours.allows_path(path)


def test_an_exported_policy_is_read_by_the_guard(tmp_path: Path) -> None:
    text = """
format = 1
[egress]
allow = ["mirror.internal:443", "10.0.0.0/8:5432", "unix:/run/db.sock", "udp://10.0.0.2:53"]
private-names = ["db.example.com"]
[guard]
allow-observe = true
[[waiver]]
project = "gradio"
versions = ">=5"
category = "telemetry"
kill-switch = { GRADIO_ANALYTICS_ENABLED = "False" }
reason = "seen"
expires = 2030-01-01
"""
    exported = guard_policy(FoundPolicy(policy=parse_policy(text), path=Path("noegress.toml")))
    path = tmp_path / "guard.json"
    path.write_text(json.dumps(exported))
    read = read_guard_policy(str(path))
    assert read.allowlist.allows_name("mirror.internal", "tcp", 443)
    assert not read.allowlist.allows_name("mirror.internal", "tcp", 444)
    address = parse_address("10.1.2.3")
    assert address is not None
    assert read.allowlist.allows_address(address, "tcp", 5432)
    assert not read.allowlist.allows_address(address, "udp", 5432)


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"alow": []}, {"allow": ["x"]}, {"allow": "a:1"}, {"kill-switches": []}]
)
def test_what_the_core_never_writes_the_guard_refuses(tmp_path: Path, change: dict[str, object]) -> None:
    from noegress_guard.errors import PolicyError

    path = tmp_path / "guard.json"
    path.write_text(json.dumps({"format": 1, **change}))
    with pytest.raises(PolicyError):
        read_guard_policy(str(path))
