"""A runtime guard that stops every connection the policy does not name, and says which distribution tried.

`start` is the first thing that runs in every interpreter of the environment. Each module that is loaded there costs a
quarter of a millisecond, and so it stands here, and what is not needed yet is imported later.
"""

import os
import sys

__all__ = ["active_policies", "start"]
__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from typing import Any, Final, NoReturn

    from noegress_guard.policy import GuardPolicy

    Hook = Callable[[str, tuple[Any, ...]], None]

CONFIGURATION_ERROR: "Final" = 78  # EX_CONFIG; site swallows exceptions and loses the code of a SystemExit
VARIABLE: "Final" = "NOEGRESS_GUARD_POLICY"
ANCHOR: "Final" = "/etc/noegress/guard.json"
"""Where it exists, an administrator's word that `NOEGRESS_GUARD_POLICY` can only narrow."""
TREE: "Final" = "NOEGRESS_GUARD_TREE"
"""Set to the process in which the guarded tree begins; what is bound inside the tree may be connected from inside."""

_LATER: "Final" = (
    "address",
    "attribution",
    "decision",
    "events",
    "link",
    "lookup",
    "network",
    "refusal",
    "tree",
)

_started: "list[tuple[GuardPolicy, ...]]" = []


def start() -> None:
    """Guard this interpreter from now on; a policy that cannot be enforced ends the process with status 78.

    An interpreter can come here twice: a venv reads its .pth files twice, and a .start follows a .pth.
    """
    if _started:
        return
    try:
        policies = find_policies(os.environ)
    except Exception as error:
        # fails closed: nothing runs unguarded because a policy could not be read
        if type(error).__name__ != "PolicyError":
            raise
        _give_up(str(error))
    _started.append(policies)
    for policy in reversed(policies):  # where two differ, the first (the anchor) wins
        os.environ.update(policy.kill_switches)
    os.environ.setdefault(TREE, str(os.getpid()))
    hook = _make_hook(policies)
    sys.addaudithook(hook)
    if "_socket" in sys.modules:
        hook("import", ("_socket",))


def active_policies() -> "tuple[GuardPolicy, ...] | None":
    """Return the policies of this interpreter, None if the guard was not started in it; empty allows nothing."""
    return _started[0] if _started else None


def find_policies(environ: "MutableMapping[str, str]", anchor: str | None = None) -> "tuple[GuardPolicy, ...]":
    """Return the policies that all have to allow a destination (contract 4); if there is none, nothing is allowed.

    The variable is made absolute, so that a child that changes its folder still finds the same file.
    """
    if anchor is None and os.name == "posix":
        anchor = ANCHOR
    paths = [anchor] if anchor is not None and _exists(anchor) else []
    named = environ.get(VARIABLE)
    if named:
        absolute = os.path.abspath(named)
        if absolute != named:
            environ[VARIABLE] = absolute
        if absolute != anchor:
            paths.append(absolute)
    if not paths:
        return ()
    from noegress_guard.policy import read_policy

    return tuple(map(read_policy, paths))


def _exists(path: str) -> bool:
    """Tell whether there is an anchor; one that cannot be looked at counts as there, and reading it then fails."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _make_hook(policies: "tuple[GuardPolicy, ...]") -> "Hook":
    """Build the hook around variables that no module attribute reaches."""
    # frozen: the most frequent way through the hook is one look into this set
    watched = frozenset(
        {
            "import",
            "socket.__new__",
            "socket.connect",
            "socket.sendto",
            "socket.sendmsg",
            "socket.getaddrinfo",
            "socket.gethostbyname",
            "socket.gethostbyaddr",
            "socket.getnameinfo",
        }
    )
    handle: Hook | None = None

    def hook(event: str, args: "tuple[Any, ...]") -> None:
        nonlocal handle
        if event not in watched or (event == "import" and args[0] != "_socket"):
            return
        if handle is None:
            # what somebody put there in the meantime is not what we import
            for name in _LATER:
                sys.modules.pop(f"noegress_guard.{name}", None)
            from noegress_guard.network import make_handler

            handle = make_handler(policies)
        handle(event, args)

    return hook


def _give_up(problem: str) -> "NoReturn":
    os.write(2, f"noegress-guard: {problem}\n".encode(errors="backslashreplace"))
    os._exit(CONFIGURATION_ERROR)
