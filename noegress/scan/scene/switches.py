"""Kill switches: environment variables whose reading decides whether a call is reached, and those known from the data files."""

import re
from collections.abc import Iterator

from noegress.finding import Basis, KillSwitch
from noegress.scan.facts.facts import Binding, Expression, Guard
from noegress.scan.program.built_switches import built_switches, settings_fields, switch_value
from noegress.scan.program.callgraph import CallGraph
from noegress.scan.program.evaluation import Evaluator
from noegress.scan.program.module import Module, is_own, tail_of
from noegress.scan.program.program import Program
from noegress.scan.program.variables import VariableReader, is_switch_name

THEMES = {
    "telemetry": re.compile(
        r"TELEMETRY|ANALYTIC|TRACK|USAGE|STATS|METRICS|ANONYM|SENTRY|POSTHOG|CRASH|ERROR_REPORT|OPT_?OUT|SCARF|REPORTING|DIAGNOSTIC|PHONE|AMPLITUDE|SEGMENT"
    ),
    "update-check": re.compile(r"DO_NOT_TRACK|UPDATE|UPGRADE|VERSION|OUTDATED|NOTIF|LATEST|NEWS|ANNOUNCE"),
    "self-update": re.compile(r"UPDATE|UPGRADE|INSTALL|DOWNLOAD"),
    "remote-code": re.compile(r"REMOTE|TRUST|DOWNLOAD|INSTALL|SKIP"),
    "model-download": re.compile(r"DOWNLOAD|LOCAL_MODEL|_LOCAL_|REMOTE|FETCH|OFFLINE"),
    "hosted-embedding": re.compile(r"EMBED"),
}
_ALWAYS = re.compile(r"OFFLINE|AIR_?GAP|NO_NETWORK|NO_INTERNET|DISABLE_NETWORK")
MAX_STEPS = 600
MAX_GUARDS = 100  # of one place, and of one function
_NAMED_AFTER = {
    "telemetry": re.compile(
        r"TELEMETRY|ANALYTIC|DO_NOT_TRACK|TRACKING|USAGE|ANONYM|SENTRY|POSTHOG|CRASH_REPORT|ERROR_REPORT|OPT_?OUT|SCARF|_STATS(_|\Z)|DISABLE_TRACK|METRICS_(ENABLED?|DISABLED?|OPT)|(ENABLE|DISABLE|SEND|NO)_METRICS"
    ),
    "update-check": re.compile(
        r"UPDATE_?CHECK|CHECK_?(FOR_?)?UPDATE|VERSION_?CHECK|CHECK_?VERSION|NO_UPDATE|UPDATE_NOTIF|CHECK_LATEST|UPGRADE_CHECK|DISABLE_UPDATE|SKIP_UPDATE|_NEWS|PERIODIC_UPDATE"
    ),
    "self-update": re.compile(r"AUTO_?(INSTALL|UPDATE|UPGRADE)|NO_UPDATE|PERIODIC_UPDATE|DISABLE_UPDATE|SKIP_INSTALL"),
    "model-download": re.compile(
        r"(\A|_)OFFLINE(_MODE)?\Z|(NO|DISABLE|SKIP|AVOID|ALLOW|ENABLE|AUTO)_((MODEL|AUTO|DATA|WEIGHTS?)_)?DOWNLOADS?\Z|(\A|_)DOWNLOADS?_(DISABLED|ENABLED)"
    ),
}
_DECIDES = re.compile(
    r"DISABLE|ENABLE|(\A|_)NO(T)?(_|\Z)|SKIP|OPT_?(IN|OUT)|ALLOW|AUTO|\ACI\Z|_OFF\Z|_ON\Z|SUPPRESS|HIDE|AVOID|IGNORE"
)
_BUILT_FOR = ("telemetry", "update-check")  # what projects have an option for, whose name says so
_ANYBODYS = frozenset(("DO_NOT_TRACK", "SCARF_NO_ANALYTICS", "ANONYMIZED_TELEMETRY", "HF_HUB_OFFLINE"))
# words that name no project
_PLAIN = re.compile(
    r"((ALLOW|ANALYTICS|ANONYM\w+|AUTO|CHECKS?|CRASH|DATA|DISABLED?|DO|DOWNLOADS?|ENABLED?|ERROR|FOR|LATEST|MODE|MODELS?|NETWORK|NOT?|OFF|OFFLINE|OPT|OPTOUT|OUT|REPORT(S|ING)?|"
    r"SEND|SKIP|STATS|TELEMETRY|TRACK(ING)?|UPDATES?|USAGE|VERSION)(_|\Z))+"
)
_REPORTS = re.compile(r"SENTRY|CRASH|ERROR|EXCEPTION|BUGSNAG|ROLLBAR")
_CLEAR = re.compile(r"DISABLE|NO_|ENABLE|OPT_?OUT|DO_NOT|OFFLINE|SEND_|OFF\Z|ANONYM")


