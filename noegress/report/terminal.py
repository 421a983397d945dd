"""The report as text for a terminal: the words of the plain one, in colours and a closing table (``noegress[cli]``)."""

from typing import TYPE_CHECKING, TextIO

from noegress.report.interface import Judged, Report
from noegress.report.text import ORDER, printable, text_report
from noegress.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_STYLES = {Verdict.REFUSED: "bold red", Verdict.UNDECIDED: "bold yellow", Verdict.ADMITTED: "green"}


def show_on_terminal(report: Report, stream: TextIO) -> bool:
    """Write the report to a terminal; False, with nothing written, where ``rich`` is not installed."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra; a missing one never breaks plain text
    except ImportError:
        return False
    console = Console(file=stream, highlight=False, soft_wrap=True)
    for line in text_report(report).splitlines():
        _show_line(console, line)
    if len(report.artifacts) > 1:
        console.print(_table(report), soft_wrap=False)
    return True


def _show_line(console: "Console", line: str) -> None:
    """A line that ends or begins with a verdict takes its colour; names from files are never read as markup."""
    verdict = next(
        (word for word in _STYLES if line.endswith(f": {word}") or line.strip().startswith(f"{word}: ")), None
    )
    console.print(line, style=_STYLES[verdict] if verdict else "", markup=False)


def _table(report: Report) -> "Table":
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table("file", "verdict", "findings", "calls", title=None)
    for item in sorted(report.artifacts, key=lambda item: ORDER.index(item.decision.verdict)):
        verdict = item.decision.verdict
        table.add_row(
            Text(printable(item.result.subject.filename), overflow="fold"),
            Text(verdict.value, style=_STYLES[verdict]),
            _counts(item),
            str(len(item.result.egress)),
        )
    return table


def _counts(item: Judged) -> str:
    """How many findings are refused and undecided, of all."""
    verdicts = [judgement.verdict for judgement in item.decision.judgements]
    hard = [f"{verdicts.count(verdict)} {verdict}" for verdict in ORDER[:2] if verdict in verdicts]
    return ", ".join([*hard, f"{len(verdicts)} in all"]) if verdicts else ""
