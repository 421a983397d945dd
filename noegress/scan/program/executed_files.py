"""Files that other code of the distribution executes by their path: read as the Python that they are, whatever their name."""

from noegress.scan.facts.facts import Facts
from noegress.scan.hidden.carried import HIDDEN, RUNS
from noegress.scan.readers.reading import OPAQUE, read_source

EXECUTED = "executed"


def read_executed(read: dict[str, Facts]) -> None:
    """Replace the facts of every executed file by those of its code."""
    runners: dict[str, str] = {}
    for path, facts in read.items():
        for mark in facts.marks:
            if mark.startswith(RUNS):
                runners.setdefault(mark.removeprefix(RUNS), path)
    if not runners:
        return
    for path, facts in list(read.items()):
        outer = path.partition("!/")[0]  # what is inside a packed file is executed with it
        runner = runners.get(outer.rpartition("/")[2])
        if runner is None or runner == path:
            continue
        if facts.reader in ("python", "broken"):
            facts.marks.append(EXECUTED)
        elif OPAQUE in facts.marks:
            read[runner].marks.append(f"{HIDDEN}0:executes {path}, which is no text")
        elif facts.source:
            code = read_source(facts.source)
            if code.python is not None:
                code.marks.append(EXECUTED)
                read[path] = code
