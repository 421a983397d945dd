"""The guard policy file: what is read, what is refused, which one wins."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard import find_policies
from noegress_guard.destination import Destination
from noegress_guard.errors import PolicyError
from noegress_guard.plain_policy import MAX_BYTES, is_plain, is_plain_policy, parse_plain
from noegress_guard.policy import GuardPolicy, parse_json, read_policy


def written(folder: Path, content: Any) -> str:
    path = folder / "guard.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


TEXTS = st.text(max_size=8)
PLAIN = st.fixed_dictionaries(
    {"format": st.just(1)},
    optional={
        "source": TEXTS,
        "allow": st.lists(st.sampled_from(["a.example:443", "10.0.0.0/8:5432", "*.b:1", "unix:/x", "a"])),
        "private-names": st.lists(st.sampled_from(["a.example"]), max_size=1),
        "kill-switches": st.dictionaries(st.sampled_from(["A", "B_1", "NOEGRESS_X", "1"]), TEXTS | st.just(1)),
        "allow-observe": st.booleans(),
        "unknown": TEXTS,
    },
)


@given(PLAIN, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_what_is_read_at_the_start_is_what_the_file_says(
    content: dict[str, Any], indent: int | str | None, escape: object
) -> None:
    text = json.dumps(content, indent=indent, ensure_ascii=bool(escape))
    try:
        read = parse_plain(text)
    except (LookupError, StopIteration, ValueError):
        return
    assert read == content
    if is_plain_policy(read):
        GuardPolicy(read, "x")


@given(st.text(alphabet='{}[]",:\\ 01truefals\n\x0b\xa0', max_size=30), st.integers(0, 40))
def test_what_is_not_json_is_never_plain(text: str, at: int) -> None:
    whole = '{"format": 1, "allow": ["a.b:1"], "allow-observe": true}'
    text = whole[:at] + text + whole[at:]
    try:
        read = parse_plain(text)
    except (LookupError, StopIteration, ValueError):
        return
    assert parse_json(text) == read


@pytest.mark.parametrize(
    "text",
    [
        '{"format": 1}',
        ' {"format":1,"allow":[]}\n',
        '{"format": 1, "allow": ["a.example:443", "10.0.0.0/8:1"], "kill-switches": {"A": "", "B": "\u00e9"}}',
        json.dumps({"format": 1, "source": "x.toml", "policy-digest": "", "private-names": [], "allow-observe": False}),
    ],
)
def test_policies_as_they_are_written_are_plain(text: str) -> None:
    assert parse_plain(text) == json.loads(text)
    assert is_plain_policy(parse_plain(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", '{"format": 1', '{"format": 1}}', '{"format": 1,}', '{"format" 1}', '{"format": 1 1}',
        '{"format": 11}', '{"format": true}', '{"format": 1, "format": 1}', '{"format": 1, "allow": ["a.b:1",]}',
        '{"format": 1, "allow": ["a.b:1" "a.b:1"]}', '{"format": 1, "allow": [,]}', '{"format": 1, "allow": [1]}',
        '{"format": 1, "allow": "a.b:1"}', '{"format": 1, "allow": ["a"]}', '{"format": 1, "allow": {"a.b:1": ""}}',
        '{"format": 1, "kill-switches": {"A": 1}}', '{"format": 1, "kill-switches": {"A": {}}}',
        '{"format": 1, "kill-switches": {"NOEGRESS_X": ""}}', '{"format": 1, "kill-switches": ["A"]}',
        '{"format": 1, "source": "\\u0041"}', '{"format": 1, "source": "a\tb"}',
        '{"format": 1, "private-names": ["a.b"]}', '{"format": 1, "unknown": ""}', '\ufeff{"format": 1}',
        '{"format":\x0b1}', '{"format": 1} "x"', '"format": 1', "{format: 1}", '["format": 1}', '{"format": "1"}',
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_reader_of_all(text: str) -> None:
    try:
        assert not is_plain_policy(parse_plain(text))
    except (LookupError, StopIteration, ValueError):
        return


LONG = ".".join(["a" * 63] * 3 + ["a" * 61]) + ":443"
HOSTS = st.from_regex(r"\A(\*\.)?[a-zA-Z0-9_*-]{0,4}(\.[a-z0-9_-]{1,3}){0,3}\Z") | st.from_regex(
    r"\A[0-9]{1,3}(\.[0-9]{1,3}){2,4}(/[0-9]{1,2})?\Z"
)


PORTS = st.from_regex(r"\A[0-9]{0,6}(-[0-9]{0,6})?\Z") | st.just("*")
ENTRIES = st.tuples(st.sampled_from(["", "", "tcp://", "udp://", "unix:"]), HOSTS, st.just(":"), PORTS).map("".join)


@given(st.text(max_size=20) | ENTRIES | st.from_regex(r"\Aunix:/[/.a*@\s]{0,5}\Z"))
def test_what_is_plain_is_a_destination(text: str) -> None:
    """The grammar is not loaded at the start for entries that are plain."""
    if is_plain(text):
        assert Destination(text).kind in {"name", "suffix", "network", "unix"}


@pytest.mark.parametrize(
    "text",
    [
        "a.b-c.example:443",
        "*.corp.example:1",
        "A1_x.y:65535",
        "10.0.0.0/8:5432",
        "1.2.3.4:80",
        LONG,
        "10.16.0.0/12:1",
        "a:1-2",
        "a:*",
        "udp://a:1",
        "tcp://10.0.0.0/8:1",
        "unix:/a",
        "unix:/run/*.sock",
    ],
)
def test_what_policies_hold_most_is_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "a", "a:", ":1", "a:0", "a:01", "a:65536", "a:2-1", "a:1-", "a:-1", "a:1-2-3", "a:**", "a:+1",
        "a:\u0661", "a..b:1", ".a:1", "a.:1", "-a:1", "a-:1", "*:1", "*.1:1", "*.1.2.3.4:1", "a.1:1", "1.2.3:1",
        "1.2.3.4.5:1", "1.2.3.256:1", "1.2.3.04:1", "10.0.0.1/8:1", "10.0.0.0/33:1", "10.0.0.0/08:1", "a/8:1",
        "a b:1", "\u00e9:1", "tls://a:1", "unix:a", "unix:/", "unix:/a/../b", "unix://a", "unix:/a\t", "0.0.0.0/33:1",
        "0.0.0.0/x:1", "[::1]:1", "a" * 64 + ":1", "a" + LONG, "a:1\n", " a:1", "0x1:1",
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
        ('{"format": 1} x', "Extra data"),
        ("[1]", "not one JSON object"),
        ("", "Expecting value"),
        ('{"format": 1.0}', "'format' must be 1, not 1.0"),
        ('{"format": 1, "source": NaN}', "'source' must be of type str, not float"),
        ('{"format": 1, "allow": [NaN]}', "must be a string, not float"),
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
    assert find_policies({}, read_policy, str(tmp_path / "none.json")) == ()
    assert find_policies({"NOEGRESS_GUARD_POLICY": ""}, read_policy, str(tmp_path / "none.json")) == ()


def test_the_anchor_and_the_variable_both_have_to_agree(tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    anchor.write_text(json.dumps({"format": 1, "allow": ["a.example:1"]}), "utf-8")
    named = written(tmp_path, {"format": 1, "allow": ["a.example:1", "b.example:1"]})
    found = find_policies({"NOEGRESS_GUARD_POLICY": named}, read_policy, str(anchor))
    assert [policy.path for policy in found] == [str(anchor), named]


def test_an_anchor_that_cannot_be_looked_at_counts_as_there(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(PolicyError):
        find_policies({}, read_policy, str(loop))
    with pytest.raises(PolicyError):
        find_policies({}, read_policy, str(loop / "guard.json"))


def test_a_relative_path_is_made_absolute_for_the_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"format": 1})
    monkeypatch.chdir(tmp_path)
    environ = {"NOEGRESS_GUARD_POLICY": "guard.json"}
    (found,) = find_policies(environ, read_policy, str(tmp_path / "none.json"))
    assert environ["NOEGRESS_GUARD_POLICY"] == found.path == str(tmp_path / "guard.json")


def test_a_policy_is_the_same_however_its_file_is_laid_out() -> None:
    policy = GuardPolicy({"format": 1, "allow": ["a.example:1", "b.example:*", "c.example:80-90"]}, "x")
    assert policy.allowlist.allows_name("b.example", "tcp", 65535)
    assert policy.allowlist.allows_name("c.example", "tcp", 85)
    assert not policy.allowlist.allows_name("c.example", "tcp", 91)
