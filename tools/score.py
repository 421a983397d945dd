"""Score a scan against labels: recall and precision by category, hosts and switches; what is on by default counts."""

import argparse
import collections
import json
import re
import sys
from pathlib import Path
from typing import Any

CORE = ("telemetry", "update-check", "self-update", "remote-code", "model-download", "hosted-embedding")
Findings = list[dict[str, Any]]


def variables(text: str | None) -> set[str]:
    """The environment variables that a text names."""
    return set(re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", text or ""))


def scored(labels: dict[str, Findings], scans: dict[str, Findings]) -> dict[str, list[int]]:
    """Hits and trials by figure; the unit of recall and precision is a pair of file and category."""
    tally: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])

    def count(name: str, *, hit: bool) -> None:
        tally[name][0] += hit
        tally[name][1] += 1

    for filename, found in scans.items():
        truth = labels[filename]
        told = {finding["category"] for finding in found if finding["default_on"]} & set(CORE)
        true = {label["category"] for label in truth if label["default_on"]} & set(CORE)
        for category in true:
            count(f"recall {category}", hit=category in told)
        for category in told:
            count(f"precision {category}", hit=category in {label["category"] for label in truth})
        for label in truth:
            names = variables(label["kill_switch"])
            if names and label["default_on"] and label["category"] in CORE:
                count("switches", hit=any(names & variables(finding["kill_switch"]) for finding in found))
    return tally


def main() -> int:
    """Read labels (JSON lines) and scans (JSON format 1), print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("scans", type=Path, nargs="+")
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.labels.read_text("utf-8").splitlines()]
    labels = {row["filename"]: row["findings"] for row in rows}
    artifacts = [each for path in args.scans for each in json.loads(path.read_text("utf-8"))["artifacts"]]
    known = {each["filename"]: each["findings"] for each in artifacts if each["filename"] in labels}
    for name, (hit, of) in sorted(scored(labels, known).items()):
        print(f"{name:28} {hit:4}/{of:<4} {hit / of:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
