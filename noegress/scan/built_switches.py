"""Names of switches that no line of a file spells out: a prefix and the name of an option, put together when the program runs."""

import re

from noegress.finding import Basis, KillSwitch
from noegress.scan.evaluation import Evaluator
from noegress.scan.program import Module, Program, tail_of

_OFF = re.compile(
    r"DISABLE|(^|_)NO(T)?(_|$)|OPT_?OUT|OFFLINE|DO_NOT_TRACK|SKIP|AVOID|SUPPRESS|IGNORE|WITHOUT|LOCAL_|^CI$|PREVENT|_OFF$|HIDE|QUIET|SILENT|BLOCK"
)
_OPTION = re.compile(r"\A[a-z][A-Za-z0-9]*([._-][A-Za-z0-9]+)*\Z")
_THEME = re.compile(
    r"telemetry|usage_?stats|analytics|check_?(for_?)?updates?|update_?check|version_?check|check_?version|tracking|anonymous|send_?(stats|usage|metrics)|auto_?install|auto_?update|offline|crash_?report|error_?report",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"\A[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_\Z")
_KEYWORDS = ("env_prefix", "envvar_prefix", "auto_envvar_prefix", "envvar_prefix_for_dynaconf")
MAX_BUILT = 12


def switch_value(name: str) -> str:
    """The value that turns a call off, as the name suggests it."""
    return "1" if _OFF.search(name) else "0"


def built_switches(program: Program, evaluator: Evaluator) -> list[KillSwitch]:
    """Prefixes of the file joined with its options that speak of telemetry, updates or going offline."""
    prefixes = _prefixes(program, evaluator)
    if not prefixes:
        return []
    found: dict[str, KillSwitch] = {}
    for module in program.active:
        for option, line in _options(module):
            for prefix in sorted(prefixes)[:2]:
                name = _joined(prefix, option)
                found.setdefault(
                    name,
                    KillSwitch(
                        name=name, value=switch_value(name), basis=Basis.INFERRED, source=f"{module.path}:{line}"
                    ),
                )
        if len(found) > MAX_BUILT:
            break
    return list(found.values())


def _prefixes(program: Program, evaluator: Evaluator) -> set[str]:
    found = set()
    for module in program.active:
        for call in module.facts.calls:
            for keyword, node in call.keywords:
                if keyword in _KEYWORDS:
                    found |= {
                        value.text.upper().rstrip("_") + "_" for value in evaluator.values(module, node, call.scope)[:2]
                    }
        for (_, name), bound in module.bindings.items():
            if name in _KEYWORDS:
                found |= {
                    value.text.upper().rstrip("_") + "_"
                    for value in evaluator.values(module, bound[0].value, bound[0].scope)[:2]
                }
        if "upper" in module.tails and any(
            "environ" in text.context or tail_of(call.function) in ("getenv", "get")
            for text in module.facts.texts[:1]
            for call in module.facts.calls
        ):
            found |= {text.text for text in module.facts.texts if _PREFIX.match(text.text)}
    return {prefix for prefix in found if _PREFIX.match(prefix)}


def _options(module: Module) -> list[tuple[str, int]]:
    """Option names on theme: strings that are handed to a call, and fields of classes."""
    found = [
        (text.text, text.line)
        for text in module.facts.texts
        if len(text.text) < 60 and _OPTION.match(text.text) and _THEME.search(text.text)
    ]
    for number, scope in enumerate(module.facts.scopes):
        if scope.kind == "class":
            found += [
                (binding.name, binding.line)
                for binding in module.facts.bindings
                if binding.owner == number and _OPTION.match(binding.name) and _THEME.search(binding.name)
            ]
    return found


def _joined(prefix: str, option: str) -> str:
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", option)
    name = re.sub(r"[.-]", "_", name).upper()
    return name if name.startswith(prefix) else prefix + name
