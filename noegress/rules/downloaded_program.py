"""Rule ``downloaded-program``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Place, Severity
from noegress.scan.facts.clients import CONNECTORS, VERBS
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.module import Module, tail_of
from noegress.scan.program.runnable import makes_runnable, marks_runnable
from noegress.scan.rule import Rule
from noegress.scan.scene.commands import SHELLS
from noegress.scan.scene.scene import Evidence, Scene
from noegress.scan.scene.sites import Site

_PROGRAM = re.compile(
    r"\.(exe|sh|AppImage|msi|deb|rpm|ps1|dmg|pkg|vsix|whl|jar|so|dll|dylib)(\Z|\?)|(linux|darwin|windows|macosx?|win|osx|apple|\bmac)[-_/]?(x64|amd64|arm64|x86_64|aarch64|64|x86|32|musl|gnu|unknown)|"
    r"(x64|amd64|arm64|x86_64|aarch64)[-_.]?(pc[-_.]|alpine[-_.])?(linux|darwin|windows|macos|win|apple|unknown)|/install(\.sh)?\Z",
    re.IGNORECASE,
)
_DRIVER = re.compile(
    r"chromedriver|geckodriver|msedgedriver|edgedriver|iedriver|LATEST_RELEASE|chrome-for-testing|chromium-browser-snapshots|known-good-versions|latest-versions-per-milestone|service/update2/crx|python-build-standalone/releases",
    re.IGNORECASE,
)
_TOOL = re.compile(
    r"nodejs\.org/(dist|download)|/jdk|temurin|adoptium|ffmpeg|frpc|cloudflared|ngrok|rustup|dl\.google\.com/go",
    re.IGNORECASE,
)
_RELEASE = re.compile(r"/releases/(download|latest)|/releases/|/dist/|/download/|/binaries?/|/builds?/")
_MAKES_RUNNABLE = frozenset(("chmod", "make_executable", "set_executable", "fchmod"))
_CHMOD = re.compile(r"\bchmod\b (-\w+ )?(\+x|[ugoa]*\+x|0?7\d\d)")
_FETCHES = re.compile(r"_?(download|fetch|retrieve|urlretrieve)(_\w+)?\Z|\w+_download\Z")
_WRITES = frozenset(("write", "write_bytes", "copyfileobj", "urlretrieve", "open", "extractall", "replace", "rename"))
_IGNORES = re.compile(r"touch|ping|check|test|wait|verify|warm|poll|notify", re.IGNORECASE)  # asks, and keeps no answer
_LISTING = re.compile(r"\Aapi\.|\.(json|xml|txt|ya?ml|toml|html?)\Z")
_HOME = re.compile(r"(dl|downloads?|releases?|binaries)[.-]")  # where a vendor keeps its programs
_JAVA = re.compile(r"java(\.exe)?\Z")
_UPDATER = re.compile(r"\.(self_?)?(update|upgrade)r?\Z")
_UNPACKS = frozenset(("extractall", "extract", "unpack_archive", "ZipFile", "copyfileobj", "urlretrieve"))
_WORDS = re.compile(
    r"install|binary|binaries|executable|(\A|_)(driver|browser|toolchain|bin|node|chromium|chrome|ffmpeg|jdk|jre|runtime|engine|cli|server)(_|\Z| )|driver|ensure|bootstrap|setup",
    re.IGNORECASE,
)
_UNASKED = re.compile(
    r"ensure|get_|find_|resolve|auto|__init__|launch|start|setup|maybe|lazy|_path|require|check|manager|load|run|open|connect|prepare|\A_",
    re.IGNORECASE,
)


class DownloadedProgram(Rule):
    """A program is fetched from the network and made runnable.

    What it does
        Finds addresses of executables (by platform names, file endings and release pages) in code that also marks files as executable,
        unpacks archives or starts processes.

    Why it matters
        The program was never admitted, and it runs with all rights of its user.

    Flagged
        `driver.py`:

            import os, subprocess
            import urllib.request

            def ensure_driver(path):
                urllib.request.urlretrieve("https://files.vendor.dev/releases/download/v1/driver-linux-x64", path)
                os.chmod(path, 0o755)
                subprocess.run([path])

    Allowed
        `driver.py`:

            import subprocess

            def start(path):
                return subprocess.run([path])

    Fix
        Place the program ahead of time where the package looks for it, or keep the package out.

    Known misses
        A program that arrives inside a model or a data set.

    References
        SLSA: the provenance of what is run.
    """

    id: ClassVar[str] = "downloaded-program"
    category: ClassVar[Category] = Category.REMOTE_CODE
    severity: ClassVar[Severity] = Severity.HIGH
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        yield from _by_names(scene)
        for site in scene.sites:
            if not scene.graph.is_loaded(site.module) or "assets" in scene.vendors.purposes(site.host):
                continue
            weight, on = _judge(scene, site) if site.kind != "blind" else (0, False)
            if weight <= 0 and site.kind != "text":
                yield from _made_runnable(scene, site)
            if weight > 0:
                yield Evidence(
                    host=site.host, path=site.module.path, line=site.line, weight=weight, on=on, module=site.module, scope=site.scope, guard=site.guard,
                    constant=Place(file=site.constant[0], line=site.constant[1]) if site.constant else None,
                    message=f"The package downloads a program from {site.host} and runs it.",
                    remedy="Place the program ahead of time where the package looks for it, or keep the package out.",
                )  # fmt: skip


def _judge(scene: Scene, site: Site) -> tuple[float, bool]:
    path = site.address.path
    driver = bool(_DRIVER.search(site.host + path)) or (site.kind == "call" and bool(_TOOL.search(site.host + path)))
    kept = site.kind == "call" and site.sure and not path and bool(_HOME.match(site.host))
    program = driver or kept or bool(_PROGRAM.search(path))
    release = (
        "forge" in scene.vendors.purposes(site.host)
        and bool(_RELEASE.search(path))
        and not re.search(r"\.(pt|pth|onnx|csv|npz|bin|json|ckpt|safetensors|h5|weights|txt|md)\Z", path)
    )
    words = scene.words(site)
    if not (program or release or (site.kind == "call" and _RELEASE.search(path) and _WORDS.search(words.near))):
        return 0, False
    near = scene.source_names(site.module, site.scope) if site.scope else set()
    anywhere = _names(site.module)
    if not (
        anywhere & _MAKES_RUNNABLE
        or any(_CHMOD.search(text.text) for text in site.module.facts.texts)
        or (driver and _is_unpacked(scene))
        or near & SHELLS
        or (site.module.roots & {"subprocess"} and anywhere & SHELLS and _WORDS.search(_apart(words.all)))
        or (_needs_java(site.module) and anywhere & _UNPACKS)
    ):
        return 0, False
    if len(site.text) > 400 or (site.kind == "text" and not driver and not scene.sends(site.module)):
        return 0, False
    if site.kind == "text" and re.search(r"\s", site.text.strip()):
        return 0, False  # a message, or a command that another rule reads
    explicit = _is_explicit(scene, site)
    on = not explicit and not scene.is_chosen(site.module.path)
    weight = 0.8 if site.kind == "call" and program else 0.65 if site.kind == "call" else 0.55
    return (weight, True) if on else (min(weight, 0.6), False)


def _made_runnable(scene: Scene, site: Site) -> Iterator[Evidence]:
    """A file from wherever, that the function which fetches it makes executable: what else it is called does not matter."""
    module, function = site.module, site.module.function_of(site.scope)
    first: Expression = site.call.arguments[0] if site.call is not None and site.call.arguments else ("?",)
    given = {name for name, _ in module.facts.scopes[function].params}  # what its user hands over is the user's
    if (
        not function
        or not site.sure
        or _only_connects(scene, site)
        or not _is_kept(scene, site)
        or (not site.host and first[0] == "n" and first[1] in given)
    ):
        return
    if _LISTING.search(site.host + site.address.path.partition("?")[0]):
        return  # it says where the program is, and another call fetches that
    if makes_runnable(scene.evaluator, module, function, scene.fetching):
        on = not _is_explicit(scene, site) and not scene.is_chosen(module.path)
        where = site.host or "an address that it reads elsewhere"
        yield Evidence(
            host=site.host, path=module.path, line=site.line, weight=0.6, on=on, module=module, scope=site.scope, guard=site.guard,
            constant=Place(file=site.constant[0], line=site.constant[1]) if site.constant else None,
            message=f"The package downloads a file from {where}, and makes it executable.",
            remedy="Place the program ahead of time where the package looks for it, or keep the package out.",
        )  # fmt: skip


def _is_kept(scene: Scene, site: Site) -> bool:
    """Whether a file may come of a call: somebody takes what it gives back, or a function that is handed the address writes."""
    if site.call is None or site.tail in VERBS or site.call.context or _FETCHES.match(site.tail):
        return True
    target = scene.evaluator.function(site.module, site.call)
    return target is None or bool(_WRITES & scene.source_names(*target)) or not _IGNORES.search(site.tail)


def _by_names(scene: Scene) -> Iterator[Evidence]:
    """A function that fetches by the name of what it calls, and makes executable: from where, another part decides."""
    for module in scene.program.active:
        functions = {module.function_of(call.scope) for call in module.facts.calls if _may_mark(call)} - {0}
        for function in sorted(functions):
            given = {name for name, _ in module.facts.scopes[function].params}  # what its user hands over is the user's
            calls = [
                call
                for call in module.calls_in(function)
                if _FETCHES.match(tail_of(call.function))
                and not (given & {tail_of(node) for node in call.arguments[:1]})
            ]
            if not calls or not marks_runnable(module, function) or not scene.graph.is_loaded(module):
                continue
            explicit = any(
                scene.graph.is_subcommand(used, scope)
                for used, scope, _ in scene.graph.chain(module, calls[0].scope, 5)
                if scope
            )
            on = not explicit and not scene.is_chosen(module.path) and bool(scene.graph.callers(module, function))
            yield Evidence(
                host="", path=module.path, line=calls[0].line, weight=0.55, on=on, module=module, scope=calls[0].scope, guard=calls[0].guard,
                message="The package downloads a file from an address that it reads elsewhere, and makes it executable.",
                remedy="Place the program ahead of time where the package looks for it, or keep the package out.",
            )  # fmt: skip


def _may_mark(call: Call) -> bool:
    """Whether a call may set the bit for execution; cheap, since it is asked of every call."""
    return tail_of(call.function) in ("chmod", "fchmod", "system", "run", "call", "check_call", "Popen")


def _only_connects(scene: Scene, site: Site) -> bool:
    """Whether a call sends, or opens a connection or a page: no file comes from it."""
    return site.tail in ("post", "put", "patch", "delete", "head") or (
        site.call is not None and scene.evaluator.absolute(site.module, site.call.function) in CONNECTORS
    )


def _apart(words: str) -> str:
    """Names in CamelCase as words of their own."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", words)


