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
    from typing import Any, Final, TypeVar

    from noegress_guard.policy import GuardPolicy

    Policy = TypeVar("Policy")
    Hook = Callable[[str, tuple[Any, ...]], None]

CONFIGURATION_ERROR: "Final" = 78  # EX_CONFIG
VARIABLE: "Final" = "NOEGRESS_GUARD_POLICY"
ANCHOR: "Final" = "/etc/noegress/guard.json"
"""Where it exists, an administrator's word that `NOEGRESS_GUARD_POLICY` can only narrow."""
TREE: "Final" = "NOEGRESS_GUARD_TREE"
"""Set to the process in which the guarded tree begins; what is bound inside the tree may be connected from inside."""

EVENTS: "Final" = "NOEGRESS_GUARD_EVENTS"
"""A path, or `fd:N`; unset, events are raised as errors and not recorded."""

_MOST_COMPILED: "Final" = 1 << 16  # bytes of one of our modules

_RESOLVER_VARIABLES: "Final" = frozenset({b"LOCALDOMAIN", b"HOSTALIASES"})
"""With these the C library asks for other names than it was given."""

_started: "list[tuple[tuple[str, str], ...]]" = []
"""Text and path of each policy, to be shown; what is enforced is built from them apart."""


def start() -> None:
    """Guard this interpreter from now on; whatever keeps the guard from it ends the process with status 78.

    An interpreter can come here twice: a venv reads its .pth files twice, and a .start follows a .pth.
    """
    if _started:
        return
    try:
        _start()
    except BaseException as error:  # noqa: BLE001 -- fails closed: who reads a .start prints an error and goes on
        try:
            from noegress_guard.errors import PolicyError

            problem = str(error) if isinstance(error, PolicyError) else f"cannot start ({error!a})"
            os.write(2, f"noegress-guard: {problem}\n".encode(errors="backslashreplace"))
        finally:
            os._exit(CONFIGURATION_ERROR)  # site swallows exceptions and loses the code of a SystemExit


def _start() -> None:
    load = _private_importer()
    found = find_policies(os.environ, _make_reader(load))
    _started.append(tuple([(text, path) for _, text, path in found]))
    for content, _, _ in reversed(found):  # where two differ, the first (the anchor) wins
        for name, value in content.get("kill-switches", {}).items():
            os.environ[name] = value
    os.environ.setdefault(TREE, str(os.getpid()))
    for name in _RESOLVER_VARIABLES:
        os.environ.pop(name.decode(), None)  # whoever started this process may have set them
    hook = _make_hook([(content, path) for content, _, path in found], load, os.environ.get(EVENTS, ""))
    sys.addaudithook(hook)
    if sys.version_info < (3, 12):
        _watch_threads(load)
    if "_socket" in sys.modules:
        hook("import", ("_socket",))


def _make_reader(load: "Callable[[str], Any]") -> "Callable[[str], tuple[dict[str, Any], str, str]]":
    """Return what reads a policy into its content, text and path."""

    def read(path: str) -> "tuple[dict[str, Any], str, str]":
        plain = load("noegress_guard.plain_policy").read_plain(path)
        return (*(plain or load("noegress_guard.policy").read_checked(path)), path)

    return read


def active_policies() -> "tuple[GuardPolicy, ...] | None":
    """Return the policies of this interpreter, None if the guard was not started in it; empty allows nothing.

    They are copies: nothing that is done to them changes what is enforced.
    """
    if not _started:
        return None
    from noegress_guard.policy import GuardPolicy, parse_json

    return tuple(GuardPolicy(parse_json(text), path) for text, path in _started[0])


