"""The arguments of `noegress-guard run`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class UsageError(Exception):
    """Arguments that are not understood."""


class Options:
    """The arguments of `run`."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """Read them; UsageError names the one that is not understood."""
        self.policy: str | None = None
        self.observe: str | None = None
        self.events: str | None = None
        self.deny = self.python_only = False
        self.keep_fd: list[int] = []
        left = list(arguments)
        while left and left[0].startswith("-") and left[0] != "--":
            name, equals, value = left.pop(0).partition("=")
            if name in {"--deny", "--python-only"} and not equals:
                setattr(self, name[2:].replace("-", "_"), True)
                continue
            if name not in {"--policy", "--observe", "--events", "--keep-fd"}:
                raise UsageError(f"{name} is not an option of run")
            if not equals and not left:
                raise UsageError(f"{name} needs a value")
            self._take(name[2:], value if equals else left.pop(0))
        self.program = left[1:] if left[:1] == ["--"] else left

    def _take(self, name: str, value: str) -> None:
        if name != "keep-fd":
            setattr(self, name, value)
            return
        if not (value.isascii() and value.isdigit()):
            raise UsageError(f"--keep-fd is the number of a descriptor, not {value!r}")
        self.keep_fd.append(int(value))
