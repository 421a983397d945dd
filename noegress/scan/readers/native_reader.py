"""Native libraries and executables: the addresses and the switches in their strings, with noise control."""

import re

from noegress.scan.facts.address import addresses, is_public_name
from noegress.scan.facts.facts import Facts, Mention

_URL = re.compile(rb"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+[^\s\"'<>`\\)\x00-\x20\x7f-\xff]{0,160}", re.ASCII)
_VARIABLE = re.compile(rb"(?<![A-Z_0-9])[A-Z]{2,14}(?:_[A-Z0-9]{2,16}){1,5}(?![A-Z_])")
_SWITCH = re.compile(
    r"TELEMETRY|_STATS|OFFLINE|_REPORTING|DOWNLOADS|ANALYTICS|NO_UPDATE|DO_NOT_TRACK|UPDATE_CHECK|USAGE"
)
_MARKS = {
    "http": re.compile(rb"HTTP/1\.1|http/1\.1"),
    "downloads": re.compile(rb"[Dd]ownload(?:ing|ed) "),
    "telemetry": re.compile(
        rb"telemetry/send|/telemetry|telemetry_enabled|TELEMETRY_ENABLED|anonymous usage|usage_stats"
    ),
    "self-update": re.compile(rb"self[- _]update|self_update"),
}
MAX_MENTIONS = 600


def is_native(content: bytes) -> bool:
    """ELF, Mach-O (thin or fat) or PE by its first bytes."""
    return content[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe") or (
        content[:2] == b"MZ" and b"PE\0\0" in content[:4096]
    )


def read_native(content: bytes) -> Facts:
    """Hosts, names of variables and marks."""
    facts = Facts("native")
    seen = set()
    if b"http" in content:
        for match in _URL.finditer(content):
            for address in addresses(match[0].decode("ascii")):
                key = (address.host, address.path)
                if key not in seen and is_public_name(address.host) and len(facts.mentions) < MAX_MENTIONS:
                    seen.add(key)
                    facts.mentions.append(Mention(address.host, address.path, 0, "", ""))
    facts.marks = [name for name, pattern in _MARKS.items() if pattern.search(content)]
    if facts.marks:
        names = {match.decode("ascii") for match in _VARIABLE.findall(content)}
        facts.variables = sorted(name for name in names if _SWITCH.search(name))[:40]
    return facts
