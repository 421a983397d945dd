"""Rule ``runtime-install``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Severity
from noegress.scan.facts.address import addresses
from noegress.scan.facts.facts import Expression
from noegress.scan.program.module import Module, tail_of
from noegress.scan.rule import Rule
from noegress.scan.scene.commands import Command
from noegress.scan.scene.scene import Evidence, Scene

INDEX = "pypi." + "org"
_INSTALLS = re.compile(
    r"\bpip3?\b.* install |\buv\b.* (pip install|add|tool install|tool upgrade|self update|python install|sync) |\bpipx\b.* (upgrade|install|reinstall) |\b(conda|mamba|micromamba)\b.* (install|update|upgrade) |\bbrew (install|upgrade) |"
    r"\bpoetry\b.* (self update|add) |ensurepip.* --upgrade|apt(-get)? install |\bpip3?\b.* download "
)
_UPGRADES = re.compile(r" (--upgrade|-U|upgrade|update|self update|--force-reinstall) ")
_ASKED = re.compile(
    r"(\A|[_. ])(upgrade|update|self_?update|install|cmd|command|setup|deploy|build|create|venv|bootstrap|init)",
    re.IGNORECASE,
)
_UNASKED = re.compile(
    r"auto|check_?req|ensure|missing|background|periodic|maybe|try_?(import|install)|install_if|import_or|lazy|(check|need|verify|satisf)\w*require|(check|need|verify|missing|ensure)\w*_dep|optional|trigger|seed|bundle|import_?(with|and)|not_?installed|"
    r"attempt|pip_?import|safe_?import|install_and_import|import_?or_?install",
    re.IGNORECASE,
)
_CHECKS = re.compile(r"check_?(for_?)?(new_?)?(updates?|versions?|upgrades?)\Z", re.IGNORECASE)
_QUESTIONS = frozenset(("input", "confirm", "prompt", "ask", "askyesno", "yes_no", "Confirm"))
_BEHIND = re.compile(r"(periodic|auto|background)_?update|trigger_update", re.IGNORECASE)
_AUTOMATIC = re.compile(r"AUTO_?(UPGRADE|UPDATE|INSTALL)|(DISABLE|NO|SKIP)_\w*(UPGRADE|UPDATE|INSTALL)S?\Z")
_INSTALLERS = (
    "check_requirements",
    "ensure_package",
    "ensure_installed",
    "install_if_missing",
    "try_import_or_install",
    "import_or_install",
    "auto_install",
    "pip_install",
    "install_missing",
)
_MISSING = re.compile(
    r" (ImportError|ModuleNotFoundError|PackageNotFoundError|DistributionNotFound|find_spec|find_loader|which|is_(\w+_)?installed|\w+_is_installed) "
)
_LOOKS = frozenset(("find_spec", "find_loader", "is_installed"))
_REQUIREMENT = re.compile(r"\A[A-Za-z][\w.-]+(\[[\w,-]+\])?(\s*[=<>~!]=?.*)?\Z")
_TOOL_WORDS = frozenset(
    [
        "pip",
        "pip3",
        "install",
        "uv",
        "uvx",
        "python",
        "python3",
        "tool",
        "m",
        "-m",
        "upgrade",
        "conda",
        "mamba",
        "brew",
        "sync",
        "add",
        "download",
        "update",
        "self",
        "poetry",
        "pipx",
        "main",
        "apt",
        "apt-get",
        "sudo",
        "exec",
    ]
)
_TOOLS_OWN = re.compile(
    r"(\A|_|-|\.)(pip|pipx|uv|pdm|poetry|hatch|hatchling|build|virtualenv|tox|nox|conda|installer|venv|env_?manager|micropip|pipenv|rye|pixi|flit|pyproject-hooks|cibuildwheel|builder|packag\w+)(\Z|_|-|\.)",
    re.IGNORECASE,
)


class RuntimeInstall(Rule):
    """The package installs or upgrades distributions while it runs.

    What it does
        Finds commands of pip, uv, pipx, conda and their like. It is on by default where the code around says that nobody asked (a check of
        requirements, an import that is mended by installing) or where the package upgrades itself unasked; an explicit `upgrade` command
        and a front end whose purpose is installing are told as off.

    Why it matters
        What was admitted is replaced by what was not, from an index that the code may choose.

    Flagged
        `deps.py`:

            import subprocess, sys

            def ensure_dependency(name):
                try:
                    __import__(name)
                except ImportError:
                    subprocess.check_call([sys.executable, "-m", "pip", "install", name])

    Allowed
        `deps.py`:

            def explain(name):
                raise ImportError(f"{name} is missing: run pip install {name}")

    Fix
        Install what it wants ahead of time, set its switch, or keep the package out.

    Known misses
        An installer that is called through a dependency.

    References
        The manual of pip: `pip install`.
    """

    id: ClassVar[str] = "runtime-install"
    category: ClassVar[Category] = Category.SELF_UPDATE
    severity: ClassVar[Severity] = Severity.HIGH
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        yield from _by_library(scene)
        for command in scene.commands:
            yield from _detached(scene, command)
            if _INSTALLS.search(command.line) and scene.graph.is_loaded(command.module) and _is_run(command):
                weight, on = _judge(scene, command)
                found = addresses(command.line)
                module, call = command.module, command.call
                yield Evidence(
                    host=found[0].host if found else INDEX, path=module.path, line=call.line, weight=weight, on=on,
                    module=module, scope=call.scope, guard=call.guard,
                    message="The package installs or upgrades distributions while it runs.",
                    remedy="Install what it wants ahead of time and set its switch, or keep the package out.",
                )  # fmt: skip


def _by_library(scene: Scene) -> Iterator[Evidence]:
    """Functions of other distributions whose name says that they install what is missing."""
    listed = {name for entry in scene.vendors.downloads if entry.fetches == "distribution" for name in entry.calls}
    for module, call in scene.calls(*_INSTALLERS, *(name.rpartition(".")[2] for name in listed)):
        target = scene.evaluator.absolute(module, call.function)
        root, dot, _ = target.partition(".")
        if not (target in listed or tail_of(call.function) in _INSTALLERS):
            continue
        if dot and root in module.roots - scene.program.tops and scene.graph.is_loaded(module):
            yield Evidence(
                host=INDEX, path=module.path, line=call.line, weight=0.6, on=not scene.is_chosen(module.path),
                module=module, scope=call.scope, guard=call.guard,
                message=f"The package has {root} install what is missing while it runs.",
                remedy="Install what it wants ahead of time and set its switch, or keep the package out.",
            )  # fmt: skip


def _is_mended(scene: Scene, command: Command) -> bool:
    """Whether it stands where an import has failed or a tool was not found, here or around a call of the function."""
    module, call = command.module, command.call
    places = [(module, call.guard)]
    places += [
        (used, each.guard) for used, _, each in scene.graph.chain(module, call.scope, 1)[1:8] if each is not None
    ]
    if any(
        _LOOKS & scene.source_names(used, inner) for used, inner, _ in scene.graph.chain(module, call.scope, 1)[1:8]
    ):
        return True
    return any(
        _MISSING.search(_named(used, used.facts.guards[guard].test))
        for used, guard in places
        for guard in _around(used, guard)
    )


def _around(module: Module, guard: int) -> Iterator[int]:
    while guard >= 0:
        yield guard
        guard = module.facts.guards[guard].parent


def _named(module: Module, node: Expression) -> str:
    """The names that a condition is made of."""
    if node[0] == "n":
        return f" {node[1]} "
    if node[0] == "a":
        return f"{_named(module, node[1])} {node[2]} "
    if node[0] == "c":
        call = module.facts.calls[node[1]]
        return _named(module, call.function)
    return " ".join(
        _named(module, part)
        for part in node[1:]
        if isinstance(part, (list, tuple)) and part and isinstance(part[0], str)
    )


def _asks(scene: Scene, command: Command) -> bool:
    """Whether the function asks its user first."""
    return bool(scene.source_names(command.module, command.call.scope) & _QUESTIONS)


def _is_switched_off(scene: Scene, command: Command) -> bool:
    """Whether a variable that speaks of doing it automatically decides: then it is done unless somebody objects."""
    call = command.call
    found = scene.switches.deciding(command.module, call.scope, call.guard, Category.SELF_UPDATE, on=False)
    return any(_AUTOMATIC.search(switch.name) for switch in found)


def _detached(scene: Scene, command: Command) -> Iterator[Evidence]:
    """A process of its own that updates behind the user's back."""
    module, call = command.module, command.call
    names = f"{module.quals[call.scope]} {module.name.rpartition('.')[2]}"
    if tail_of(call.function) == "Popen" and _BEHIND.search(names) and scene.graph.is_loaded(module):
        yield Evidence(
            host="", path=module.path, line=call.line, weight=0.6, on=True, module=module, scope=call.scope, guard=call.guard,
            message="The package starts a process in the background that fetches newer versions.",
        )  # fmt: skip


