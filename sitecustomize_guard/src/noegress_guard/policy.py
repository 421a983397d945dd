"""The guard policy: the data file (format 1) that the core exports, read strictly and found where contract 4 says.

Loaded at the start of every interpreter, so it imports `os` alone and reads JSON itself. Entries of the plain forms are
known to be right by their looks; the grammar is loaded for the others, and for all when the first decision is due.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from noegress_guard.allowlist import Allowlist

FORMAT: "Final" = 1
MAX_BYTES: "Final" = 1 << 20  # a policy of some ten thousand destinations; more is a mistake, or an attack on start-up

_DIGITS: "Final" = frozenset("0123456789")
_NO_MARKS: "Final" = dict.fromkeys(b"-_")
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
        "_allowlist",
        "allow",
        "allow_observe",
        "allow_python_only",
        "content",
        "digest",
        "kill_switches",
        "path",
        "private_names",
        "source",
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
        self.allow = _strings(content, "allow")
        self.private_names = _strings(content, "private-names")
        self.kill_switches = _kill_switches(_typed(content, "kill-switches", dict, {}))
        self.allow_observe = _typed(content, "allow-observe", bool, default=False)
        self.allow_python_only = _typed(content, "allow-python-only", bool, default=False)
        self._allowlist: Allowlist | None = None
        if self.private_names or not all(map(is_plain, self.allow)):
            _ = self.allowlist

    @property
    def allowlist(self) -> "Allowlist":
        """The entries, read; ValueError names the one that is not understood."""
        if self._allowlist is None:
            from noegress_guard.allowlist import Allowlist

            self._allowlist = Allowlist(self.allow, self.private_names)
        return self._allowlist


def is_plain(text: str) -> bool:
    """Tell whether an entry is surely understood: [*.]NAME:PORT, IPv4:PORT, IPv4/BITS:PORT as usual.

    False says nothing. Whatever is plain, `Destination` reads; a property test holds the two together.
    """
    host, _, port = text.rpartition(":")
    if not (text.isascii() and _is_number(port, 65535) and port != "0" and len(host) <= 253):
        return False
    name, slash, bits = host.partition("/")
    parts = name.split(".")
    if parts[-1][:1].isalpha():
        labels = parts[1:] if parts[0] == "*" else parts
        return not slash and all(map(_is_plain_label, labels))
    if len(parts) != 4 or not all(_is_number(part, 255) for part in parts):
        return False
    if not slash:
        return True
    number = int.from_bytes(bytes(map(int, parts)), "big")
    return _is_number(bits, 32) and number & (1 << 32 - int(bits)) - 1 == 0


def _is_plain_label(text: str) -> bool:
    return len(text) <= 63 and text[:1].isalnum() and text[-1:].isalnum() and text.translate(_NO_MARKS).isalnum()


def _is_number(text: str, most: int) -> bool:
    return len(text) <= 5 and text.isdigit() and (text[0] != "0" or text == "0") and int(text) <= most


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


def _read(path: str) -> str:
    """Read a regular file of bounded size; a FIFO or a device would hold the start up for ever."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if os.fstat(descriptor).st_mode & 0o170000 != 0o100000:
            raise ValueError("not a regular file")
        content = b""
        while len(content) <= MAX_BYTES and (chunk := os.read(descriptor, 65536)):
            content += chunk
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return content.decode("utf-8")


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


def _kill_switches(switches: "dict[str, Any]") -> dict[str, str]:
    for name, value in switches.items():
        if not (name.isascii() and name.isidentifier()) or name.startswith("NOEGRESS_"):
            raise ValueError(f"'kill-switches' sets {name!r}, which is no environment variable that it may set")
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(f"'kill-switches' gives {name} a value that is no string without NUL")
    return switches
