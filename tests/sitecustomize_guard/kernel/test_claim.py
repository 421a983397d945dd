"""What a process says of itself is cut to size, and never more than a claim."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.kernel.claim import parse_claim

FULL = {
    "operation": "connect",
    "destination": "a.example:80",
    "host": "a.example",
    "protocol": "tcp",
    "reason": "because",
    "file": "a.py",
    "port": 80,
    "line": 0,
    "distributions": [{"name": "a", "version": "1", "more": 2}, "no distribution"],
}


def parsed(**changes: Any) -> dict[str, Any]:
    return parse_claim(json.dumps({**FULL, **changes}).encode())


def test_a_claim_is_read() -> None:
    expected = FULL | {"distributions": [{"name": "a", "version": "1"}], "layer": "python"}
    assert parsed() == expected


def test_what_is_not_known_or_of_a_wrong_type_is_left_out() -> None:
    found = parsed(layer="kernel", event="observed", pid=1, time="x", policy=["x"], host=["a"], port="80", file="")
    assert set(found) == set(FULL) - {"host", "port", "file"} | {"layer"}
    assert found["layer"] == "python"


@pytest.mark.parametrize(("port", "kept"), [(0, True), ((1 << 31) - 1, True), (1 << 31, False), (-1, False)])
def test_a_number_is_kept_if_it_is_small_and_not_negative(port: int, *, kept: bool) -> None:
    assert ("port" in parsed(port=port)) == kept


def test_texts_and_chains_are_cut() -> None:
    found = parsed(reason="x" * 1000, distributions=[{"name": "n" * 1000, "version": "v" * 1000}] * 100)
    assert len(found["reason"]) == 500
    assert [(len(part["name"]), len(part["version"])) for part in found["distributions"]] == [(500, 500)] * 50
    assert parsed(distributions="x" * 10)["distributions"] == []


@pytest.mark.parametrize("message", [b"", b"{}", b"[1]", b"\xff", b"{", b"[" * 50_000, b'{"operation": "connect"}'])
def test_what_is_no_claim_is_a_value_error(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"no|not|Expecting|decode|nested"):
        parse_claim(message)


@pytest.mark.parametrize("missing", ["operation", "destination"])
def test_without_operation_or_destination_there_is_no_claim(missing: str) -> None:
    with pytest.raises(ValueError, match="no operation and destination"):
        parse_claim(json.dumps({name: value for name, value in FULL.items() if name != missing}).encode())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(FULL)), inner),
    )
)
def test_any_json_is_a_claim_or_a_value_error(content: Any) -> None:
    try:
        event = parse_claim(json.dumps(content).encode())
    except ValueError:
        return
    assert event["operation"]
    assert event["destination"]
