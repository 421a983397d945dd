"""Members → findings: reads the facts, runs every rule, and says what could not be told."""

import gc
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from noegress import rules
from noegress.artifact.member import Member
from noegress.finding import Basis, Category, Confidence, Finding, KillSwitch, Place, Severity, When
from noegress.scan.evidence import findings_of, told_once
from noegress.scan.facts.facts import CARRYING, UNSORTED, Facts
from noegress.scan.manifest import declared
from noegress.scan.program.executed_files import read_executed
from noegress.scan.readers.reading import parse_waiting, read_facts, sort_waiting
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Scene
from noegress.scan.unread import unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What the members of one file tell."""

    findings: tuple[Finding, ...]
    egress: tuple[str, ...]
    """The destinations that the file declares, sorted."""
    kill_switches: tuple[KillSwitch, ...]
    undecided: tuple[str, ...]
    """What could not be read, in sentences."""


def analyse(members: Iterable[Member], *, kind: str, name: str, version: str = "") -> Analysis:
    """Analyse members as they come; only their facts are kept.

    ``kind`` is ``wheel``, ``sdist`` or ``environment``; ``name`` is the project, or empty where the file does not tell.
    """
    read = ((member.name, read_facts(member)) for member in members)
    return analyse_facts(read, kind=kind, name=name, version=version)


def analyse_facts(
    facts: Iterable[tuple[str, Facts]],
    *,
    kind: str,
    name: str,
    version: str = "",
    parse: Callable[[Facts], Facts] = parse_waiting,
) -> Analysis:
    """As ``analyse``, for facts that were read elsewhere; ``parse`` gives those of a source that waits."""
    with _collector_paused():
        return _analyse(dict(facts), kind=kind, name=name, version=version, parse=parse)


def tells(facts: Facts) -> bool:
    """Whether an analysis can depend on a member."""
    return facts.reader != "none" or bool(facts.source or facts.marks)


def _analyse(
    read: dict[str, Facts], *, kind: str, name: str, version: str, parse: Callable[[Facts], Facts]
) -> Analysis:
    read = {path: each for path, each in read.items() if tells(each)}
    for path, each in read.items():
        if each.waits == UNSORTED:
            sort_waiting(each)
        if each.waits == CARRYING:  # what it carries, and which files it executes, is known by parsing it only
            read[path] = parse(each)
    read_executed(read)
    version = version or _stated_version(read)
    scene = Scene(_trimmed(read, kind), kind=kind, name=name, version=version, parse=parse)
    findings: list[Finding] = []
    for rule in rules.load_rules():
        findings += _checked(rule, scene)
    findings = told_once(findings) + unread(scene)
    ordered = tuple(sorted(findings, key=_order))
    return Analysis(
        findings=ordered,
        egress=declared(scene, ordered),
        kill_switches=_each_once(switch for finding in ordered for switch in finding.kill_switches),
        undecided=tuple(
            dict.fromkeys(
                f.message for f in ordered if f.category is Category.INTEGRITY and f.severity is Severity.MEDIUM
            )
        ),
    )


@cache
def rules_digest() -> str:
    """The sha256 over everything that decides what is found: readers, engine, rules and data."""
    total = hashlib.sha256()
    for package in ("noegress.rules", "noegress.scan"):
        for path, content in sorted(_sources(files(package), package)):
            total.update(f"{path}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _sources(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry, f"{path}/{entry.name}")
        elif entry.name.endswith((".py", ".toml")):
            yield f"{path}/{entry.name}", entry.read_bytes()


def _checked(rule: Rule, scene: Scene) -> list[Finding]:
    try:
        return findings_of(rule, scene, list(rule.check(scene)))
    except Exception as error:  # noqa: BLE001 - an outer edge: a rule that crashes leaves the file undecided, see below
        return [
            Finding(
                rule="rule-crashed", category=Category.INTEGRITY, severity=Severity.MEDIUM, confidence=Confidence.HIGH, host="",
                place=Place(file=scene.name, line=0), when=When.CALL, default_on=True,
                message=f"The rule {rule.id} failed on this file ({type(error).__name__}: {str(error)[:200]}), so what it looks for is not known.",
                remedy="Report the file's name and digest to noegress; a waiver cannot cover what was not looked at.",
            )
        ]  # fmt: skip


def _trimmed(read: dict[str, Facts], kind: str) -> dict[str, Facts]:
    """An sdist holds everything below one folder; its modules are named from there."""
    if kind != "sdist":
        return read
    tops = {path.partition("/")[0] for path in read}
    return {path.partition("/")[2]: facts for path, facts in read.items()} if len(tops) == 1 else read


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Trees and facts hold no cycles; walking them again and again while they grow would take most of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _stated_version(read: dict[str, Facts]) -> str:
    """The version that the metadata states."""
    for path, facts in read.items():
        if path.endswith((".dist-info/METADATA", "PKG-INFO")):
            for _, line in facts.lines:
                if line.startswith("Version:"):
                    return line.partition(":")[2].strip()
    return ""


def _each_once(switches: Iterator[KillSwitch]) -> tuple[KillSwitch, ...]:
    best: dict[str, KillSwitch] = {}
    for switch in switches:
        held = best.get(switch.name)
        if held is None or (held.basis is Basis.INFERRED and switch.basis is Basis.KNOWN):
            best[switch.name] = switch
    return tuple(best[name] for name in sorted(best))


def _order(finding: Finding) -> tuple[object, ...]:
    return (
        not finding.default_on,
        list(Category).index(finding.category),
        finding.place.file,
        finding.place.line,
        finding.host,
        finding.rule,
    )
