"""The guard policy: the data file (format 1) that the core exports, read strictly and found where contract 4 says.

Loaded at the start of every interpreter, so it imports `os` alone and reads JSON itself.
"""

import os

from noegress_guard.destination import Address, Destination, parse_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final

    _Entries = dict[str, list[Destination]]

FORMAT: "Final" = 1
MAX_BYTES: "Final" = 1 << 20  # a policy of some ten thousand destinations; more is a mistake, or an attack on start-up

_DIGITS: "Final" = frozenset("0123456789")
_KEYS: "Final" = frozenset(
    {
        "format",
        "source",
        "policy-digest",
        "allow",
        "private-names",
        "kill-switches",
        "allow-observe",
        "allow-python-only",
    }
)


class PolicyError(Exception):
    """A policy that cannot be enforced; the message leads with the file and ends with the fix."""


class GuardPolicy:
    """One guard policy, validated."""

    __slots__ = (
        "allow",
        "allow_observe",
        "allow_python_only",
        "content",
        "digest",
        "kill_switches",
        "names",
        "networks",
        "path",
        "private_names",
        "sockets",
        "source",
        "suffixes",
    )

    def __init__(self, content: "Mapping[str, Any]", path: str) -> None:
        """Validate the content of a policy file; ValueError names the key."""
        unknown = sorted(set(content) - _KEYS)
        if unknown:
            raise ValueError(f"the key {unknown[0]!r} is unknown to this guard")
        if content.get("format") != FORMAT or isinstance(content["format"], bool):
            raise ValueError(f"'format' must be {FORMAT}, not {content.get('format')!r}")
        self.content = dict(content)
        self.path = path
        self.source = _typed(content, "source", str, "") or "noegress.toml"
        """The file that a new destination has to be added to."""
        self.digest = _typed(content, "policy-digest", str, "")
        self.allow = tuple(_destinations(_strings(content, "allow")))
        self.private_names = frozenset(_names(_strings(content, "private-names")))
        self.kill_switches = _kill_switches(_typed(content, "kill-switches", dict, {}))
        self.allow_observe = _typed(content, "allow-observe", bool, default=False)
        self.allow_python_only = _typed(content, "allow-python-only", bool, default=False)
        self.names: _Entries = {}
        for entry in self.allow:
            if entry.kind == "name":
                self.names.setdefault(entry.host, []).append(entry)
        self.suffixes = tuple(entry for entry in self.allow if entry.kind == "suffix")
        self.networks = tuple(entry for entry in self.allow if entry.kind == "network")
        self.sockets = tuple(entry for entry in self.allow if entry.kind in {"unix", "abstract"})

    def _named(self, name: str) -> "Iterable[Destination]":
        yield from self.names.get(name, ())
        yield from (entry for entry in self.suffixes if entry.covers_name(name))

    def resolves(self, name: str) -> bool:
        """Tell whether the name may be looked up: it is listed, at whatever port."""
        return any(True for _ in self._named(name))

    def allows_name(self, name: str, protocol: str, port: int) -> bool:
        """Tell whether the name is listed at this port."""
        return any(entry.covers_port(protocol, port) for entry in self._named(name))

    def refuses_answer(self, name: str, address: Address) -> bool:
        """Tell whether an answer is DNS rebinding: a public name with an address of a private range."""
        from noegress_guard.address import is_private, is_public_name

        return is_private(address) and is_public_name(name) and name not in self.private_names

    def lists_address(self, address: Address) -> bool:
        """Tell whether the address itself is listed, at whatever port."""
        return any(entry.covers_address(address) for entry in self.networks)

    def allows_address(self, address: Address, protocol: str, port: int, names: "Iterable[str]" = ()) -> bool:
        """Tell whether the address is listed at this port, or one of the names that resolved to it is."""
        if any(entry.covers_port(protocol, port) and entry.covers_address(address) for entry in self.networks):
            return True
        return any(self.allows_name(name, protocol, port) and not self.refuses_answer(name, address) for name in names)


def read_policy(path: str) -> GuardPolicy:
    """Read a policy file; PolicyError tells what is wrong with it."""
    try:
        return GuardPolicy(_parse(_read(path)), path)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError as error:
        problem = f"is not a guard policy: {error}"
    raise PolicyError(f"{path} {problem}; write it anew with `noegress policy export guard`")


def kill_switches(policies: "Iterable[GuardPolicy]") -> dict[str, str]:
    """Return the environment that the policies set; where two differ, the first (the anchor) wins."""
    switches: dict[str, str] = {}
    for policy in policies:
        for name, value in policy.kill_switches.items():
            switches.setdefault(name, value)
    return switches


