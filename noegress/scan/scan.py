"""Scans one file: reads it, has it analysed as it streams, and puts together what both tell."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from noegress.artifact import LIMITS, Artifact, Limits, open_artifact
from noegress.artifact.environment import open_installed
from noegress.artifact.open import digest_of
from noegress.artifact.problem import integrity_finding
from noegress.errors import UsageError
from noegress.finding import Place
from noegress.scan import engine
from noegress.scan.cache import FactsCache
from noegress.scan.cache_results import ResultCache, analysis_key
from noegress.scan.deadline import Overdue, deadline
from noegress.scan.gather import gather_facts
from noegress.scan.readers.reading import parse_waiting
from noegress.scan.result import ScanResult
from noegress.verdict import Subject


def scan_file(path: Path, *, limits: Limits = LIMITS, cache: Path | None = None) -> ScanResult:
    """Scan a wheel or an sdist; nothing of it is run, imported or written to disk.

    ``cache`` names the folder of what was seen before, files and members; without it every member is read.
    Raises ``UsageError`` where the path cannot be read at all. A file that is broken inside raises nothing: its result
    has findings of category ``integrity`` and, where it was not read to its end, says so in ``undecided``.
    """
    return _scan(path, open_artifact, limits, cache)


def known_result(path: Path, *, limits: Limits = LIMITS, cache: Path) -> ScanResult | None:
    """What ``scan_file`` told of this very file before; None where it has to be scanned, or cannot be read."""
    results = ResultCache(cache, limits)
    if results.is_empty:
        return None
    try:
        return results.find(path.name, digest_of(path))
    except UsageError:
        return None  # the scan says why it cannot be read


def scan_installed(path: Path, *, limits: Limits = LIMITS, cache: Path | None = None) -> ScanResult:
    """Scan one of the paths that ``find_installed`` gives; otherwise as ``scan_file``.

    Its digest is that of its RECORD and not of its files, so it is read, and what its members told is taken from the cache.
    """
    return _scan(path, open_installed, limits, cache)


def _scan(path: Path, open_it: Callable[[Path, Limits], Artifact], limits: Limits, cache: Path | None) -> ScanResult:
    results = ResultCache(cache, limits) if cache else None
    try:
        with deadline(limits.seconds), open_it(path, limits) as artifact:
            is_whole = artifact.kind != "environment"  # its digest is that of every byte
            if results and is_whole and (seen := results.find(artifact.subject.filename, artifact.subject.sha256)):
                return seen
            with FactsCache(cache) if cache else nullcontext() as known:
                result = scan_artifact(artifact, known, results)
            if results and is_whole:
                results.keep(result)
            return result
    except Overdue:
        return crashed(path, f"took longer than {limits.seconds:g} seconds to scan")
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        # the edge between hostile bytes and us: a mistake of ours makes the file undecided, and the next one is scanned
        return crashed(path, f"made the scanner fail: {type(error).__name__}: {error}")


def scan_artifact(
    artifact: Artifact, cache: FactsCache | None = None, results: ResultCache | None = None
) -> ScanResult:
    """Scan what is open already."""
    subject = artifact.subject
    kind, name, version = artifact.kind, subject.name, subject.version
    facts = {path: each for path, each in gather_facts(artifact.members(), cache) if engine.tells(each)}
    key = analysis_key(facts.items(), kind=kind, name=name, version=version)
    analysis = results.find_analysis(key) if results else None
    if analysis is None:
        parse = cache.parsed if cache else parse_waiting
        analysis = engine.analyse_facts(facts.items(), kind=kind, name=name, version=version, parse=parse)
        if results:
            results.keep_analysis(key, analysis)
    return ScanResult(
        subject=subject,
        findings=(*artifact.problems, *analysis.findings),
        undecided=tuple(dict.fromkeys((*artifact.undecided, *analysis.undecided))),
        egress=analysis.egress,
        kill_switches=analysis.kill_switches,
        rules_digest=engine.rules_digest(),
    )


def crashed(path: Path, what: str) -> ScanResult:
    """The result for a file that a mistake of ours, or a dead worker, kept from being scanned: undecided."""
    finding = integrity_finding("scan-crashed", f"{path.name} {what}", Place(file=path.name, line=0))
    return ScanResult(
        subject=Subject(filename=path.name, sha256=digest_of(path) if path.is_file() else "", name="", version=""),
        findings=(finding,),
        undecided=(finding.message,),
        rules_digest=engine.rules_digest(),
    )
