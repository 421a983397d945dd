"""The guard policy (format 1): what its file may say, and what it says."""

from __future__ import annotations

from noegress_guard.allowlist import Allowlist
from noegress_guard.errors import PolicyError
from noegress_guard.plain_policy import FORMAT, TYPES, is_switch, parse_plain, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class GuardPolicy:
    """One guard policy, validated."""

    def __init__(self, content: Mapping[str, Any], path: str) -> None:
        """Validate the content of a policy file; ValueError names the key."""
        _check_content(content)
        self.path = path
        self.source: str = content.get("source") or "noegress.toml"
        """The file that a new destination has to be added to."""
        self.digest: str = content.get("policy-digest", "")
        self.allow: list[str] = list(content.get("allow", ()))
        self.private_names: list[str] = list(content.get("private-names", ()))
        self.kill_switches: dict[str, str] = dict(content.get("kill-switches", {}))
        self.allow_observe: bool = content.get("allow-observe", False)
        self.allow_python_only: bool = content.get("allow-python-only", False)
        self.allowlist = Allowlist(self.allow, self.private_names)


def read_policy(path: str) -> GuardPolicy:
    """Read a policy file; PolicyError tells what is wrong with it."""
    content, _ = read_checked(path)
    return GuardPolicy(content, path)


def read_checked(path: str) -> tuple[dict[str, Any], str]:
    """Return the content of any policy file, and its text; PolicyError tells what is wrong with it."""
    try:
        text = read_text(path)
        content = parse_json(text)
        GuardPolicy(content, path)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError as error:
        problem = f"is not a guard policy: {error}"
    else:
        return content, text
    raise PolicyError(f"{path} {problem}; write it anew with `noegress policy export guard`")


def parse_json(text: str) -> dict[str, Any]:
    """Read one JSON object without repeated keys; ValueError if the text is none."""
    try:
        return parse_plain(text)
    except (LookupError, StopIteration, ValueError):
        import json  # takes ten times as long to load as all of the guard
    content = json.loads(text, object_pairs_hook=_without_repetition)
    if not isinstance(content, dict):
        raise ValueError("not one JSON object")  # noqa: TRY004 -- the text is at fault, not an argument of ours
    return content


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return content


def _check_content(content: Mapping[str, Any]) -> None:
    found = content.get("format")
    if type(found) is not int or found != FORMAT:
        raise ValueError(f"'format' must be {FORMAT}, not {found!r}")
    for key, value in content.items():
        kind = TYPES.get(key)
        if kind is None:
            raise ValueError(f"the key {key!r} is unknown to this guard")
        if type(value) is not kind:
            raise ValueError(f"'{key}' must be of type {kind.__name__}, not {type(value).__name__}")
    for key in ("allow", "private-names"):
        _check_strings(key, content.get(key, []))
    _check_kill_switches(content.get("kill-switches", {}))


def _check_strings(key: str, values: list[Any]) -> None:
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(f"'{key}'[{position}] must be a string, not {type(value).__name__}")  # noqa: TRY004


def _check_kill_switches(switches: dict[str, Any]) -> None:
    for name, value in switches.items():
        if not is_switch(name, ""):
            raise ValueError(f"'kill-switches' sets {name!r}, which is no environment variable that it may set")
        if not is_switch(name, value):
            raise ValueError(f"'kill-switches' gives {name} a value that is no string without NUL")
