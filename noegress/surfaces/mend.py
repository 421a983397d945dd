"""The mechanical fixes of a check: addresses in project files become the mirror's, further indexes go."""

import difflib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from noegress.errors import UsageError
from noegress.policy import Policy
from noegress.surfaces.forced import emptied_variables
from noegress.surfaces.gate import Report
from noegress.surfaces.judging.violation import Scope, Violation

VARIABLES = "noegress.env"
# in a file of requirements an option stands alone on its line
_FURTHER = re.compile(r"\s*(--extra-index-url|--find-links|-f)(=\s*|\s+|\s*\\\s*)\S+\s*(\s#.*)?\s*")
_BEFORE, _AFTER = r"(?<![\w./%?&~+@:-])", r"(?![\w./%?&=~+@:-])"
"""An address between these is no part of a longer one."""
_REQUIREMENTS = "requirements"
_LOCK = re.compile(r".*\.lock(\.json)?|(.*[-.])?conda-lock.*\.ya?ml|pylock\..*")
"""What a tool writes as a whole: an address put into it would be no lock any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One file as it is and as it should be."""

    path: Path
    before: str
    """Empty where the file is new."""
    after: str

    def diff(self) -> str:
        """A unified diff."""
        old, new = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(difflib.unified_diff(old, new, str(self.path), str(self.path)))

    def write(self) -> None:
        """Replace the file in one step, its mode kept; raises ``UsageError`` where it cannot be written."""
        try:
            mode = self.path.stat().st_mode & 0o777 if self.path.exists() else 0o644
            descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(self.after.encode())
            Path(temporary).chmod(mode)
            Path(temporary).replace(self.path)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror}", fix="make it writable") from error


def edits(report: Report, policy: Policy) -> tuple[Edit, ...]:
    """What can be mended without a decision of a person; the rest stays a violation."""
    found = []
    by_file: dict[str, list[Violation]] = {}
    for violation in report.violations:
        if violation.scope is Scope.PROJECT and violation.address and violation.line:
            by_file.setdefault(violation.file, []).append(violation)
    for file, violations in by_file.items():
        path = report.directory / file
        if _LOCK.fullmatch(path.name):
            continue
        try:
            before = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue  # not a text that can be edited safely; the violation stays
        after = _mended(before, violations, report.mirror)
        if after != before:
            found.append(Edit(path=path, before=before, after=after))
    if any(violation.scope is Scope.MACHINE for violation in report.violations):
        found += _variables(report.directory / VARIABLES, policy)
    return tuple(found)


def _mended(text: str, violations: list[Violation], mirror: str) -> str:
    lines = text.splitlines(keepends=True)
    for violation in violations:
        index = violation.line - 1
        if index >= len(lines):
            continue
        end = _end(lines, index)
        if violation.surface == _REQUIREMENTS and _FURTHER.fullmatch("".join(lines[index:end])):
            lines[index:end] = [""] * (end - index)
        else:
            place = _place(lines, index, violation.address)
            lines[place] = _whole(violation.address).sub(lambda _: mirror, lines[place])
    return "".join(lines)


def _end(lines: list[str], index: int) -> int:
    """Behind the last of the lines that continue one."""
    while index < len(lines) - 1 and lines[index].rstrip("\r\n").endswith("\\"):
        index += 1
    return index + 1


def _whole(address: str) -> re.Pattern[str]:
    return re.compile(f"{_BEFORE}{re.escape(address)}{_AFTER}")


def _place(lines: list[str], start: int, address: str) -> int:
    """Where the address of a violation is written: on its line, below it, or above it as a variable's value."""
    whole = _whole(address)
    held = [index for index, line in enumerate(lines) if whole.search(line) and not line.lstrip().startswith("#")]
    return next((position for position in held if position >= start), held[-1] if held else start)


def _variables(path: Path, policy: Policy) -> list[Edit]:
    """A file to source: what is configured for the user or the machine is not ours to edit."""
    lines = [f"export {name}='{value}'\n" for name, value in emptied_variables(policy).items()]
    after = "".join(["# the mirror as the only index; source it: . ./noegress.env\n", *lines])
    try:
        before = path.read_text("utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        before = ""
    return [] if before == after else [Edit(path=path, before=before, after=after)]
