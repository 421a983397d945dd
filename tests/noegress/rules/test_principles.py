"""What tells a way out from what only looks like it: pairs of packages that differ in that one point."""

import hashlib

import pytest
import scan_lab

from noegress.artifact.member import Member
from noegress.scan.engine import Analysis, analyse


def scan(files: dict[str, str], name: str = "acme") -> Analysis:
    return scan_lab.scan({f"acme/{path}": text for path, text in files.items()}, name)


def on(analysis: Analysis) -> set[str]:
    """The categories that are on by default."""
    return {finding.category for finding in analysis.findings if finding.default_on}


def package(text: str) -> dict[str, str]:
    return {"__init__.py": "from acme import tool\n", "tool.py": text}


INSTALL = """
import subprocess, sys
def tool_command():
    try:
        import build
    except {error}:
        subprocess.run([sys.executable, "-m", "pip", "install", "build"], check=True)
    return ["build"]
"""
SCRIPT = """
import importlib
from huggingface_hub import hf_hub_download
def fetch(name):
    {use}hf_hub_download(repo_id=name, filename=name + ".py")
def load(path):
    return importlib.import_module(path)
"""
DRIVER = """
import os, zipfile, urllib.request
def ensure(folder):
    newest = urllib.request.urlopen("https://chromedriver.storage.googleapis.com/LATEST_RELEASE").read().decode()
    archive, _ = urllib.request.urlretrieve(f"https://chromedriver.storage.googleapis.com/{newest}/chromedriver_linux64.zip")
    zipfile.ZipFile(archive).extractall(folder)
    os.chmod(os.path.join(folder, "chromedriver"), 0o755)
"""
TABLE = """
import io, zipfile, requests
def load_tables(year):
    reply = requests.get(f"https://tables.vendor.dev/rates/{year}.zip")
    return zipfile.ZipFile(io.BytesIO(reply.content)).namelist()
"""
KEPT = TABLE.replace("    return", "    open('rates.zip', 'wb').write(reply.content)\n    return")
HINT = """
import requests
def explain():
    raise RuntimeError("the model is missing,\\n{url}")
"""
UNDER_TRUST = """
from transformers import AutoModel
def load(name, trust_remote_code={given}):
    return AutoModel.from_pretrained(name, trust_remote_code=trust_remote_code)
"""


@pytest.mark.parametrize(
    ("category", "bad", "good"),
    [
        ("self-update", INSTALL.format(error="ImportError"), INSTALL.format(error="OSError")),
        ("remote-code", SCRIPT.format(use="return "), SCRIPT.format(use="")),
        ("remote-code", DRIVER, "".join(DRIVER.splitlines(keepends=True)[:4])),
        ("model-download", KEPT, TABLE),
        ("remote-code", UNDER_TRUST.format(given=True), UNDER_TRUST.format(given=False)),
        (
            "model-download",
            "import urllib.request\nurllib.request.urlretrieve('https://files.vendor.dev/models/a.onnx', 'a')\n",
            HINT.format(url="get it from https://files.vendor.dev/models/a.onnx"),
        ),
    ],
    ids=["mended-import", "imported-script", "driver", "kept-table", "trusted-by-default", "message"],
)  # fmt: skip
def test_the_bad_one_is_on_and_the_good_one_is_not(category: str, bad: str, good: str) -> None:
    assert category in on(scan(package(bad)))
    assert category not in on(scan(package(good)))


def test_a_program_is_not_told_as_a_model_as_well() -> None:
    assert "model-download" not in on(scan(package(DRIVER)))


def test_the_newest_driver_is_no_newer_version_of_the_package() -> None:
    assert "update-check" not in on(scan(package(DRIVER)))


def test_a_page_for_people_is_no_update_check() -> None:
    page = "from acme import show\nPACKAGE_URL = 'https://pypi.{}/project/acme/'\n".format("org")
    files = {
        "__init__.py": "from acme import tool\n",
        "tool.py": page,
        "show.py": "import requests\nrequests.get('x')\n",
    }
    assert "update-check" not in on(scan(files))


