"""Where the address of an update check stands: in a default, a settings file, with a constructor, behind a slash."""

import pytest
import scan_lab

REFRESH = """
import os, subprocess, sys
import acme
def check_if_outdated(current_version=None, source_url="https://get.acme.dev/{path}"):
    current_version = current_version or acme.__version__
    subprocess.Popen([sys.executable, "-m", "acme.refresh", source_url])
    from packaging.version import Version
    return Version("2") > Version(current_version)
def main():
    check_if_outdated()
"""
SENDER = "import sys\nfrom urllib.request import urlopen\nurlopen(sys.argv[1])\n"


def on(files: dict[str, str]) -> set[str]:
    return {finding.category for finding in scan_lab.scan(files).findings if finding.default_on}


@pytest.mark.parametrize(("path", "told"), [("tools_version", True), ("version/", True), ("tools", False)])
def test_the_default_of_a_parameter_belongs_to_its_function(path: str, *, told: bool) -> None:
    files = {
        "acme/__init__.py": "__version__ = '1'\nimport acme.tool\nimport acme.refresh\n",
        "acme/tool.py": "import requests\ndef ask(url):\n    return requests.get(url)\n" + REFRESH.format(path=path),
        "acme/refresh.py": SENDER,
    }
    assert ("update-check" in on(files)) is told


ASKS = """
import requests
from acme import config
def check_version():
    return requests.get(config.{name}, timeout=1).json()
"""


@pytest.mark.parametrize(
    ("name", "host", "told"),
    [
        ("version_check_url", "api.acme.dev", True),
        ("template_url", "api.acme.dev", False),
        ("version_check_url", "api.vendor.dev", False),
    ],
)
def test_the_address_of_a_check_stands_in_a_settings_file(name: str, host: str, *, told: bool) -> None:
    files = {
        "acme/__init__.py": "import acme.tool\n",
        "acme/tool.py": ASKS.format(name=name),
        "acme/config.py": "",
        "acme/defaults.yaml": f"title: acme\n{name}: https://{host}/version\n",
    }
    assert ("update-check" in on(files)) is told


PROVIDER = """
import requests
class Models:
    HOST = "https://github.com"
    def __init__(self, host, repository):
        self.host = host
        self.repository = repository
    @classmethod
    def standard(cls):
        return cls({host}, "acme/models")
    def download_model(self, name):
        return requests.get("/".join((self.host, self.repository, "releases/download/v1", name)))
def load(name):
    return Models.standard().download_model(name)
"""


@pytest.mark.parametrize(("host", "told"), [("cls.HOST", True), ("open('host').read()", False)])
def test_a_class_that_makes_itself_hands_its_address_on(host: str, *, told: bool) -> None:
    files = {"acme/__init__.py": "import acme.models\n", "acme/models.py": PROVIDER.format(host=host)}
    found = scan_lab.scan(files)
    assert ("model-download" in {each.category for each in found.findings if each.default_on}) is told


@pytest.mark.parametrize(("tail", "told"), [("touch_endpoint", False), ("fetch_tool", True)])
def test_what_is_asked_and_not_kept_is_no_program(tail: str, *, told: bool) -> None:
    tool = f"""
import os, requests
def {tail}(url):
    return requests.get(url)
def package(path):
    os.chmod(path, 0o755)
def deploy(path):
    {tail}("https://files.vendor.dev/a/b")
    package(path)
"""
    files = {"acme/__init__.py": "import acme.tool\n", "acme/tool.py": tool}
    assert ("remote-code" in on(files)) is told


@pytest.mark.parametrize(
    ("argument", "told"),
    [("'run `pip install acme[full]` first'", False), ("'pip install acme-full'", True)],
)
def test_prose_that_quotes_a_command_runs_none(argument: str, *, told: bool) -> None:
    tool = "def ensure(make_command):\n    try:\n        import full\n    except ImportError:\n"
    tool += f"        make_command('full', {argument})\n"
    files = {"acme/__init__.py": "import acme.tool\n", "acme/tool.py": tool}
    assert ("self-update" in on(files)) is told


READER = """
import io, requests
class Reader:
    @property
    def url(self):
        return "https://stats.vendor.dev/tables/prices.csv"
    def price(self, name):
        {keep}
"""


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ('return requests.get(f"{self.url}?id={name}").text', False),
        ('open("prices.csv", "w").write(requests.get(f"{self.url}?id={name}").text)', True),
    ],
)
def test_a_call_that_is_seen_says_more_than_the_constant_it_takes(keep: str, *, told: bool) -> None:
    files = {"acme/__init__.py": "import acme.tool\n", "acme/tool.py": READER.replace("{keep}", keep)}
    assert ("model-download" in on(files)) is told


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("models.resnet18(pretrained=True)", True),
        ("models.resnet18(weights=models.ResNet18_Weights.DEFAULT)", True),
        ("models.resnet18(pretrained=pretrained)", True),
        ("models.resnet18(pretrained=other)", False),
        ("models.resnet18()", False),
    ],
)
def test_a_model_of_a_collection_is_fetched_where_its_weights_are_asked_for(call: str, *, told: bool) -> None:
    tool = f"from torchvision import models\ndef net(other=False, pretrained=True):\n    return {call}\n"
    files = {"acme/__init__.py": "import acme.tool\n", "acme/tool.py": tool}
    assert ("model-download" in on(files)) is told


