"""What the machine can tell a build: its environment, its configuration folders, the command that started it."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FRONT_ENDS = (
    *("pip", "uv", "uvx", "build", "pyproject-build", "hatch", "tox", "nox", "poetry", "pdm", "pipx", "pipenv"),
    *("pip-compile", "pip-sync", "piptools", "easy_install"),
)
MAX_ANCESTORS = 8  # front end, its shell, a task runner and its shell, twice
_INTERPRETER_OPTIONS_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_MODULE_OPTION = re.compile(r"-[bBdEiIOPqRsSuvx]*m(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A front end's command line, as far up as it could be seen."""

    tool: str
    """``pip``, ``uv``, ``hatch`` …"""
    arguments: tuple[str, ...]
    """Without the tool's own name."""
    prefix: Path | None = None
    """The environment the tool itself runs in, where its command line tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine as a front end started on it would read it; tests and container roots make their own."""

    environ: Mapping[str, str]
    home: Path
    root: Path = Path("/")
    """The root of the file system; ``/etc`` is below it."""
    platform: str = sys.platform
    commands: tuple[Command, ...] = field(default=())
    """The front ends above this process, nearest first; empty where none is or none can be seen."""
    prefixes: tuple[Path, ...] = ()
    """Environments whose own ``pip.conf`` counts."""

    def variables(self, prefix: str) -> Iterator[tuple[str, str]]:
        """The variables with a prefix, in the order of the environment."""
        return ((name, value) for name, value in self.environ.items() if name.startswith(prefix))

    def is_set(self, name: str) -> bool:
        """Whether a variable is set to something that tools take for true."""
        return self.environ.get(name, "").strip().lower() in ("1", "true", "t", "yes", "y", "on")

    def config_home(self) -> Path:
        """Where a user's configuration is (``XDG_CONFIG_HOME``; ``%APPDATA%`` on Windows)."""
        if self.platform == "win32":
            return Path(self.environ.get("APPDATA") or self.home / "AppData/Roaming")
        given = self.environ.get("XDG_CONFIG_HOME", "")
        return Path(given) if Path(given).is_absolute() else self.home / ".config"

    def config_dirs(self) -> tuple[Path, ...]:
        """Where the machine's configuration is, the most important last."""
        if self.platform == "win32":
            return (Path(self.environ.get("PROGRAMDATA") or "C:/ProgramData"),)
        given = [Path(part) for part in self.environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep) if part]
        return tuple(given or [self.root / "etc/xdg"])


def this_machine(*, commands: tuple[Command, ...] = ()) -> Machine:
    """The machine as this process and its children see it; ``commands`` are the front ends above it."""
    environ = dict(os.environ)
    prefixes = [Path(environ[name]) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environ.get(name)]
    prefixes = list(dict.fromkeys([*prefixes, Path(sys.prefix)]))
    return Machine(environ=environ, home=_home(environ), commands=commands, prefixes=tuple(prefixes))


def _home(environ: Mapping[str, str]) -> Path:
    try:
        return Path.home()
    except RuntimeError:  # no HOME and no account: no user configuration either
        return Path(environ.get("HOME") or "/nonexistent")


def parse_command(argv: tuple[str, ...]) -> Command | None:
    """The front end that a process is, from its arguments; None for any other program."""
    if not argv:
        return None
    name, rest = _program(argv[0]), argv[1:]
    if name.startswith(("python", "pypy")) or name == "py":
        name, rest = _run_by_python(rest)
    if re.fullmatch(r"pip[0-9.]+", name):
        name = "pip"
    return Command(tool=name, arguments=rest, prefix=_prefix(argv[0])) if name in FRONT_ENDS else None


def ancestors(pid: int | None = None) -> tuple[Command, ...]:
    """The front ends above this process, nearest first (Linux only: elsewhere nothing is seen).

    Only command lines are read, never an ancestor's environment. Absence proves nothing. What stands between a front
    end and the backend is looked through; the first other program ends the search, for it is nobody's build.
    """
    found = []
    pid = os.getppid() if pid is None else pid
    for _ in range(MAX_ANCESTORS):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
            stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except OSError:
            break
        argv = tuple(os.fsdecode(argument) for argument in arguments)
        command = parse_command(argv)
        if command is not None:
            found.append(command)
        elif not _is_between(argv):
            break
        pid = int(stat.rpartition(")")[2].split()[1])
        if pid <= 1:
            break
    return tuple(found)


def _is_between(argv: tuple[str, ...]) -> bool:
    """Whether a process only hands a build on: a shell, or the child in which a backend runs."""
    if not argv:
        return False
    name = _program(argv[0])
    if name.startswith(("python", "pypy")):
        return _run_by_python(argv[1:])[0] in ("hatchling", "_in_process", "_backend", "")
    return name in ("sh", "bash", "dash", "zsh", "busybox", "env", "cmd", "powershell", "pwsh")


def _run_by_python(rest: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The name of the module or script that an interpreter was told to run (empty for ``-c``), and its arguments."""
    position = 0
    while position < len(rest):
        word = rest[position]
        if module := _MODULE_OPTION.fullmatch(word):
            name = module[1] or (rest[position + 1] if position + 1 < len(rest) else "")
            return name.partition(".")[0], rest[position + (1 if module[1] else 2) :]
        if word == "-c":
            return "", ()
        if not word.startswith("-") or word == "-":
            script = _program(word).removesuffix(".py")
            name = Path(word).parent.name if script == "__main__" else script
            return name, rest[position + 1 :]
        position += 2 if word in _INTERPRETER_OPTIONS_WITH_VALUE else 1
    return "", ()


def _program(path: str) -> str:
    return Path(path.replace("\\", "/")).name.removesuffix(".exe").lower()


def _prefix(program: str) -> Path | None:
    path = Path(program)
    return path.parent.parent if path.is_absolute() and path.parent.name in ("bin", "Scripts") else None