ALTERNATIVES = {f"providers/p{number}.py": "def run():\n    pass\n" for number in range(8)}
SENDING = "import requests\ndef send_usage():\n    requests.post('https://telemetry.vendor.dev/v1/events', json={})\n"


def test_one_of_many_is_off_where_its_registry_asks_for_all() -> None:
    registry = "".join(f"from acme.providers import p{number}\n" for number in range(8))
    files = {
        **ALTERNATIVES,
        "__init__.py": "from acme import registry\n",
        "registry.py": registry,
        "providers/__init__.py": "",
    }
    assert "telemetry" not in on(scan({**files, "providers/p3.py": SENDING}))


def test_one_of_many_is_on_where_the_package_asks_for_it_alone() -> None:
    files = {
        **ALTERNATIVES,
        "__init__.py": "from acme.providers.p3 import send_usage\nsend_usage()\n",
        "providers/__init__.py": "",
    }
    assert "telemetry" in on(scan({**files, "providers/p3.py": SENDING}))


def test_a_model_that_a_caller_names_is_found() -> None:
    tool = """
from sentence_transformers import SentenceTransformer
def encoder(name):
    return SentenceTransformer(name)
"""
    named = f"{tool}def default():\n    return encoder('all-MiniLM-L6-v2')\n"
    assert "model-download" in on(scan(package(named)))
    assert "model-download" not in on(scan(package(tool)))


def switches(analysis: Analysis) -> list[str]:
    return [switch.name for switch in analysis.kill_switches]


SETTINGS = """
from pydantic_settings import BaseSettings, SettingsConfigDict
class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ACME_")
    crash_reports: bool = True
    usage_stats: bool = True
settings = Settings()
"""
GUARDED = """
import requests
from acme.settings import settings
def send_usage():
    if {guard}:
        requests.post("https://telemetry.vendor.dev/v1/events", json={{}})
"""


@pytest.mark.parametrize(
    ("guard", "name"),
    [
        ("settings.usage_stats", "ACME_USAGE_STATS"),
        ("settings.crash_reports", "ACME_CRASH_REPORTS"),
        ("environment.ACME_TELEMETRY_ENABLED.get()", "ACME_TELEMETRY_ENABLED"),
        ("config.get_bool(None, 'acme.telemetry.enable')", "ACME_TELEMETRY_ENABLE"),
    ],
)
def test_a_switch_that_no_line_spells_out_is_put_together(guard: str, name: str) -> None:
    assert switches(scan({**package(GUARDED.format(guard=guard)), "settings.py": SETTINGS})) == [name]


@pytest.mark.parametrize("name", ["ACME_DOWNLOAD_VER", "OFFLINE_RATIO", "ACME_DOWNLOAD_COUNTS", "ACME_OFFLINE_PREFIX"])
def test_a_number_or_a_name_is_no_switch(name: str) -> None:
    tool = f"""
import os, urllib.request
_N = os.environ.get("{name}")
urllib.request.urlretrieve("https://files.vendor.dev/models/a.onnx", "a")
"""
    assert switches(scan(package(tool))) == []


def test_of_two_switches_the_one_named_after_what_is_called_is_taken() -> None:
    tool = """
import os, requests, sentry_sdk
_REPORTS, _USAGE = os.getenv("ACME_SENTRY_DISABLED"), os.getenv("ACME_USAGE_DISABLED")
sentry_sdk.init("https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/2")
"""
    assert switches(scan(package(tool)))[0] == "ACME_SENTRY_DISABLED"


def test_a_fetched_script_that_a_shell_runs_is_remote_code() -> None:
    tool = """
import subprocess, requests
def bootstrap(path):
    reply = requests.get("https://code.vendor.dev/setup")
    path.write_text(reply.text)
    subprocess.run([{first}, str(path)])
"""
    assert "remote-code" in on(scan(package(tool.format(first='"bash"'))))
    assert "remote-code" not in on(scan(package(tool.format(first='"less"'))))


