"""Rule ``model-download``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Place, Severity
from noegress.scan.facts.address import HOLE
from noegress.scan.facts.clients import CLIENTS
from noegress.scan.facts.facts import Expression
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene
from noegress.scan.scene.sites import Site

_FILE = re.compile(
    r"\.(zip|tar|tar\.gz|tgz|gz|bz2|xz|7z|jsonl|csv|tsv|parquet|bin|pt|pth|onnx|safetensors|npz|npy|pkl|pickle|h5|hdf5|model|vocab|bpe|tiktoken|gguf|tflite|pb|ttf|otf|mat|nc|geojson|shp|"
    r"dat|db|sqlite|ckpt|params|msgpack|bsp|wasm|mp4|wav|arrow|spm|feather|caffemodel|weights|mmdb|pdparams|keras|joblib|las|tif|tiff|nii|nii\.gz|rds|obj|ply)\Z",
    re.IGNORECASE,
)
_TEXT_FILE = re.compile(r"\.(json|xml|txt|ya?ml|toml)\Z", re.IGNORECASE)
_FETCH = re.compile(
    r"download|fetch|retriev|pull|load|ensure|get_(model|data|file)|dataset|corpus|weights|checkpoint|cache|update_(db|data|list)|refresh|sync",
    re.IGNORECASE,
)
_THING = re.compile(
    r"model|dataset|weights|corpus|corpora|vocab|tokenizer|checkpoint|pretrained|shapefile|tables?|datasets|catalog|price|cost|encodings?|lexicon|embedding|database|geo|iers|ephemeris|symbols?\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"(\A|_)(download|fetch)(_|\Z)|datasets?(\.|\Z|/)|(\A|[./])(datasets?|examples?|samples?|tutorials?|demo)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\A(load|fetch|get|read)_(\w+_)?(datasets?|corpus|data|samples?|examples?|sample_\w+|example_\w+)\Z|\A(datasets?|load_\w+_dataset|download\w*)\Z",
    re.IGNORECASE,
)
_MODEL_ADDRESS = re.compile(r"\A(\w+_)?(model|tokenizer|weights?|checkpoint|vocab|embeddings?)_ur[il]\Z", re.IGNORECASE)
_SHOWN = re.compile(r"(\A|_)(examples?|samples?|demo)(_|\Z)", re.IGNORECASE)
_ROUTE = re.compile(
    r"(api|datasets?|models?|spaces?|repos|resolve|raw|archive|blob|tree|main|master|parquet|info|v\d|rows|revision|README\.md|config\.json)\Z"
)
_TAKES = re.compile(r"\A_?(from_pretrained|load_(pretrained|weights|state_dict|url)\w*|download\w*)\Z")
_TABLE = re.compile(r"\.(zip|csv|tsv|txt|xlsx?|dat|xml|json|gz|parquet|html?)\Z", re.IGNORECASE)
_SCHEMA = re.compile(r"\A(\$schema|\$id|\$ref|xmlns\S*)\s|[-_./]schema(s|[-_.][\d.]+)?(\.json)?\Z", re.IGNORECASE)
_ASSET = re.compile(rf"/releases/download/[^/]+/{HOLE}\Z")
_PAPERS = re.compile(r"/(LICEN[CS]E|COPYING|NOTICE|README|CHANGELOG|AUTHORS)(\.\w+)?\Z", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.(gz|bz2|xz))\Z", re.IGNORECASE)
_FIELD = re.compile(r"%s|%\(\w+\)s|\{\w*\}")
_KEEPS = frozenset(
    [
        "urlretrieve",
        "copyfileobj",
        "iter_content",
        "write",
        "write_bytes",
        "open",
        "mkdir",
        "makedirs",
        "extractall",
        "unpack_archive",
        "replace",
        "move",
        "iter_bytes",
        "aiter_bytes",
        "NamedTemporaryFile",
        "retrieve",
    ]
)
_NAME = re.compile(r"ur[il]|remote|archive|mirror|download|source|weights|checkpoint|path|href", re.IGNORECASE)


class ModelDownload(Rule):
    """Models, data sets or tables are fetched when the package is used.

    What it does
        Finds addresses of data files (by ending, by host, by the words around) that reach a download.

    Why it matters
        What arrives decides what the package does, and it was never admitted; without a network the call fails in production.

    Flagged
        `weights.py`:

            import urllib.request

            def load_model(path):
                urllib.request.urlretrieve("https://files.vendor.dev/models/base.onnx", path)

    Allowed
        `weights.py`:

            def load_model(path):
                with open(path, "rb") as stream:
                    return stream.read()

    Fix
        Place the file ahead of time where the package looks for it.

    Known misses
        A download that a dependency does, unless the data file of libraries names it.

    References
        Hugging Face's page on offline mode.
    """

    id: ClassVar[str] = "model-download"
    category: ClassVar[Category] = Category.MODEL_DOWNLOAD
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for site in scene.sites:
            if not scene.graph.is_loaded(site.module):
                continue
            score = _score(scene, site) if site.kind != "blind" else 3 * _is_told_of(scene, site)
            if score < 3:
                continue
            on = not _is_asked(scene, site)
            yield Evidence(
                host=site.host, path=site.module.path, line=site.line, weight=min(0.9, score / 5) if on else 0.5, on=on,
                module=site.module, scope=site.scope, guard=site.guard,
                constant=Place(file=site.constant[0], line=site.constant[1]) if site.constant else None,
                message=f"The package downloads data from {site.host or 'an address that it is told'} when it is used.",
                remedy="Place the file ahead of time where the package looks for it.",
                library="huggingface_hub" if site.host == "huggingface.co" else "",
            )  # fmt: skip


def _score(scene: Scene, site: Site) -> float:
    parts = re.split(r"[?#&=]", site.address.path)
    path = next((part for part in parts[1:] if _FILE.search(part)), parts[0])
    purposes = scene.vendors.purposes(site.host)
    if (
        "assets" in purposes
        or "telemetry" in purposes
        or site.host.startswith("api.")
        or (scene.is_described(site.module.path) and not (site.kind == "call" and site.sure and _FILE.search(path)))
    ):
        return 0
    if not path.strip("/") or re.search(r"telemetr|analytics|tracking", f"{site.module.name} {site.host}"):
        return 0  # a host alone is no file; and what is fetched there says where to report to
    if _PAPERS.search(path) or (site.kind == "text" and re.search(r"\s|\\", site.text.strip())):
        return 0  # a message that tells where something is, a pattern, or what people read
    home = "data" in purposes
    file = bool(_FILE.search(path)) or (
        home and bool(re.search(r"/raw/|/resolve/|raw\.githubusercontent", site.host + path))
    )
    words = scene.words(site)
    if not file and _TEXT_FILE.search(path):
        file = home or bool(
            re.search(r"download|dataset|model|corpus", f"{words.function} {words.module}", re.IGNORECASE)
        )
    if not file and "forge" in purposes and _ASSET.search(path):
        file = bool(_THING.search(f"{words.function} {words.owner} {words.module}"))  # its name is decided at run time
    thing = bool(_THING.search(f"{words.all} {site.address.path}"))
    if site.kind == "call" and not home and _TABLE.search(path) and _is_answer(scene, site):
        return 0
    if site.kind == "call":
        return 2 * file + bool(_FETCH.search(words.all)) + thing + home
    if len(site.text) > 400 or _is_named_only(scene, site, path):
        return 0
    calls_out = bool(site.module.roots & CLIENTS) or bool(_FETCH.search(words.all))
    if not home and _TABLE.search(path) and (not calls_out or (site.module.path, site.host, path) in scene.called):
        return 0  # nothing near it fetches: it is there for somebody else to read; or the call itself is judged
    score = 1.5 * file + home + bool(_NAME.search(words.tail)) + thing
    takes = scene.sends(site.module) or any(_TAKES.search(name) for name in site.module.tails)
    return score + (0.5 if takes else -1.5)


def _is_named_only(scene: Scene, site: Site, path: str) -> bool:
    """Whether a constant names something and is no file to fetch: a schema, one address of a catalogue, a program."""
    if _SCHEMA.search(f"{site.tail} {path}") or scene.is_catalogued(site):
        return True
    return bool(_ARCHIVE.search(path)) and "chmod" in site.module.tails  # the rule for programs judges it


def _is_told_of(scene: Scene, site: Site) -> bool:
    """Whether the address of a model comes from elsewhere: a reply, or a table that this scan does not follow."""
    first: Expression = site.call.arguments[0] if site.call is not None and site.call.arguments else ("?",)
    named = first[1] if first[0] == "n" else first[2] if first[0] == "a" else ""
    function = site.module.facts.scopes[site.module.function_of(site.scope)]
    given = {name for name, _ in function.params}  # what its user hands over is the user's
    return bool(_MODEL_ADDRESS.search(named)) and named not in given and not scene.is_described(site.module.path)


def _is_answer(scene: Scene, site: Site) -> bool:
    """Whether a table goes back to the caller without being kept: that is what a client of a data service does."""
    words = scene.words(site)
    if re.search(r"download|cache|model|weights|vocab|corpus|tokenizer", words.all, re.IGNORECASE):
        return False
    near = scene.source_names(site.module, site.scope) if site.scope else set(site.module.tails)
    return not near & _KEEPS


def _is_of_user(scene: Scene, site: Site) -> bool:
    """Whether a hub is asked for something that no part of the address names: its user does."""
    path = _FIELD.sub(HOLE, site.address.path)
    if HOLE not in path or not scene.vendors.purposes(site.host) & {"data", "forge"}:
        return False
    parts = [part for part in re.split(r"[/?&=#]", path) if part and not _ROUTE.match(part)]
    named = [part for part in parts[:2] if re.search(r"\w", part.replace(HOLE, ""))]
    return bool(parts) and parts[0] not in named and all("." in part for part in named)  # a file of it may be named


def _is_asked(scene: Scene, site: Site) -> bool:
    """Whether its user names the download: a function or a module that is called so, a chosen integration, a command."""
    words = scene.words(site)
    module = site.module
    if scene.is_chosen_at(module, site.scope) or _ASKED.search(module.name.partition(".")[2]):
        return True
    if _SHOWN.search(words.function) or _is_of_user(scene, site):
        return True
    chain = scene.graph.chain(module, site.scope, 4)
    if any(scene.graph.is_command(used, scope) for used, scope, _ in chain if scope):
        return True
    return (
        bool(_ASKED.search(words.function) or _ASKS.search(words.function))
        and len(chain) == 1
        and not scene.is_named_elsewhere(words.function, module)
    )
