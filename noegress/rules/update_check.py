"""Rule ``update-check``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Place, Severity
from noegress.scan.program.module import Module, tail_of
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene
from noegress.scan.scene.sites import Site

_INDEX_HOST = re.compile(r"(\A|\.)(pypi\.(python\.)?org|pypi\.io)\Z")
_INDEX_PATH = re.compile(
    r"\A/(?:pypi/([^/]+)(?:/[^/]+)?/json|simple/([^/]*)|rss/project/([^/]+)|project/([^/]+)/(?:json)?\Z|pypi\Z|p/([^/]+))"
)
_REGISTRY = re.compile(r"(\A|\.)(npmjs\.(org|com)|formulae\.brew\.sh|anaconda\.org|crates\.io)\Z")
_RELEASES = re.compile(
    r"/repos/[^/]+/[^/]+/(releases|tags|git/refs|commits|contents)|/[^/]+/[^/]+/releases(/latest|\.atom)|/releases/latest|"
    r"latest[-_.]?(version|release|stable)?(\.json|\.txt|\.ya?ml)?\Z|[/_-]versions?(\.json|\.txt)?/?\Z|version[-_]?check|check[-_]?(for[-_])?(update|version)|"
    r"/updates?(/|\.json|\.xml|\Z)|/VERSION\Z|/version\.py|setup\.py|pyproject\.toml|__init__\.py|__version__|latest[-_]?version|current[-_]?version|/dist-tags|feed\.xml|/announcements?|/motd\b",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"(check|notify|warn|find|has|is|poll|maybe|auto|fetch|get|print|show)_?\w*?(update|upgrade|outdated|newer|new_?version|latest)|(update|upgrade|version)_?(check|notif|warn|avail|remind)|"
    r"latest[_-]?\w*(version|release|stable|available|tag|pypi)|(pypi|remote|newest|available|current)[_-]?(latest_?)?version(?!s)|version[_-]?(check[_-]?)?(url|endpoint|uri)|check[_-]version|"
    r"check_?(pypi|version|release|latest)|version_?(checker|notif|warn)|outdated|update_?notif|upgrade_?notif|new_?version|newer_?version|get_latest|is_latest|\bmotd(_|\b)|(periodic|background)_?update",
    re.IGNORECASE,
)
_WEAK = re.compile(r"update|upgrade|latest|outdated|newer|newest|stale|version", re.IGNORECASE)
_COMPARES = frozenset(
    [
        "parse_version",
        "Version",
        "parse",
        "LooseVersion",
        "StrictVersion",
        "compare",
        "version_compare",
        "is_newer",
        "version",
        "distribution",
        "get_distribution",
    ]
)
_COMPARED = re.compile(
    r"\A_*((parse|compare|loose|strict)_?version\w*|version(_compare)?|is_newer\w*|__version__)\Z", re.IGNORECASE
)
FEW = 6  # functions that lead to a check
_SAYS = re.compile(
    r"newer|upgrade|is available|latest version|out of date|outdated|new version|up[- ]to[- ]date|pip install",
    re.IGNORECASE,
)
_PAGE = re.compile(r"(\A|[/.])(docs?|help|guides?|blog|migration|changelog|wiki)([/.]|\Z)|#")
_HOST = re.compile(r"\A(updates?|updater|versions?|releases?|latest|upgrade)[.-]|[.-](updates?|version|upgrade)\.")
_PROSE = re.compile(r"\s")  # a message to somebody, not an address
_FOR_PEOPLE = re.compile(r"\A(pypi\.(python\.)?org|pypi\.io)/(project|p)/")
_OTHERS = re.compile(
    r"chrome|driver|browser|firefox|gecko|msedge|chromium|python-build|(\A|[/._-])(jdk|jre|java|nodejs?|go)([/._-]|\Z)",
    re.IGNORECASE,
)
_DATA = re.compile(r"\.(zip|csv|tar\.gz|tgz|parquet|exe|whl|bin|gz)\Z")
_REPOSITORY = re.compile(r"\A/(?:repos/)?(?P<name>[\w.-]+/[\w.-]+)")
_CHECKS = re.compile(
    r"\A_*(check|notify|warn|poll|maybe|show|print|prompt)_?(for)?_?\w*(update|upgrade|outdated|newer|new_?version|latest_?version|version_?upgrade)s?\w*\Z|self_?(version|outdated)_?check|"
    r"\A_*(version|update|upgrade)_?check\w*\Z|\A_*check_?(cli_?)?version_?(update|online|pypi)\w*\Z|periodic_?update",
    re.IGNORECASE,
)
_OF_VERSIONS = re.compile(
    r"version|upgrade|outdated|newer|latest|release|pypi|updater|update_?(check|notif|warn|avail)|"
    r"(check|notify|warn|poll|show|prompt|print|maybe)_?(for_?|if_?|about_?)?((any|new|self|app|cli|auto|package)_?)*updates?(\Z|\W|_available)",
    re.IGNORECASE,
)
_OWN_VERSION = re.compile(
    r"(\A|[._])(version|__version__|get_distribution|distribution|current_?\w*_?version|installed_version|(own|my|local)_version)\Z",
    re.IGNORECASE,
)
_OWN_SOURCE = re.compile(r"/(raw|blob|master|main|develop|HEAD)/.*(\.py|\.cfg|VERSION\w*)\Z")
_SETTING = re.compile(r"[\"']?(\w{4,80})[\"']?\s*[:=]\s*[\"']?\s*(?:https?:/*)?\Z")  # the name before an address
_METADATA = ("importlib.metadata", "importlib_metadata", "pkg_resources")
_FINDS = re.compile(
    r"finder|find_best_candidate|find_candidates|find_matches|repository|get_latest|fetch_latest|latest_version|request|urlopen|api_call|\Apost\Z|session",
    re.IGNORECASE,
)


class UpdateCheck(Rule):
    """The package asks whether a newer version of itself exists.

    What it does
        Weighs the address that is called (an index's page of the project, a forge's releases, a path that speaks of versions), the names
        of the function, its class, module and callers, and whether versions are compared or announced beside it.

    Why it matters
        The request says who uses which version and when, from every machine, and a build that cannot reach the outside hangs on it.

    Flagged
        `notice.py`:

            import urllib.request

            __version__ = "1.0"

            def check_for_update():
                reply = urllib.request.urlopen("https://updates.vendor.dev/latest-version.json")
                latest = reply.read().decode()
                if latest != __version__:
                    print(f"A newer version is available: {latest}")

    Allowed
        `search.py`:

            import urllib.request

            def search(host, words):
                return urllib.request.urlopen(f"https://{host}/search?q={words}").read()

    Fix
        Set the switch that the finding names, or keep the package out.

    Known misses
        A check whose address is a response header, and one inside a dependency.

    References
        The simple repository API (PEP 503, PEP 691) and the release pages of code forges.
    """

    id: ClassVar[str] = "update-check"
    category: ClassVar[Category] = Category.UPDATE_CHECK
    severity: ClassVar[Severity] = Severity.MEDIUM
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for site in scene.sites:
            if site.kind == "blind" and not _STRONG.search(site.address.path):
                continue
            if site.kind == "text" and (
                _PROSE.search(site.text.strip()) or _FOR_PEOPLE.search(site.host + site.address.path)
            ):
                continue
            score = _score(scene, site)
            if score < 2.5 or not scene.graph.is_loaded(site.module):
                continue
            on = score >= 3.5 and not scene.is_chosen(site.module.path)
            yield Evidence(
                host=site.host, path=site.module.path, line=site.line, weight=min(0.95, score / 6) if on else 0.4, on=on,
                module=site.module, scope=site.scope, guard=site.guard,
                constant=Place(file=site.constant[0], line=site.constant[1]) if site.constant else None,
                message=f"The package asks {site.host or 'a host that is known at run time'} whether a newer version exists.",
            )  # fmt: skip
        yield from _without_address(scene)
        yield from _from_settings(scene)


def _from_settings(scene: Scene) -> Iterator[Evidence]:
    """The address of a check that stands in a settings file of the package, under a name that its code asks for."""
    for path, _, mention in scene.mentions("settings"):
        named = _SETTING.search(mention.before)
        if named is None or not _STRONG.search(named[1]) or not scene.is_own_host(mention.host):
            continue
        using = next((module for module in scene.program.active if _asks_for(scene, module, named[1])), None)
        if using is not None:
            yield Evidence(
                host=mention.host, path=path, line=mention.line, weight=0.6, on=not scene.is_chosen(using.path),
                message=f"The package asks {mention.host} whether a newer version exists.",
            )  # fmt: skip


def _asks_for(scene: Scene, module: Module, name: str) -> bool:
    """Whether a call of a client is handed what stands under a name."""
    sites = (site for site in scene.sites if site.module is module and site.sure and site.call is not None)
    return any(tail_of(node) == name for site in sites if site.call for node in site.call.arguments[:2])


def _without_address(scene: Scene) -> Iterator[Evidence]:
    """Functions that are called a check, compare versions, announce the newer one, and reach the network through others."""
    for module in scene.program.active:
        if scene.is_described(module.path):
            continue
        for qual, scope in module.functions.items():
            if not _CHECKS.search(qual.rpartition(".")[2]):
                continue
            if not scene.graph.is_loaded(module) or scene.graph.is_command(module, scope):
                continue
            within = _within(module, scope)
            called = set().union(*(scene.source_names(module, each) for each in within))
            blind = any(site.kind == "blind" for each in within for site in scene.sites_in(module, each))
            compares = bool(_COMPARES & called)
            says = any(_SAYS.search(text) for each in within for text in scene.texts_in(module, each))
            if not (compares or says or _OF_VERSIONS.search(f"{qual} {module.name}")):
                continue  # whatever else is brought up to date
            score = 2.0 + compares + says
            score += (
                1.5 * blind
                + 0.75 * any(_FINDS.search(other) for other in called)
                + 0.5 * bool(_STRONG.search(module.name.rpartition(".")[2]))
            )
            if score >= 4 and scene.graph.callers(module, scope):
                yield Evidence(
                    host="", path=module.path, line=module.facts.scopes[scope].line, weight=0.55, on=not scene.is_chosen(module.path),
                    module=module, scope=scope, message="The package asks whether a newer version of itself exists; the host is decided at run time.",
                )  # fmt: skip


def _within(module: Module, scope: int) -> set[int]:
    """A function and those of its module that it calls or hands on, two steps deep."""
    found = {scope}
    for _ in range(2):
        names = set().union(*(_mentioned(module, each) for each in found))
        found |= {number for name in names for number in module.named(name)}
        if len(found) > 20:
            break
    return found


def _mentioned(module: Module, scope: int) -> set[str]:
    names = set()
    for call in module.calls_in(scope):
        names.add(tail_of(call.function))
        names |= {tail_of(node) for node in call.arguments}
    return names - {""}


def _is_ours(scene: Scene, repository: str) -> bool:
    """Whether a repository's name shares a word with the project."""
    words = {word for word in re.split(r"[^a-z0-9]+", repository.lower()) if len(word) > 2}
    own = {word for name in scene.own_names for word in name.split("-") if len(word) > 2}
    joined = re.sub(r"[^a-z0-9]", "", repository.lower())
    return bool(words & own) or any(len(word) > 3 and word in joined for word in own) or "*" in repository


