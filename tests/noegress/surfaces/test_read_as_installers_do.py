"""Files of requirements as pip and uv themselves read them: whatever either would ask for is told.

pip's own parser lists what it takes from a file; uv is run, and a server on loopback writes down what it is asked for.
"""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.noegress.surfaces.conftest import MIRROR, Bench

PIP = """\
import json, sys
from pip._internal.index.collector import LinkCollector
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.network.session import PipSession
from pip._internal.req.req_file import parse_requirements
session = PipSession()
everything = []
for path in sys.argv[1:]:
    scope = SearchScope.create(find_links=[], index_urls=[], no_index=False)
    collector = LinkCollector(session=session, search_scope=scope)
    finder = PackageFinder.create(link_collector=collector, selection_prefs=SelectionPreferences(allow_yanked=False))
    try:
        found = [read.requirement for read in parse_requirements(path, session=session, finder=finder)]
    except BaseException:
        found = []  # pip refuses the file, or what it names remotely: then the server was asked
    everything.append([*found, *finder.index_urls, *finder.find_links])
print(json.dumps(everything))
"""
WHEEL = "acme-1.0-py3-none-any.whl"
CASES: dict[str, str | bytes] = {
    "an option": "-i {evil}\n",
    "an option and its value together": "-i{evil}\n",
    "an option with a sign": "--index-url={evil}\n",
    "spaces around the sign": "--index-url = {evil}\n",
    "an abbreviation": "--extra-i {evil}\n",
    "an abbreviation with a sign": "--find={evil}\n",
    "the old name": "--pypi-url {evil}\n",
    "double quotes": '-i "{evil}"\n',
    "single quotes": "--extra-index-url='{evil}'\n",
    "quotes in the middle": '--extra-index-url={scheme}"{rest}"\n',
    "an escape": "-i {scheme}\\{rest}\n",
    "a line that goes on": "--extra-index-url \\\n  {evil}\n",
    "an option that goes on": "--extra-index\\\n-url {evil}\n",
    "a line that goes on after blanks": "--extra-index-url \\  \n{evil}\n",
    "a comment between": "--extra-index-url \\\n# why\n  {evil}\n",
    "the last line goes on": "-i {evil}\\",
    "a comment behind": "-i {evil} # why\n",
    "a sign that is no comment": "-i {evil}#why\n",
    "a variable": "-i ${{EVIL}}\n",
    "a part of a variable": "-i http://${{EVIL_HOST}}/\n",
    "a variable of small letters": "-i ${{evil}}\n",
    "a variable without braces": "-i $EVIL\n",
    "a variable in a comment": "# ${{EVIL}}\n",
    "two options": "--pre --extra-index-url {evil}\n",
    "two indexes": "-i {good} --extra-index-url {evil}\n",
    "none and one": "--no-index\n-f {evil}\n",
    "a trusted host before": "--trusted-host 127.0.0.1 -i {evil}\n",
    "blanks before": "   -i {evil}\n",
    "a tabulator": "-i\t{evil}\n",
    "line ends of Windows": "six\r\n-i {evil}\r\n",
    "carriage returns": "six\r-i {evil}\r",
    "a form feed": "six\f-i {evil}\n",
    "a vertical tabulator": "six\v-i {evil}\n",
    "a line separator": "# six\u2028-i {evil}\n",
    "a next line": "# six\u0085-i {evil}\n",
    "a mark": "\ufeff-i {evil}\n",
    "UTF-16": "-i {evil}\n".encode("utf-16"),
    "a declared encoding": b"# -*- coding: latin-1 -*-\n# \xe9\n-i {evil}\n",
    "by name": f"acme @ {{evil}}{WHEEL}\n",
    "by name without blanks": f"acme@{{evil}}{WHEEL}\n",
    "by name with an extra": f"acme[fast]@ {{evil}}{WHEEL}\n",
    "by name with a marker": f"acme @ {{evil}}{WHEEL} ; python_version >= '3'\n",
    "by name with a hash": f"acme @ {{evil}}{WHEEL} --hash=sha256:{'0' * 64}\n",
    "by address": f"{{evil}}{WHEEL}\n",
    "by address with an extra": f"{{evil}}{WHEEL}#egg=acme[fast]\n",
    "an option behind a requirement": "six --extra-index-url {evil}\n",
    "an editable repository": "-e git+{evil}acme.git#egg=acme\n",
    "a nested file": "-r nested.list\n",
    "a nested file, together": "-rnested.list\n",
    "a nested file, another spelling": "--requirement=./down/../nested.list\n",
    "constraints": "six\n-c nested.list\n",
    "a nested file in quotes": '-r "nested.list"\n',
    "a remote file": "-r {evil}requirements.txt\n",
    "remote constraints": "six\n--constraint {evil}constraints.txt\n",
    "an address in capital letters": "-i {capital}\n",
}


