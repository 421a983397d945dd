"""Code of which its user picks one: a provider, a backend, a plugin among others in a folder of them, and which one is the default."""

import itertools
import re
from collections.abc import Iterator
from functools import cached_property

from noegress.scan.program.callgraph import CallGraph
from noegress.scan.program.module import Module, module_name, tail_of

# folders whose classes run only when their user picks them
_CHOSEN = re.compile(
    r"(\A|(?<=/))(integrations?|callbacks?|contrib|plugins?|extractors?|providers?|document_loaders|presets|adapters|loggers?|backends?|vector_?stores?|llms?|connectors?|"
    r"embeddings|embed|embedders?|chat_models|cross_encoders|retrievers|exporters?|instrumentations?|mcp|embedding_functions|llm_providers|tools|partners|community|hooks|readers|"
    r"\w+_providers|third_party|drivers|destinations|sources|toolkits?|skills|recipes|model_providers|auth_providers|rerankers?|utilities|document_compressors|graph_vectorstores|presets)(/|\Z)"
)
_PROVIDER = re.compile(r"(\A|_)(provider|backend|engine|type|kind|vendor|service)\Z")
_NAMED_PROVIDER = re.compile(rb"\b(?:\w+_)?(?:provider|backend|engine)\b[^\n=]{0,40}=\s*[^\n\"']{0,40}[\"'](\w+)[\"']")
_MADE_ELSE = re.compile(rb"=\s*[\w.]{1,80} or ([A-Z]\w{0,80})\(")
_CONFIGURES = re.compile(r"(config|settings|factory|base|__init__)\w*\.py\Z")
MANY = 6  # alternatives in a folder from which on one of them runs only when it is picked
CATALOGUE = 60  # alternatives from which on a folder is a catalogue, whoever asks for one of them
FEW = 2  # of them that one file may ask for without being their registry


