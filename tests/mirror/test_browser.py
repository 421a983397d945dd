"""The pages as a person sees them: in a headless Chromium; skipped where there is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, browsing
from mirror_lab import Index, Served, make_mirror, noegress, serving

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine")

LONG = "a_module_whose_name_does_not_end_" * 6
TELEMETRY = """
import os
import posthog

posthog.api_key = "phc_x"
if os.environ.get("SHOWN_NO_TELEMETRY") != "1":
    posthog.capture("import", "started")
"""
POLICY = """
[admission]
private = ["acme-*"]

[[waiver]]
project = "shown"
versions = "<1"
category = "telemetry"
reason = "seen blocked <b>under</b> the guard"
expires = 2999-01-01
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    index = Index()
    index.publish("shown", "1.0")
    files = {"shown/sending.py": TELEMETRY, f"shown/{LONG}.py": "x = 1\n", "shown/<img src=x onerror=alert(1)>.py": ""}
    index.publish("shown", "2.0", record_of="a lie", files=files)
    index.publish("shown-clean", "1.0")
    folder = make_mirror(tmp_path_factory.mktemp("browser") / "dir", index.url, POLICY)
    with (folder / "mirror.toml").open("a") as settings:
        settings.write('contact = "the platform team, platform@acme.example"\n')
    for target in ("shown==1.0", "shown==2.0", "shown-clean"):
        noegress("mirror", "admit", target, "--dir", folder)
    with serving(folder) as served:
        served.notice("wanted-by-many")
        yield served
    index.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


PAGES = ["", "project/shown", "project/shown/2.0", "project/shown/1.0", "project/acme-secret", "project/never-heard-of"]


@pytest.mark.parametrize("width", [390, 1100])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_fetches_nothing_and_breaks_no_rule(
    path: str, width: int, browser: Browser, served: Served
) -> None:
    url = f"{served.url}/+noegress/{path}"
    browser.open(url, width=width)
    assert [asked for asked in browser.requested if not asked.endswith("/favicon.ico")] == [url]
    assert browser.complaints == []
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value("document.querySelectorAll('h1').length") == 1
    assert browser.value("document.querySelectorAll('script,img,link,iframe,[onerror]').length") == 0
    assert browser.value("document.documentElement.lang") == "en"


def test_the_page_of_a_refusal_says_what_why_and_how_to_ask(browser: Browser, served: Served, tmp_path: Path) -> None:
    browser.open(f"{served.url}/+noegress/project/shown/2.0", with_scripts=False)
    text = browser.value("document.body.innerText")
    assert "shown-2.0-py3-none-any.whl: refused" in text
    assert "RECORD" in text
    assert "platform@acme.example" in text
    assert f"noegress mirror request shown==2.0 --server {served.url}" in text
    assert "seen blocked <b>under</b> the guard" in text
    assert "Versions that are admitted" in text
    assert "<img src=x" not in browser.value("document.body.innerHTML")


def test_what_was_refused_can_be_told_from_what_was_admitted_by_more_than_colour(
    browser: Browser, served: Served
) -> None:
    browser.open(f"{served.url}/+noegress/project/shown")
    words = browser.value("[...document.querySelectorAll('.mark')].map(mark => mark.innerText).sort().join()")
    assert words == "admitted,refused"
    colours = browser.value("[...document.querySelectorAll('.mark')].map(mark => getComputedStyle(mark).color)")
    assert len(set(colours)) == 2


def test_the_dashboard_counts_and_names_what_people_wait_for(browser: Browser, served: Served) -> None:
    browser.open(f"{served.url}/+noegress/")
    rows = browser.value("[...document.querySelectorAll('tr')].map(row => row.innerText.replace(/\\s+/g, ' '))")
    assert any(row.startswith("admitted listed and served 2") for row in rows)
    assert any(row.startswith("refused judged, and kept out 1") for row in rows)
    assert any(row.startswith("wanted-by-many ") for row in rows)
    assert any("until 2999-01-01" in row for row in rows)
    assert "known vulnerabilities do not decide" in browser.value("document.body.innerText")


def test_a_person_looks_a_project_up_and_follows_the_links(browser: Browser, served: Served) -> None:
    browser.open(f"{served.url}/+noegress/")
    browser.value("document.querySelector('input').value = 'Shown'")
    browser.events.clear()
    browser.value("document.querySelector('button').click()")
    browser.wait()
    assert browser.value("location.pathname") == "/+noegress/project/shown"
    browser.events.clear()
    browser.value("document.querySelector('main table a').click()")
    browser.wait()
    assert browser.value("location.pathname") == "/+noegress/project/shown/2.0"
    browser.events.clear()
    browser.value("document.querySelector('header a').click()")
    browser.wait()
    assert browser.value("document.querySelector('h1').innerText") == "How this mirror stands"