def _score(scene: Scene, site: Site) -> float:
    path = site.address.path
    words = scene.words(site)
    score = _address_score(scene, site)
    ours = score >= 1
    score += 2 if _STRONG.search(words.near) else 1 if _WEAK.search(words.near) else 0
    score += 1.5 * bool(_STRONG.search(words.tail))
    score += 1.5 if _STRONG.search(words.module) else 0.5 if _WEAK.search(words.module) else 0
    score += 1.5 * bool(_STRONG.search(words.callers)) + bool(_STRONG.search(path))
    if score < 1:
        return 0
    within = scene.scope_of(site)
    if within:
        compares = bool(_COMPARES & scene.source_names(site.module, within))
        says = any(_SAYS.search(text) for text in scene.texts_in(site.module, within))
        score += compares + says + (compares and says)
    score += 2.5 * (bool(_STRONG.search(f"{words.near} {words.callers}")) and _is_announced(scene, site))
    if site.kind == "text":
        score -= 0.5
        score += 1.5 * bool(_STRONG.search(site.tail) and (_STRONG.search(path) or _RELEASES.search(path)))
        if not scene.sends(site.module):
            score -= 1
    if _PAGE.search(site.host + path):
        score -= 2
    if _DATA.search(path):
        score -= 1.5
    if _OTHERS.search(site.host + path) and not scene.is_own_host(site.host):
        score -= 2  # the newest driver or interpreter is asked for, not the package's own version
    repository = _REPOSITORY.search(path) if "forge" in scene.vendors.purposes(site.host) else None
    if repository is not None and not _is_ours(scene, repository["name"]):
        score -= 2.5
    if not _is_named(scene, site) and not _knows_own_version(scene, site.module):
        score -= 1.5  # nothing says that the version which is asked for is its own
    return score if ours else score - 0.5


