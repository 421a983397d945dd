"""What has to stand beside a hint that says little alone: an import of a library, a link, an instruction to install something.

Most sources of a package for machine learning import a library of models, and few of them have it fetch one.
"""

import re
from collections.abc import Iterable
from functools import cache

from noegress.scan.facts.address import clean_host
from noegress.scan.facts.clients import VERBS
from noegress.scan.facts.pattern_search import Pattern, pattern_search
from noegress.scan.facts.vendors import vendor_data

LIBRARY, TRACING, ADDRESS, INSTALL = "library", "tracing", "address", "install"
"""What a hint is about: each takes something else."""
_HOSTS = re.compile(rb"(?:[\"'f(]https?|%s|\})://([^/\"'\s:?#<>]{0,300})|[\"'](?://)?((?:[a-z0-9-]{1,63}\.)+[a-z]+)")
# a call of a client that another module made, a check or a report of another distribution, a model that runs elsewhere; a variable that may be a switch; a program that is started
_MODELS = tuple(name for entry in vendor_data().models for name in entry.names)
_USES = Pattern(
    rf"(?:http|[sS]ession|[cC]lient|[cC]onn|opener)\w{{0,100}}(?:\(\))?\s*\.\s*(?:{'|'.join(sorted(VERBS))})\s*\(|(?:[rR]equest|fetch|download)\w{{0,100}}\(|\b(?:url|uri|endpoint)\b|"
    r"\b_?(?:check|notify|warn|maybe|show|print|is|has)_\w{0,60}(?:update|outdated|upgrade|newer|new_version|latest)|"
    r"\b_?(?:send|track|report|emit|capture|post|log|record)_\w{0,60}(?:usage|analytics|crash|telemetry)|"
    rf"embed_content|{'|'.join(map(re.escape, _MODELS))}",
    (
        "http",
        "ession",
        "lient",
        "onn",
        "opener",
        "equest",
        "fetch",
        "download",
        "url",
        "uri",
        "endpoint",
        "update",
        "outdated",
        "upgrade",
        "newer",
        "new_version",
        "latest",
        "usage",
        "analytics",
        "crash",
        "telemetry",
        "embed_content",
        *_MODELS,
    ),
)
_SWITCHES = Pattern(
    "TELEMETRY|ANALYTIC|TRACK|USAGE|ANONYM|SENTRY|POSTHOG|CRASH|ERROR_REPORT|OPT_?OUT|SCARF|METRICS|_STATS|VERSION_CHECK|UPDATE|CHECK_VERSION|"
    "CHECK_LATEST|UPGRADE|_NEWS|AUTO_INSTALL|SKIP_INSTALL|DOWNLOAD|OFFLINE|TRUST|EMBED|env_prefix"
)
_RUNS = Pattern(
    r"subprocess|[Pp]open|\bsystem[ \t]*\(|\b(?:spawn|exec)[vl]\w*[ \t]*\(|check_(?:call|output)|get(?:status)?output|"
    r"\b(?:_run|_exec|shell|sh|execute|spawn|_?run_\w+|exec_\w+|\w*[Cc]ommand\w*|\w*[Pp]ip\w*)[ \t]*\(|\b(?:run|call|main)[ \t]*\(\s*(?:[rfb]?[\"'\[]|sys\b)"
)
_EXPORTS = Pattern("Exporter", ("Exporter",))
_ALONE = (_USES, _SWITCHES, _RUNS, _EXPORTS)


def bears_out(kinds: Iterable[str], source: bytes) -> bool:
    """Whether a source that holds hints of some kinds, and no other ones, may call out all the same."""
    found = _search(source)
    if 0 in found or 1 in found:
        return True
    if any(package in found and not names.isdisjoint(found) for package, names in _pairs()):
        return True
    return any(
        (kind == ADDRESS and _names_host(source))
        or (kind == INSTALL and 2 in found)
        or (kind == TRACING and 3 in found)
        for kind in kinds
    )


def _names_host(source: bytes) -> bool:
    """Whether one of its addresses may be a destination, and is no documentation and not this machine."""
    for match in _HOSTS.finditer(source):
        host = (match[1] or match[2] or b"").rpartition(b"@")[2].decode("latin-1")
        if not host or "{" in host or "%" in host or clean_host(host):
            return True
    return False


def _words() -> tuple[str, ...]:
    """The last names of the functions that fetch or start something, and the packages that they are of."""
    data = vendor_data()
    calls = (call for entry in data.downloads for call in entry.calls)
    found = {part for call in calls for part in (call.partition(".")[0], _last_name(call))}
    found |= {module.partition(".")[0] for entry in data.sdks for module in entry.modules}
    return tuple(sorted(found | {start for entry in data.sdks for start in entry.starts}))


@cache
def _pairs() -> tuple[tuple[int, frozenset[int]], ...]:
    """By their numbers among the words: the package of a library or a kit, and the functions of it that fetch or start."""
    number = {word: place for place, word in enumerate(_WORDS, len(_ALONE))}
    found: dict[int, set[int]] = {}
    for call in (call for entry in vendor_data().downloads for call in entry.calls):
        found.setdefault(number[call.partition(".")[0]], set()).add(number[_last_name(call)])
    for entry in vendor_data().sdks:
        for module in entry.modules:
            found.setdefault(number[module.partition(".")[0]], set()).update(number[start] for start in entry.starts)
    return tuple((package, frozenset(names)) for package, names in found.items())


def _last_name(call: str) -> str:
    """The last name of a call of the data; one that ends in a dot stands for all of a module."""
    return call.rstrip(".").rpartition(".")[2]


_WORDS = _words()
BESIDE = (*_ALONE, *(Pattern(rf"\b{word}\b", (word,)) for word in _WORDS))
"""What is looked for beside a hint: what is enough for some kinds, then the packages and their functions."""
_search = pattern_search(BESIDE)
