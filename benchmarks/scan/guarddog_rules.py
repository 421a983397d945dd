"""Run guarddog's source rules over the archives named on standard input, and print what it took.

It runs where guarddog is installed.
"""

import json
import resource
import sys
import tempfile
import time

from guarddog.analyzer.analyzer import Analyzer
from guarddog.ecosystems import ECOSYSTEM
from guarddog.utils.archives import safe_extract


def main() -> int:
    analyzer = Analyzer(ECOSYSTEM.PYPI)
    paths = sys.stdin.read().splitlines()
    begun, clock = time.process_time(), time.monotonic()
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            safe_extract(path, folder)
            analyzer.analyze_sourcecode(folder)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = {
        "cpu": time.process_time() - begun + children.ru_utime + children.ru_stime,
        "wall": time.monotonic() - clock,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(took))
    return 0


if __name__ == "__main__":
    sys.exit(main())
