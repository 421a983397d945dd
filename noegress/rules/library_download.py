"""Rule ``library-download``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Place, Severity
from noegress.scan.facts.address import addresses
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.facts.vendors import DownloadEntry
from noegress.scan.program.evaluation import Value
from noegress.scan.program.module import Module, tail_of
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

_HUBS = frozenset(
    [
        "transformers",
        "diffusers",
        "tokenizers",
        "peft",
        "sentence_transformers",
        "datasets",
        "open_clip",
        "setfit",
        "optimum",
        "gliner",
        "auto_gptq",
        "timm",
        "model2vec",
        "kokoro",
        "onnxruntime_genai",
        "pyannote",
        "speechbrain",
        "nemo",
        "FlagEmbedding",
        "ctransformers",
        "adapters",
        "spandrel",
        "span_marker",
        "parler_tts",
        "whisperx",
    ]
)
_WEIGHTS = ("pretrained", "weights")
_ENUM = re.compile(r"\A(DEFAULT|IMAGENET\w*|COCO\w*|KINETICS\w*)\Z")  # members of the collections of weights
_DIRECT = ("hf_hub_download", "snapshot_download", "cached_download")
_FROM_HUB = (".from_pretrained", ".from_hparams")
_MODEL = re.compile(r"\A[\w.-]+(/[\w.\0-]+)?\Z")
_NAMED = (
    "repo_id",
    "pretrained_model_name_or_path",
    "path",
    "model_name",
    "identifier",
    "model",
    "model_name_or_path",
    "model_id",
    "filename",
    "tokenizer",
    "name",
)


class LibraryDownload(Rule):
    """A library of models or data is asked for something that it fetches from its hub.

    What it does
        Finds calls listed in `vendors/downloads.toml` and `from_pretrained` with a name that is written in the file, also as a default.

    Why it matters
        The host stands in the library, so this file looks harmless alone.

    Flagged
        `embed.py`:

            from sentence_transformers import SentenceTransformer

            def encoder():
                return SentenceTransformer("sentence-transformers/all-mpnet-base-v2")

    Allowed
        `embed.py`:

            from sentence_transformers import SentenceTransformer

            def encoder(folder):
                return SentenceTransformer(folder)

    Fix
        Set `HF_HUB_OFFLINE=1` and place the model in the cache ahead of time.

    Known misses
        A library that the data file does not name.

    References
        The `source` of each entry in `vendors/downloads.toml`.
    """

    id: ClassVar[str] = "library-download"
    category: ClassVar[Category] = Category.MODEL_DOWNLOAD
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        entries = {
            call: entry
            for entry in scene.vendors.downloads
            if entry.fetches in ("model", "data")
            for call in entry.calls
        }
        tails = {name.rpartition(".")[2] for name in (*entries, *_FROM_HUB)}
        for module in scene.program.active:
            if not _may_name(module, tails):
                continue
            for call in module.facts.calls:
                if call.idle or not _may_fetch(module, call, tails):
                    continue
                for target in scene.evaluator.targets(module, call):
                    root = target.partition(".")[0]
                    if "." not in target or root in scene.program.tops:
                        continue
                    entry = entries.get(target)
                    if (entry is None and not target.endswith(_FROM_HUB)) or not scene.graph.is_loaded(module):
                        continue
                    if entry is not None:
                        yield from _listed(scene, module, call, entry)
                    elif target.endswith(_FROM_HUB) and root in _HUBS:
                        yield from _hub(scene, module, call, "huggingface.co")
        yield from _from_zoo(scene)


def _from_zoo(scene: Scene) -> Iterator[Evidence]:
    """Models of a collection whose weights are fetched where an argument asks for them."""
    entries = [entry for entry in scene.vendors.downloads if entry.fetches == "pretrained"]
    roots = {name.partition(".")[0] for entry in entries for name in entry.calls}
    for module in scene.program.active:
        if module.roots.isdisjoint(roots - scene.program.tops) or not scene.graph.is_loaded(module):
            continue
        for call in module.facts.calls:
            wanted = [value for key, value in call.keywords if key in _WEIGHTS] if not call.idle else []
            if not any(_asks(module, call.scope, value) for value in wanted):
                continue
            target = scene.evaluator.absolute(module, call.function)
            for entry in entries:
                if target.startswith(entry.calls):
                    yield _evidence(scene, module, call, entry.host, 0.7, None, on=not scene.is_chosen(module.path))


def _asks(module: Module, scope: int, node: Expression, depth: int = 0) -> bool:
    """Whether an argument asks for weights: true, the name of some, or a parameter that is so by default."""
    if node[0] == "n" and depth < 3:
        number = module.function_of(scope)
        given = [default for name, default in module.facts.scopes[number].params if name == node[1]]
        bound = [binding.value for binding in module.bindings.get((number, node[1]), ())]
        return any(_asks(module, scope, value, depth + 1) for value in (*given, *bound) if value is not None)
    if node[0] == "x":
        return _asks(module, scope, node[1], depth)
    return (
        (node[0] == "k" and node[1] is True) or (node[0] == "s" and bool(node[1])) or bool(_ENUM.search(tail_of(node)))
    )


def _may_name(module: Module, tails: set[str]) -> bool:
    """Whether a module calls, imports or binds one of some last names."""
    return (
        not tails.isdisjoint(module.tails)
        or any(name.rpartition(".")[2] in tails for name in module.imports.values())
        or any(
            tail_of(value) in tails
            for binding in module.facts.bindings
            for value in (binding.value[2] if binding.value[0] == "o" else (binding.value,))
        )
    )


def _may_fetch(module: Module, call: Call, tails: set[str]) -> bool:
    """Whether a call ends in one of some names, or in a local name that may stand for one."""
    is_local = call.function[0] == "n" and call.function[1] not in module.imports
    return is_local or module.last_name(call) in tails


def _listed(scene: Scene, module: Module, call: Call, entry: DownloadEntry) -> Iterator[Evidence]:
    values = _values(scene, module, call)
    found = [(address.host, value) for value in values for address in addresses(value.text)]
    if entry.host == "huggingface.co":
        yield from _hub(scene, module, call, entry.host)
    elif entry.host or found:
        host, source = found[0] if found else (entry.host, None)
        yield _evidence(scene, module, call, host, 0.75, source, on=not scene.is_chosen(module.path))


def _hub(scene: Scene, module: Module, call: Call, host: str) -> Iterator[Evidence]:
    nodes = [*call.arguments[:1], *(value for key, value in call.keywords if key in _NAMED)]
    values = [value for node in nodes for value in scene.arguments.texts(module, node, call.scope)]
    named = [
        value for value in values if _MODEL.match(value.text) and "\0" not in value.text[:3] and len(value.text) > 3
    ]
    on = not _is_asked(scene, module, call) and (
        not scene.is_chosen_at(module, call.scope) or _is_default(scene, module, call)
    )
    if named:
        yield _evidence(scene, module, call, host, 0.75, named[0], on=on)
    else:
        first = nodes[0] if nodes else ("?",)
        fetches = tail_of(call.function) in _DIRECT and not scene.is_chosen(module.path)
        fetches = fetches and on and not scene.arguments.is_given(module, first, call.scope)
        yield _evidence(scene, module, call, host, 0.5 if fetches else 0.4, None, on=fetches)


def _is_asked(scene: Scene, module: Module, call: Call) -> bool:
    """Whether one command of several leads there, which its user has to name."""
    chain = scene.graph.chain(module, call.scope, 3)
    return any(scene.graph.is_subcommand(used, scope) for used, scope, _ in chain if scope)


def _is_default(scene: Scene, module: Module, call: Call) -> bool:
    """Whether the class around is what the package takes when nothing is chosen: some parameter has it as its default."""
    owner = module.class_of(call.scope)
    if not owner:
        return False
    name = module.facts.scopes[owner].name
    if any(tail == name or name in written for tail, written in scene.alternatives.made_defaults):
        return True
    return "default" in name.lower()


def _values(scene: Scene, module: Module, call: Call) -> list[Value]:
    return [
        value
        for node in (*call.arguments, *(value for _, value in call.keywords))
        for value in scene.evaluator.values(module, node, call.scope)
    ]


def _evidence(
    scene: Scene, module: Module, call: Call, host: str, weight: float, source: Value | None, *, on: bool
) -> Evidence:
    root = next(iter(scene.evaluator.targets(module, call)), "").partition(".")[0]
    known = bool(scene.vendors.library_switches(root, Category.MODEL_DOWNLOAD))
    library = root if known else "huggingface_hub" if host == "huggingface.co" else ""
    return Evidence(
        host=host, path=module.path, line=call.line, weight=weight if on else min(weight, 0.5), on=on, module=module, scope=call.scope, guard=call.guard,
        constant=Place(file=source.path, line=source.line) if source is not None and source.line else None,
        message=f"The package has a library download a model or data from {host}.",
        remedy="Place the model in the library's cache ahead of time and set the library to offline.",
        library=library,
    )  # fmt: skip