def find_policies(
    environ: "MutableMapping[str, str]", read: "Callable[[str], Policy]", anchor: str | None = None
) -> "tuple[Policy, ...]":
    """Read the policies that all have to allow a destination (contract 4); if there is none, nothing is allowed.

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
    return tuple(map(read, paths))


def _exists(path: str) -> bool:
    """Tell whether there is an anchor; one that cannot be looked at counts as there, and reading it then fails."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _private_importer() -> "Callable[[str], Any]":
    """Return what loads our modules for the hook alone, with functions that are theirs alone.

    `import noegress_guard.network` gives everybody else another copy, so that nobody changes ours by setting an
    attribute, nor by giving `all` or `os.readlink` another meaning.
    """
    import builtins

    everybody: Any = builtins.__import__
    own = dict(vars(builtins))
    system = type(sys)("os")
    vars(system).update(vars(os))
    loaded: dict[str, Any] = {"os": system}
    read_code = _code_reader()

    def load(name: str) -> "Any":
        module = loaded.get(name)
        if module is None:
            made = type(sys)(name)
            vars(made).update(__builtins__=own, __file__=__file__, __package__=__name__)
            exec(read_code(name), vars(made))  # noqa: S102 -- as the import system does
            module = loaded.setdefault(name, made)  # whole, and the same for all threads that came at once
        return module

    def import_(name: str, space: "Any" = None, inner: "Any" = None, found: "Any" = (), level: int = 0) -> "Any":
        if name == "os" or (found and name.startswith("noegress_guard.") and name != "noegress_guard.errors"):
            return load(name)
        return everybody(name, space, inner, found, level)

    own["__import__"] = import_
    return load


def _code_reader() -> "Callable[[str], Any]":
    """Return what reads the code of a module of ours, past finders and caches of finders that anybody may replace.

    The import system's own way, which takes longer, is left for a module that is not compiled yet or not a file.
    """
    from _frozen_importlib_external import MAGIC_NUMBER  # `importlib` may not be loaded
    from marshal import loads

    loader: Any = __spec__.loader
    compiled, status, open_, read, close = __spec__.cached or "", os.stat, os.open, os.read, os.close
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    before, _, after = compiled.rpartition("__init__")
    sources = __file__.rpartition("__init__")[0]

    def read_code(name: str) -> "Any":
        part = name.rpartition(".")[2]
        source = f"{sources}{part}.py"
        try:
            found = status(source)
            descriptor = open_(f"{before}{part}{after}", flags)
            try:
                data = read(descriptor, _MOST_COMPILED)
            finally:
                close(descriptor)
        except OSError:
            data = b""
        else:
            kind = b"\0\0\0\0" + (int(found.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
            if data[:16] == MAGIC_NUMBER + kind + (found.st_size & 0xFFFFFFFF).to_bytes(4, "little"):
                return loads(data[16:])  # noqa: S302 -- what the import system would load
        one: Any = type(loader)(name, source) if compiled else loader
        return one.get_code(name)

    return read_code


def _make_hook(policies: "list[tuple[dict[str, Any], str]]", load: "Callable[[str], Any]", events: str) -> "Hook":
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
            "_thread.start_new_thread",
            "_thread.start_joinable_thread",  # since 3.13
            "os.putenv",
        }
    )
    ends_with = str.endswith  # past what a subclass of str overrides
    handlers: dict[str, Hook] = {}

    def hook(event: str, args: "tuple[Any, ...]") -> None:
        if event not in watched or (event == "import" and not ends_with(args[0], "_socket")):
            return
        if event == "os.putenv" and args[0] not in _RESOLVER_VARIABLES:
            return
        if event.startswith("_thread."):
            load("noegress_guard.starters").note_starter(args[0], sys._getframe(1))  # noqa: SLF001 -- documented
            return
        handle = handlers.get("")
        if handle is None:
            handle = handlers.setdefault("", load("noegress_guard.network").make_handler(policies, events))
        handle(event, args)

    return hook


def _watch_threads(load: "Callable[[str], Any]") -> None:
    """Note who starts a thread where Python raises no event for it; `threading` takes what it finds at its import."""
    import _thread

    original: Any = _thread.start_new_thread

    def start_new_thread(function: "Any", *arguments: "Any") -> int:
        load("noegress_guard.starters").note_starter(function, sys._getframe(1))  # noqa: SLF001 -- documented
        identity: int = original(function, *arguments)
        return identity

    _thread.start_new_thread = start_new_thread
