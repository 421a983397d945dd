"""Rule ``startup-code``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Severity, When
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

_CODE_LINE = re.compile(
    r"import[ \t]"
)  # site.py: "Lines starting with import (followed by space or tab) are executed."
_NAMED = re.compile(
    r"(\A|/)(sitecustomize|usercustomize)(\.pyw?|\.pyc|(\.[\w-]+)?\.(so|pyd|dll)|/__init__\.pyc?)\Z", re.IGNORECASE
)
_TOP = re.compile(r"(\A|\.data/(?:purelib|platlib|data/lib/python[^/]*/site-packages)/)[^/]+\Z")


class StartupCode(Rule):
    """Code that runs whenever Python starts.

    What it does
        Reports every line of a `.pth` file that `site` executes, every `.start` file and every `sitecustomize.py` or
        `usercustomize.py` that a distribution installs at the top of site-packages.

    Why it matters
        Such code runs in every process of the environment, before the program and without being imported by anybody.
        It is the usual place for a stolen release to put its first line, and also the proper place for a few tools.

    Flagged
        `tracker.pth`:

            import tracker; tracker.begin()

    Allowed
        `plain.pth`:

            src/plain

    Fix
        Read the line and what it imports. What that code calls is reported by the other rules under their own categories.

    Known misses
        A `.pth` file that a package writes when it runs, instead of shipping it.

    References
        The documentation of Python's `site` module; PEP 829 for `.start` files.
    """

    id: ClassVar[str] = "startup-code"
    category: ClassVar[Category] = Category.STARTUP_CODE
    severity: ClassVar[Severity] = Severity.MEDIUM
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for path, facts in scene.files.items():
            named = _NAMED.search(path)
            if not (named or facts.reader == "startup") or not _TOP.search(re.sub(r"/__init__\.pyc?\Z", "", path)):
                continue
            if named:
                yield _evidence(path, 1, f"{path} runs whenever Python starts, without being imported by a program.")
            elif path.lower().endswith(".start"):
                yield _evidence(path, 1, f"{path} names entry points that run whenever Python starts.")
            else:
                for number, line in facts.lines:
                    if _CODE_LINE.match(line):
                        yield _evidence(path, number, f"A line of {path} is executed whenever Python starts.")
                        break


def _evidence(path: str, line: int, message: str) -> Evidence:
    return Evidence(
        host="", path=path, line=line, weight=1.0, on=True, message=message, when=When.IMPORT,
        remedy="Read what it runs; leave the package out if a start-up hook is not its purpose.",
    )  # fmt: skip
