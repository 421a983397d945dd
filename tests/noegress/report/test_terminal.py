import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from noegress.report import FORMATS, Report
from noegress.report.terminal import show_on_terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_terminal_shows_the_words_of_the_plain_text_and_a_table(report: Report) -> None:
    terminal = Terminal()
    assert show_on_terminal(report, terminal)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert plain.startswith(FORMATS["text"](report))
    assert "│ broken-1.0-py3-none-any.whl │ undecided" in plain
    assert "\x1b[1;31m" in terminal.getvalue()


def test_a_name_is_never_read_as_markup(make_report: Callable[..., Report], result: Any, finding: Any) -> None:
    terminal = Terminal()
    hostile = finding(message="[blink]a[/blink] \x1b[2J")
    show_on_terminal(make_report(result(findings=(hostile,)), result("[red]x")), terminal)
    assert "[blink]a[/blink]" in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()
    assert "[red]x" in terminal.getvalue()


def test_one_file_needs_no_table(report: Report) -> None:
    terminal = Terminal()
    show_on_terminal(replace(report, artifacts=report.artifacts[:1]), terminal)
    assert "│" not in terminal.getvalue()