def test_settings_beside_a_sender_hold_its_intake() -> None:
    settings = "endpoint: https://collect.vendor.dev/v1/metrics\n"
    assert "telemetry" in on(scan({"__init__.py": "", "telemetry/config.yaml": settings}))
    assert "telemetry" not in on(scan({"__init__.py": "", "server/config.yaml": settings}))


def test_a_page_whose_account_its_user_fills_in_is_off() -> None:
    page = '<script src="https://www.googletagmanager.com/gtag/js?id={}"></script>'
    assert "telemetry" in on(scan({"__init__.py": "", "base.html": page.format("G-AB12CD34EF")}))
    assert "telemetry" not in on(scan({"__init__.py": "", "base.html": page.format("{{ config.tag }}")}))


def test_an_installer_of_another_distribution_is_found() -> None:
    tool = "import requests\nfrom vision.checks import {name}\n{name}('onnx')\n"
    assert "self-update" in on(scan(package(tool.format(name="check_requirements"))))
    assert "self-update" not in on(scan(package(tool.format(name="check_shapes"))))


def test_a_repository_that_is_asked_whether_it_moved_on_is_an_update_check() -> None:
    tool = """
import subprocess
def check_git_status():
    subprocess.check_output("git fetch origin", shell=True)
    print({text!r})
check_git_status()
"""
    assert "update-check" in on(scan(package(tool.format(text="acme is out of date. Run git pull"))))
    assert "update-check" not in on(scan(package(tool.format(text="fetched. All branches"))))


def test_an_option_with_a_prefix_of_its_parser_is_a_switch() -> None:
    tool = """
import argparse, requests
def parser():
    made = ArgumentParser(auto_env_var_prefix="ACME_")
    made.add_argument("--analytics")
    made.add_argument("--analytics-log")
    return made
def send_usage():
    requests.post("https://telemetry.vendor.dev/v1/events", json={})
"""
    assert switches(scan(package(tool))) == ["ACME_ANALYTICS"]


def test_a_check_of_another_distribution_is_found_behind_a_re_export() -> None:
    shown = "import requests\nfrom acme.version import {name}\n{name}()\n"
    files = {"__init__.py": "from acme import tool\n", "version.py": "from other.version import {name}\n"}
    for name, found in (("is_newer_version_available", True), ("is_newer_file", False)):
        texts = {path: text.format(name=name) for path, text in {**files, "tool.py": shown}.items()}
        assert ("update-check" in on(scan(texts))) is found


def test_a_runner_that_is_looked_up_first_is_found() -> None:
    tool = """
import shutil, subprocess
def start():
    runner = shutil.which({name!r})
    subprocess.run([runner, "-y", "acme@latest"])
"""
    assert "remote-code" in on(scan(package(tool.format(name="npx"))))
    assert "remote-code" not in on(scan(package(tool.format(name="less"))))


@pytest.mark.parametrize(
    ("endpoint", "found"), [("{host}:4317", False), ("{host}/v1/traces", False), ("{host}/acme/in", True)]
)
def test_a_collector_of_the_user_is_no_telemetry_of_the_package(endpoint: str, found: bool) -> None:  # noqa: FBT001 - a column
    tool = f"""
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
def begin(host):
    return OTLPSpanExporter(endpoint=f"http://{endpoint}")
"""
    assert ("telemetry" in on(scan(package(tool)))) is found


def test_a_model_in_the_query_of_an_address_is_found() -> None:
    tool = """
from acme.weights import load_weights
CONFIG = {{"url": "https://static.vendor.dev/models?id={file}&src=0"}}
def build(model):
    load_weights(model, CONFIG["url"])
"""
    files = {"weights.py": "def load_weights(model, url):\n    pass\n"}
    assert "model-download" in on(scan({**package(tool.format(file="v1/base-1f2e.pt")), **files}))
    assert "model-download" not in on(scan({**package(tool.format(file="v1")), **files}))


