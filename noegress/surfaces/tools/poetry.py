"""Poetry: sources, dependencies from elsewhere, and a lock without a source, which means PyPI."""

from collections.abc import Iterator

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.syntax.document import Toml
from noegress.toml_positions import KeyPath

SURFACE = "poetry"
_GROUPS = ("dependencies", "dev-dependencies")


def poetry_violations(inspection: Inspection, toml: Toml) -> Iterator[Violation]:
    """The ``[tool.poetry]`` tables of a pyproject.toml, and what they leave to PyPI."""
    base = ("tool", "poetry")
    sources = toml.value(*base, "source")
    for position, source in enumerate(sources if isinstance(sources, list) else []):
        origin = Origin(file=toml.path, line=toml.line(*base, "source", position, "url"))
        url = source.get("url") if isinstance(source, dict) else None
        name = source.get("name", "") if isinstance(source, dict) else ""
        if not isinstance(url, str) and str(name).lower() != "pypi":
            continue  # poetry itself refuses a source without a URL
        text = f'source {name}: url = "{url}"' if url else 'source "PyPI"'
        fix = f"set its url to {inspection.mirror.url}, or remove the source"
        yield from inspection.index(SURFACE, origin, url=url or "PyPI", text=text, fix=fix)
    if sources and not _has_primary(sources):
        yield inspection.violation(
            SURFACE,
            Origin(file=toml.path, line=toml.line(*base, "source")),
            text="no [[tool.poetry.source]] is primary",
            allows="PyPI as the implicit primary source",
            fix=f'add [[tool.poetry.source]] name = "mirror", url = "{inspection.mirror.url}", priority = "primary"',
        )
    for table in (*_GROUPS, "requires-plugins", *(f"group/{name}/dependencies" for name in toml.table(*base, "group"))):
        yield from dependencies(inspection, toml, *base, *table.split("/"), surface=SURFACE)
    lock = toml.path.parent / "poetry.lock"
    if lock.is_file() and not sources:
        yield inspection.violation(
            SURFACE,
            Origin(file=lock),
            text="pyproject.toml has no primary [[tool.poetry.source]]",
            allows="everything in the lock to be installed from PyPI",
            fix=f"poetry source add --priority=primary mirror {inspection.mirror.url}",
        )


def dependencies(inspection: Inspection, toml: Toml, *path: str, surface: str) -> Iterator[Violation]:
    """A table of dependencies whose values may be ``{ git = … }``, ``{ url = … }`` or ``{ path = … }``."""
    for name, value in toml.table(*path).items():
        for position, entry in enumerate(value if isinstance(value, list) else [value]):
            here: KeyPath = (*path, name, position) if isinstance(value, list) else (*path, name)
            if isinstance(entry, str) and name.lower() != "python":
                origin = Origin(file=toml.path, line=toml.line(*here))
                yield from inspection.requirement(surface, origin, name)
            if not isinstance(entry, dict):
                continue
            for key in ("git", "hg", "svn", "url", "path", "file"):
                reference = entry.get(key)
                if isinstance(reference, str):
                    url = f"{key}+{reference}" if key in ("git", "hg", "svn") else reference
                    origin = Origin(file=toml.path, line=toml.line(*here, key))
                    text = f'{name} = {{ {key} = "{reference}" }}'
                    yield from inspection.direct(surface, origin, url=url, text=text, base=toml.path.parent)


def _has_primary(sources: object) -> bool:
    entries = sources if isinstance(sources, list) else []
    # poetry 1 marks the default with a boolean; poetry 2 takes a source without a priority as primary
    return any(
        isinstance(source, dict) and (source.get("default") is True or source.get("priority", "primary") in _PRIMARY)
        for source in entries
    )


_PRIMARY = ("primary", "default")
