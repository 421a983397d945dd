"""What of the Python in some wheels is parsed, and of what any rule says something: how much faster a scan could be.

python benchmarks/scan/parsed.py FOLDER      # the wheels of a folder under 2.5 MB, as bench.py takes them
"""

import ast
import sys
import time
from collections import Counter
from pathlib import Path

from noegress.artifact import LIMITS, open_artifact
from noegress.rules import load_rules
from noegress.scan.facts.facts import CARRYING
from noegress.scan.gather import gather_facts
from noegress.scan.readers.reading import parse_waiting, sort_waiting
from noegress.scan.scene.scene import Scene

MAX_BYTES = 2_500_000


def main(folder: Path) -> int:
    """Print files, megabytes and seconds of ``ast.parse`` of each kind; 2 where there is nothing to read."""
    paths = [path for path in sorted(folder.glob("*.whl")) if path.stat().st_size < MAX_BYTES]
    files: Counter[str] = Counter()
    size: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for path in paths:
        for source, kinds in _sources(path):
            taken = _seconds(source)
            for kind in kinds:
                files[kind] += 1
                size[kind] += len(source)
                seconds[kind] += taken
    for kind, number in files.items():
        print(f"{kind:48} {number:6} files {size[kind] / 1e6:7.1f} MB {seconds[kind]:6.2f} s of ast.parse")
    return 0 if paths else 2


def _sources(path: Path) -> list[tuple[bytes, list[str]]]:
    """Every Python source of a wheel, and which kinds it is of."""
    with open_artifact(path, LIMITS) as artifact:
        facts = dict(gather_facts(artifact.members()))
        subject, kind = artifact.subject, artifact.kind
    python = [name for name, each in facts.items() if each.waits]
    for name in python:
        sort_waiting(facts[name])
        if facts[name].waits == CARRYING:
            facts[name] = parse_waiting(facts[name])
    scene = Scene(facts, kind=kind, name=subject.name, version=subject.version)
    judged = set(scene.program.active_paths)
    told = {piece.module.path for rule in load_rules() for piece in rule.check(scene) if piece.module is not None}
    kinds = {
        "all": set(python),
        "parsed at once": judged,
        "parsed in the end": {name for name in python if facts[name].python is not None},
        "a rule says something about it": told,
    }
    return [(facts[name].source, [kind for kind, names in kinds.items() if name in names]) for name in python]


def _seconds(source: bytes) -> float:
    begun = time.process_time()
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0.0
    return time.process_time() - begun


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