def test_a_model_whose_address_a_reply_tells_is_found() -> None:
    tool = """
import requests
def tokenizer(client, model{more}):
    tokenizer_url = {source}
    return requests.get(tokenizer_url).json()
"""
    assert "model-download" in on(scan(package(tool.format(more="", source="client.ask(model).tokenizer_url"))))
    assert "model-download" not in on(scan(package(tool.format(more=", tokenizer_url=None", source="tokenizer_url"))))


COMMAND = """
import os, urllib.request
{decorator}
def begin():
    urllib.request.urlretrieve("https://files.vendor.dev/releases/download/v1/tool-linux-x64", "tool")
    os.chmod("tool", 0o755)
"""


def test_what_a_tool_is_for_is_on_and_what_a_subcommand_does_is_off() -> None:
    entry = b"[console_scripts]\nacme = acme.tool:begin\n"
    for decorator, found in (("", True), ("@app.command()", False)):
        text = COMMAND.format(decorator=decorator)
        members = [
            Member(name=name, content=content, sha256=hashlib.sha256(content).hexdigest())
            for name, content in (
                ("acme/tool.py", text.encode()),
                ("acme/__init__.py", b"from acme import tool\n"),
                ("acme-1.dist-info/entry_points.txt", entry),
            )
        ]
        assert ("remote-code" in on(analyse(members, kind="wheel", name="acme"))) is found


def test_do_not_track_is_no_switch_of_an_embedding() -> None:
    tool = """
import os
from openai import OpenAI
def embed(text):
    if os.getenv("DO_NOT_TRACK"):
        print("quiet")
    return OpenAI().embeddings.create(input=[text], model="m")
"""
    assert switches(scan(package(tool))) == []


def test_a_download_that_the_package_itself_calls_for_is_not_asked_for() -> None:
    tool = """
import requests
def download_weights():
    open("a.onnx", "wb").write(requests.get("https://files.vendor.dev/models/a.onnx").content)
"""
    caller = "from acme.tool import download_weights\ndef begin():\n    {call}\n"
    for call, found in (("download_weights()", True), ("return 1", False)):
        files = {**package(tool), "begin.py": caller.format(call=call)}
        assert ("model-download" in on(scan(files))) is found


def test_a_tool_that_is_installed_where_it_is_not_yet_is_a_self_update() -> None:
    tool = """
import subprocess, sys
def scan():
    if {test}:
        subprocess.check_call([sys.executable, "-m", "pip", "install", "scanner"])
"""
    assert "self-update" in on(scan(package(tool.format(test="not is_scanner_installed()"))))
    assert "self-update" not in on(scan(package(tool.format(test="wanted()"))))


def test_a_library_that_installs_is_known_as_data_and_a_module_that_looks_first_is_told() -> None:
    data = 'import pipmaster as pm\nif not pm.is_installed("acme_kit"):\n    pm.install("acme_kit")\n'
    assert "self-update" in on(scan(package(data)))
    installer = (
        'import subprocess\ndef prompt(name):\n    subprocess.check_call(f"pip install -q {name}", shell=True)\n'
    )
    asks = """
import importlib.util
from acme.tool import prompt
def need(name):
    found = {look}
    if not found:
        prompt(name)
"""
    for look, told in (("importlib.util.find_spec(name)", True), ("name.strip()", False)):
        files = {**package(installer), "needs.py": asks.format(look=look), "__init__.py": "from acme import needs\n"}
        assert ("self-update" in on(scan(files))) is told