class Evil(ThreadingHTTPServer):
    """An index that has nothing and keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.asked: list[str] = []


class Asked(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Evil)
        self.server.asked.append(self.path)
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - the name is the handler's

    def log_message(self, *_args: object) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One case as it lies on disk, and what pip and uv made of it."""

    folder: Path
    environ: dict[str, str]
    mark: str
    asked: list[str]


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reading]:
    root = tmp_path_factory.mktemp("cases").resolve()
    with Evil() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found: dict[str, Reading] = {}
        # pip's parser is asked once for all: the variables of its process are those of one case, so they name none
        for number, case in enumerate(CASES):
            host = f"127.0.0.1:{server.server_address[1]}/case-{number}"
            environ = {"EVIL": f"http://{host}/", "EVIL_HOST": host, "evil": f"http://{host}/", "HOME": str(root)}
            folder = written(root / str(number), case, f"http://{host}/")
            found[case] = Reading(folder=folder, environ=environ, mark=f"case-{number}", asked=[])
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda reading: by_uv(reading, server), found.values()))
        by_pip(found)
        for reading in found.values():
            reading.asked.extend(path for path in server.asked if reading.mark in path.split("/"))
        server.shutdown()
    return found


def by_uv(reading: Reading, server: Evil) -> None:
    """Have uv resolve the file on a machine that knows another index."""
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--no-python-downloads"]
    shut = {"UV_DEFAULT_INDEX": f"http://127.0.0.1:{server.server_address[1]}/good/", "UV_NO_CACHE": "1", "PATH": ""}
    command = [*uv, "--python", sys.executable, str(reading.folder / "requirements.txt")]
    subprocess.run(command, env={**reading.environ, **shut}, capture_output=True, check=False, timeout=60)


def by_pip(readings: dict[str, Reading]) -> None:
    """Have pip's parser read the files: those that name variables in a process of their own."""
    alone = [case for case in CASES if "variable" in case]
    for cases in ([case for case in CASES if case not in alone], *([case] for case in alone)):
        paths = [str(readings[case].folder / "requirements.txt") for case in cases]
        command = [sys.executable, "-c", PIP, *paths]
        environ = readings[cases[0]].environ
        read = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=120)
        for case, items in zip(cases, json.loads(read.stdout), strict=True):
            readings[case].asked.extend(item for item in items if readings[case].mark in item)


def written(folder: Path, case: str, address: str) -> Path:
    """The folder of a case, with a file beside it that it may name, and a requirement for the index to be asked for."""
    words = {
        "{evil}": address,
        "{good}": MIRROR,
        "{scheme}": "http",
        "{rest}": address.removeprefix("http"),
        "{capital}": address.replace("http", "HTTP"),
        "{{": "{",
        "}}": "}",
    }
    content = CASES[case]
    is_wide = isinstance(content, bytes) and content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content if isinstance(content, str) else content.decode("utf-16" if is_wide else "latin-1")
    for word, meant in words.items():
        text = text.replace(word, meant)
    encoding = "utf-8" if isinstance(content, str) else "utf-16" if is_wide else "latin-1"
    (folder / "down").mkdir(parents=True)
    (folder / "nested.list").write_text(f"--extra-index-url {address}\n")
    (folder / "requirements.txt").write_bytes((text if text.endswith("\\") else f"{text}needed\n").encode(encoding))
    return folder


@pytest.mark.parametrize("case", CASES)
def test_what_pip_or_uv_asks_for_is_told(bench: Bench, case: str, readings: dict[str, Reading]) -> None:
    reading = readings[case]
    report = replace(bench, directory=reading.folder).report(reading.environ)
    told = [violation for violation in report.violations if reading.mark in violation.text]
    assert told or not reading.asked


def test_the_installers_did_read_the_files(readings: dict[str, Reading]) -> None:
    asked_by_uv = [case for case, reading in readings.items() if any(item.startswith("/") for item in reading.asked)]
    taken_by_pip = [case for case, reading in readings.items() if any("://" in item for item in reading.asked)]
    # uv takes its default from the machine before it takes one from a file, and refuses options that go on
    assert len(asked_by_uv) > len(CASES) // 5
    assert len(taken_by_pip) > len(CASES) // 2
