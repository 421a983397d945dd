"""Where a setting of the policy in force is written."""

from noegress.policy.find import FoundPolicy
from noegress.toml_positions import line_of, toml_positions


def line_of_setting(found: FoundPolicy, *path: str | int) -> str:
    """``FILE:LINE`` of a setting: in the narrowing file if that one writes it, else in the one that decides."""
    for file in filter(None, (found.narrowed_by, found.path)):
        try:
            positions = toml_positions(file.read_text("utf-8"))
        except OSError:
            continue  # changed since it was read; the other file may still tell
        inside = ("tool", "noegress") if file.name == "pyproject.toml" else ()
        if (*inside, *path) in positions:
            return f"{file}:{line_of(positions, (*inside, *path))}"
    return str(found.path)
