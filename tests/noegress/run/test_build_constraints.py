"""Each front end's own variable for hashed build constraints."""

from pathlib import Path

import pytest

from noegress.errors import UsageError
from noegress.run.build_constraints import build_constraint_variables
from noegress.surfaces.judging.machine import parse_command


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        ("pip wheel .", {"PIP_BUILD_CONSTRAINT"}),
        ("python3.11 -m pip install .", {"PIP_BUILD_CONSTRAINT"}),
        ("python -m build", {"PIP_CONSTRAINT"}),
        ("python -m build --installer uv", {"UV_CONSTRAINT"}),
        ("pyproject-build --installer=uv", {"UV_CONSTRAINT"}),
        ("hatch build", {"UV_CONSTRAINT"}),
        ("uv build", {"UV_BUILD_CONSTRAINT", "UV_REQUIRE_BUILD_HASHES"}),
        ("uv pip install .", {"UV_BUILD_CONSTRAINT", "UV_REQUIRE_BUILD_HASHES"}),
    ],
)
def test_a_front_end_is_given_the_variable_that_it_enforces(command: str, variables: set[str], tmp_path: Path) -> None:
    file = tmp_path / "build.txt"
    file.write_text("hatchling==1 --hash=sha256:00\n")
    parsed = parse_command(tuple(command.split()))
    assert parsed is not None
    assert set(build_constraint_variables(parsed, file)) == variables


@pytest.mark.parametrize("command", ["uv sync", "poetry install"])
def test_a_front_end_without_one_is_refused_with_the_fix(command: str, tmp_path: Path) -> None:
    parsed = parse_command(tuple(command.split()))
    assert parsed is not None
    with pytest.raises(UsageError):
        build_constraint_variables(parsed, Path(__file__))
