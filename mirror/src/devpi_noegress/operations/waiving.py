"""Writes a waiver into a policy file, whole or not at all."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from devpi_noegress.errors import MirrorError
from noegress.errors import UsageError
from noegress.policy import parse_policy


def add_waiver(path: Path, waiver: Mapping[str, Any]) -> None:
    """Append a ``[[waiver]]`` table; the policy that results is checked before the file is replaced.

    Raises ``PolicyError`` where the waiver or the file has an error.
    """
    _check_last_day(str(waiver["expires"]))
    is_project = path.name == "pyproject.toml"
    inside = ("tool", "noegress") if is_project else ()
    lines = [f"[[{'.'.join((*inside, 'waiver'))}]]"]
    lines += [
        f"{key} = {_text(waiver[key])}" for key in ("project", "versions", "sha256", "category") if waiver.get(key)
    ]
    if waiver.get("kill_switch"):
        pairs = ", ".join(f"{name} = {_text(value)}" for name, value in waiver["kill_switch"].items())
        lines.append(f"kill-switch = {{ {pairs} }}")
    lines += [f"reason = {_text(waiver['reason'])}", f"expires = {waiver['expires']}"]
    text = path.read_text("utf-8").rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"
    parse_policy(text, file=str(path), inside=inside)
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(text, "utf-8")
        new.chmod(path.stat().st_mode & 0o777)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise MirrorError(
            f"{path} cannot be written: {error.strerror}", fix="add the waiver as a user who may"
        ) from error


def _check_last_day(text: str) -> None:
    try:
        last = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--expires {text!r} is no day", fix="write YYYY-MM-DD") from error
    if last < datetime.now(UTC).date():
        raise UsageError(f"--expires {last} is over: the waiver would let nothing in", fix="name a day to come")


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes are a part of TOML's."""
    return json.dumps(value)
