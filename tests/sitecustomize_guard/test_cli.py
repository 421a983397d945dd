"""The command line of the guard: what is not understood is said, and nothing runs."""

import pytest
from noegress_guard.cli import main
from noegress_guard.options import Options, UsageError


def test_options_end_where_the_program_begins() -> None:
    options = Options(["--policy", "p.json", "--keep-fd=3", "--keep-fd", "4", "--deny", "--", "prog", "--policy", "x"])
    assert (options.policy, options.keep_fd, options.deny) == ("p.json", [3, 4], True)
    assert options.program == ["prog", "--policy", "x"]
    assert Options(["prog", "--deny"]).program == ["prog", "--deny"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--polcy", "x", "--", "true"], "--polcy is not an option"),
        (["--policy"], "--policy needs a value"),
        (["--keep-fd", "three", "--", "true"], "--keep-fd is the number of a descriptor"),
        (["--keep-fd", "-1", "--", "true"], "--keep-fd is the number of a descriptor"),
        (["--deny=no", "--", "true"], "--deny is not an option"),
        (["-x", "true"], "-x is not an option"),
    ],
)
def test_an_option_that_is_not_understood_is_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        Options(arguments)
    assert main(["run", *arguments]) == 78
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["rnu"], ["status", "--jsn"], ["status", "more"]])
def test_a_command_that_is_not_understood_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 2
    assert "is not a command" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["run", "--help"], ["status", "-h"]])
def test_help_is_a_result(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    assert "usage: noegress-guard" in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("noegress-guard ")
