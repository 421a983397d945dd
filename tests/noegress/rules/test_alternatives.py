"""Which of many alternatives a package takes by itself, and what is a kit's own business with its vendor."""

import pytest
import scan_lab

KITS = ("openai", "cohere", "mistral", "jina", "voyage", "nomic")
EMBEDDER = """
from openai import OpenAI
class {name}Embedding:
    def __init__(self):
        self.client = OpenAI()
    def embed(self, text):
        return self.client.embeddings.create(input=[text], model="any")
"""


def on(files: dict[str, str], name: str = "acme") -> set[str]:
    found = scan_lab.scan({f"acme/{path}" if "." in path else path: text for path, text in files.items()}, name)
    return {finding.category for finding in found.findings if finding.default_on}


def alternatives(folder: str) -> dict[str, str]:
    """Six embedding modules in a folder, all of which the package imports."""
    made = {f"{folder}/{kit}_embedding.py": EMBEDDER.format(name=kit.title()) for kit in KITS}
    imports = "".join(f"from acme.{folder.replace('/', '.')} import {kit}_embedding\n" for kit in KITS)
    return {**made, f"{folder}/__init__.py": imports, "__init__.py": f"import acme.{folder.replace('/', '.')}\n"}


@pytest.mark.parametrize("folder", ["embeddings", "embedding_providers", "connectors/ai", "integrations/providers"])
def test_one_of_many_is_off_wherever_the_many_lie(folder: str) -> None:
    beside = {} if "/" not in folder else {f"{folder.partition('/')[0]}/__init__.py": ""}
    assert "hosted-embedding" not in on({**alternatives(folder), **beside})


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ("self.embedding = embedding or OpenaiEmbedding()", True),
        ("self.embedding = embedding", False),
        ("self.embedding = embedding or LocalEmbedding()", False),
    ],
)
@pytest.mark.parametrize("using", ["", "import requests\n"])
def test_what_is_made_where_nothing_is_given_is_on(store: str, using: str, *, told: bool) -> None:
    taken = "OpenaiEmbedding" in store
    tool = using + ("from acme.embeddings import OpenaiEmbedding\n" if taken else "import acme.embeddings\n")
    tool += f"class Store:\n    def __init__(self, embedding=None):\n        {store}\n"
    assert ("hosted-embedding" in on({**alternatives("embeddings"), "store.py": tool})) is told


CHECK = """
import requests
__version__ = "1"
def check_for_updates():
    latest = requests.get("https://api.github.com/repos/vendor/acme/releases/latest").json()
    if latest != __version__:
        print("a newer version is available")
"""


@pytest.mark.parametrize("registers", [True, False])
def test_a_part_that_the_distribution_registers_itself_is_none_of_many(*, registers: bool) -> None:
    parts = {f"plugins/part{number}/plugin.py": "def run(): pass\n" for number in range(8)}
    parts["plugins/updater/plugin.py"] = CHECK
    uses = "".join(f"import acme.{path.removesuffix('.py').replace('/', '.')}\n" for path in parts)
    point = f"[acme.plugins]\nupdater = acme.plugins.{'updater' if registers else 'part1'}.plugin:run\n"
    files = {f"acme/{path}": text for path, text in {**parts, "__init__.py": uses}.items()}
    found = scan_lab.scan({**files, "acme-1.dist-info/entry_points.txt": point}).findings
    assert [each.default_on for each in found if each.category == "update-check"] == [registers]


EXPORT = """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
def setup_telemetry(endpoint, {given}):
    return OTLPSpanExporter(endpoint="https://otlp.acme.dev/v1/traces", {handed})
def begin(key):
    setup_telemetry("", key)
begin("")
"""


@pytest.mark.parametrize(
    ("given", "handed", "told"),
    [("jwt", "jwt_provider=jwt", False), ("headers", "headers=headers", False), ("timeout", "timeout=timeout", True)],
)
def test_a_kit_that_sends_with_its_users_key_does_what_it_is_taken_for(given: str, handed: str, *, told: bool) -> None:
    files = {"__init__.py": "import acme.tracing\n", "tracing.py": EXPORT.format(given=given, handed=handed)}
    assert ("telemetry" in on(files)) is told


@pytest.mark.parametrize(("name", "told"), [("get_device_telemetry", False), ("report_device_telemetry", True)])
def test_what_reads_usage_data_sends_none(name: str, *, told: bool) -> None:
    tool = f'import requests\ndef {name}():\n    return requests.get("https://api.acme.dev/devices/telemetry").json()\n'
    assert ("telemetry" in on({"__init__.py": f"from acme.net import {name}\n", "net.py": tool})) is told


@pytest.mark.parametrize(
    ("constant", "told"), [('allow("events.vendor.dev")', False), ('TELEMETRY_HOST = "events.vendor.dev"', True)]
)
def test_the_bare_name_of_a_host_counts_under_a_name_that_speaks_of_one(constant: str, *, told: bool) -> None:
    tool = f"import requests\ndef track_event(allow):\n    {constant}\n    requests.get(allow)\n"
    assert ("telemetry" in on({"__init__.py": "import acme.analytics\n", "analytics.py": tool})) is told


@pytest.mark.parametrize(("kits", "told"), [(KITS, False), (KITS[:3], True)])
def test_a_folder_of_folders_that_are_called_after_kits_holds_alternatives(
    kits: tuple[str, ...], *, told: bool
) -> None:
    tool = "import {kit}\n" + EMBEDDER
    files = {f"legacy/{kit}/embedding.py": tool.format(kit=kit, name=kit.title()) for kit in kits}
    uses = "".join(f"import acme.legacy.{kit}.embedding\n" for kit in kits)
    assert ("hosted-embedding" in on({**files, "__init__.py": uses})) is told


@pytest.mark.parametrize(("stem", "told"), [("openai_embedding", False), ("settings", True)])
def test_a_module_that_is_called_as_its_own_default_says_nothing_of_others(stem: str, *, told: bool) -> None:
    model = "import requests\nclass Model:\n    def __init__(self, provider='openai_embedding'):\n"
    model += "        requests.get(provider)\n"
    files = {**alternatives("embeddings"), f"models/{stem}.py": model, "models/__init__.py": ""}
    assert ("hosted-embedding" in on(files)) is told


@pytest.mark.parametrize(("handed", "told"), [("headers=keys", False), ("timeout=3", True)])
def test_traces_with_the_key_of_an_account_go_to_who_holds_it(handed: str, *, told: bool) -> None:
    tool = "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\n"
    tool += (
        f"def setup(base, keys):\n    return OTLPSpanExporter(endpoint=base + '/api/public/otel/v1/traces', {handed})\n"
    )
    assert ("telemetry" in on({"__init__.py": "import acme.tracing\n", "tracing.py": tool})) is told