def _read(path: str) -> str:
    """Read a regular file of bounded size; a FIFO or a device would hold the start up for ever."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if os.fstat(descriptor).st_mode & 0o170000 != 0o100000:
            raise ValueError("not a regular file")
        chunks, left = [], MAX_BYTES + 1
        while left > 0 and (chunk := os.read(descriptor, left)):
            chunks.append(chunk)
            left -= len(chunk)
    finally:
        os.close(descriptor)
    if left <= 0:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return b"".join(chunks).decode("utf-8")


def _parse(text: str) -> "dict[str, Any]":
    """Read one JSON object without duplicate keys.

    Loading `json` (and with it `re`) or its C scanner costs more than the rest of the start-up together. A guard policy
    holds strings, whole numbers, booleans, lists and objects; fractions and exponents are refused as unknown values.
    """
    content, end = _value(text, _space(text, 0))
    if _space(text, end) != len(text) or not isinstance(content, dict):
        raise ValueError("not one JSON object")
    return content


def _space(text: str, at: int) -> int:
    while text[at : at + 1] in {" ", "\t", "\r", "\n"}:
        at += 1
    return at


def _value(text: str, at: int) -> "tuple[Any, int]":
    """Return the value that begins at a character, and where it ends."""
    first = text[at : at + 1]
    if first == '"':
        return _string(text, at + 1)
    if first in {"{", "["}:
        return _members(text, at)
    for word, value in (("true", True), ("false", False), ("null", None)):
        if text.startswith(word, at):
            return value, at + len(word)
    end = at
    while text[end : end + 1] in _DIGITS:
        end += 1
    if not 1 <= end - at <= 9 or (first == "0" and end - at > 1):
        raise ValueError(f"no value that a guard policy can hold at character {at}")
    return int(text[at:end]), end


def _string(text: str, at: int) -> tuple[str, int]:
    end = text.find('"', at)
    chunk = text[at:end]
    if end >= 0 and "\\" not in chunk and chunk.isprintable():
        return chunk, end + 1
    from json.decoder import scanstring  # type: ignore[attr-defined]  # escapes are rare, and not worth a second implementation

    value: tuple[str, int] = scanstring(text, at, True)  # strict: no control characters
    return value


def _members(text: str, at: int) -> "tuple[Any, int]":
    """Read an object or a list, which differ in the keys."""
    is_object = text[at] == "{"
    close = "}" if is_object else "]"
    pairs: list[tuple[str, Any]] = []
    at = _space(text, at + 1)
    while text[at : at + 1] != close:
        if pairs:
            at = _punctuation(text, at, ",")
        key = ""
        if is_object:
            key, at = _string(text, _punctuation(text, at, '"'))
            at = _punctuation(text, _space(text, at), ":")
        value, at = _value(text, at)
        pairs.append((key, value))
        at = _space(text, at)
    if not is_object:
        return [value for _, value in pairs], at + 1
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return content, at + 1


def _punctuation(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise ValueError(f"expected {sign} at character {at}")
    return at + 1 if sign == '"' else _space(text, at + 1)


def _typed(content: "Mapping[str, Any]", key: str, kind: type, default: "Any") -> "Any":
    value = content.get(key, default)
    if not isinstance(value, kind):
        raise ValueError(f"'{key}' must be of type {kind.__name__}, not {type(value).__name__}")  # noqa: TRY004
    return value


def _strings(content: "Mapping[str, Any]", key: str) -> list[str]:
    values = _typed(content, key, list, [])
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(f"'{key}'[{position}] must be a string, not {type(value).__name__}")  # noqa: TRY004
    return list(values)


def _destinations(texts: list[str]) -> "Iterable[Destination]":
    for position, text in enumerate(texts):
        try:
            yield Destination(text)
        except ValueError as error:
            raise ValueError(f"'allow'[{position}] is {text!r}: {error}") from None


def _names(texts: list[str]) -> "Iterable[str]":
    for position, text in enumerate(texts):
        name = parse_name(text)
        if name is None:
            raise ValueError(f"'private-names'[{position}] is {text!r}, which is no host name in ASCII")
        yield name


def _kill_switches(switches: "dict[str, Any]") -> dict[str, str]:
    for name, value in switches.items():
        if not (name.isascii() and name.isidentifier()) or name.startswith("NOEGRESS_"):
            raise ValueError(f"'kill-switches' sets {name!r}, which is no environment variable that it may set")
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(f"'kill-switches' gives {name} a value that is no string without NUL")
    return switches
