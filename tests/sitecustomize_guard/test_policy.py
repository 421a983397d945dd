"""The guard policy file: what is read, what is refused, which one wins."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard import find_policies
from noegress_guard.destination import Destination
from noegress_guard.policy import MAX_BYTES, GuardPolicy, PolicyError, _parse, is_plain, read_policy

SCALARS = st.none() | st.booleans() | st.integers(0, 10**9 - 1) | st.text()


def written(folder: Path, content: Any) -> str:
    path = folder / "guard.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


@given(
    st.dictionaries(
        st.text(), st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=20)
    )
)
def test_json_reads_as_the_standard_library_reads_it(content: dict[str, Any]) -> None:
    assert _parse(json.dumps(content)) == content
    assert _parse(json.dumps(content, ensure_ascii=False, indent=1)) == content


@given(st.text(alphabet='{}[]",:\\ 01truefalsn', max_size=40))
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    try:
        read = _parse(text)
    except ValueError:
        return
    assert json.loads(text) == read


LONG = ".".join(["a" * 63] * 3 + ["a" * 61]) + ":443"
HOSTS = st.from_regex(r"\A(\*\.)?[a-zA-Z0-9_*-]{0,4}(\.[a-z0-9_-]{1,3}){0,3}\Z") | st.from_regex(
    r"\A[0-9]{1,3}(\.[0-9]{1,3}){2,4}(/[0-9]{1,2})?\Z"
)


@given(st.text(max_size=20) | st.tuples(HOSTS, st.from_regex(r"\A[0-9]{0,6}\Z")).map(":".join))
def test_what_is_plain_is_a_destination(text: str) -> None:
    """The grammar is not loaded at the start for entries that are plain."""
    if is_plain(text):
        assert Destination(text).kind in {"name", "suffix", "network"}


@pytest.mark.parametrize(
    "text", ["a.b-c.example:443", "*.corp.example:1", "A1_x.y:65535", "10.0.0.0/8:5432", "1.2.3.4:80", LONG]
)
def test_what_policies_hold_most_is_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "a", "a:", ":1", "a:0", "a:01", "a:65536", "a:1-2", "a:*", "a:+1", "a:\u0661", "a..b:1", ".a:1",
        "a.:1", "-a:1", "a-:1", "*:1", "*.1:1", "*.1.2.3.4:1", "a.1:1", "1.2.3:1", "1.2.3.4.5:1", "1.2.3.256:1",
        "1.2.3.04:1", "10.0.0.1/8:1", "10.0.0.0/33:1", "10.0.0.0/08:1", "a/8:1", "a b:1", "\u00e9:1", "udp://a:1",
        "unix:/a", "[::1]:1", "a" * 64 + ":1", "a" + LONG, "a:1\n", " a:1", "0x1:1",
    ],
)  # fmt: skip
def test_what_is_not_surely_right_is_left_to_the_grammar(text: str) -> None:
    assert not is_plain(text)


def test_a_full_policy_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "format": 1,
            "source": "noegress.toml",
            "policy-digest": "sha256:00",
            "allow": [
                "mirror.internal:443",
                "10.20.0.0/16:5432",
                "*.corp.example:443",
                "udp://10.0.0.2:53",
                "unix:/run/x",
            ],
            "private-names": ["db.example.com"],
            "kill-switches": {"GRADIO_ANALYTICS_ENABLED": "False"},
            "allow-observe": True,
            "allow-python-only": False,
        },
    )
    policy = read_policy(path)
    assert policy.allowlist.allows_name("mirror.internal", "tcp", 443)
    assert not policy.allowlist.allows_name("mirror.internal", "tcp", 80)
    assert not policy.allowlist.allows_name("mirror.internal", "udp", 443)
    assert policy.allowlist.allows_address((4, 0x0A140001), "tcp", 5432)
    assert policy.kill_switches == {"GRADIO_ANALYTICS_ENABLED": "False"}
    assert policy.allow_observe
    assert not policy.allow_python_only


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, "'format' must be 1, not None"),
        ({"format": 2}, "'format' must be 1, not 2"),
        ({"format": True}, "'format' must be 1"),
        ({"format": 1, "alow": []}, "'alow' is unknown"),
        ({"format": 1, "allow": "x:1"}, "'allow' must be of type list"),
        ({"format": 1, "allow": [1]}, r"'allow'\[0\] must be a string"),
        ({"format": 1, "allow": ["a.b:1", "x"]}, r"'allow'\[1\] is 'x': .*port is missing"),
        ({"format": 1, "private-names": ["a b"]}, r"'private-names'\[0\]"),
        ({"format": 1, "kill-switches": {"A=B": "1"}}, "'A=B'"),
        ({"format": 1, "kill-switches": {"NOEGRESS_GUARD_POLICY": "1"}}, "NOEGRESS_GUARD_POLICY"),
        ({"format": 1, "kill-switches": {"A": 1}}, "no string"),
        ({"format": 1, "allow-observe": 1}, "'allow-observe' must be of type bool"),
        ('{"format": 1, "format": 1}', "a key stands twice"),
        ('{"format": 1} x', "not one JSON object"),
        ("[1]", "not one JSON object"),
        ("", "no value"),
        ('{"format": 1.0}', "expected"),
        ("[" * 100_000, "nested too deeply"),
        (" " * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_a_bad_policy_is_refused_naming_file_and_fix(tmp_path: Path, content: Any, problem: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(PolicyError, match=problem) as caught:
        read_policy(path)
    assert str(caught.value).startswith(path)
    assert "noegress policy export guard" in str(caught.value)


def test_bytes_that_are_no_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "guard.json").write_bytes(b'{"format": 1, "source": "\xff"}')
    with pytest.raises(PolicyError, match="not a guard policy"):
        read_policy(str(tmp_path / "guard.json"))


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/nowhere/guard.json", "/"])
def test_what_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(PolicyError):
        read_policy(path)


def test_without_a_policy_nothing_is_allowed(tmp_path: Path) -> None:
    assert find_policies({}, str(tmp_path / "none.json")) == ()
    assert find_policies({"NOEGRESS_GUARD_POLICY": ""}, str(tmp_path / "none.json")) == ()


def test_the_anchor_and_the_variable_both_have_to_agree(tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    anchor.write_text(json.dumps({"format": 1, "allow": ["a.example:1"]}), "utf-8")
    named = written(tmp_path, {"format": 1, "allow": ["a.example:1", "b.example:1"]})
    found = find_policies({"NOEGRESS_GUARD_POLICY": named}, str(anchor))
    assert [policy.path for policy in found] == [str(anchor), named]


def test_an_anchor_that_cannot_be_looked_at_counts_as_there(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(PolicyError):
        find_policies({}, str(loop))
    with pytest.raises(PolicyError):
        find_policies({}, str(loop / "guard.json"))


def test_a_relative_path_is_made_absolute_for_the_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"format": 1})
    monkeypatch.chdir(tmp_path)
    environ = {"NOEGRESS_GUARD_POLICY": "guard.json"}
    (found,) = find_policies(environ, str(tmp_path / "none.json"))
    assert environ["NOEGRESS_GUARD_POLICY"] == found.path == str(tmp_path / "guard.json")


def test_a_policy_is_the_same_however_its_file_is_laid_out() -> None:
    policy = GuardPolicy({"format": 1, "allow": ["a.example:1", "b.example:*", "c.example:80-90"]}, "x")
    assert policy.allowlist.allows_name("b.example", "tcp", 65535)
    assert policy.allowlist.allows_name("c.example", "tcp", 85)
    assert not policy.allowlist.allows_name("c.example", "tcp", 91)
