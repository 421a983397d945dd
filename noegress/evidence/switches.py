"""Kill switches: what the admitted files need set, against what the guard or the environment sets (contract 6)."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from noegress.catalogue import CatalogueEntry
from noegress.errors import UsageError
from noegress.evidence.violation import Kind, Violation

_GUARD_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def unset_switches(entries: Iterable[CatalogueEntry], provided: Mapping[str, str]) -> tuple[Violation, ...]:
    """A violation for every switch that is not set, or set to something else."""
    violations = []
    for entry in entries:
        for switch in entry.kill_switches:
            value = provided.get(switch.name)
            if value == switch.value:
                continue
            told = f"is {value!r}" if value is not None else "is not set"
            violations.append(
                Violation(
                    kind=Kind.KILL_SWITCH,
                    project=entry.project,
                    file="",
                    problem=f"{entry.filename} was admitted with {switch} and {switch.name} {told}",
                    fix="export it: noegress policy export guard --environment DIR, or … export env",
                )
            )
    return tuple(violations)


def read_guard_switches(path: Path) -> dict[str, str]:
    """The switches that a guard policy sets."""
    try:
        content = path.read_bytes()
        document = json.loads(content) if len(content) <= _GUARD_BYTES else None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error}", fix="name a guard policy") from error
    except ValueError as error:
        raise UsageError(f"{path}: is no JSON: {error}", fix="write it with noegress policy export guard") from error
    switches = document.get("kill-switches", {}) if isinstance(document, dict) and document.get("format") == 1 else None
    if not isinstance(switches, dict) or not all(isinstance(value, str) for value in switches.values()):
        raise UsageError(f"{path}: is no guard policy of format 1", fix="write it with noegress policy export guard")
    return switches


def read_variables(path: Path) -> dict[str, str]:
    """The variables of a ``NAME=value`` file as ``docker run --env-file`` and ``env`` write it."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}", fix="name a file of NAME=value lines") from error
    variables = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            raise UsageError(f"{path}:{number}: {line!r} is no NAME=value", fix="mend the line")
        variables[name.strip()] = value
    return variables
