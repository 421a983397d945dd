"""The mirror's address, and whether a URL is below it as *every* front end would resolve that URL.

pip reads URLs with urllib (RFC 3986), uv with the WHATWG algorithm. Where the two could disagree about the host or
the path (a backslash, a percent sign in the host, a control character), the URL is not the mirror.
"""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_READ_DIFFERENTLY = re.compile(r"[\\\x00-\x20\x7f-\x9f]")
# IDNA 2003 (Python) and UTS 46 (uv) write these four in different ways
_IDNA_DEVIATIONS = re.compile("[\u00df\u03c2\u200c\u200d]")
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")
_PAGES, _FILES = "+simple", "+f"  # devpi's routes below an index


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A URL in the form in which it is compared."""

    scheme: str
    host: str
    port: int
    segments: tuple[str, ...]
    """The decoded path without dot segments and without a trailing slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The only index (contract 13): pages below ``+simple/``, files below ``+f/``, nothing else on its host."""

    url: str
    """The simple page root, as the policy writes it."""
    scheme: str
    host: str
    port: int
    roots: tuple[tuple[str, ...], ...]
    """Paths below which pages and files are."""

    def covers(self, url: str) -> bool:
        """Whether whoever resolves ``url`` ends below the mirror; user and password do not matter."""
        address = resolve(url)
        if address is None or (address.scheme, address.host, address.port) != (self.scheme, self.host, self.port):
            return False
        return any(address.segments[: len(root)] == root for root in self.roots)

    def has_host(self, host: str) -> bool:
        """Whether ``HOST`` or ``HOST:PORT`` names the mirror's machine, as in ``--trusted-host``."""
        address = resolve(f"{self.scheme}://{host}/")
        return address is not None and address.host == self.host


def parse_mirror(url: str) -> Mirror:
    """The mirror of ``[index] url``; raises ``ValueError`` for a URL that tools would read differently."""
    address = resolve(url)
    if address is None:
        raise ValueError(f"{url!r} is read differently by different tools")
    root = address.segments
    if root and root[-1] == _PAGES:
        roots: tuple[tuple[str, ...], ...] = (root, (*root[:-1], _FILES))
    else:
        roots = (root,)
    return Mirror(url=url, scheme=address.scheme, host=address.host, port=address.port, roots=roots)


def resolve(url: str) -> Address | None:
    """The address behind an ``http`` or ``https`` URL, or None where it has none that all tools agree on."""
    if _READ_DIFFERENTLY.search(url) or not re.match(r"https?://[^/]", url, re.IGNORECASE):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = _host(parts)
    segments = _segments(parts.path)
    if host is None or segments is None or parts.query:
        return None
    return Address(
        scheme=parts.scheme, host=host, port=_DEFAULT_PORTS[parts.scheme] if port is None else port, segments=segments
    )


def redacted(text: str) -> str:
    """The text with user and password of every URL left out, for output."""
    return _USERINFO.sub("…@", text)


def _host(parts: SplitResult) -> str | None:
    host = unicodedata.normalize("NFC", parts.hostname or "").lower()
    if not host or "%" in host or _IDNA_DEVIATIONS.search(host):
        return None
    if ":" in host:
        try:
            return str(IPv6Address(host))
        except ValueError:
            return None
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    host = host.removesuffix(".")
    try:
        return str(ip_address(host))
    except ValueError:
        return host or None


def _segments(path: str) -> tuple[str, ...] | None:
    """The path without its dot segments (RFC 3986 5.2.4), percent-encoded ones included."""
    found: list[str] = []
    for raw in path.split("/")[1:]:
        segment = unquote(raw)
        if "/" in segment or _READ_DIFFERENTLY.search(segment) or "\ufffd" in segment:
            return None  # an encoded separator means one thing to a proxy and another to the server behind it
        if segment == "..":
            found = found[:-1]
        elif segment != ".":
            found.append(segment)
    while found and not found[-1]:
        found.pop()
    return tuple(found)
