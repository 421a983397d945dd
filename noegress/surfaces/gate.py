"""The one gate: every surface in turn, judged against the mirror. The check and every plugin call it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from noegress.errors import NoegressError, UsageError
from noegress.policy import FoundPolicy
from noegress.surfaces.admitted import Catalogue, catalogue_violations, without_catalogue
from noegress.surfaces.default_index import default_index_violations
from noegress.surfaces.installers.conda import conda_machine_violations
from noegress.surfaces.installers.pip import pip_violations
from noegress.surfaces.installers.uv import uv_violations
from noegress.surfaces.judging.files import MAX_FILES, TooManyFilesError, project_files
from noegress.surfaces.judging.inspection import COMMAND_LINE, Inspection, Judge, Origin
from noegress.surfaces.judging.machine import Machine
from noegress.surfaces.judging.mirror import Mirror, parse_mirror
from noegress.surfaces.judging.violation import NotJudged, Scope, Violation, Weight
from noegress.surfaces.lock_history import locked_at
from noegress.surfaces.registry import ONLY_CHECKED, judges_of
from noegress.surfaces.scripts.installer_commands import command_violations
from noegress.surfaces.tools.hatch import skip_variables
from noegress.surfaces.tools.pdm import pdm_machine_violations
from noegress.surfaces.tools.pipenv import pipenv_machine_violations
from noegress.verdict import Verdict

_HANDED_ON = ("pipx", "poetry", "pdm", "pipenv", "pip-compile", "pip-sync", "piptools", "easy_install")
"""Front ends that run an installer in their own process, with options of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the gate found."""

    directory: Path
    mirror: str
    violations: tuple[Violation, ...]
    not_judged: tuple[NotJudged, ...] = ()
    """What only the catalogue can decide, and did not."""
    passed_over: tuple[str, ...] = ()
    """Configuration files among the tests' own data, which no installer reads."""

    is_undecided: bool = False
    """Whether what was not judged counts: it does unless somebody asked for the surfaces alone."""

    @property
    def verdict(self) -> Verdict:
        """Refused for any violation, else undecided where something was not judged and counts."""
        if self.violations:
            return Verdict.REFUSED
        return Verdict.UNDECIDED if self.is_undecided else Verdict.ADMITTED

    def within(self, *scopes: Scope) -> "Report":
        """The report with violations of these scopes alone."""
        return replace(self, violations=tuple(item for item in self.violations if item.scope in scopes))

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
    catalogue: Catalogue | None = None,
    since: str = "",
) -> Report:
    """Judge everything that could make a build in ``directory`` resolve from elsewhere than the mirror.

    ``front_ends`` are the installers of this build, where they are known: the configuration of others is not read.
    Without a ``catalogue``, what only it can decide is listed as not judged. ``since`` names the revision whose locks
    tell which egress is new.
    Raises ``UsageError`` where the policy names no mirror, or the directory is none.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory", fix="name the project's directory")
    inspection = Inspection(
        mirror=mirror_of(found), directory=directory.resolve(), machine=machine, front_ends=front_ends
    )
    files = _project if front_ends is None else _built
    every = [*_machine(inspection), *files(inspection)]
    not_judged = without_catalogue(inspection, "only the catalogue can tell")
    if catalogue is not None:
        before = locked_at(inspection, since) if since else ()
        try:
            every += catalogue_violations(inspection, catalogue, before=before, allow=found.policy.egress.allow)
            not_judged = ()
        except NoegressError as error:  # it went stale or away in between: undecided, the rest stands
            not_judged = without_catalogue(inspection, error.problem)
    return Report(
        directory=directory,
        mirror=inspection.mirror.url,
        violations=tuple(dict.fromkeys(every)),
        not_judged=not_judged,
        passed_over=tuple(inspection.passed_over),
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


def _machine(inspection: Inspection) -> Iterator[Violation]:
    """What the machine and the command tell; inside a build, only to the installer that builds."""
    yield from default_index_violations(inspection)
    if inspection.reads("pip"):
        yield from pip_violations(inspection)
    if inspection.reads("uv"):
        yield from uv_violations(inspection)
    if inspection.front_ends is None:
        yield from pdm_machine_violations(inspection)
        yield from pipenv_machine_violations(inspection)
        yield from conda_machine_violations(inspection)
    else:
        yield from skip_variables(inspection)
    origin = Origin(file=COMMAND_LINE, scope=Scope.COMMAND)
    for command in inspection.machine.commands:
        if command.tool in _HANDED_ON:
            yield from command_violations(inspection, command, origin, surface=command.tool)


def _built(inspection: Inspection) -> Iterator[Violation]:
    """The files beside pyproject.toml that a build reads."""
    for path in sorted(inspection.directory.iterdir()):
        for judge in judges_of(path, inspection.directory):
            if judge not in ONLY_CHECKED:
                yield from judge(inspection, path)


def _project(inspection: Inspection) -> Iterator[Violation]:
    """All files of the project, and those that its commands name."""
    judged: set[tuple[Judge, Path]] = set()
    try:
        for path, is_test_data in project_files(inspection.directory):
            judges = judges_of(path, inspection.directory)
            if not is_test_data:
                judged |= {(judge, path) for judge in judges}
                yield from (violation for judge in judges for violation in judge(inspection, path))
            elif judges and path.suffix != ".py":
                inspection.passed_over.append(inspection.shown(path))
    except TooManyFilesError as error:
        problem = f"{inspection.directory} holds more than {MAX_FILES} files"
        raise UsageError(problem, fix="name the project's own directory") from error
    for judge, path in inspection.mentioned:  # what is judged here may name further ones
        normal = Path(os.path.normpath(path))
        if (judge, normal) not in judged:
            judged.add((judge, normal))
            yield from judge(inspection, path)
