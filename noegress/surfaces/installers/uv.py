"""uv: its variables, its options and the configuration files it would find from a directory; it never reads pip's."""

from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.installers.options import UV, read_options
from noegress.surfaces.installers.requirements import requirements_violations
from noegress.surfaces.installers.uv_settings import default_of, settings_violations
from noegress.surfaces.judging.inspection import COMMAND_LINE, ENVIRONMENT, Inspection, Origin
from noegress.surfaces.judging.machine import Machine
from noegress.surfaces.judging.places import UV as PLACES
from noegress.surfaces.judging.places import place_violations, variable_violations
from noegress.surfaces.judging.violation import Scope, Violation
from noegress.surfaces.syntax.document import UnreadableError, read_toml

SURFACE = "uv"
_FILES = ("UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE")


def uv_violations(inspection: Inspection) -> Iterator[Violation]:
    """Everything uv would be told by the machine and by its command line besides the mirror."""
    yield from _variables(inspection)
    yield from _options(inspection)
    for path in uv_files(inspection.machine, inspection.directory):
        if inspection.scope_of(path) is Scope.MACHINE:
            yield from uv_file_violations(inspection, path)


def uv_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """Everything in one of uv's configuration files besides the mirror."""
    try:
        toml = read_toml(path)
        yield from settings_violations(inspection, toml, *_prefix(path))
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)


def uv_default(inspection: Inspection) -> Origin | None:
    """Where it is decided what uv takes for its default index; None where nothing does, and uv asks PyPI."""
    machine = inspection.machine
    for name, _ in _typed(machine):
        if name in ("default-index", "index-url", "no-index"):
            return Origin(file=COMMAND_LINE)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if machine.environ.get(name, "").strip():
            return Origin(file=ENVIRONMENT)
    if machine.is_set("UV_NO_INDEX"):
        return Origin(file=ENVIRONMENT)
    for path in reversed(uv_files(machine, inspection.directory)):
        try:
            line = default_of(read_toml(path), *_prefix(path))
        except UnreadableError:
            continue  # reported where its settings are judged
        if line is not None:
            return Origin(file=path, line=line)
    return None


def uv_files(machine: Machine, directory: Path) -> list[Path]:
    """The configuration files that uv would load in a directory, the most important last."""
    typed = dict(_typed(machine))
    if machine.is_set("UV_NO_CONFIG") or "no-config" in typed:
        return []
    named = typed.get("config-file") or machine.environ.get("UV_CONFIG_FILE", "")
    if named:
        return [directory / named]
    system = [folder / "uv/uv.toml" for folder in reversed(machine.config_dirs())]
    if machine.platform != "win32":
        system.append(machine.root / "etc/uv/uv.toml")
    system = [path for path in system if path.is_file()][:1]
    user = machine.config_home() / "uv/uv.toml"
    project = _project_file(directory)
    return [*system, *([user] if user.is_file() else []), *([project] if project else [])]


def _project_file(directory: Path) -> Path | None:
    """The nearest ``uv.toml``, or pyproject.toml with ``[tool.uv]``, from a directory upward."""
    for folder in (directory, *directory.parents):
        if (folder / "uv.toml").is_file():
            return folder / "uv.toml"
        pyproject = folder / "pyproject.toml"
        if pyproject.is_file():
            try:
                if "uv" in read_toml(pyproject).table("tool"):
                    return pyproject
            except UnreadableError:
                continue  # uv warns and looks further up; the project's own file is judged by its surface
    return None


def _prefix(path: Path) -> tuple[str, ...]:
    return ("tool", "uv") if path.name == "pyproject.toml" else ()


def _variables(inspection: Inspection) -> Iterator[Violation]:
    origin = Origin(file=ENVIRONMENT)
    for name, value in inspection.machine.variables("UV_"):
        yield from variable_violations(inspection, name, value, origin)
    for name in _FILES:
        for path in inspection.machine.environ.get(name, "").split():
            yield from requirements_violations(inspection, inspection.directory / path)


def _options(inspection: Inspection) -> Iterator[Violation]:
    origin = Origin(file=COMMAND_LINE, scope=Scope.COMMAND)
    for name, value in _typed(inspection.machine):
        if name in PLACES:
            written = f"--{name} "
            yield from place_violations(inspection, PLACES[name], value, origin, written=written, surface=SURFACE)


def _typed(machine: Machine) -> list[tuple[str, str]]:
    commands = (command for command in machine.commands if command.tool in ("uv", "uvx"))
    return [option for command in commands for option in read_options(command.arguments, UV)]
