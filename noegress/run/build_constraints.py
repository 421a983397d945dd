"""Hashed build constraints: each front end enforces another variable and silently ignores the rest (measured)."""

from pathlib import Path

from noegress.errors import UsageError
from noegress.surfaces import Command


def build_constraint_variables(command: Command, file: Path) -> dict[str, str]:
    """The variables with which a front end checks the hashes of build requirements.

    Raises ``UsageError`` for a front end that has none, or a file that it could not read.
    """
    if not file.is_file():
        raise UsageError(f"{file} is no file", fix="name a file of pinned build requirements with hashes")
    path, words = str(file.resolve()), command.arguments
    if command.tool == "pip":
        return {"PIP_BUILD_CONSTRAINT": path}
    if command.tool in ("build", "pyproject-build"):
        return {"UV_CONSTRAINT" if _installer(words) == "uv" else "PIP_CONSTRAINT": path}
    if command.tool == "hatch":
        return {"UV_CONSTRAINT": path}
    if command.tool == "uv" and words[:1] in (("build",), ("pip",)):
        return {"UV_BUILD_CONSTRAINT": path, "UV_REQUIRE_BUILD_HASHES": "1"}
    if command.tool == "uv":
        raise UsageError(
            f"uv {words[0] if words else ''} takes build constraints from the project only",
            fix="set [tool.uv] build-constraint-dependencies with hashes, and require-build-hashes = true",
        )
    raise UsageError(f"{command.tool} has no build constraints", fix="leave --build-constraints out")


def _installer(words: tuple[str, ...]) -> str:
    """What ``python -m build`` installs with (``--installer uv``, ``--installer=uv``)."""
    for position, word in enumerate(words):
        if word.startswith("--installer="):
            return word.partition("=")[2]
        if word == "--installer" and position + 1 < len(words):
            return words[position + 1]
    return "pip"
