"""Write ``docs/reference/rules/`` from the docstrings of the rules; ``--check`` only tells whether it is current."""

import sys
from pathlib import Path

from noegress.rules import load_rules
from noegress.scan.rule import Rule
from noegress.scan.rule_page import rule_page

FOLDER = Path(__file__).parent.parent / "docs/reference/rules"
NOTE = "<!-- Written by tools/rule_docs.py from the rule's docstring. -->"


def page(rule: Rule) -> str:
    """One rule as Markdown."""
    told = rule_page(rule)
    lines = [
        NOTE,
        "",
        f"# {rule.id}",
        "",
        told.summary,
        "",
        f"Category `{rule.category}`, severity {rule.severity}, since {rule.since}.",
        "",
    ]
    for heading, body in told.sections.items():
        lines += [f"## {heading}", "", body, ""]
    return "\n".join(lines)


def index(rules: tuple[Rule, ...]) -> str:
    """All rules in one table."""
    rows = [
        f"| [{rule.id}]({rule.id}.md) | {rule.category} | {rule.severity} | {rule_page(rule).summary} |"
        for rule in rules
    ]
    return "\n".join(
        [NOTE, "", "# The rules", "", "| rule | category | severity | finds |", "|---|---|---|---|", *rows, ""]
    )


def pages() -> dict[str, str]:
    """Every generated file by its name."""
    rules = load_rules()
    return {"index.md": index(rules), **{f"{rule.id}.md": page(rule) for rule in rules}}


def main() -> int:
    """Write the pages, or tell which differ."""
    wanted = pages()
    FOLDER.mkdir(parents=True, exist_ok=True)
    held = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.md")}
    if "--check" in sys.argv:
        stale = sorted(name for name in set(wanted) | set(held) if wanted.get(name) != held.get(name))
        print(f"not current: {', '.join(stale)}; run tools/rule_docs.py" if stale else "current")
        return bool(stale)
    for name in set(held) - set(wanted):
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, "utf-8")
    print(f"{len(wanted)} pages written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
