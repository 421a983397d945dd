"""Rule ``remote-execution``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Severity
from noegress.scan.facts.address import addresses
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.module import Module, tail_of
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

NPM = "npmjs." + "org"
INDEX = "pypi." + "org"
_PIPED = re.compile(
    r"(curl|wget|iwr|irm|Invoke-WebRequest)\b.*\|\s*(sudo\s+)?(ba|z|da)?sh\b|(ba)?sh -c .*(curl|wget)\b|\|\s*(iex|python3?)\b|bash <\(curl"
)
_RUNNERS = re.compile(r"(\A| )(npx|npx\.cmd|bunx|uvx|pnpm dlx|yarn dlx|pipx run|uv tool run|deno run|deno) ")
_NPM = re.compile(r"(\A| )(npm|npm\.cmd|yarn|pnpm|bun|bower) (install|i|add|ci) ")
_UNPACKED = re.compile(r"\b(curl|wget)\b[^|]*\|\s*(sudo\s+)?tar\b.*\bbin\b")
_CLONE = re.compile(r"\bgit\b.* clone ")
_INSTALLERS = re.compile(r"(\A| )(playwright|patchright|rebrowser-playwright|camoufox)(\.cmd)? (install|fetch)( |\Z)")
_NODE = re.compile(r"(\A| )(-m )?nodeenv( |\Z)")
_LOADERS = frozenset(
    ("import_module", "spec_from_file_location", "exec_module", "SourceFileLoader", "run_path", "load_source")
)
_FETCHERS = re.compile(
    r"(\A|_)(hf_hub_download|cached_path|cached_file|cached_download|snapshot_download|download\w*|urlretrieve|fetch\w*|retrieve|get_from_cache)\Z"
)
_WRITES = frozenset(("write", "write_text", "write_bytes", "writelines", "copyfileobj"))
_INTERPRETERS = re.compile(r"(\A|/)(ba|z|da)?sh\Z|(\A|/)(python3?|powershell|pwsh|node|perl|ruby)(\.exe)?\Z")
_SCRIPT = re.compile(r"\.py\Z")


class RemoteExecution(Rule):
    """Code from the network is executed: a piped shell, a package runner, a script that was fetched, or a hub's own code.

    What it does
        Finds shell pipes from `curl`, runners such as `npx`, files that are fetched and then run or imported, `torch.hub.load`,
        `evaluate.load` and `trust_remote_code=True`.

    Why it matters
        Whoever answers the request decides what runs.

    Flagged
        `metric.py`:

            import torch

            def model():
                return torch.hub.load("vendor/metrics", "latest")

    Allowed
        `metric.py`:

            def run(source):
                exec(source)

    Fix
        Vendor the code and pin it by digest, or keep the package out.

    Known misses
        A file that another process runs later.

    References
        CWE-494: download of code without integrity check.
    """

    id: ClassVar[str] = "remote-execution"
    category: ClassVar[Category] = Category.REMOTE_CODE
    severity: ClassVar[Severity] = Severity.HIGH
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        yield from _by_command(scene)
        yield from _by_script(scene)
        yield from _by_import(scene)
        yield from _by_hub(scene)


def _by_command(scene: Scene) -> Iterator[Evidence]:
    for command in scene.commands:
        line = command.line
        found = addresses(line)
        host = found[0].host if found else ""
        on = not scene.graph.is_command(
            command.module, command.module.function_of(command.call.scope)
        ) and not scene.is_chosen(command.module.path)
        if not scene.graph.is_loaded(command.module):
            continue
        if _PIPED.search(line):
            yield _evidence(scene, command.module, command.call, host, 0.85, on, "pipes a download into a shell")
        elif _UNPACKED.search(line):
            yield _evidence(scene, command.module, command.call, host, 0.65, on, "unpacks a program that it downloads")
        elif _RUNNERS.search(line):
            yield _evidence(
                scene,
                command.module,
                command.call,
                NPM if re.search(r"npx|bun|pnpm|yarn|deno", line) else INDEX,
                0.65,
                _is_run_anyway(scene, command.module, command.call),
                "has a package runner fetch and run code",
            )
        elif _NODE.search(line):
            yield _evidence(scene, command.module, command.call, "nodejs.org", 0.6, on, "downloads Node.js and runs it")
        elif _INSTALLERS.search(line):
            yield _evidence(
                scene,
                command.module,
                command.call,
                "",
                0.6,
                on and _is_unasked(scene, command.module, command.call) and _is_mended(command.module, command.call),
                "downloads a browser and runs it",
            )
        elif _NPM.search(line):
            yield _evidence(
                scene,
                command.module,
                command.call,
                NPM,
                0.55,
                on and _is_mended(command.module, command.call),
                "installs code from the npm registry while it runs",
            )
        elif _CLONE.search(line) and host:
            yield _evidence(scene, command.module, command.call, host, 0.5, False, "clones a repository")


def _by_script(scene: Scene) -> Iterator[Evidence]:
    """A reply that is written to a file which a shell or an interpreter then runs, all in one function."""
    for site in scene.sites:
        if site.kind == "text" or not site.scope or not site.sure or not scene.graph.is_loaded(site.module):
            continue
        module, function = site.module, site.module.function_of(site.scope)
        inside = module.calls_in(function)
        if any(tail_of(call.function) in _WRITES for call in inside) and any(_is_interpreter(call) for call in inside):
            on = not scene.is_chosen(module.path) and not scene.graph.is_command(module, function)
            yield _evidence(scene, module, site.call or inside[0], site.host, 0.7, on, "runs a script that it fetched")


def _is_interpreter(call: Call) -> bool:
    """Whether a call starts a shell or an interpreter by a list of words."""
    first: Expression = call.arguments[0] if call.arguments else ("?",)
    if first[0] != "l" or len(first[1]) < 2:
        return False
    word = first[1][0]
    return (word[0] == "s" and bool(_INTERPRETERS.search(word[1]))) or (word[0] == "a" and word[2] == "executable")


def _by_import(scene: Scene) -> Iterator[Evidence]:
    """A source file that is fetched by a function and loaded as a module by another one of the same module."""
    for module in scene.program.active:
        loads = [call for name in _LOADERS for call in module.tails.get(name, ()) if not call.idle and _is_open(call)]
        if not loads or not scene.graph.is_loaded(module):
            continue
        for name, calls in module.tails.items():
            if not _FETCHERS.search(name):
                continue
            for call in calls:
                if call.idle or not _is_used(module, call):
                    continue
                nodes = (*call.arguments, *(value for _, value in call.keywords))
                if any(_is_script(module, node, call.scope) for node in nodes):
                    host = "huggingface.co" if "huggingface_hub" in module.roots else ""
                    on = not scene.is_chosen(module.path)
                    yield _evidence(scene, module, call, host, 0.65, on, "imports a source file that it fetched")


def _is_used(module: Module, call: Call) -> bool:
    """Whether somebody takes what a call gives back."""
    calls = module.facts.calls
    given = module.returns.get(module.function_of(call.scope), ())
    return bool(call.context) or any(value[0] == "c" and calls[value[1]] is call for value in given)


def _is_script(module: Module, node: Expression, scope: int, depth: int = 0) -> bool:
    """Whether an expression is put together with the ending of Python source."""
    tag = node[0]
    if tag == "s":
        return bool(_SCRIPT.search(node[1]))
    if depth > 4:
        return False
    if tag == "n":
        bound = module.bindings.get((module.function_of(scope), node[1]), ())
        return any(_is_script(module, binding.value, scope, depth + 1) for binding in bound[:4])
    if tag == "b":
        return _is_script(module, node[3], scope, depth + 1)
    if tag == "j":
        return bool(node[1]) and _is_script(module, node[1][-1], scope, depth + 1)
    if tag == "c":
        call = module.facts.calls[node[1]]
        nodes = (*call.arguments, *(value for _, value in call.keywords))
        return any(_is_script(module, each, scope, depth + 1) for each in nodes)
    return False


def _is_open(call: Call) -> bool:
    """Whether what is loaded is not written at the call."""
    return bool(call.arguments) and call.arguments[0][0] != "s"


def _by_hub(scene: Scene) -> Iterator[Evidence]:
    loads = {call: entry for entry in scene.vendors.downloads if entry.fetches == "code" for call in entry.calls}
    tails = {name.rpartition(".")[2] for name in loads}
    for module in scene.program.active:
        for call in module.facts.calls:
            if call.idle:
                continue
            named = module.last_name(call) in tails
            entry = loads.get(scene.evaluator.absolute(module, call.function)) if named else None
            trusting = [value for key, value in call.keywords if key == "trust_remote_code"] if call.keywords else []
            if (entry is None and not trusting) or not scene.graph.is_loaded(module):
                continue
            if entry is not None and not {name.partition(".")[0] for name in entry.calls} & scene.program.tops:
                yield _evidence(
                    scene,
                    module,
                    call,
                    entry.host,
                    0.7,
                    not scene.is_chosen(module.path),
                    "loads and runs code from a hub",
                )
            for value in trusting:
                if _is_true(module, call.scope, value):
                    yield _evidence(
                        scene,
                        module,
                        call,
                        "huggingface.co",
                        0.6,
                        not scene.is_chosen(module.path) and "load_dataset" not in tail_of(call.function),
                        "lets a hub's repository run its own code",
                    )


def _is_true(module: Module, scope: int, node: Expression, depth: int = 0) -> bool:
    """Whether an argument is true, as written or where nothing else was given: a default of a parameter, of ``get`` or ``pop``."""
    if node[0] == "n" and depth < 3:
        number = module.function_of(scope)
        given = next((default for name, default in module.facts.scopes[number].params if name == node[1]), None)
        bound = [binding.value for binding in module.bindings.get((number, node[1]), ())]
        return any(_is_true(module, scope, value, depth + 1) for value in (given, *bound) if value is not None)
    if node[0] == "c":
        call = module.facts.calls[node[1]]
        falls_back = tail_of(call.function) in ("get", "pop", "setdefault") and len(call.arguments) == 2
        return falls_back and _is_true(module, scope, call.arguments[1], depth + 1)
    return node[0] == "k" and node[1] is True


def _is_mended(module: Module, call: Call) -> bool:
    """Whether the names around say that something missing is put in place."""
    return bool(
        re.search(
            r"ensure|missing|auto|maybe|check|require|bootstrap",
            f"{module.name} {module.quals[call.scope]}",
            re.IGNORECASE,
        )
    )


def _is_run_anyway(scene: Scene, module: Module, call: Call) -> bool:
    """Whether no subcommand leads there: a program that is another one's wrapper fetches that by being started."""
    chain = scene.graph.chain(module, call.scope, 3)
    asked = any(scene.graph.is_subcommand(used, scope) for used, scope, _ in chain if scope)
    return not asked and not scene.is_chosen(module.path)


def _is_unasked(scene: Scene, module: Module, call: Call) -> bool:
    return not any(scene.graph.is_command(used, scope) for used, scope, _ in scene.graph.chain(module, call.scope, 3))


def _evidence(scene: Scene, module: Module, call: Call, host: str, weight: float, on: bool, what: str) -> Evidence:
    del scene
    return Evidence(
        host=host, path=module.path, line=call.line, weight=weight if on else min(weight, 0.6), on=on, module=module, scope=call.scope, guard=call.guard,
        message=f"The package {what}.", remedy="Provide the code ahead of time, or keep the package out.",
    )  # fmt: skip