class SwitchFinder:
    """Which variables decide about a place."""

    def __init__(self, program: Program, evaluator: Evaluator, graph: CallGraph) -> None:
        self.program = program
        self.evaluator = evaluator
        self.graph = graph
        self.variables = VariableReader(program, evaluator)
        self._reads: dict[str, KillSwitch] | None = None
        self._built: list[KillSwitch] | None = None
        self._written: list[KillSwitch] | None = None
        self._fields: dict[str, KillSwitch] | None = None
        self._own = tuple(f"{top.upper()}_" for top in program.tops if len(top) > 2)
        self._own_words = {word.upper() for top in program.tops for word in top.split("_") if len(word) > 2}

    def deciding(
        self, module: Module, scope: int, guard: int, category: str, *, on: bool, near: str = ""
    ) -> list[KillSwitch]:
        """At most three, the strongest first: those on theme that dominate the place, then a guard right at it.

        ``near`` is what is called, by which one of several variables of the category is told.
        """
        theme = THEMES.get(category, THEMES["telemetry"])
        ranked: list[tuple[int, int, KillSwitch]] = []
        for order, (name, (switch, hops)) in enumerate(self._dominating(module, scope, guard).items()):
            if theme.search(name) or _ALWAYS.search(name):
                ranked.append((hops + 5 * (not theme.search(name)), order, switch))
            elif on and hops == 0 and _DECIDES.search(name):
                ranked.append((20, order, switch))
        if not ranked or ranked[0][0] >= 20:
            themed = self.themed(category, near) if on else []
            ranked += [(15, order, switch) for order, switch in enumerate(themed)]
        best = sorted(ranked, key=lambda row: row[:2])
        found = [switch for rank, _, switch in best if rank < 20 or rank == best[0][0]]
        clear = [switch for switch in found if _CLEAR.search(switch.name)]
        return (clear or found)[:3]  # beside one that says that it turns something off, no setting of how it is done

    def themed(self, category: str, near: str = "") -> list[KillSwitch]:
        """What the file reads or builds elsewhere that is named after the category: one, at most two."""
        theme = _NAMED_AFTER.get(category)
        if theme is None:
            return []
        found = [switch for name, switch in self.reads().items() if theme.search(name)]
        found = found or [switch for switch in self.written() if theme.search(switch.name)]
        if category in _BUILT_FOR:
            found = found or [switch for switch in self.built() if theme.search(switch.name)]
        reports = bool(_REPORTS.search(near.upper()))
        found.sort(key=lambda switch: (bool(_REPORTS.search(switch.name)) != reports, not _CLEAR.search(switch.name)))
        return found[: 1 if found and _CLEAR.search(found[0].name) else 2]

    def _is_own(self, name: str) -> bool:
        """Whether a name speaks of the project, or of no project."""
        words = set(name.split("_"))
        return name.startswith(self._own) or bool(words & self._own_words) or bool(_PLAIN.fullmatch(name))

    def written(self) -> list[KillSwitch]:
        """Names that stand as a constant or a settings field of their own, for a reader that this scan does not follow."""
        if self._written is None:
            found: dict[str, KillSwitch] = {}
            for module in self.program.active:
                rows = [(text.text, text.line) for text in module.facts.texts if text.text.isupper() and not text.idle]
                rows += [
                    (binding.name, binding.line)
                    for binding in module.facts.bindings
                    if binding.owner and binding.name.isupper()
                ]
                for name, line in rows:
                    if is_switch_name(name) and (name in _ANYBODYS or self._is_own(name)):
                        source = f"{module.path}:{line}"
                        found.setdefault(
                            name, KillSwitch(name=name, value=switch_value(name), basis=Basis.INFERRED, source=source)
                        )
            self._written = list(found.values())
        return self._written

    def built(self) -> list[KillSwitch]:
        """Names that are put together at run time: a prefix and the upper-cased name of an option or a settings field."""
        if self._built is None:
            self._built = built_switches(self.program, self.evaluator)
        return self._built

    def reads(self) -> dict[str, KillSwitch]:
        """Every variable that the file reads, by name."""
        if self._reads is None:
            self._reads = {}
            for module in self.program.active:
                for call in module.facts.calls:
                    for switch in self.variables.read_by(module, call):
                        self._reads.setdefault(switch.name, switch)
        return self._reads

    def _dominating(self, module: Module, scope: int, guard: int) -> dict[str, tuple[KillSwitch, int]]:
        """Variables read in the guards of the place and of its callers, three calls up, with the number of calls between."""
        found: dict[str, tuple[KillSwitch, int]] = {}
        seen: set[tuple[str, int]] = set()

        def note(switches: Iterator[KillSwitch], hops: int) -> None:
            for switch in switches:
                found.setdefault(switch.name, (switch, hops))

        note(self._guards(module, guard, seen), 0)
        function = module.function_of(scope)
        if function:
            note(self._inside(module, function, seen, 0), 1)
        else:
            note(self._module_level(module, seen), 1)
        for used, outer, call in self.graph.chain(module, scope, 3)[1:25]:
            if call is not None:
                note(self._guards(used, call.guard, seen), 2)
            if outer:
                note(self._inside(used, outer, seen, 1), 3)
        return found

    def _module_level(self, module: Module, seen: set[tuple[str, int]]) -> Iterator[KillSwitch]:
        del seen
        for call in module.calls_in(0):
            if call.scope == 0:
                yield from self.variables.read_by(module, call)

    def _guards(self, module: Module, guard: int, seen: set[tuple[str, int]]) -> Iterator[KillSwitch]:
        for row in _around(module, guard):
            yield from self._in_expression(module, row.test, row.scope, seen, 0)

    def _inside(self, module: Module, scope: int, seen: set[tuple[str, int]], depth: int) -> Iterator[KillSwitch]:
        """Every variable that is read inside a function, and in the conditions of it."""
        if (module.path, scope) in seen or len(seen) > MAX_STEPS or depth > 4:
            return
        seen.add((module.path, scope))
        for call in module.calls_in(scope):
            yield from self.variables.read_by(module, call)
        for row in module.guards_in(scope)[:MAX_GUARDS]:
            yield from self._in_expression(module, row.test, row.scope, seen, depth + 1)
        for value in module.returns.get(scope, ()):
            yield from self._in_expression(module, value, scope, seen, depth + 1)

    def _in_expression(
        self, module: Module, node: Expression, scope: int, seen: set[tuple[str, int]], depth: int
    ) -> Iterator[KillSwitch]:
        if depth > 6 or len(seen) > MAX_STEPS:
            return
        tag = node[0]
        if tag == "c":
            call = module.facts.calls[node[1]]
            yield from self.variables.read_by(module, call)
            for argument in (*call.arguments, *(value for _, value in call.keywords)):
                yield from self._in_expression(module, argument, scope, seen, depth + 1)
            if call.function[0] == "a":
                yield from self._in_expression(module, call.function[1], scope, seen, depth + 1)
            target = self.evaluator.function(module, call)
            if target is not None:
                yield from self._inside(*target, seen, depth + 1)
        elif tag in ("n", "a"):
            yield from self._in_name(module, node, scope, seen, depth)
        elif tag in ("u", "i", "f"):
            yield from self._in_expression(module, node[1], scope, seen, depth + 1)
        elif tag in ("m", "b"):
            yield from self._in_expression(module, node[2], scope, seen, depth + 1)
            yield from self._in_expression(module, node[3], scope, seen, depth + 1)
        elif tag in ("o", "l"):
            for part in node[2] if tag == "o" else node[1]:
                yield from self._in_expression(module, part, scope, seen, depth + 1)
            if tag == "o" and len(node) > 3:
                yield from self._in_expression(module, node[3], scope, seen, depth + 1)
        elif tag == "x":
            yield from self._in_expression(module, node[1], scope, seen, depth + 1)

    def _in_name(
        self, module: Module, node: Expression, scope: int, seen: set[tuple[str, int]], depth: int
    ) -> Iterator[KillSwitch]:
        named = self._named(module, node)
        for owner, binding in self._bindings(module, node, scope):
            key = (owner.path, -2 - id(binding.value))
            if key not in seen:
                seen.add(key)
                for switch in self._in_expression(owner, binding.value, binding.scope, seen, depth + 1):
                    named = None
                    yield switch
                yield from self._guards_shallow(owner, binding.guard, seen, depth)
        if named is not None:
            yield named
        if is_own(node):
            method = module.functions.get(f"{module.quals[module.class_of(scope)]}.{node[2]}")
            if method is not None:  # a property
                yield from self._inside(module, method, seen, depth + 1)

    def _named(self, module: Module, node: Expression) -> KillSwitch | None:
        """What a name says by itself: the field of a settings class, or a constant named as the project names its variables."""
        name = tail_of(node)
        if node[0] == "a" and (field := self.fields().get(name)) is not None:
            return field if is_switch_name(field.name) else None
        if name.startswith(self._own) and is_switch_name(name):
            plain = KillSwitch(name=name, value=switch_value(name), basis=Basis.INFERRED, source=module.path)
            return self.reads().get(name, plain)
        return None

    def fields(self) -> dict[str, KillSwitch]:
        """The variables behind the fields of settings classes."""
        if self._fields is None:
            self._fields = settings_fields(self.program, self.evaluator)
        return self._fields

    def _guards_shallow(
        self, module: Module, guard: int, seen: set[tuple[str, int]], depth: int
    ) -> Iterator[KillSwitch]:
        for row in _around(module, guard):
            yield from self._in_expression(module, row.test, row.scope, seen, depth + 2)

    def _bindings(self, module: Module, node: Expression, scope: int) -> list[tuple[Module, Binding]]:
        bound = module.bound(node, scope)
        if bound or is_own(node):
            return [(module, binding) for binding in bound[:4]]
        dotted = self.evaluator.absolute(module, node)
        symbol = self.program.lookup(dotted) if dotted else None
        if symbol is None:
            return []
        if symbol.kind == "value":
            if symbol.rest:
                owner = self.evaluator.instance(symbol.module, ("n", symbol.name), 0)
                if owner is not None:
                    number = owner.module.classes[owner.name]
                    return [
                        (owner.module, binding)
                        for binding in owner.module.bindings.get((number, symbol.rest[0]), ())[:3]
                    ]
            return [(symbol.module, binding) for binding in symbol.module.bindings[0, symbol.name][:3]]
        if symbol.kind == "member":
            number = symbol.module.classes[symbol.name]
            return [
                (symbol.module, binding) for binding in symbol.module.bindings.get((number, symbol.rest[0]), ())[:3]
            ]
        return []


def _around(module: Module, guard: int) -> Iterator[Guard]:
    """The conditions that a place stands under, the innermost first."""
    for _ in range(MAX_GUARDS):
        if guard < 0:
            return
        row = module.facts.guards[guard]
        yield row
        guard = row.parent
