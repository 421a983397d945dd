"""The one gate: every surface in turn, judged against the mirror. The check and every plugin call it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from noegress.errors import UsageError
from noegress.policy import FoundPolicy
from noegress.surfaces.default_index import default_index_violations
from noegress.surfaces.inspection import Inspection
from noegress.surfaces.machine import Machine
from noegress.surfaces.mirror import Mirror, parse_mirror
from noegress.surfaces.pip import pip_violations
from noegress.surfaces.pyproject import pyproject_violations
from noegress.surfaces.uv import uv_file_violations, uv_violations
from noegress.surfaces.violation import NotJudged, Scope, Violation, Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the gate found."""

    directory: Path
    mirror: str
    violations: tuple[Violation, ...]
    not_judged: tuple[NotJudged, ...] = ()

    @property
    def errors(self) -> tuple[Violation, ...]:
        """Those that stop a build."""
        return tuple(violation for violation in self.violations if violation.weight is Weight.ERROR)


def gate(
    directory: Path,
    found: FoundPolicy,
    machine: Machine,
    *,
    front_ends: frozenset[str] | None = None,
    scopes: frozenset[Scope] = frozenset(Scope),
) -> Report:
    """Judge everything that could make a build in ``directory`` resolve from elsewhere than the mirror.

    ``front_ends`` are the installers of this build, where they are known: the configuration of others is not read.
    Raises ``UsageError`` where the policy names no mirror, or the directory is none.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory", fix="name the project's directory")
    inspection = Inspection(
        mirror=mirror_of(found), directory=directory.resolve(), machine=machine, front_ends=front_ends
    )
    violations = [violation for violation in _surfaces(inspection) if violation.scope in scopes]
    return Report(
        directory=directory,
        mirror=inspection.mirror.url,
        violations=tuple(dict.fromkeys(violations)),
        not_judged=tuple(inspection.not_judged),
    )


def mirror_of(found: FoundPolicy) -> Mirror:
    """The mirror that a policy names; raises ``UsageError`` where it names none."""
    if found.policy.index.url is None:
        fix = 'add [index] url = "https://MIRROR/root/curated/+simple/"'
        raise UsageError(f"{found}: no [index] url, so there is no mirror to build from", fix=fix)
    try:
        return parse_mirror(found.policy.index.url)
    except ValueError as error:
        raise UsageError(f"{found}: [index] url: {error}", fix="write a plain http or https URL") from error


def _surfaces(inspection: Inspection) -> Iterator[Violation]:
    yield from default_index_violations(inspection)
    if inspection.reads("pip"):
        yield from pip_violations(inspection)
    if inspection.reads("uv"):
        yield from uv_violations(inspection)
    for name, judge in (("pyproject.toml", pyproject_violations), ("uv.toml", uv_file_violations)):
        path = inspection.directory / name
        if path.exists() or path.is_symlink():
            yield from judge(inspection, path)
