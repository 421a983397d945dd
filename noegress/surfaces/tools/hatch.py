"""Hatch: environments, sources and hooks, in pyproject.toml and in the hatch.toml that replaces its tables."""

from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.installers.requirements import requirements_violations
from noegress.surfaces.judging.inspection import ENVIRONMENT, Inspection, Origin
from noegress.surfaces.judging.places import Place, place_violations, variable_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.scripts.commands import options_violations, text_violations
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_toml
from noegress.toml_positions import KeyPath

SURFACE = "hatch"
_DEPENDENCIES = ("dependencies", "extra-dependencies", "pre-install-dependencies")
_COMMANDS = ("pre-install-commands", "post-install-commands")
_SKIPS = ("HATCH_BUILD_NO_HOOKS", "HATCH_BUILD_HOOKS_ONLY")
_HOOK = ("hooks", "noegress")


def hatch_violations(inspection: Inspection, toml: Toml, *prefix: str) -> Iterator[Violation]:
    """The tables of hatch: ``[tool.hatch]`` of a pyproject.toml, or a whole hatch.toml."""
    yield from _array(inspection, toml, *prefix, "env", "requires")
    yield from _array(inspection, toml, *prefix, "build", "dependencies")
    for key in ("files", "filename"):  # hatch-requirements-txt
        for name, _ in toml.strings(*prefix, "metadata", "hooks", "requirements_txt", key):
            yield from requirements_violations(inspection, toml.path.parent / name)
    for hook in toml.table(*prefix, "build", "hooks"):
        yield from _array(inspection, toml, *prefix, "build", "hooks", hook, "dependencies")
    for target in toml.table(*prefix, "build", "targets"):
        built = (*prefix, "build", "targets", target)
        for table in (built, *((*built, "hooks", hook) for hook in toml.table(*built, "hooks"))):
            yield from _array(inspection, toml, *table, "dependencies")
    yield from _sources(inspection, toml, *prefix, "sources")
    for name in toml.table(*prefix, "envs"):
        yield from _environment(inspection, toml, *prefix, "envs", name)