def _is_announced(scene: Scene, site: Site) -> bool:
    """Whether one of the few functions that lead to a call compares versions, and one announces the newer one."""
    if site.kind != "call":
        return False
    callers = scene.graph.chain(site.module, site.scope, 2)[1:]
    return (
        0 < len(callers) <= FEW
        and any(_SAYS.search(text) for module, scope, _ in callers for text in scene.texts_in(module, scope))
        and any(_COMPARED.search(name) for module, scope, _ in callers for name in scene.source_names(module, scope))
    )


def _is_named(scene: Scene, site: Site) -> bool:
    """Whether an address names the project: its own host, or a path with its name."""
    if scene.is_own_host(site.host):
        return True
    joined = re.sub(r"[^a-z0-9]", "", site.address.path.lower())
    return any(re.sub(r"[^a-z0-9]", "", name) in joined for name in scene.own_names if len(name) > 1)


def _knows_own_version(scene: Scene, module: Module) -> bool:
    """Whether a module has the version of the distribution that it belongs to: from its package, or from the metadata."""
    return any(
        _OWN_VERSION.search(dotted) and (dotted.partition(".")[0] in scene.program.tops or dotted.startswith(_METADATA))
        for dotted in module.imports.values()
    ) or any(_OWN_VERSION.search(name) and (scope == 0 or name != "version") for scope, name in module.bindings)


def _address_score(scene: Scene, site: Site) -> float:
    path = site.address.path
    index = _INDEX_PATH.match(path) if _INDEX_HOST.search(site.host) else None
    if index is not None:
        project = re.sub(r"[-_.]+", "-", next((part for part in index.groups() if part), "").lower())
        if project in scene.own_names:
            return 4
        return 2.5 if project and "\0" not in project and "{" not in project and "%" not in project else 2
    if (
        site.kind == "call" and not path.strip("/") and _INDEX_HOST.search(site.host)
    ):  # the page is named to the connection
        return 2 * any(text.startswith(("/pypi/", "/simple/")) for text in scene.texts_in(site.module, site.scope))
    if _REGISTRY.search(site.host):
        return 1.5
    if "forge" in scene.vendors.purposes(site.host) and _OWN_SOURCE.search(path) and _is_named(scene, site):
        return 1.5
    if _HOST.search(site.host) and not _RELEASES.search(path):
        return 1
    if _RELEASES.search(path):
        return 1.5 if "forge" in scene.vendors.purposes(site.host) else 1
    return 0