def _is_run(command: Command) -> bool:
    """A message that tells the user to install something is no command: a command is a list, or a text that begins with the tool."""
    first = command.words[0].strip()
    if re.search(r"\b(RUN|COPY|--dry-run)\b", command.line):
        return False  # a line of a container's recipe, or a question
    if any(" " in word and "`" in word for word in command.words):
        return False  # prose that quotes a command
    return len(command.words) > 1 or bool(
        re.match(r"(\S*python\S*|\S*pip3?|\S*uv|sudo|conda|mamba|\*|\{|brew|apt)", first)
    )


def _judge(scene: Scene, command: Command) -> tuple[float, bool]:
    module, scope = command.module, command.call.scope
    function = module.function_of(scope)
    name = module.facts.scopes[function].name if function else ""
    owner = module.facts.scopes[module.class_of(scope)].name if module.class_of(scope) else ""
    around = f"{name} {owner} {module.name.rpartition('.')[2]}"
    if _is_switched_off(scene, command) or _is_mended(scene, command):
        return 0.75, True
    if any(_TOOLS_OWN.search(own) for own in scene.own_names):
        return (
            (0.55, True)
            if re.search(r"auto_?update|periodic|background|trigger", around, re.IGNORECASE)
            else (0.4, False)
        )
    own = any(
        re.search(rf"(?<![\w.-]){re.escape(other)}(?![\w-])", command.line.lower().replace("_", "-"))
        for other in scene.own_names
    )
    callers = " ".join(used.facts.scopes[inner].name for used, inner, _ in scene.graph.chain(module, scope, 2)[1:8])
    unasked = bool(_UNASKED.search(around) or _UNASKED.search(callers)) or _is_mended(scene, command)
    asked = scene.graph.is_command(module, function) or (bool(_ASKED.search(name)) and not unasked)
    if scene.is_chosen(module.path):
        return 0.4, False
    if own:
        asked = asked and (not _CHECKS.search(name) or _asks(scene, command))
        return (0.6, False) if asked or not _UPGRADES.search(command.line) else (0.85, True)
    if function == 0:
        return 0.7, True
    if unasked and not scene.graph.is_command(module, function):
        return 0.75, True
    literal = [
        word
        for word in command.words
        if _REQUIREMENT.match(word) and word not in _TOOL_WORDS and not word.startswith("-")
    ]
    return (0.45, False) if literal or asked else (0.4, False)
