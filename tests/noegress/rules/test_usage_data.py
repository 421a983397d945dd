"""What tells usage data and update checks from requests that look like them: pairs that differ in one point."""

import pytest
import scan_lab

from noegress.scan.engine import Analysis


def scan(files: dict[str, str]) -> Analysis:
    return scan_lab.scan({f"acme/{path}": text for path, text in files.items()})


def on(analysis: Analysis) -> set[tuple[str, str]]:
    return {(finding.category.value, finding.host) for finding in analysis.findings if finding.default_on}


PREFIXED = """
import httpx
from acme.settings import settings
class Api:
    def client(self):
        return httpx.Client(base_url=settings.api_url, timeout=60)
api = Api()
def record_run(run):
    with api.client() as client:
        client.post("{path}", json=run)
"""
SETTINGS = (
    "class Settings:\n    api_url: str = 'https://api.vendor.dev'\n    telemetry: bool = True\nsettings = Settings()\n"
)
RUN = """
from acme.api.runs import record_run
from acme.settings import settings
def run(what):
    if {condition}:
        record_run(what)
"""


@pytest.mark.parametrize(
    ("path", "condition", "told"),
    [
        ("/v1/telemetry/run", "settings.telemetry", True),
        ("/v1/telemetry/run", "what.telemetry", True),
        ("/v1/documents/run", "settings.telemetry", False),
        ("/v1/telemetry/run", "what", False),
    ],
)
def test_what_a_client_with_a_prefix_sends_is_usage_data(path: str, condition: str, *, told: bool) -> None:
    files = {
        "__init__.py": "from acme.runner import run\n",
        "settings.py": SETTINGS,
        "runner.py": RUN.format(condition=condition),
        "api/__init__.py": "",
        "api/runs.py": PREFIXED.format(path=path),
    }
    assert (("telemetry", "api.vendor.dev") in on(scan(files))) is told


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("session = requests.Session()", True),
        ("session = {'quick': requests.Session()}['quick']", True),
        ("session = opened()", True),
        ("session = Derived()", True),
        ("session = dict()", False),
    ],
)
def test_a_client_is_known_by_what_made_it(made: str, *, told: bool) -> None:
    tool = f"""
import requests
class Derived(requests.Session):
    pass
def opened():
    return requests.Session()
def ask(given):
    {made}
    return session.get("https://docs.vendor.dev/status", given)
"""
    found = on(scan({"__init__.py": "from acme import tool\n", "tool.py": tool}))
    assert (("hosted-service", "docs.vendor.dev") in found) is told  # elsewhere that host is prose


ECHO = "import requests\ndef address():\n    return requests.get('https://api.ipify.org').text\n"


@pytest.mark.parametrize(
    ("caller", "told"),
    [
        ("class Server:\n    def __init__(self):\n        self.shown = address()\n", True),
        ("def open_port():\n    return address()\n", False),
        ("def send_usage():\n    return address()\n", True),
    ],
)
def test_the_own_address_is_asked_for_unasked(caller: str, *, told: bool) -> None:
    files = {
        "__init__.py": "from acme import server\n",
        "net.py": ECHO,
        "server.py": f"import requests\nfrom acme.net import address\n{caller}",
    }
    assert (("telemetry", "api.ipify.org") in on(scan(files))) is told


INDEX = "pypi." + "org"


@pytest.mark.parametrize(
    ("project", "known", "told"),
    [
        ("acme", "from packaging.version import Version", True),
        ("{name}", "from importlib.metadata import version", True),
        ("{name}", "from acme import __version__", True),
        ("{name}", "from packaging.version import Version", False),
    ],
)
def test_who_asks_for_the_version_of_others_checks_no_update(project: str, known: str, *, told: bool) -> None:
    tool = f"""
import requests
{known}
def latest_version(name):
    return requests.get(f"https://{INDEX}/pypi/{project}/json").json()["info"]["version"]
def show(name):
    print("the latest version of", name, "is", latest_version(name))
"""
    found = on(scan({"__init__.py": "__version__ = '1'\nfrom acme import tool\n", "tool.py": tool}))
    assert (("update-check", INDEX) in found) is told


@pytest.mark.parametrize(("name", "told"), [("acme", True), ("other", False)])
def test_the_source_of_the_project_is_read_for_its_version(name: str, *, told: bool) -> None:
    tool = f"""
import requests
VERSION = "1"
class UpdateChecker:
    def run(self):
        for line in requests.get("https://github.com/vendor/{name}/raw/master/{name}.py").text.splitlines():
            if line.startswith("VERSION"):
                return line != VERSION
"""
    found = on(scan({"__init__.py": "from acme import tool\n", "tool.py": tool}))
    assert (("update-check", "github.com") in found) is told


@pytest.mark.parametrize(("asks", "told"), [("", True), ("    input('really?')\n", False)])
def test_a_check_that_upgrades_the_project_itself_is_unasked(asks: str, *, told: bool) -> None:
    tool = (
        f"import subprocess\ndef check_update():\n{asks}    subprocess.run(['pip', 'install', '--upgrade', 'acme'])\n"
    )
    files = {"__init__.py": "from acme import tool\n", "tool.py": f"{tool}def main():\n    check_update()\n"}
    found = scan_lab.scan({f"acme/{path}": text for path, text in files.items()}).findings
    assert any(f.category == "self-update" and f.default_on for f in found) is told
