"""The docstring of a rule as its page: headings, prose and the examples that the tests run."""

import inspect
import re
import textwrap
from dataclasses import dataclass

from noegress.scan.rule import Rule

HEADINGS = ("What it does", "Why it matters", "Flagged", "Allowed", "Fix", "Known misses", "References")
_FILE = re.compile(r"\A`([\w./-]+)`:\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePage:
    """What a rule says about itself."""

    summary: str
    sections: dict[str, str]

    def example(self, heading: str) -> dict[str, str]:
        """The files of an example, below a package; empty where it is told in prose."""
        files: dict[str, str] = {}
        name = ""
        lines: list[str] = []
        for line in self.sections[heading].split("\n"):
            if match := _FILE.match(line.strip()):
                if name:
                    files[name] = "\n".join(lines)
                name, lines = match[1], []
            elif name:
                lines.append(line.removeprefix("    "))
        if name:
            files[name] = "\n".join(lines).strip("\n") + "\n"
        return files


def rule_page(rule: Rule) -> RulePage:
    """Read the docstring; a heading that is missing or out of order raises ``ValueError``."""
    text = inspect.cleandoc(type(rule).__doc__ or "")
    summary, _, rest = text.partition("\n\n")
    parts = re.split(rf"^({'|'.join(HEADINGS)})\n", rest, flags=re.MULTILINE)
    found = tuple(parts[1::2])
    if found != HEADINGS:
        raise ValueError(f"{rule.id}: the docstring has the headings {found}, not {HEADINGS}")
    return RulePage(
        summary=summary,
        sections={heading: textwrap.dedent(body).strip("\n") for heading, body in zip(found, parts[2::2], strict=True)},
    )
