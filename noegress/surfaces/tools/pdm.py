"""PDM: sources of a project, and its configuration at every level."""

from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import ENVIRONMENT, Inspection, Origin
from noegress.surfaces.judging.machine import Command, Machine
from noegress.surfaces.judging.places import variable_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.scripts.installer_commands import command_violations, mention
from noegress.surfaces.scripts.scripts import script_violations
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_toml

SURFACE = "pdm"
CONFIGURATION = ("pdm.toml", ".pdm.toml")


def pdm_violations(inspection: Inspection, toml: Toml) -> Iterator[Violation]:
    """The ``[tool.pdm]`` tables of a pyproject.toml, and what its lock leaves to PyPI."""
    base = ("tool", "pdm")
    sources = toml.value(*base, "source")
    entries = sources if isinstance(sources, list) else []
    for position, source in enumerate(entries):
        url = source.get("url") if isinstance(source, dict) else None
        if isinstance(url, str):
            origin = Origin(file=toml.path, line=toml.line(*base, "source", position, "url"))
            fix = f"set its url to {inspection.mirror.url}, or remove the source"
            yield from inspection.index(SURFACE, origin, url=url, text=f'source url = "{url}"', fix=fix)
    for group in toml.table(*base, "dev-dependencies"):
        for text, line in toml.strings(*base, "dev-dependencies", group):
            yield from inspection.requirement(SURFACE, Origin(file=toml.path, line=line), text.removeprefix("-e "))
    for name, value in toml.table(*base, "resolution", "overrides").items():
        if isinstance(value, str) and "://" in value:
            origin = Origin(file=toml.path, line=toml.line(*base, "resolution", "overrides", name))
            yield from inspection.direct(SURFACE, origin, url=value, text=f'{name} = "{value}"')
    for text, line in toml.strings(*base, "plugins"):
        yield from inspection.requirement(SURFACE, Origin(file=toml.path, line=line), text.removeprefix("-e "))
    yield from _options(inspection, toml, *base)
    names = [source.get("name") for source in entries if isinstance(source, dict)]
    lock = toml.path.parent / "pdm.lock"
    if lock.is_file() and "pypi" not in names and not _machine_default(inspection.machine, toml.path.parent):
        yield inspection.violation(
            SURFACE,
            Origin(file=lock),
            text='no [[tool.pdm.source]] named "pypi"',
            allows="everything in the lock to be installed from PyPI",
            fix=f'add [[tool.pdm.source]] name = "pypi", url = "{inspection.mirror.url}"',
        )


def _options(inspection: Inspection, toml: Toml, *base: str) -> Iterator[Violation]:
    """Options that pdm adds to its own commands, and files of variables that its scripts are given."""
    for command in toml.table(*base, "options"):
        words = [word for word, _ in toml.strings(*base, "options", command)]
        origin = Origin(file=toml.path, line=toml.line(*base, "options", command))
        called = Command(tool="pdm", arguments=(command, *words))
        yield from command_violations(inspection, called, origin, surface=SURFACE)
    for script in toml.table(*base, "scripts"):
        named = toml.value(*base, "scripts", script, "env_file")
        files = named.values() if isinstance(named, dict) else [named]
        for file in (file for file in files if isinstance(file, str)):
            mention(inspection, file, Origin(file=toml.path), script_violations)


def pdm_configuration_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The indexes in one of PDM's configuration files: ``[pypi] url`` and ``[pypi.NAME] url``."""
    try:
        toml = read_toml(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    for names in (("pypi",), *(("pypi", name) for name in toml.table("pypi"))):
        url = toml.value(*names, "url")
        if isinstance(url, str):
            origin = Origin(file=path, line=toml.line(*names, "url"))
            fix = f"set it to {inspection.mirror.url}" if len(names) == 1 else "remove it"
            yield from inspection.index(SURFACE, origin, url=url, text=f'{".".join(names)}.url = "{url}"', fix=fix)


def pdm_machine_violations(inspection: Inspection) -> Iterator[Violation]:
    """PDM's variables and the configuration of the user and of the machine."""
    for name, value in inspection.machine.variables("PDM_"):
        yield from variable_violations(inspection, name, value, Origin(file=ENVIRONMENT))
    for path in _machine_files(inspection.machine):
        yield from pdm_configuration_violations(inspection, path)


def _machine_files(machine: Machine) -> list[Path]:
    user = machine.home / "Library/Application Support" if machine.platform == "darwin" else machine.config_home()
    folders = [*machine.config_dirs(), user]
    return [path for folder in folders if (path := folder / "pdm/config.toml").is_file()]


def _machine_default(machine: Machine, folder: Path) -> bool:
    if machine.environ.get("PDM_PYPI_URL", "").strip():
        return True
    for path in (*_machine_files(machine), *(folder / name for name in CONFIGURATION)):
        try:
            if path.is_file() and read_toml(path).value("pypi", "url"):
                return True
        except UnreadableError:
            continue  # reported where it is judged
    return False