class Alternatives:
    """Answers which files are one of many, by their folders, by who imports them and by what defaults name."""

    def __init__(self, graph: CallGraph) -> None:
        self.graph = graph
        self.program = graph.program
        self.evaluator = graph.evaluator
        self._chosen: dict[str, bool] = {}

    def is_chosen(self, path: str) -> bool:
        """Whether the path says that its code runs only when it is picked: one of many in a folder of alternatives."""
        if path not in self._chosen:
            many = self._is_one_of_many(path) and not self._is_wanted(path)
            self._chosen[path] = (many or self._is_of_a_kit(path)) and not self._is_default_choice(path)
        return self._chosen[path]

    def _is_of_a_kit(self, path: str) -> bool:
        """Whether it lies in a folder that is called after the kit it uses, or in one beside such that nobody else asks for."""
        return any(
            name in self._kits[outer] or not self._is_part(outer, name)
            for outer, name in _steps(path)
            if outer in self._kits
        )

    @cached_property
    def _kits(self) -> dict[str, set[str]]:
        """By what they lie in, the folders called after a distribution outside which they import, where a good part (a third) is."""
        named: dict[str, set[str]] = {}
        every: dict[str, set[str]] = {}
        for module in self.program.active:
            outside = {root.lower().replace("_", "") for root in module.roots - self.program.tops}
            for outer, name in _steps(module.path):
                every.setdefault(outer, set()).add(name)
                if outer and name.lower().replace("_", "") in outside:
                    named.setdefault(outer, set()).add(name)
        return {
            outer: names for outer, names in named.items() if len(names) >= MANY and 3 * len(names) >= len(every[outer])
        }

    def _is_part(self, outer: str, name: str) -> bool:
        """Whether a file that lies in no folder of a kit, nor in the folder itself, imports a folder beside those of the kits."""
        own, kits = f"{outer}/{name}/", self._kits[outer]
        return any(
            not path.startswith(own) and path.removeprefix(f"{outer}/").partition("/")[0] not in kits
            for path in self._importers.get((outer.rpartition("/")[2], name), ())
        )

    def _is_one_of_many(self, path: str) -> bool:
        folder, name = self._alternative(path)
        return bool(name) and len(self._siblings.get(folder, ())) >= MANY

    def _is_wanted(self, path: str) -> bool:
        """Whether a module outside of the folder asks for this one alone: then it is a part and no alternative."""
        folder, name = self._alternative(path)
        siblings = self._siblings.get(folder, set())
        dotted = f"{folder}{name}".replace("/", ".")
        if any(target == dotted or target.startswith(f"{dotted}.") for target, _, _ in self.program.entries):
            return True  # the distribution itself registers it
        if len(siblings) > CATALOGUE:
            return False
        last = folder.rstrip("/").rpartition("/")[2]
        for other in self._importers.get((last, name), ()):
            if not other.startswith(folder):
                asked = {word for word in siblings if other in self._importers.get((last, word), ())}
                if len(asked) <= FEW:
                    return True
        return False

    @cached_property
    def _importers(self) -> dict[tuple[str, str], set[str]]:
        """By a package and a module in it, last names: the files whose import lines name both."""
        found: dict[tuple[str, str], set[str]] = {}
        for path, facts in self.program.files.items():
            if path in self.program.aside:
                continue
            for word in facts.imports:
                for pair in itertools.pairwise(word.split(".")):
                    found.setdefault(pair, set()).add(path)
        return found

    def _alternative(self, path: str) -> tuple[str, str]:
        """The folder of alternatives that a path lies in, and the name of the alternative."""
        folder = self._folder(path)
        return folder, path[len(folder) :].partition("/")[0].removesuffix(".py")

    def _folder(self, path: str) -> str:
        """The first folder of alternatives above a path that holds many, else the first of all; empty where there is none."""
        folders = list(_folders(path))
        return next((each for each in folders if len(self._siblings.get(each, ())) >= MANY), (*folders, "")[0])

    @cached_property
    def _siblings(self) -> dict[str, set[str]]:
        """Of every folder of alternatives, what lies directly in it."""
        found: dict[str, set[str]] = {}
        for path in self.program.files:
            for folder in _folders(path) if path.endswith(".py") else ():
                name = path[len(folder) :].partition("/")[0].removesuffix(".py")
                if name and not name.startswith("_") and name not in ("base", "utils", "factory"):
                    found.setdefault(folder, set()).add(name)
        return found

    def _is_default_choice(self, path: str) -> bool:
        """Whether a default names the module: ``provider: str = "openai"`` and ``embeddings/openai.py``."""
        if path.rpartition("/")[2].removesuffix(".py") in self._default_names:
            return True
        module = self.program.modules.get(module_name(path)[0])
        return module is not None and not self._default_classes.isdisjoint(module.classes)

    @cached_property
    def _default_classes(self) -> frozenset[str]:
        """The classes that are made where nothing else is given, ``given or Made()``, outside of the alternatives."""
        active = self.program.active_paths
        written = {
            match[1].decode("utf-8", "surrogateescape")
            for path, facts in self.program.files.items()
            if path not in active and b" or " in facts.source and path not in self.program.aside
            if not self._is_one_of_many(path)
            for match in _MADE_ELSE.finditer(facts.source)
        }
        return frozenset(written) | frozenset(
            tail_of(module.facts.calls[part[1]].function)
            for module in self.program.active
            if not self._is_one_of_many(module.path)
            for binding in module.facts.bindings
            if binding.value[0] == "o" and binding.value[1] == "or" and len(binding.value[2]) == FEW
            for part in binding.value[2][1:]
            if part[0] == "c"
        )

    @cached_property
    def _default_names(self) -> set[str]:
        names = {
            match[1].decode("utf-8", "surrogateescape")
            for path, facts in self.program.files.items()
            if facts.source
            and path not in self.program.active_paths
            and path not in self.program.aside
            and any(word in facts.source for word in (b"provider", b"backend", b"engine"))
            for match in _NAMED_PROVIDER.finditer(facts.source)
        }
        for module in self.program.active:
            if self._is_one_of_many(module.path) and not _CONFIGURES.search(module.path):
                continue
            stem = module.name.rpartition(".")[
                2
            ]  # that a module is called as its own default is says nothing of others
            names |= {name for name in self._defaults_of(module) if name != stem}
        return names

    def _defaults_of(self, module: Module) -> Iterator[str]:
        """The names that the parameters and the class attributes of a module which speak of a provider have by default."""
        for number, scope in enumerate(module.facts.scopes):
            for param, default in scope.params:
                if default is not None and _PROVIDER.search(param):
                    yield from (value.text for value in self.evaluator.values(module, default, scope.parent))
            for name in module.bound_in(number) if scope.kind == "class" else ():
                if _PROVIDER.search(name):
                    first = module.bindings[number, name][0]
                    yield from (value.text for value in self.evaluator.values(module, first.value, first.scope))

    @cached_property
    def made_defaults(self) -> list[tuple[object, str]]:
        """The last name of what is called to make the default of a parameter, and all of it as text."""
        return [
            (function[-1], str(function))
            for module in self.program.active
            for scope in module.facts.scopes
            for _, default in scope.params
            if default is not None and default[0] == "c"
            for function in (module.facts.calls[default[1]].function,)
        ]

    def is_chosen_at(self, module: Module, scope: int) -> bool:
        """As ``is_chosen``, but not where a class or function called a default leads to the place."""
        if not self.is_chosen(module.path):
            return False
        for used, outer, _ in self.graph.chain(module, scope, 4):
            owner = used.class_of(outer)
            names = f"{used.facts.scopes[outer].name} {used.facts.scopes[owner].name if owner else ''}"
            if "default" in names.lower():
                return False
        return True

    def is_vendors_alternative(self, path: str) -> bool:
        """Whether a module is called after the kit that it uses, beside others that are called after theirs, and is no default."""
        folder = path.rpartition("/")[0] + "/"
        kit = self._kit_of(path)
        if not kit or kit in self._default_names or self._is_default_choice(path):
            return False
        beside = [
            other for other in self.program.files if other.startswith(folder) and other.count("/") == path.count("/")
        ]
        if not {self._kit_of(other) for other in beside} - {kit, ""}:
            return False
        dotted = module_name(path)[0]
        return not any(
            dotted in module.references and not module.path.startswith(folder) for module in self.program.active
        )

    def _kit_of(self, path: str) -> str:
        """The distribution outside that a module imports and is called after."""
        stem = path.rpartition("/")[2].removesuffix(".py").replace("_", "")
        roots = {word.partition(".")[0] for word in self.program.files[path].imports} - self.program.tops
        for root in sorted(roots):
            if len(root) > 3 and (root.replace("_", "") in stem or stem in root.split("_")):
                return stem if stem in root.split("_") else root
        return ""


def _folders(path: str) -> Iterator[str]:
    """The folders above a path that are named after alternatives, and the one below each, the outermost first."""
    for match in _CHOSEN.finditer(path, path.find("/") + 1):
        folder = path[: match.end(2)] + "/"
        below = path.find("/", len(folder))
        yield folder
        if below > 0:
            yield path[: below + 1]


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """Of each folder on the way to a file, what it lies in and its name."""
    parts = path.split("/")[:-1]
    return (("/".join(parts[:number]), name) for number, name in enumerate(parts))