def test_code_of_a_repository_is_trusted_where_nothing_else_is_given() -> None:
    tool = """
from transformers import AutoModel
def load(name, **options):
    trust = options.pop("trust_remote_code", {default})
    return AutoModel.from_pretrained(name, trust_remote_code=trust)
"""
    assert "remote-code" in on(scan(package(tool.format(default="True"))))
    assert "remote-code" not in on(scan(package(tool.format(default="False"))))


def test_a_call_of_an_overridden_method_is_guarded_where_the_base_class_guards_it() -> None:
    tool = """
import os
from segment import analytics
class Base:
    def log(self, event):
        if "ACME_NO_USAGE" in os.environ:
            return
        self._log(event)
    def _log(self, event):
        raise NotImplementedError
class Tracker(Base):
    def __init__(self):
        analytics.write_key = "lIVZJNAdj2ZaMzAHHnFWP76g7CuwmzGz"
    def _log(self, event):
        analytics.track("somebody", event)
"""
    assert switches(scan(package(tool))) == ["ACME_NO_USAGE"]


def test_the_default_model_of_a_service_is_a_hosted_embedding() -> None:
    setting = "from dataclasses import dataclass\n@dataclass\nclass Settings:\n    embedding: str = {name!r}\n"
    found = scan(package(setting.format(name="text-embedding-3-small")))
    assert {f.host for f in found.findings if f.category == "hosted-embedding"} == {"api.openai.com"}
    assert "hosted-embedding" not in on(scan(package(setting.format(name="all-mpnet-base-v2"))))
    chosen = "def pick(kind):\n    if kind == 'openai':\n        embedding = 'text-embedding-3-small'\n"
    assert "hosted-embedding" not in on(scan(package(chosen)))


def test_a_java_archive_that_is_unpacked_to_be_run_is_a_program() -> None:
    tool = """
import shutil, zipfile, requests
URL = "https://github.com/vendor/checker/releases/download/v1/{name}.zip"
def fetch(folder):
    {look}
    open("a.zip", "wb").write(requests.get(URL).content)
    zipfile.ZipFile("a.zip").extractall(folder)
"""
    java = 'java = shutil.which("java")'
    assert "remote-code" in on(
        scan({**package(tool.format(name="checker", look=java)), "use.py": "from acme.tool import fetch\nfetch('.')\n"})
    )
    assert "remote-code" not in on(
        scan(
            {**package(tool.format(name="tables", look="pass")), "use.py": "from acme.tool import fetch\nfetch('.')\n"}
        )
    )


def test_usage_data_that_is_handed_to_a_wrapper_with_its_method_is_telemetry() -> None:
    files = {
        "__init__.py": "from acme import analytics\n",
        "http.py": "import httpx\ndef http_request(method, url):\n    return httpx.request(method, url)\n",
        "analytics.py": "from acme.http import http_request\ndef _send(event, host):\n"
        "    http_request('{method}', f'{{host}}/api/trackAnalyticsEvent')\n",
    }
    for method, told in (("POST", True), ("GET", False)):
        sent = {path: text.format(method=method) if path == "analytics.py" else text for path, text in files.items()}
        assert ("telemetry" in on(scan(sent))) is told


FETCHED = """
import os
import urllib.request
def fetch(info, place):
    open(place, "wb").write(urllib.request.urlopen({address}).read())
    os.chmod(place, {mode})
"""


@pytest.mark.parametrize(
    ("address", "mode", "told"),
    [("info.url", "0o755", True), ("info.url", "0o600", False), ("place", "0o755", False)],
)
def test_a_file_that_is_made_executable_is_a_program_wherever_it_is_from(
    address: str, mode: str, *, told: bool
) -> None:
    use = "from acme.tool import fetch\ndef begin(info):\n    fetch(info, 'a')\n"
    files = {
        **package(FETCHED.format(address=address, mode=mode)),
        "use.py": use,
        "__init__.py": "from acme import use\n",
    }
    assert ("remote-code" in on(scan(files))) is told


