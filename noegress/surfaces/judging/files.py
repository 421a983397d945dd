"""The files of a project that a tool would read, found without following links and without leaving the directory."""

import os
from collections.abc import Iterator
from pathlib import Path

MAX_FILES = 200_000  # more is a whole disk, not a project
_NOT_THE_PROJECTS = frozenset(
    {".git", ".hg", ".svn", "node_modules", "site-packages", "__pycache__", ".tox", ".nox", ".eggs", ".mypy_cache"}
) | {".ruff_cache", ".pytest_cache", ".hatch", ".venv", ".pixi", ".conda"}
_TESTS = frozenset({"test", "tests", "testing"})
_TEST_DATA = frozenset(
    {"data", "fixture", "fixtures", "testdata", "test_data", "test-data", "resources", "snapshots", "samples", "assets"}
) | {"projects", "packages", "cases", "examples", "functional", "files"}


class TooManyFilesError(Exception):
    """The directory holds more files than a project has."""


def is_file(path: Path) -> bool:
    """Whether there is such a file; a text that no file can be called is none, where ``Path.is_file`` raises."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """The same for a folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def project_files(directory: Path) -> Iterator[tuple[Path, bool]]:
    """Every file, and whether it is test data or a template, which no installer reads by itself.

    Environments, caches and the folders of version control are left out. Raises ``TooManyFilesError``.
    """
    count = 0
    for folder, subfolders, names in os.walk(directory):
        here = Path(folder)
        foreign = {name for name in subfolders if _is_foreign(here, name)}
        yield from ((path, False) for name in sorted(foreign) for path in _of_an_environment(here / name))
        subfolders[:] = sorted(set(subfolders) - foreign)
        is_data = _is_test_data(here.relative_to(directory).parts)
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                raise TooManyFilesError
            yield here / name, is_data or (_is_lock(name) and _is_alone(here, directory, names))


def _of_an_environment(folder: Path) -> Iterator[Path]:
    """The configuration of pip in an environment: making one anew over a folder leaves what lies in it."""
    if not folder.is_symlink():
        for pattern in ("pip.conf", "pip.ini", "*/pip.conf", "*/pip.ini"):
            yield from sorted(path for path in folder.glob(pattern) if path.is_file())


def _is_foreign(folder: Path, name: str) -> bool:
    path = folder / name
    return (
        name in _NOT_THE_PROJECTS or name.endswith(".egg-info") or (path / "pyvenv.cfg").is_file() or path.is_symlink()
    )


def _is_lock(name: str) -> bool:
    return name.endswith(".lock") or name.startswith("pylock.")


def _is_alone(folder: Path, directory: Path, names: list[str]) -> bool:
    """Whether a folder of the tests has no project to which a lock would belong."""
    parts = {part.lower() for part in folder.relative_to(directory).parts}
    return bool(parts & _TESTS) and not {"pyproject.toml", "Pipfile"} & set(names)


def _is_test_data(parts: tuple[str, ...]) -> bool:
    lowered = [part.lower() for part in parts]
    if any("{{" in part or "{%" in part for part in parts):
        return True  # a template: what becomes of it is another project's
    if "testdata" in lowered:
        return True
    first = next((index for index, part in enumerate(lowered) if part in _TESTS), None)
    return first is not None and any(part in _TEST_DATA for part in lowered[first + 1 :])
