"""What a rule sees of one file: its sites, calls, mentions and start-up lines, and the questions that can be asked about them."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from noegress.finding import Place, When
from noegress.scan.facts.clients import CLIENTS
from noegress.scan.facts.facts import Call, Facts, Mention
from noegress.scan.facts.vendors import VendorData, vendor_data
from noegress.scan.program.arguments import ArgumentFinder
from noegress.scan.program.callgraph import CallGraph
from noegress.scan.program.evaluation import Evaluator
from noegress.scan.program.module import Module, tail_of
from noegress.scan.program.opt_in import OptIn
from noegress.scan.program.program import Program
from noegress.scan.readers.reading import parse_waiting
from noegress.scan.scene.alternatives import Alternatives
from noegress.scan.scene.commands import Command, find_commands
from noegress.scan.scene.sites import Site, SiteFinder
from noegress.scan.scene.switches import SwitchFinder

CATALOGUE_LINES = 8  # around a constant
CATALOGUE_HOSTS = 7  # other ones in those lines
_DESCRIBED = re.compile(
    r"(\A|/)(resources|types|models|api|services_api|generated|schemas|openapi|apis|_generated|endpoints|rest)/"
)


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What a rule says about one place; the engine makes the finding of it."""

    host: str
    path: str
    line: int
    weight: float
    """0 to 1: how sure the rule is that code does this."""
    on: bool
    """Whether it happens without its user asking for it."""
    message: str
    remedy: str = ""
    """One sentence; empty where the switches that are found say it."""
    module: Module | None = None
    scope: int = 0
    guard: int = -1
    constant: Place | None = None
    when: When | None = None
    library: str = ""
    """The library whose known switches apply as well."""
    variables: tuple[str, ...] = ()
    """Names of switches that the evidence itself carries, as native strings do."""


@dataclass(slots=True)
class Words:
    """The names around a site, which say what it is for."""

    function: str
    owner: str
    module: str
    tail: str
    callers: str

    @property
    def near(self) -> str:
        return f"{self.function} {self.owner}"

    @property
    def all(self) -> str:
        return f"{self.function} {self.owner} {self.module} {self.tail} {self.callers}"


