"""The kernel layer's decision in its three modes, and what it reports: one event, whatever was decided."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.decision import Gate
from noegress_guard.kernel.judge import DENY, ENFORCE, OBSERVE, Judge
from noegress_guard.kernel.names import Names
from noegress_guard.kernel.reporter import Reporter
from noegress_guard.kernel.resolver import Resolver
from noegress_guard.policy import GuardPolicy

LISTED, UNLISTED = (4, 0x08080808), (4, 0x08080404)
MODES = (ENFORCE, OBSERVE, DENY)
ALLOW = ["8.8.8.8:443", "udp://8.8.8.8:123", "a.example:443", "unix:/run/listed.sock", "udp://b.example:53"]


class Court:
    """A judge, and what it put into the inventory."""

    def __init__(self, mode: str, *allow: str) -> None:
        self.gate = Gate([GuardPolicy({"format": 1, "allow": list(allow or ALLOW)}, "guard.json")])
        self.reporter = Reporter(keeps_inventory=True)
        self.names = Names(self.gate, Resolver("/dev/null", "/dev/null"), let_all_pass=mode == OBSERVE)
        self.judge = Judge(self.gate, self.names, self.reporter, mode)

    def inventory(self, folder: Path) -> list[dict[str, Any]]:
        path = folder / "report.json"
        self.reporter.write(str(path), ["program"], "observe", ["guard.json"])
        found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["destinations"]
        return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("address", "port", "protocol", "listed"),
    [
        (LISTED, 443, "tcp", True),
        (LISTED, 444, "tcp", False),
        (LISTED, 443, "udp", False),
        (LISTED, 123, "udp", True),
        (UNLISTED, 443, "tcp", False),
    ],
)
def test_an_address_passes_if_it_is_listed_or_everything_is_observed(
    tmp_path: Path, mode: str, address: tuple[int, int], port: int, protocol: str, *, listed: bool
) -> None:
    court = Court(mode)
    passes = {ENFORCE: listed, OBSERVE: True, DENY: False}[mode]
    assert court.judge.lets_address(os.getpid(), address, port, protocol) == passes
    found = court.inventory(tmp_path)
    assert [entry["refused"] for entry in found] == ([] if mode == ENFORCE and listed else [int(not passes)])
    assert [entry["allowed"] for entry in found] == ([] if mode == ENFORCE and listed else [listed])
    assert all(entry["operations"] == ["connect"] and entry["port"] == port for entry in found)
    assert all(entry["destination"].startswith("udp://") == (protocol == "udp") for entry in found)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("listed", [True, False])
def test_a_unix_socket_passes_if_it_is_listed_or_everything_is_observed(
    tmp_path: Path, mode: str, *, listed: bool
) -> None:
    court = Court(mode)
    passes = {ENFORCE: listed, OBSERVE: True, DENY: False}[mode]
    assert court.judge.lets_socket(os.getpid(), "/run/x.sock", listed=listed) == passes
    expected = [] if mode == ENFORCE and listed else [("unix:/run/x.sock", listed, int(not passes))]
    found = court.inventory(tmp_path)
    assert [(entry["destination"], entry["allowed"], entry["refused"]) for entry in found] == expected


def test_an_address_is_reported_by_the_name_that_led_to_it(tmp_path: Path) -> None:
    court = Court(ENFORCE)
    assert court.gate.learn("a.example", UNLISTED)
    assert court.judge.lets_address(os.getpid(), UNLISTED, 443, "tcp")
    assert not court.judge.lets_address(os.getpid(), UNLISTED, 80, "tcp")
    (entry,) = court.inventory(tmp_path)
    assert (entry["destination"], entry["addresses"]) == ("a.example:80", ["8.8.4.4"])


def test_in_observe_mode_a_name_that_is_not_listed_is_known_as_well(tmp_path: Path) -> None:
    court = Court(OBSERVE)
    court.names.observed[UNLISTED] = "secret.example"
    assert court.judge.lets_address(os.getpid(), UNLISTED, 80, "tcp")
    (entry,) = court.inventory(tmp_path)
    assert entry["destination"] == "secret.example:80"


def test_what_is_tried_takes_up_no_room_where_nobody_asked_for_an_inventory(tmp_path: Path) -> None:
    court = Court(ENFORCE)
    court.reporter = Reporter()
    court.judge = Judge(court.gate, court.names, court.reporter, ENFORCE)
    court.judge.lets_address(os.getpid(), UNLISTED, 443, "tcp")
    assert court.inventory(tmp_path) == []


def test_a_probe_is_aimed_at_a_known_name_s_address_and_no_listed_datagram_port() -> None:
    court = Court(ENFORCE)
    court.gate.learn("a.example", UNLISTED)
    court.gate.learn("b.example", (4, 0x08080405))
    court.names.observed[4, 0x08080406] = "seen.example"
    assert court.judge.is_probe(UNLISTED, 443)
    assert court.judge.is_probe((4, 0x08080406), 443)
    assert court.judge.is_probe((4, 0x08080405), 54)
    assert not court.judge.is_probe((4, 0x08080405), 53)
    assert not court.judge.is_probe((4, 0x01010101), 443)


@pytest.mark.parametrize("mode", MODES)
def test_a_lookup_of_what_is_not_listed_is_reported_as_refused_unless_it_is_observed(tmp_path: Path, mode: str) -> None:
    court = Court(mode)
    court.judge.note_lookup(os.getpid(), "secret.example")
    (entry,) = court.inventory(tmp_path)
    assert (entry["destination"], entry["operations"], entry["port"]) == ("secret.example", ["lookup"], None)
    assert (entry["allowed"], entry["refused"]) == (False, int(mode != OBSERVE))


@pytest.mark.parametrize("mode", MODES)
def test_what_is_never_let_through_is_refused_in_every_mode(tmp_path: Path, mode: str) -> None:
    court = Court(mode)
    court.judge.note_refused(os.getpid(), "sendto", "a datagram")
    (entry,) = court.inventory(tmp_path)
    assert (entry["allowed"], entry["refused"]) == (False, 1)


def claim(operation: str, host: str, port: int | None = None, protocol: str = "tcp") -> dict[str, Any]:
    destination = host if port is None else f"{host}:{port}"
    return {"operation": operation, "host": host, "port": port, "protocol": protocol, "destination": destination}


CLAIMS = [
    (claim("connect", "8.8.8.8", 443), True),
    (claim("connect", "8.8.8.8", 444), False),
    (claim("sendto", "8.8.8.8", 123, "udp"), True),
    (claim("sendmsg", "8.8.8.8", 123, "udp"), True),
    (claim("sendmsg", "8.8.8.8", 123), False),
    (claim("connect", "a.example", 443), True),
    (claim("connect", "A.Example", 443), True),
    (claim("connect", "a.example", 80), False),
    (claim("connect", "a.example"), False),
    (claim("connect", "[::1]", 443), False),
    (claim("connect", "not a name", 443), False),
    (claim("connect", "unix:/run/any.sock"), True),  # its system call is decided when it comes
    (claim("bind", "unix:/run/any.sock"), False),
    (claim("getaddrinfo", "a.example"), True),
    (claim("getaddrinfo", "a.example", 80), True),
    (claim("getaddrinfo", "secret.example"), False),
    (claim("gethostbyname", "b.example"), True),
    (claim("gethostbyaddr", "8.8.8.8"), False),
    (claim("getnameinfo", "8.8.8.8"), False),
    (claim("socket", "a raw socket"), False),
]


@pytest.mark.parametrize(("event", "passes"), CLAIMS)
def test_a_python_layer_hears_the_supervisor_s_policy(event: dict[str, Any], *, passes: bool) -> None:
    assert Court(ENFORCE).judge.answer_python(os.getpid(), dict(event)) == passes


@pytest.mark.parametrize("event", [event for event, _ in CLAIMS])
def test_observing_lets_a_python_layer_pass_with_all_but_raw_sockets(event: dict[str, Any]) -> None:
    assert Court(OBSERVE).judge.answer_python(os.getpid(), dict(event)) == (event["operation"] != "socket")


@pytest.mark.parametrize("event", [event for event, _ in CLAIMS])
def test_denying_lets_a_python_layer_pass_with_nothing_that_is_decided_here(event: dict[str, Any]) -> None:
    later = event["host"].startswith("unix:") and event["operation"] == "connect"
    assert Court(DENY).judge.answer_python(os.getpid(), dict(event)) == later


def test_a_refusal_of_a_python_layer_is_reported_with_its_origin(tmp_path: Path) -> None:
    court = Court(ENFORCE)
    event = claim("connect", "x.example", 80) | {"distributions": [{"name": "kit", "version": "1"}], "file": "k.py"}
    assert not court.judge.answer_python(os.getpid(), event)
    (entry,) = court.inventory(tmp_path)
    assert entry["refused"] == 1
    assert not entry["allowed"]
    assert entry["origins"][0]["distributions"] == [{"name": "kit", "version": "1"}]


def test_the_kernel_s_event_takes_the_origin_that_the_python_layer_gave(tmp_path: Path) -> None:
    court = Court(OBSERVE)
    event = claim("connect", "8.8.4.4", 80) | {"distributions": [{"name": "kit", "version": "1"}], "file": "k.py"}
    assert court.judge.answer_python(os.getpid(), event)
    assert court.inventory(tmp_path) == []
    assert court.judge.lets_address(os.getpid(), UNLISTED, 80, "tcp")
    (entry,) = court.inventory(tmp_path)
    assert entry["origins"][0]["file"] == "k.py"


@given(
    st.sampled_from(ALLOW),
    st.tuples(st.sampled_from([4]), st.sampled_from([0x08080808, 0x08080404, 0x7F000001, 0])),
    st.sampled_from([53, 80, 123, 443]),
    st.sampled_from(["tcp", "udp"]),
)
def test_what_one_entry_less_allows_all_of_them_allow(
    left_out: str, address: tuple[int, int], port: int, protocol: str
) -> None:
    less = Court(ENFORCE, *(entry for entry in ALLOW if entry != left_out)).judge
    assert not less.lets_address(1, address, port, protocol) or Court(ENFORCE).judge.lets_address(
        1, address, port, protocol
    )
