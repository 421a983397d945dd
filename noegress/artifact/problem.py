"""What can be wrong with a distribution file as a file: one table of rules, and the notes taken while it is read."""

from collections import Counter
from dataclasses import dataclass

from noegress.finding import Category, Confidence, Finding, Place, Severity, When


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityRule:
    """One way in which a file is broken or hostile."""

    severity: Severity
    """High is refused (hostile or lying), medium is undecided (not read completely), low is only told."""
    meaning: str
    remedy: str


_REFUSE = "do not install it; report it to the project and to the index it came from"
_REBUILD = "have the project build the file anew with a current build backend"
_FETCH = "download the file again and compare its digest with the index"
_REPORT = "report it to noegress with the file's name and digest; until then take another version"
_LOOK = "look at the file by hand, or take another version"

INTEGRITY_RULES: dict[str, IntegrityRule] = {
    rule: IntegrityRule(severity=severity, meaning=meaning, remedy=remedy)
    for rule, severity, meaning, remedy in (
        ("content-mismatch", Severity.HIGH, "a member's size or checksum is not what the archive says", _FETCH),
        ("decompression-bomb", Severity.HIGH, "a member unpacks to far more than honest content does", _REFUSE),
        ("dist-info-ambiguous", Severity.HIGH, "more than one .dist-info, or one that names another file", _REFUSE),
        ("duplicate-name", Severity.HIGH, "two members have one name, or a file is also a folder", _REFUSE),
        ("entry-overlap", Severity.HIGH, "two entries of the archive share bytes", _REFUSE),
        ("header-mismatch", Severity.HIGH, "two headers describe one member in different ways", _REFUSE),
        ("hidden-data", Severity.HIGH, "bytes before, between or after the members", _REFUSE),
        ("identity-mismatch", Severity.HIGH, "name or version differ between file name and metadata", _REFUSE),
        ("path-unsafe", Severity.HIGH, "a member's name leaves the folder it is installed to", _REFUSE),
        ("record-mismatch", Severity.HIGH, "a member is not what RECORD says", _REFUSE),
        ("record-unlisted", Severity.HIGH, "a member that RECORD does not list", _REFUSE),
        ("special-file", Severity.HIGH, "a device, a pipe, or a link where none may be", _REFUSE),
        ("changed-while-read", Severity.MEDIUM, "the file changed while it was read", "scan it again"),
        ("encrypted-member", Severity.MEDIUM, "a member cannot be read without a password", _REFUSE),
        (
            "filename-invalid",
            Severity.MEDIUM,
            "the file name is not one of a wheel or an sdist",
            "give it its own name",
        ),
        ("limit-exceeded", Severity.MEDIUM, "more entries, depth or time than the limits", _LOOK),
        ("metadata-unreadable", Severity.MEDIUM, "core metadata is absent or cannot be read", _REBUILD),
        ("name-ambiguous", Severity.MEDIUM, "names that some file systems take for one, or read differently", _REBUILD),
        ("nested-unreadable", Severity.MEDIUM, "an archive inside the file cannot be read", _LOOK),
        ("record-absent", Severity.MEDIUM, "no RECORD: nothing vouches for the members", _REBUILD),
        ("record-unreadable", Severity.MEDIUM, "RECORD does not parse or holds no usable hash", _REBUILD),
        ("scan-crashed", Severity.MEDIUM, "the scanner failed at the file, or its process died", _REPORT),
        ("source-too-large", Severity.MEDIUM, "source code longer than is read in one piece", _LOOK),
        ("unreadable", Severity.MEDIUM, "the file is no archive, or ends too early", _FETCH),
        ("unsupported-compression", Severity.MEDIUM, "a method that installers need not know", _REBUILD),
        (
            "zip64-needless",
            Severity.MEDIUM,
            "64-bit fields where sizes fit 32 bits: readers differ about them",
            _REBUILD,
        ),
        ("archive-comment", Severity.LOW, "a comment behind the archive", "nothing, if it is expected"),
        ("link", Severity.LOW, "a link inside an sdist to another of its members", "nothing, if it is expected"),
        ("record-stale", Severity.LOW, "RECORD lists a file that is not there", "nothing, if it is expected"),
        ("unowned-file", Severity.LOW, "an installed file that no distribution owns", "nothing, if it is expected"),
        ("sdist-layout", Severity.LOW, "members outside the folder NAME-VERSION", "nothing, if it is expected"),
        (
            "unsupported-nested",
            Severity.LOW,
            "a member named like an archive that is none",
            "nothing, if it is expected",
        ),
    )
}


class Unreadable(Exception):  # noqa: N818 - a signal between readers that becomes a finding, not an error anybody sees
    """Stops the reading of an archive; it is undecided or refused by the rule it names."""

    def __init__(self, rule: str, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.is_final = is_final
        """Whether nothing more is read of the whole file, not only of the archive or the member at hand."""


class Notes:
    """Problems in the order they were met, each place once, at most ``limit`` told for one rule."""

    def __init__(self, filename: str, limit: int) -> None:
        self._filename = filename
        self._limit = limit
        self._found: dict[tuple[str, str, str], Finding] = {}
        self._counts: Counter[str] = Counter()

    def add(self, rule: str, message: str, *, file: str = "", line: int = 0) -> None:
        """Take note; ``message`` starts with a verb, the sentence is led by the place."""
        place = shown(file or self._filename)
        key = (rule, place, message)
        if key in self._found:
            return
        self._counts[rule] += 1
        if self._counts[rule] > self._limit:
            return
        self._found[key] = integrity_finding(rule, f"{place} {message}", Place(file=place, line=line))

    @property
    def problems(self) -> tuple[Finding, ...]:
        """All problems; where a rule met more than the limit, the last of it says how many."""
        more = [
            integrity_finding(
                rule, f"{self._filename} has {count - self._limit} more of {rule}", Place(file=self._filename, line=0)
            )
            for rule, count in self._counts.items()
            if count > self._limit
        ]
        return (*self._found.values(), *more)

    @property
    def undecided(self) -> tuple[str, ...]:
        """What could not be read, in sentences."""
        return tuple(finding.message for finding in self.problems if finding.severity is Severity.MEDIUM)


def integrity_finding(rule: str, message: str, place: Place) -> Finding:
    """A finding about the file as a file."""
    kind = INTEGRITY_RULES[rule]
    return Finding(
        rule=rule,
        category=Category.INTEGRITY,
        severity=kind.severity,
        confidence=Confidence.HIGH,
        host="",
        place=place,
        when=When.INSTALL,
        default_on=True,
        message=message,
        remedy=kind.remedy,
    )


def shown(name: str) -> str:
    """A name as it can be printed: control characters escaped, at most 200 characters."""
    plain = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name[:200])
    return plain + ("…" if len(name) > 200 else "")
