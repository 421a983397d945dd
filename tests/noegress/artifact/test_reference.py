"""The page that documents the readers says what the code says."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from noegress.artifact import LIMITS, limits
from noegress.artifact.limits import GIB, KIB, MIB
from noegress.artifact.problem import INTEGRITY_RULES

PAGE = Path(__file__).parents[3] / "docs/reference/scan.md"


def rule_rows() -> Iterator[str]:
    for rule, kind in INTEGRITY_RULES.items():
        yield f"| `{rule}` | {kind.severity} | {kind.meaning} |"


def limit_rows() -> Iterator[str]:
    body = ast.parse(Path(limits.__file__).read_text("utf-8")).body
    (table,) = (node for node in body if isinstance(node, ast.ClassDef) and node.name == "Limits")
    texts = [
        node.value.value for node in table.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    for field, text in zip(fields(LIMITS), texts[1:], strict=True):
        plain = str(text).replace("``", "`")
        yield f"| `{field.name}` | {shown(field.name, getattr(LIMITS, field.name))} | {plain} |"


def shown(name: str, value: float) -> str:
    if not name.endswith(("_bytes", "_floor")) or value < MIB // 16:
        return f"{value:g}" if isinstance(value, float) else str(value)
    return f"{value // GIB} GiB" if value >= GIB else f"{value // MIB} MiB" if value >= MIB else f"{value // KIB} KiB"


def test_the_page_lists_every_integrity_rule_and_limit() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    rows = [*rule_rows(), *limit_rows()]
    assert [row for row in rows if row not in lines] == []
    assert len([line for line in lines if line.startswith("| `") and line.count("|") == 4]) >= len(rows)