def test_a_library_that_fetches_a_program_is_known_as_data() -> None:
    tool = "from webdriver_manager.chrome import ChromeDriverManager as C\ndef begin():\n    return C().install()\n"
    assert "remote-code" in on(scan(package(tool)))


def test_weights_are_a_model_in_a_folder_called_models_too() -> None:
    tool = "import requests\ndef load():\n    return requests.get('https://files.vendor.dev/weights/a.pt').content\n"
    files = {"__init__.py": "from acme.models import net\n", "models/__init__.py": "", "models/net.py": tool}
    assert "model-download" in on(scan(files))


@pytest.mark.parametrize(("name", "told"), [("url", False), ("api_url", True)])
def test_a_list_of_references_is_no_egress(name: str, told: bool) -> None:  # noqa: FBT001 - a column
    lexers = "".join(f'class L{number}:\n    {name} = "https://language{number}.dev/spec"\n' for number in range(12))
    assert bool(scan(package(lexers)).egress) is told
    assert len(scan(package("import requests\ndef get(link): return requests.get(link.url)\n" + lexers)).egress) == 12


def test_the_name_of_a_page_is_no_host() -> None:
    tool = (
        "import webbrowser\ndef show(name, part):\n    webbrowser.open(name + '.' + part + {end!r})\nshow('a', 'b')\n"
    )
    assert scan(package(tool.format(end=".vendor.dev"))).egress == ("*.*.vendor.dev",)
    assert scan(package(tool.format(end=".html"))).egress == ()


CLIENT = """
class Client:
    def __init__(self):
        self.reply = fetch(URL)
    def run(self):
        eval({run})
Client().run()
"""
FETCH = """
import requests
URL = "https://code.vendor.dev/v"
def fetch(url):
    reply = requests.get(url)
    return reply
"""


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("exec(fetch(URL).text)", "exec(open('acme/_version.py').read())"),
        ("code = compile(fetch(URL).text, 'x', 'exec')\nexec(code)", "import json\njson.loads(fetch(URL).text)"),
        ("import pickle\npickle.loads(fetch(URL).content)", "import pickle\npickle.load(open('acme/model.pkl', 'rb'))"),
        (
            "import marshal\nfrom urllib.request import urlopen\nwith urlopen(URL) as reply:\n    marshal.load(reply)",
            "import marshal\nmarshal.loads(marshal.dumps(1))",
        ),
        ("import os\nos.system(fetch(URL).text)", "import os\nos.system('echo ' + fetch(URL).text)"),
        (
            "import subprocess\nsubprocess.run(fetch(URL).text.split())",
            "import subprocess\nsubprocess.run(['echo', fetch(URL).text])",
        ),
        (CLIENT.format(run="self.reply.text"), CLIENT.format(run="'1'")),
    ],
)  # fmt: skip
def test_what_a_server_answers_is_executed(bad: str, good: str) -> None:
    assert "remote-code" in on(scan(package(FETCH + bad + "\n")))
    assert "remote-code" not in on(scan(package(FETCH + good + "\n")))


NAMED_MODEL = """
from huggingface_hub import snapshot_download
class Store:
    def __init__(self, name{default}):
        self.name = name
    def fetch(self):
        return snapshot_download(self.name)
"""


@pytest.mark.parametrize(
    ("default", "use", "told"),
    [("", "", False), ("='vendor/base'", "", True), ("", "def begin():\n    return Store('vendor/base')\n", True)],
)
def test_a_model_that_only_its_user_names_is_off(default: str, use: str, *, told: bool) -> None:
    assert ("model-download" in on(scan(package(NAMED_MODEL.format(default=default) + use)))) is told


@pytest.mark.parametrize(
    ("name", "told"), [("{name}/resolve/main/a.bin", False), ("vendor/base/resolve/main/a.bin", True)]
)
def test_an_address_whose_repository_its_user_names_is_off(name: str, *, told: bool) -> None:
    tool = "from urllib.request import urlretrieve\ndef load(name):\n"
    tool += f"    urlretrieve(f'https://huggingface.co/{name}', 'a')\n"
    assert ("model-download" in on(scan(package(tool)))) is told


