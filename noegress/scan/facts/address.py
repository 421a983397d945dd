"""Addresses inside text: URLs, bare hosts and base64 of them; and which of them are prose rather than a destination."""

import base64
import binascii
import re
from dataclasses import dataclass

HOLE = "\0"
"""Stands for the part of a text that is known at run time only."""

_SUFFIXES = (
    "com|io|org|net|dev|ai|sh|app|co|cloud|us|eu|fr|de|uk|cn|me|tech|xyz|run|gov|edu|so|tools|site|chat|jp|ru|in|is|nl|"
    "ch|se|at|ca|link|info|pro|digital|systems|services|one|ms|gg|ly|to|int|page|space|live|world|network|online|hk|kr|au|br|es|it"
)
_URL = re.compile(
    r"(?:https?|wss?|grpcs?|ftp):\\?/\\?/(?P<user>[^\s/@\"'<>]{1,200}@)?(?P<host>[\w.\-\0{}$]{3,255})(?P<port>:\d+)?"
    r"(?P<path>[^\s\"'<>`\\|)]*)",
    re.IGNORECASE | re.ASCII,
)
_GLUED = re.compile(r"(?<=\.[a-z]{2})(?=https?://)|(?<=\.[a-z]{3})(?=https?://)")  # strings that are packed end to end
_RELATIVE = re.compile(r"\A//(?P<host>[\w-]+(?:\.[\w-]+)+)(?P<path>/[^\s\"'<>`\\|)]*)?\Z", re.ASCII)
_BARE = re.compile(
    rf"\A(?P<host>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*\.(?:{_SUFFIXES}))(?P<port>:\d+)?(?P<path>/\S*)?\Z"
)
_HOST = re.compile(rf"(?:[a-z0-9_*-]+\.)+(?:{_SUFFIXES}|[a-z]{{2,3}})\Z")
_NUMERIC = re.compile(r"\d+\.\d+\.\d+\.\d+\Z")
# documentation names (RFC 2606), this machine, and the homes of standards: never where data goes
_PROSE = re.compile(
    r"(localhost|127\.|0\.0\.0\.0|10\.|192\.168\.|255\.|"
    r"(.*\.)?example\.(com|org|net|edu)\Z|.*\.(local|test|invalid|example|internal|localdomain)\Z|host\Z|hostname\Z|(www\.)?w3\.org\Z|"
    r"(.*\.)?json-schema\.org\Z|schemas?\.|(www\.)?apache\.org\Z|(www\.)?opensource\.org\Z|(.*\.)?creativecommons\.org\Z|(.*\.)?readthedocs\.(io|org)\Z|"
    r"docs?\.|(.*\.)?stackoverflow\.com\Z|(.*\.)?wikipedia\.org\Z|(.*\.)?arxiv\.org\Z|(.*\.)?doi\.org\Z|(.*\.)?ietf\.org\Z|(www\.)?rfc-editor\.org\Z|"
    r"(www\.|bugs\.|peps\.|legacy\.|mail\.)?python\.org\Z|opentelemetry\.io\Z|(www\.)?gnu\.org\Z|(.*\.)?purl\.org\Z|purl\.|spdx\.org\Z|(your|my|some|foo|bar|company|acme)[.-]|"
    r"(.*\.)?(mycompany|yourcompany|yourdomain|mydomain|domain|foo|bar|test|company|myorg|example|acme|server|site|website)\.(com|org|net|io|co)\Z)"
)