def hatch_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A hatch.toml: its own tables, and the gate of pyproject.toml that it would take away."""
    try:
        toml = read_toml(path)
        pyproject = path.parent / "pyproject.toml"
        project = read_toml(pyproject) if pyproject.is_file() else None
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    yield from hatch_violations(inspection, toml)
    for table in ("build", "metadata"):
        is_gated = project is not None and project.value("tool", "hatch", table, *_HOOK) is not None
        if is_gated and table in toml.document and toml.value(table, *_HOOK) is None:
            yield inspection.violation(
                SURFACE,
                Origin(file=path, line=toml.line(table)),
                text=f"[{table}] without [{table}.hooks.noegress]",
                allows="a build without the gate: the table replaces that of pyproject.toml",
                fix=f"add [{table}.hooks.noegress] to hatch.toml",
            )
    yield from _disabled(inspection, toml)


def gate_switch_violations(inspection: Inspection, toml: Toml) -> Iterator[Violation]:
    """Settings of a pyproject.toml, and variables, that leave a configured gate out of a build."""
    is_gated = any(toml.value("tool", "hatch", table, *_HOOK) is not None for table in ("build", "metadata"))
    if is_gated:
        yield from _disabled(inspection, toml, "tool", "hatch")
        yield from skip_variables(inspection)


def skip_variables(inspection: Inspection) -> Iterator[Violation]:
    """Variables with which hatchling runs no build hooks."""
    for name in _SKIPS:
        if inspection.machine.is_set(name):
            yield inspection.violation(
                SURFACE,
                Origin(file=ENVIRONMENT),
                text=f"{name}={inspection.machine.environ[name]}",
                allows="a build without its build hooks, the gate among them",
                fix=f"unset {name}",
            )


def _disabled(inspection: Inspection, toml: Toml, *prefix: str) -> Iterator[Violation]:
    targets = [("targets", target) for target in toml.table(*prefix, "build", "targets")]
    for inside in ((), *targets):
        path = (*prefix, "build", *inside, *_HOOK, "enable-by-default")
        if toml.value(*path) is False:
            yield inspection.violation(
                SURFACE,
                Origin(file=toml.path, line=toml.line(*path)),
                text="enable-by-default = false",
                allows="a build without the gate",
                fix="remove the line",
            )


def _environment(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    for inside in _overrides(toml, *path):
        yield from _overridden(inspection, toml, *path, "overrides", *inside)
    for table in (path, *((*path, "overrides", *inside) for inside in _overrides(toml, *path))):
        for key in _DEPENDENCIES:
            yield from _array(inspection, toml, *table, key)
        for name, value in toml.table(*table, "env-vars").items():
            origin = Origin(file=toml.path, line=toml.line(*table, "env-vars", name))
            if isinstance(value, str) and "{" not in value:
                yield from variable_violations(inspection, name, value, origin, surface=SURFACE)
        yield from _sources(inspection, toml, *table, "sources")
        yield from _arguments(inspection, toml, *table)
        for member, line in toml.strings(*table, "workspace", "members"):
            origin, text = Origin(file=toml.path, line=line), f'workspace member "{member}"'
            yield from inspection.direct(SURFACE, origin, url=member, text=text, base=toml.path.parent)
        for key in (*_COMMANDS, *(f"scripts/{name}" for name in toml.table(*table, "scripts"))):
            for command, line in toml.strings(*table, *key.split("/", 1)):
                origin = Origin(file=toml.path, line=line)
                yield from text_violations(inspection, command, origin, surface=SURFACE)


def _overridden(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    """Options of an override as only it writes them: ``set-…``, ``NAME=value``, ``{ value = …, if = [...] }``."""
    for option, written in toml.table(*path).items():
        name = option.removeprefix("set-")
        for position, item in enumerate(written if isinstance(written, list) else [written]):
            at: KeyPath = (*path, option, position) if isinstance(written, list) else (*path, option)
            origin = Origin(file=toml.path, line=toml.line(*at))
            value = item.get("value") if isinstance(item, dict) else item
            if not isinstance(value, str) or (name == option and name in _DEPENDENCIES and item is value):
                continue  # a plain array of requirements is read like any other
            if name == "env-vars":
                key, _, rest = value.partition("=")
                key, rest = (str(item["key"]), value) if isinstance(item, dict) and "key" in item else (key, rest)
                yield from variable_violations(inspection, key, rest, origin, surface=SURFACE)
            elif name in _DEPENDENCIES:
                yield from inspection.requirement(SURFACE, origin, value, base=toml.path.parent)
            elif name in (*_COMMANDS, "scripts"):
                yield from text_violations(inspection, value.partition("=")[2] or value, origin, surface=SURFACE)


def _arguments(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    """Options that a plugin's environment hands to an installer (``pip-args``, ``pip-compile-args`` …)."""
    for key in toml.table(*path):
        words = [part for word, _ in toml.strings(*path, key) for part in word.split()]
        if key.endswith("-args") and words:
            origin = Origin(file=toml.path, line=toml.line(*path, key))
            yield from options_violations(inspection, words, origin, surface=SURFACE)


def _overrides(toml: Toml, *path: str) -> list[tuple[str, str]]:
    return [(kind, name) for kind in toml.table(*path, "overrides") for name in toml.table(*path, "overrides", kind)]


def _array(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    folder = toml.path.parent
    for text, line in toml.strings(*path):
        meant = text.replace("{root:uri}", folder.as_uri()).replace("{root:parent:uri}", folder.parent.as_uri())
        yield from inspection.requirement(SURFACE, Origin(file=toml.path, line=line), meant, base=folder)


def _sources(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    for name, value in toml.table(*path).items():
        for position, entry in enumerate(value if isinstance(value, list) else [value]):
            here: KeyPath = (*path, name, position) if isinstance(value, list) else (*path, name)
            for key, written in (entry if isinstance(entry, dict) else {}).items():
                origin, text = Origin(file=toml.path, line=toml.line(*here, key)), f'{name} = {{ {key} = "{written}" }}'
                if key == "index" and isinstance(written, str):
                    yield from place_violations(
                        inspection, Place.EXTRA, written, origin, written=f"{name}: index ", surface=SURFACE
                    )
                elif key in ("git", "url", "path") and isinstance(written, str):
                    url = f"git+{written}" if key == "git" else written
                    yield from inspection.direct(SURFACE, origin, url=url, text=text, base=toml.path.parent)
