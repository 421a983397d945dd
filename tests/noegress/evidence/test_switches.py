from pathlib import Path

import pytest

from noegress.errors import UsageError
from noegress.evidence.switches import read_guard_switches, read_variables


def test_the_switches_of_a_guard_policy_are_read(tmp_path: Path) -> None:
    path = tmp_path / "guard.json"
    path.write_text('{"format": 1, "kill-switches": {"A": "1"}}')
    assert read_guard_switches(path) == {"A": "1"}
    path.write_text('{"format": 1}')
    assert read_guard_switches(path) == {}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 2, "kill-switches": {}}', '{"format": 1, "kill-switches": {"A": 1}}']
)
def test_what_is_no_guard_policy_sets_nothing_and_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "guard.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"guard\.json"):
        read_guard_switches(path)


def test_variables_are_read_as_docker_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("# comment\n\nA=1\nB=x=y\nC=\n")
    assert read_variables(path) == {"A": "1", "B": "x=y", "C": ""}


@pytest.mark.parametrize("line", ["A", "1A=2", "=x", "export A=1"])
def test_a_line_that_is_no_variable_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "env"
    path.write_text(f"A=1\n{line}\n")
    with pytest.raises(UsageError, match="env:2"):
        read_variables(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for read in (read_guard_switches, read_variables):
        with pytest.raises(UsageError, match="nothing"):
            read(tmp_path / "nothing")