class Scene:
    """One file, read."""

    def __init__(
        self,
        files: dict[str, Facts],
        *,
        kind: str,
        name: str,
        version: str,
        parse: Callable[[Facts], Facts] = parse_waiting,
    ) -> None:
        self.files = files
        self.kind = kind
        self.name = name
        self.version = version
        self.program = Program(files, name, parse)
        self.evaluator = Evaluator(self.program)
        self.graph = CallGraph(self.program, self.evaluator)
        self.alternatives = Alternatives(self.graph)
        self.opt_in = OptIn(self.graph)
        self.arguments = ArgumentFinder(self.evaluator, self.graph)
        self.switches = SwitchFinder(self.program, self.evaluator, self.graph)
        self.vendors: VendorData = vendor_data()
        self._words: dict[tuple[str, int, str], Words] = {}
        self._sending: dict[str, bool] = {}
        self._defaults: dict[str, dict[tuple[int, str], int]] = {}
        self._names: dict[tuple[str, int], frozenset[str]] = {}

    @cached_property
    def commands(self) -> list[Command]:
        """The calls that run a command, with its words."""
        return list(find_commands(self.evaluator))

    @cached_property
    def sites(self) -> list[Site]:
        return SiteFinder(self.program, self.evaluator, self.graph).find()

    def sites_in(self, module: Module, function: int) -> list[Site]:
        """The sites inside a function, in their order."""
        return self._sites_by_function.get((module.path, function), [])

    @cached_property
    def _sites_by_function(self) -> dict[tuple[str, int], list[Site]]:
        found: dict[tuple[str, int], list[Site]] = {}
        for site in self.sites:
            found.setdefault((site.module.path, site.module.function_of(site.scope)), []).append(site)
        return found

    @cached_property
    def called(self) -> set[tuple[str, str, str]]:
        """The file, the host and the path, without a question, of every address that is seen to reach a call."""
        return {
            (site.module.path, site.host, re.split(r"[?#&=]", site.address.path)[0])
            for site in self.sites
            if site.kind == "call"
        }

    @cached_property
    def fetching(self) -> set[tuple[str, int]]:
        """Path and number of the functions that call the network."""
        return {key for key, sites in self._sites_by_function.items() if any(site.sure for site in sites)}

    @cached_property
    def own_names(self) -> frozenset[str]:
        """The project and its top packages, normalised."""
        return frozenset(re.sub(r"[-_.]+", "-", name.lower()) for name in (self.name, *self.program.tops) if name)

    def mentions(self, *readers: str) -> Iterator[tuple[str, Facts, Mention]]:
        """Addresses in members that are no Python, by the readers that found them; tests and documentation are left out."""
        for path, facts in self.files.items():
            if facts.reader in readers and facts.mentions and path not in self.program.aside:
                for mention in facts.mentions:
                    yield path, facts, mention

    def calls(self, *names: str) -> Iterator[tuple[Module, Call]]:
        """Calls by the last name of what is called."""
        for module in self.program.active:
            for name in names:
                for call in module.tails.get(name, ()):
                    if not call.idle:
                        yield module, call

    def words(self, site: Site) -> Words:
        scope = self.scope_of(site)
        key = (site.module.path, scope, site.tail)
        if key not in self._words:
            module = site.module
            function = module.function_of(scope)
            owner = module.class_of(scope)
            names = (
                {used.facts.scopes[scope].name for used, scope, _ in self.graph.chain(module, scope, 2)[1:12]}
                if function
                else set()
            )
            self._words[key] = Words(
                module.facts.scopes[function].name if function else "",
                module.facts.scopes[owner].name if owner else "",
                module.name.partition(".")[2].rpartition(".")[2],
                site.tail,
                " ".join(sorted(names)),
            )
        return self._words[key]

    def scope_of(self, site: Site) -> int:
        """The scope that a site belongs to: a constant that is the default of a parameter belongs to its function."""
        if site.kind != "text":
            return site.scope
        path = site.module.path
        if path not in self._defaults:
            self._defaults[path] = {
                (default[2], default[1]): number
                for number, scope in enumerate(site.module.facts.scopes)
                for _, default in scope.params
                if default is not None and default[0] == "s" and scope.kind == "function"
            }
        return self._defaults[path].get((site.line, site.text), site.scope)

    def is_chosen(self, path: str) -> bool:
        """Whether code at a path runs only when it is picked, see ``Alternatives``."""
        return self.alternatives.is_chosen(path)

    def is_chosen_at(self, module: Module, scope: int) -> bool:
        """As ``is_chosen``, but not where a class or function called a default leads to the place."""
        return self.alternatives.is_chosen_at(module, scope)

    def is_vendors_alternative(self, path: str) -> bool:
        """Whether a module is one of several that are called after the kits that they use."""
        return self.alternatives.is_vendors_alternative(path)

    def is_named_elsewhere(self, function: str, module: Module) -> bool:
        """Whether another file calls a function of that name: one that was not parsed is no caller in the graph."""
        word = f"{function}(".encode()
        return bool(function) and any(
            facts.source.count(word) > facts.source.count(b"def " + word)
            for path, facts in self.files.items()
            if path != module.path and path not in self.program.aside
        )

    def is_own_host(self, host: str) -> bool:
        """Whether a host carries the name of the project: the kit of a vendor calls its vendor."""
        parts = set(re.split(r"[.-]", host))
        own = {part for name in self.own_names for part in (name, *name.split("-")) if len(part) > 3}
        return bool(parts & own) or any(len(part) > 5 and name.startswith(part) for part in parts for name in own)

    def is_catalogued(self, site: Site) -> bool:
        """Whether a constant is one of many addresses that stand beside one another: a catalogue says what there is, not what is asked."""
        if site.kind != "text":
            return False
        rows = self._constants.get(site.module.path, ())
        low = bisect_left(rows, (site.line - CATALOGUE_LINES, ""))
        high = bisect_left(rows, (site.line + CATALOGUE_LINES + 1, ""))
        return len({host for _, host in rows[low:high]}) > CATALOGUE_HOSTS

    @cached_property
    def _constants(self) -> dict[str, list[tuple[int, str]]]:
        """By path: line and host of every constant that holds one."""
        found: dict[str, list[tuple[int, str]]] = {}
        for site in self.sites:
            if site.kind == "text":
                found.setdefault(site.module.path, []).append((site.line, site.host))
        return {path: sorted(rows) for path, rows in found.items()}

    def is_described(self, path: str) -> bool:
        """Whether the path holds generated types and resources of an API client."""
        return bool(_DESCRIBED.search(path))

    def sends(self, module: Module) -> bool:
        """Whether a module, one it imports, or one that imports it, uses an HTTP client."""
        if module.path not in self._sending:
            clients, referred = self._clients
            self._sending[module.path] = (
                self._uses_client(module)
                or module.name in referred
                or any(ref in clients or ref.rpartition(".")[0] in clients for ref in module.references)
            )
        return self._sending[module.path]

    @cached_property
    def _clients(self) -> tuple[set[str], set[str]]:
        """The names of the modules that use a client, and every name that they refer to or that lies above one of those."""
        using = [module for module in self.program.active if self._uses_client(module)]
        referred = {
            ".".join(parts[:cut])
            for module in using
            for parts in (ref.split(".") for ref in module.references)
            for cut in range(1, len(parts) + 1)
        }
        return {module.name for module in using}, referred

    def _uses_client(self, module: Module) -> bool:
        return bool(module.roots & (CLIENTS - {"socket"}))

    def source_names(self, module: Module, scope: int) -> frozenset[str]:
        """The last names of everything called inside the function around a scope."""
        key = (module.path, module.function_of(scope))
        if key not in self._names:
            self._names[key] = frozenset(tail_of(call.function) for call in module.calls_in(key[1]))
        return self._names[key]

    def texts_in(self, module: Module, scope: int) -> list[str]:
        """The string constants inside the function around a scope."""
        return module.texts_in(module.function_of(scope))


__all__ = ["Evidence", "Scene", "Words", "field"]