def _needs_java(module: Module) -> bool:
    """Whether a module looks for the program that runs what a Java archive holds."""
    return any(
        call.arguments and call.arguments[0][0] == "s" and _JAVA.match(call.arguments[0][1])
        for name in ("which", "find_executable")
        for call in module.tails.get(name, ())
    )


def _is_unpacked(scene: Scene) -> bool:
    """Whether the file makes something executable anywhere, or unpacks or copies what came from outside."""
    names: set[str] = set().union(*(module.tails for module in scene.program.active))
    waiting = [
        facts.source
        for path, facts in scene.files.items()
        if path not in scene.program.active_paths and path not in scene.program.aside
    ]
    return any(
        names & wanted or any(f".{name}(".encode() in source for source in waiting for name in wanted)
        for wanted in (_MAKES_RUNNABLE, _UNPACKS)
    )


def _is_explicit(scene: Scene, site: Site) -> bool:
    """Whether every way to it that is seen begins at a command of the user's."""
    module = site.module
    if _UPDATER.search(module.name):
        return True  # a package that replaces itself does so when it is told to
    chain = scene.graph.chain(module, site.scope, 5)
    return any(scene.graph.is_subcommand(used, scope) for used, scope, _ in chain if scope) or bool(
        re.search(r"(\A|_)(install|download|upgrade|update)\w*\Z", scene.words(site).function)
        and len(chain) == 1
        and not scene.is_named_elsewhere(scene.words(site).function, module)
        and not site.module.path.endswith("__init__.py")
    )


def _names(module: Module) -> set[str]:
    return set(module.tails)