def test_a_wrapper_fetches_what_it_wraps_by_being_started() -> None:
    tool = "import subprocess, sys\n{decorated}def main():\n    subprocess.run(['npx', 'acme@latest', *sys.argv[1:]])\n"
    point = "[console_scripts]\nacme = acme.cli:main\n"
    for decorated, told in (("", True), ("@app.command()\n", False)):
        text = "import typer\napp = typer.Typer()\n" + tool.format(decorated=decorated)
        files = {"acme/__init__.py": "", "acme/cli.py": text, "acme-1.dist-info/entry_points.txt": point}
        assert ("remote-code" in on(files)) is told


@pytest.mark.parametrize("name", ["LICENSE", "base.onnx"])
@pytest.mark.parametrize("end", ["", "\\\\d+"])
def test_a_licence_and_a_pattern_are_no_models(name: str, end: str) -> None:
    constant = f'MODEL_URL = "https://raw.githubusercontent.com/vendor/base/main/{name}{end}"\n'
    files = {
        "acme/__init__.py": "import acme.tool\n",
        "acme/tool.py": f"import requests\n{constant}def load_model(url):\n    return requests.get(url)\n",
    }
    assert ("model-download" in on(files)) is (name == "base.onnx" and not end)


@pytest.mark.parametrize(
    ("prefix", "reads", "names"),
    [
        ("ACME_", "os.environ.items()", ["ACME_NO_VERSION_CHECK"]),
        ("ACME_", "os.environ.get('ACME_PATH')", []),
        ("ACME_TOOLKIT_VERSION_", "os.environ.items()", []),
    ],
)
def test_settings_are_filled_from_variables_with_the_prefix_of_the_project(
    prefix: str, reads: str, names: list[str]
) -> None:
    config = f"""
import os, requests
PREFIX = "{prefix}"
no_version_check = False
OPTIONS = ["no_version_check"]
def load():
    for name, value in {reads}:
        globals()[name[len(PREFIX):].lower()] = value
"""
    files = {
        "acme/__init__.py": "import acme.tool\n",
        "acme/tool.py": ASKS.format(name="version_check_url"),
        "acme/config.py": config,
        "acme/defaults.yaml": "version_check_url: https://api.acme.dev/version\n",
    }
    found = [each for each in scan_lab.scan(files).findings if each.category == "update-check" and each.default_on]
    assert [switch.name for each in found for switch in each.kill_switches] == names


@pytest.mark.parametrize(
    ("name", "told"), [("_maybe_send_tools_update", False), ("check_for_updates", True), ("notify_new_version", True)]
)
def test_what_is_brought_up_to_date_without_a_version_is_no_check(name: str, *, told: bool) -> None:
    tool = f"""
import requests
class Session:
    def {name}(self):
        fetch_latest = self.session
        self.request(fetch_latest)
    def request(self, url):
        return requests.post(url)
    def run(self):
        self.{name}()
"""
    files = {"acme/__init__.py": "import acme.updates\n", "acme/updates.py": tool}
    assert ("update-check" in on(files)) is told


CHECK = """
import requests
__version__ = "1"
def check_for_updates():
    latest = requests.get("https://api.github.com/repos/vendor/acme/releases/latest").json()
    if latest != __version__:
        print("a newer version is available")
"""


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("CHILD = {'PI_NO_VERSION_CHECK': '1'}", []),
        ("CHILD = {'ACME_NO_VERSION_CHECK': '1'}", ["ACME_NO_VERSION_CHECK"]),
        ("CHILD = os.environ.get('TOOL_NO_VERSION_CHECK')", ["TOOL_NO_VERSION_CHECK"]),
        (
            "URL, NO = os.environ.get('ACME_VERSION_CHECK_DSN'), os.environ.get('ACME_NO_VERSION_CHECK')",
            ["ACME_NO_VERSION_CHECK"],
        ),
    ],
)
def test_a_variable_that_is_only_written_is_another_programs(line: str, names: list[str]) -> None:
    files = {"acme/__init__.py": "import acme.tool\n", "acme/tool.py": f"import os\n{CHECK}{line}\n"}
    found = [each for each in scan_lab.scan(files).findings if each.category == "update-check" and each.default_on]
    assert [switch.name for each in found for switch in each.kill_switches] == names


def test_the_name_of_a_model_is_no_switch() -> None:
    tool = "import os\nfrom openai import OpenAI\n"
    tool += "MODEL = os.environ.get('ACME_EMBEDDING_MODEL', 'text-embedding-3-small')\n"
    tool += "def embed(text):\n    return OpenAI().embeddings.create(input=[text], model=MODEL)\n"
    found = scan_lab.scan({"acme/__init__.py": "import acme.tool\n", "acme/tool.py": tool}).findings
    assert [each.kill_switches for each in found if each.category == "hosted-embedding"] == [()]
