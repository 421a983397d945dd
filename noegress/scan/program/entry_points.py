"""Entry points: what installers and other programs run or load by name, from the metadata and from ``.start`` files."""

import re

from noegress.scan.facts.facts import Facts

_ENTRY = re.compile(r"^([\w.-]+)\s*=\s*([\w.]+)(?::([\w.]+))?")


def entry_points(files: dict[str, Facts]) -> list[tuple[str, str, bool]]:
    """Module, function and whether it is a console script."""
    found = []
    for path, facts in files.items():
        if path.endswith(".start"):  # PEP 829: one entry point a line, run when Python starts
            for _, line in facts.lines:
                target, _, function = line.strip().partition(":")
                found.append((target, function, False))
            continue
        if not path.endswith("entry_points.txt"):
            continue
        console = False
        for _, line in facts.lines:
            text = line.strip()
            if text.startswith("["):
                console = text in ("[console_scripts]", "[gui_scripts]")
            elif match := _ENTRY.match(text):
                found.append((match[2], match[3] or "", console))
    return found
