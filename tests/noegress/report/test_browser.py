"""The HTML report in a real Chromium, without scripts; skipped where there is none."""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from noegress.finding import Place
from noegress.report import FORMATS, Report

spec = importlib.util.spec_from_file_location("browser", Path(__file__).with_name("browser.py"))
assert spec
assert spec.loader
browser = importlib.util.module_from_spec(spec)
spec.loader.exec_module(browser)

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser.running_browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def page(tmp_path: Path) -> Any:
    def write(report: Report) -> Path:
        path = tmp_path / "report.html"
        path.write_text(FORMATS["html"](report), "utf-8")
        return path

    return write


def test_nothing_else_is_asked_for(chromium: Any, page: Any, report: Report) -> None:
    path = page(report)
    chromium.open(path)
    assert chromium.requests == [path.as_uri()]


@pytest.mark.parametrize("width", [360, 1000])
def test_no_name_is_wider_than_the_page(
    chromium: Any, page: Any, make_report: Any, result: Any, finding: Any, width: int
) -> None:
    long = finding(place=Place(file="acme/" + "a" * 900 + ".py", line=3), host="h" * 250 + ".io", message="x" * 700)
    made = make_report(result("n" * 180, findings=(long,), egress=("d" * 240 + ".io",)), result("other"))
    chromium.open(page(replace(made, is_environment=True)), width=width)
    assert chromium.size()[0] <= width


def test_no_finding_and_a_thousand_of_them_are_shown(
    chromium: Any, page: Any, make_report: Any, result: Any, finding: Any
) -> None:
    chromium.open(page(make_report(result())))
    assert chromium.size()[1] <= 800
    many = tuple(finding(host=f"h{number}.acme.io") for number in range(1000))
    chromium.open(page(make_report(result(findings=many))))
    assert chromium.size()[1] > 1000 * 100


def test_it_is_dark_where_the_reader_wants_it_dark(chromium: Any, page: Any, report: Report) -> None:
    path = page(report)
    chromium.open(path)
    assert sum(chromium.corner()) > 3 * 240
    chromium.open(path, scheme="dark")
    assert sum(chromium.corner()) < 3 * 60
