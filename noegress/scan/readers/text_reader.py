"""Members that are text but no Python: the addresses in scripts, pages and settings, with the words around them."""

import re

from noegress.scan.facts.address import addresses, clean_host, is_public_name
from noegress.scan.facts.facts import Facts, Mention

MAX_MENTIONS = 400  # of one member; a catalogue of hosts tells no more after that
_ADDRESS = re.compile(
    rb"(?:(?:https?|wss?):|[\"'(=]\s?)\\?/\\?/(?:[\w.-]{1,100}@)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+[^\s\"'<>`\\)\x00-\x1f\x7f-\xff]*",
    re.ASCII,
)
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+){1,7}\b")


def read_text(content: bytes, reader: str) -> Facts:
    """Every address with its line and its surroundings."""
    facts = Facts(reader)
    line, counted = 1, 0
    for match in _ADDRESS.finditer(content):
        if len(facts.mentions) >= MAX_MENTIONS:
            break
        start, end = match.span()
        line += content.count(b"\n", counted, start)
        counted = start
        text = match[0].lstrip(b"\"'(= ").decode("latin-1").replace("\\/", "/")
        for address in addresses(text):
            before = content[max(0, start - 200) : start].decode("utf-8", "replace")
            after = content[end : end + (240 if reader == "page" else 80)].decode("utf-8", "replace")
            if is_public_name(address.host):
                facts.mentions.append(Mention(address.host, address.path, line, _near(before), _follows(after)))
    return facts


def read_opaque_source(content: bytes, problem: str) -> Facts:
    """Python that cannot be parsed: its quoted addresses, read as text, and why it could not be parsed."""
    facts = read_text(content, "broken")
    facts.problem = problem
    return facts


def _near(before: str) -> str:
    return "\n".join(before.split("\n")[-3:])


def _follows(after: str) -> str:
    return "\n".join(after.split("\n")[:3]) if len(after) > 80 else after.partition("\n")[0]


__all__ = ["clean_host", "read_opaque_source", "read_text"]
