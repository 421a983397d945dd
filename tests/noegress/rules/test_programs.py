"""What makes a download a program: pairs of packages that differ in that one point."""

import pytest
import scan_lab

from noegress.scan.engine import Analysis


def scan(files: dict[str, str]) -> Analysis:
    return scan_lab.scan({f"acme/{path}": text for path, text in files.items()})


def on(analysis: Analysis) -> dict[str, set[str]]:
    """The hosts of what is on by default, by category."""
    found: dict[str, set[str]] = {}
    for finding in analysis.findings:
        if finding.default_on:
            found.setdefault(finding.category.value, set()).add(finding.host)
    return found


def used(tool: str) -> dict[str, str]:
    """A package whose start calls what ``tool`` defines as ``fetch``."""
    return {"__init__.py": "from acme.tool import fetch\nfetch('a')\n", "tool.py": tool}


KNOWN = """
import os, stat, subprocess, requests
MODE = {mode}
def mark(path):
    os.chmod(path, MODE)
def fetch(place):
    session = requests.Session()
    with open(place, "wb") as stream:
        stream.write(session.get("https://files.vendor.dev/stable/acmetool").content)
    {mark}
"""


@pytest.mark.parametrize(
    ("mode", "mark", "told"),
    [
        ("0o755", "os.chmod(place, 0o755)", True),
        ("0o755", "os.chmod(place, os.stat(place).st_mode | stat.S_IEXEC)", True),
        ("0o755", "place.chmod(place.stat().st_mode | 0o111)", True),
        ("0o755", "mark(place)", True),
        ("0o640", "mark(place)", False),
        ("0o755", "os.chmod(place, 0o644)", False),
        ("0o755", "subprocess.run(['chmod', '+x', place])", True),
        ("0o755", "subprocess.run(['chmod', '640', place])", False),
        ("0o755", "pass", False),
    ],
)
def test_what_its_function_makes_executable_is_a_program(mode: str, mark: str, *, told: bool) -> None:
    found = on(scan(used(KNOWN.format(mode=mode, mark=mark))))
    assert (found.get("remote-code") == {"files.vendor.dev"}) is told


def test_a_folder_that_a_helper_keeps_private_is_no_program() -> None:
    tool = KNOWN.format(mode="0o700", mark="mark(os.path.dirname(place))")
    assert "remote-code" not in on(scan(used(tool)))


def test_a_page_that_is_opened_is_no_program() -> None:
    tool = KNOWN.format(mode="0o755", mark="mark(place)")
    opened = tool.replace("session = requests.Session()", "import webbrowser").replace(
        "session.get(", "webbrowser.open("
    )
    assert "remote-code" not in on(scan(used(opened)))


def test_a_listing_beside_a_program_is_not_the_program() -> None:
    tool = KNOWN.format(mode="0o755", mark="os.chmod(place, 0o755)").replace("acmetool", "index.json")
    assert "remote-code" not in on(scan(used(tool)))


@pytest.mark.parametrize(
    ("name", "told"),
    [("linux/amd64/acme", True), ("macosx/aarch64/acme", True), ("darwin-arm64/acme", True), ("tables/acme", False)],
)
def test_a_folder_of_a_platform_holds_programs(name: str, *, told: bool) -> None:
    tool = f"""
import os, requests
def fetch(place):
    open(place, "wb").write(requests.get("https://files.vendor.dev/{name}").content)
def mark(place):
    os.chmod(place, 0o755)
"""
    assert ("remote-code" in on(scan(used(tool)))) is told


DRIVERS = {
    "__init__.py": "from acme import engine\n",
    "drivers/__init__.py": "",
    "drivers/speech.py": "import subprocess, sys\ntry:\n    import speech\nexcept ImportError:\n"
    "    subprocess.run([sys.executable, '-m', 'pip', 'install', 'speech'])\n",
}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("'acme.drivers.%s' % kind", True),
        ("f'acme.drivers.{kind}'", True),
        ("'.drivers.' + kind, __package__", True),
        ("'acme.others.%s' % kind", False),
        ("'acme.drivers'", False),
    ],
)
def test_a_module_whose_name_is_put_together_is_loaded(name: str, *, told: bool) -> None:
    engine = f"import importlib\ndef begin(kind):\n    return importlib.import_module({name})\n"
    assert ("self-update" in on(scan({**DRIVERS, "engine.py": engine}))) is told


DEEP = """
import contextlib, os, requests, stat
@contextlib.contextmanager
def new_file(path):
    with open(path, "wb") as stream:
        yield stream
    os.chmod(path, os.stat(path).st_mode | {mode})
def place_content(content, path):
    with new_file(path) as stream:
        stream.write(content)
def unpack(reply, path):
    place_content(reply.content, path)
def fetch(path):
    reply = requests.get("https://files.vendor.dev/latest")
    unpack(reply, path)
"""


@pytest.mark.parametrize(("mode", "told"), [("stat.S_IXUSR", True), ("stat.S_IRUSR", False)])
def test_a_program_is_marked_a_few_calls_further_on(mode: str, *, told: bool) -> None:
    assert (on(scan(used(DEEP.format(mode=mode)))).get("remote-code") == {"files.vendor.dev"}) is told


ELSEWHERE = """
import os
def install(fetcher, place):
    fetcher.{fetch}
    os.system(f"chmod -R 755 {{place}}")
def fetch(place):
    install(object(), place)
"""


@pytest.mark.parametrize(
    ("fetch", "told"),
    [
        ("download_file(place + '.new')", True),
        ("describe_file(place + '.new')", False),
        ("download_file(place)", False),
    ],
)
def test_what_is_fetched_by_an_object_and_marked_is_a_program(fetch: str, *, told: bool) -> None:
    assert ("remote-code" in on(scan(used(ELSEWHERE.format(fetch=fetch))))) is told