_ANY_URL = re.compile(
    r"[a-z][a-z0-9+.-]{1,20}://(?P<user>[^\s/@\"'<>]{1,200}@)?(?P<host>\[[0-9a-f:]{3,45}\]|[\w.\-\0{}$]{3,255})(?P<port>:\d+)?"
    r"(?P<path>[^\s\"'<>`\\|)]*)",
    re.IGNORECASE | re.ASCII,
)
_ANY_HOST = re.compile(r"(?P<host>[a-z0-9\0][\w.\0-]{1,250})(:\d{1,5})?\Z", re.ASCII)
_DOTTED = re.compile(r"[\w*-]+(\.[\w*-]+)+\Z", re.ASCII)
_OWN = re.compile(
    r"localhost|127\.|0\.0\.0\.0|10\.\d+\.\d+\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|255\.|(.*\.)?example(\.(com|org|net|edu))?\Z|"
    r".*\.(local|test|invalid|internal|localdomain|localhost|lan|py|json|toml|txt|sock|html?|xml|ya?ml|csv)\Z|\*\.[a-z]{2,4}\Z|[*.]+\Z"
)
_OWN_V6 = re.compile(r"\[(::1?|f[cd]|fe80)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A host and what follows it, as far as the text tells; ``*`` stands for what is known at run time."""

    host: str
    path: str = ""
    user: str = ""
    """Credentials in the URL, which is how some vendors carry a project key."""
    bare: bool = False
    """Written without a scheme."""


def addresses(text: str) -> list[Address]:
    """Every URL in a text, in order; prose hosts are left out."""
    found = []
    if "//" in text:
        text = _GLUED.sub(" ", text)
        for match in _URL.finditer(text):
            host = clean_host(match["host"])
            if host:
                found.append(Address(host, match["path"], (match["user"] or "").rstrip("@")))
        if not found and len(text) < 4000 and (relative := _RELATIVE.match(text)):
            host = clean_host(relative["host"])
            if host and _HOST.match(host):
                found.append(Address(host, relative["path"] or ""))
    return found


def destinations(text: str) -> list[Address]:
    """Every URL of a text that is handed to a client: also of hosts that elsewhere are prose, and of other protocols."""
    return [
        Address(host, match["path"], (match["user"] or "").rstrip("@"))
        for match in _ANY_URL.finditer(_GLUED.sub(" ", text))
        if (host := _reached(match["host"]))
    ] or addresses(text)


def bare_destination(text: str) -> Address | None:
    """A host or a numeric address, with or without a port, that is the whole text and handed to what opens a connection."""
    match = _ANY_HOST.match(text.lower()) if len(text) < 255 else None
    host = _reached(match["host"]) if match else ""
    return Address(host, bare=True) if host else None


def _reached(host: str) -> str:
    """The host as ``clean_host`` writes it, whatever it is for; empty for this machine, private networks and examples."""
    host = re.sub(r"\$?\{[^{}]*\}|\0", "*", host).lower().strip(".-")
    host = re.sub(r"\*+", "*", host)
    if host.startswith("["):
        return "" if _OWN_V6.match(host) else host
    if not _DOTTED.match(host) or _OWN.match(host):
        return ""
    return host if _NUMERIC.match(host) or re.search(r"[a-z]{2}", host.rpartition(".")[2]) else ""


def bare_address(text: str) -> Address | None:
    """A host without a scheme that is the whole text."""
    match = _BARE.match(text) if len(text) < 200 and "." in text else None
    if match is None:
        return None
    host = clean_host(match["host"])
    return Address(host, match["path"] or "", bare=True) if host else None


def hidden_addresses(text: str) -> list[Address]:
    """URLs inside a base64 literal."""
    if not text.startswith(("aHR0c", "d3NzOi", "Ly9")) or len(text) < 12:
        return []
    try:
        return addresses(base64.b64decode(text + "=" * (-len(text) % 4)).decode("latin-1"))
    except (ValueError, binascii.Error):
        return []


def clean_host(host: str) -> str:
    """In lower case, run-time parts as ``*``; empty for what is no destination."""
    host = re.sub(r"\$?\{[^{}]*\}|\0", "*", host).lower().strip(".-")
    host = re.sub(r"\*+", "*", host)
    if (
        "." not in host
        or _PROSE.match(host)
        or (host.startswith("*") and host.count(".") < 1)
        or "{" in host
        or "$" in host
    ):
        return ""
    if _NUMERIC.match(host):
        return host
    return host if re.search(r"[a-z]", host.rpartition(".")[2]) and not host.endswith(".*") else ""


def is_public_name(host: str) -> bool:
    """Whether it ends as host names of the internet do; native strings hold much that does not."""
    return bool(_HOST.match(host))


def under(host: str, suffixes: frozenset[str]) -> bool:
    """Whether a host is one of the names or below one."""
    while host:
        if host in suffixes:
            return True
        host = host.partition(".")[2]
    return False