def test_two_addresses_without_a_blank_between_them_are_two() -> None:
    tool = "import requests\nrequests.get('https://api.vendor.devhttps://files.vendor.dev/a')\n"
    assert scan(package(tool)).egress == ("api.vendor.dev", "files.vendor.dev")


@pytest.mark.parametrize("name", ["ACME_STATS_SEND_TIME_HOURS", "ACME_USAGE_THRESHOLD"])
def test_how_often_is_no_switch(name: str) -> None:
    tool = f"""
import os, requests
def send_usage():
    every = os.environ.get("{name}", "1")
    requests.post("https://telemetry.vendor.dev/v1/events", json={{"every": every}})
"""
    assert switches(scan(package(tool))) == []


@pytest.mark.parametrize(
    "setting",
    ["os.environ.setdefault({name!r}, {url!r})", "os.environ[{name!r}] = {url!r}", "os.putenv({name!r}, {url!r})"],
)
def test_an_exporter_is_pointed_by_the_environment(setting: str) -> None:
    tool = "import os\n" + setting + "\n"
    url = "https://otel.vendor.dev"
    assert "telemetry" in on(scan(package(tool.format(name="OTEL_EXPORTER_OTLP_ENDPOINT", url=url))))
    assert "telemetry" not in on(scan(package(tool.format(name="ACME_BACKEND", url=url))))
    assert scan(package(tool.format(name="HTTPS_PROXY", url=url))).egress == ("otel.vendor.dev",)


def test_a_sender_in_a_shared_namespace_is_another_distribution() -> None:
    call = "from vendor.cli.telemetry import save\ndef flush():\n    save('x')\nflush()\n"
    files = {"vendor/cli/acme/__init__.py": call}
    assert "telemetry" in on(scan_lab.scan(files, "acme"))
    assert "telemetry" not in on(scan_lab.scan({**files, "vendor/cli/telemetry.py": "def save(x): pass\n"}, "acme"))


def test_the_root_of_a_url_object_ends_where_the_path_begins() -> None:
    made = "from pydantic import AnyUrl\nBASE = AnyUrl('https://otel.vendor.dev')\n"
    tool = f"import requests\n{made}requests.post(str(BASE) + 'v1/traces')\n"
    assert scan(package(tool)).egress == ("otel.vendor.dev",)


EMBEDDER = """
import {kit}
class Embedder:
    def __init__(self):
        self.client = {kit}.Client()
    def embed(self, text):
        return self.client.embeddings.create(input=[text])
"""


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"embed/openai.py": EMBEDDER.format(kit="openai")}, True),
        ({"embed/openai.py": EMBEDDER.format(kit="openai"), "embed/cohere.py": EMBEDDER.format(kit="cohere")}, False),
        (
            {
                "embed/openai.py": EMBEDDER.format(kit="openai"),
                "embed/cohere.py": EMBEDDER.format(kit="cohere"),
                "store.py": "import requests\nfrom acme.embed.openai import Embedder\nDEFAULT = Embedder()\n",
            },
            True,
        ),
    ],
)
def test_one_kit_beside_others_is_on_where_the_package_takes_it(files: dict[str, str], *, told: bool) -> None:
    every = "".join(f"from acme.embed import {name}\n" for name in ("openai", "cohere") if f"embed/{name}.py" in files)
    found = on(scan({"__init__.py": "import acme.embed\n", "embed/__init__.py": every, **files}))
    assert ("hosted-embedding" in found) is told


LISTED = """
import importlib, os
def plugins(folder):
    {first}
def use(name):
    return importlib.import_module(name)
"""


