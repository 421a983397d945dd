"""What is decided a step away: the caller announces, a library asks, another package is swept, a table lists."""

import pytest
import scan_lab

INDEX = "pypi." + "org"
ANNOUNCES = """
import requests
from packaging.version import Version
from acme import __version__
def project(name):
    return requests.get(f"https://rig.vendor.dev/et/{{name}}?by={{__version__}}").json()
def check_available_version(version):
    found = project("acme")
    if Version(found["version"]) > Version(version):
        print("{says}", found["version"])
"""


def on(files: dict[str, str]) -> set[tuple[str, str]]:
    findings = scan_lab.scan({f"acme/{path}": text for path, text in files.items()}).findings
    return {(finding.category.value, finding.host) for finding in findings if finding.default_on}


@pytest.mark.parametrize(("says", "told"), [("a newer version is available:", True), ("found", False)])
def test_the_caller_may_be_who_announces_the_newer_version(says: str, *, told: bool) -> None:
    files = {
        "__init__.py": "__version__ = '1'\nfrom acme import check\ncheck.check_available_version('1')\n",
        "check.py": ANNOUNCES.format(says=says),
    }
    assert (("update-check", "rig.vendor.dev") in on(files)) is told


@pytest.mark.parametrize(("page", "told"), [("/pypi/{name}/json", True), ("/help/{name}", False)])
def test_the_page_of_an_index_may_be_named_to_its_connection(page: str, *, told: bool) -> None:
    tool = f"""
from http.client import HTTPSConnection
from acme import __version__
def get_latest_version(name):
    connection = HTTPSConnection("{INDEX}")
    connection.request("GET", f"{page}")
    return connection.getresponse().read()
def check_version():
    if get_latest_version("acme") != __version__:
        print("old")
"""
    files = {"__init__.py": "__version__ = '1'\nfrom acme import tool\ntool.check_version()\n", "tool.py": tool}
    assert (("update-check", INDEX) in on(files)) is told


def test_a_library_that_asks_for_the_version_of_who_calls_it() -> None:
    tool = "import etelemetry\ndef start():\n    return etelemetry.check_available_version('acme/acme', '1')\n"
    found = on({"__init__.py": "from acme.tool import start\nstart()\n", "tool.py": tool})
    assert ("update-check", "rig.mit.edu") in found


@pytest.mark.parametrize(("swept", "told"), [("acme.plugins", True), ("other", False)])
def test_a_package_whose_path_is_listed_elsewhere_is_loaded(swept: str, *, told: bool) -> None:
    registry = f"""
import importlib, pkgutil
import {swept}
def load():
    for _, name, _ in pkgutil.iter_modules({swept}.__path__, {swept}.__name__ + "."):
        importlib.import_module(name)
"""
    plugin = 'import requests\ndef weights():\n    return requests.get("https://files.vendor.dev/model.pt").content\n'
    files = {"__init__.py": "", "registry/__init__.py": registry, "plugins/public.py": plugin}
    assert (("model-download", "files.vendor.dev") in on(files)) is told


@pytest.mark.parametrize(("host", "told"), [("acme.gateway.scarf.sh", True), ("scarf.sh/acme", False)])
def test_a_customers_name_before_the_vendors_is_not_the_vendors_own_kit(host: str, *, told: bool) -> None:
    tool = f'import requests\ndef emit():\n    requests.get("https://{host}")\n'
    found = on({"__init__.py": "from acme import tool\ntool.emit()\n", "tool.py": tool})
    assert (("telemetry", "acme.gateway.scarf.sh") in found) is told


@pytest.mark.parametrize(
    ("text", "told"),
    [("https://crash.vendor.dev/report", True), ("File a bug at https://crash.vendor.dev/report", False)],
)
def test_a_sentence_sends_nothing(text: str, *, told: bool) -> None:
    tool = f'import requests\nCRASH_REPORT_URL = "{text}"\ndef send_crash_report(to):\n    requests.post(to)\n'
    files = {"__init__.py": "from acme import crash\n", "crash.py": tool}
    assert (("telemetry", "crash.vendor.dev") in on(files)) is told


EMBEDS = """
class Settings:
    model = "text-embedding-3-small"
"""
TABLE = """
MODEL_TO_ENCODING = {"text-embedding-3-small": "cl100k", "text-embedding-3-large": "cl100k"}
"""


@pytest.mark.parametrize(("module", "told"), [(EMBEDS, True), (TABLE, False)])
def test_a_table_of_models_has_no_default(module: str, *, told: bool) -> None:
    found = on({"__init__.py": "from acme import model\n", "model.py": module})
    assert (("hosted-embedding", "api.openai.com") in found) is told


KITS = ("torch", "openai", "keras", "sklearn", "xgboost", "lightgbm")


@pytest.mark.parametrize(
    ("asks", "told"), [("from acme.usage.client import send_usage\nsend_usage()\n", True), ("", False)]
)
def test_beside_the_folders_of_kits_what_others_ask_for_is_a_part(asks: str, *, told: bool) -> None:
    files = {f"{kit}/__init__.py": f"import requests, {kit}\ndef log(at):\n    requests.get(at)\n" for kit in KITS}
    files["usage/__init__.py"] = "from acme.usage.client import send_usage\n"
    files["usage/client.py"] = (
        'import requests\ndef send_usage():\n    requests.post("https://usage.vendor.dev/v1/telemetry", json={})\n'
    )
    files["__init__.py"] = "".join(f"import acme.{kit}\n" for kit in KITS) + asks
    assert (("telemetry", "usage.vendor.dev") in on(files)) is told


@pytest.mark.parametrize(("name", "told"), [("check_cli_update", True), ("cli_factory", False)])
def test_a_check_of_a_library_that_is_imported_for_something_else(name: str, *, told: bool) -> None:
    tool = f"from huggingface_hub import {name}\ndef main():\n    {name}('acme')\n"
    found = on({"__init__.py": "from acme.tool import main\nmain()\n", "tool.py": tool})
    assert (("update-check", INDEX) in found) is told