@pytest.mark.parametrize(
    ("first", "told"),
    [("return [use(name) for name in os.listdir(folder)]", True), ("return os.listdir(folder)", False)],
)
def test_what_is_listed_and_imported_is_loaded(first: str, *, told: bool) -> None:
    files = {"__init__.py": "from acme import loader\n", "loader.py": LISTED.format(first=first), "sender.py": SENDING}
    assert ("telemetry" in on(scan(files))) is told


@pytest.mark.parametrize(
    ("using", "name", "told"),
    [
        ("import requests\n", "prices.csv", True),
        ("from acme import net\n", "prices.csv", False),
        ("from acme import net\n", "weights.onnx", True),
    ],
)
def test_a_table_that_nothing_near_it_fetches_is_no_download(using: str, name: str, *, told: bool) -> None:
    tool = f"{using}MODEL_URL = 'https://files.vendor.dev/models/{name}'\n"
    files = {**package(tool), "net.py": "import requests\ndef ask(url):\n    return requests.get(url)\n"}
    assert ("model-download" in on(scan(files))) is told


CATALOGUE = """
import requests
class Cloud:
    def __init__(self, **endpoints):
        self.endpoints = endpoints
PUBLIC = Cloud(
{beside}    analytics_endpoint="https://api.analytics.vendor.dev/v1",
)
def ask(name):
    return requests.get(PUBLIC.endpoints[name])
"""


@pytest.mark.parametrize(("others", "told"), [(12, False), (1, True)])
def test_a_catalogue_of_endpoints_sends_nothing(others: int, *, told: bool) -> None:
    beside = "".join(f"    part{number}='https://part{number}.vendor.dev/',\n" for number in range(others))
    assert ("telemetry" in on(scan(package(CATALOGUE.format(beside=beside))))) is told


@pytest.mark.parametrize(
    ("name", "path", "told"),
    [
        ("MODEL_URL", "models/main/base.onnx", True),
        ("'$schema'", "models/main/base.onnx", False),
        ("MODEL_URL", "models/main/model-schema-2.1.json", False),
        ("MODEL_URL", "", False),
    ],
)
def test_what_only_names_something_is_no_download(name: str, path: str, *, told: bool) -> None:
    value = f"'https://raw.githubusercontent.com/{path}'"
    constant = f"DOC = {{{name}: {value}}}\n" if name.startswith("'") else f"{name} = {value}\n"
    tool = f"import requests\n{constant}def load_model(url):\n    return requests.get(url)\n"
    assert ("model-download" in on(scan(package(tool)))) is told


RUN_LOOP = """
import asyncio, requests
async def ask():
    return requests.get("https://api.vendor.dev/v1/answer").json()
def answer():
    return asyncio.run(asyncio.wait_for(ask(), timeout=3))
"""


def test_an_event_loop_runs_no_reply() -> None:
    assert "remote-code" not in on(scan(package(RUN_LOOP)))
    started = RUN_LOOP.replace(
        "asyncio.run(asyncio.wait_for(ask(), timeout=3))", "asyncio.create_subprocess_shell(ask())"
    )
    assert "remote-code" in on(scan(package(started)))


@pytest.mark.parametrize(("code", "told"), [("code", True), ("given", False), ("'1 + 1'", False)])
def test_what_is_executed_beside_a_request_comes_from_it(code: str, *, told: bool) -> None:
    tool = f"""
import json, requests
def work(given):
    for code in json.loads(requests.get("https://code.vendor.dev/v").text):
        eval({code})
"""
    assert ("remote-code" in on(scan(package(tool)))) is told


@pytest.mark.parametrize(("path", "told"), [("tables/prices.pickle", False), ("run", True)])
def test_a_pickle_that_is_kept_is_data(path: str, *, told: bool) -> None:
    tool = f"""
import pickle
from urllib.request import urlretrieve
def load_prices():
    kept, _ = urlretrieve("https://files.vendor.dev/{path}")
    return pickle.load(open(kept, "rb"))
"""
    assert ("remote-code" in on(scan(package(tool)))) is told
