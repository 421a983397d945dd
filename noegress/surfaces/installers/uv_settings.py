"""uv's settings tables: a ``uv.toml``, or ``[tool.uv]`` in a pyproject.toml."""

from collections.abc import Callable, Iterator

from noegress.surfaces.judging.files import is_folder
from noegress.surfaces.judging.inspection import Inspection, Origin, describe
from noegress.surfaces.judging.kept import is_kept
from noegress.surfaces.judging.places import variable_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.syntax.document import Toml
from noegress.toml_positions import KeyPath


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# the settings of uv 0.13 that name no place to install from
_HARMLESS = _words(
    "required-version system-certs native-tls offline no-cache preview preview-features python-preference "
    "python-downloads concurrent-downloads concurrent-builds concurrent-installs no-index index-strategy "
    "keyring-provider https-proxy no-proxy resolution prerelease prerelease-package fork-strategy "
    "config-settings config-settings-package no-build-isolation require-build-hashes "
    "no-build-isolation-package exclude-newer exclude-newer-package link-mode compile-bytecode "
    "no-sources no-sources-package upgrade upgrade-package reinstall reinstall-package no-build no-build-package "
    "no-binary no-binary-package publish-url trusted-publishing check-url add-bounds audit "
    "cache-keys exclude-dependencies environments required-environments minimum-libc-version conflicts workspace "
    "managed package default-groups dependency-groups build-backend"
)
_HARMLESS_PIP = _words(
    "python system break-system-packages target prefix no-index index-strategy keyring-provider no-build no-binary "
    "only-binary no-build-isolation require-build-hashes no-build-isolation-package strict "
    "extra all-extras no-extra no-deps group allow-empty-requirements resolution prerelease fork-strategy "
    "output-file no-strip-extras no-strip-markers no-annotate no-header custom-compile-command "
    "generate-hashes config-settings config-settings-package python-version python-platform universal exclude-newer "
    "exclude-newer-package no-emit-package emit-index-url emit-find-links emit-build-options emit-marker-expression "
    "emit-index-annotation annotation-style link-mode compile-bytecode require-hashes verify-hashes no-sources "
    "no-sources-package upgrade upgrade-package reinstall reinstall-package"
)
_INTERPRETERS = (
    "python-install-mirror",
    "pypy-install-mirror",
    "graalpy-install-mirror",
    "pyodide-install-mirror",
    "python-downloads-json-url",
)
_INDEX_KEYS = _words(
    "name url explicit default origin format publish-url authenticate ignore-error-codes cache-control exclude-newer "
    "proxy-for"
)
_SOURCE_KEYS = _words(
    "git url path index workspace editable package rev tag branch subdirectory marker extra group lfs"
)


def settings_violations(inspection: Inspection, toml: Toml, *prefix: str) -> Iterator[Violation]:
    """Everything in a settings table that is not the mirror, an unknown setting included."""
    is_pip = prefix[-1:] == ("pip",)
    for key in toml.table(*prefix):
        path = (*prefix, key)
        if key in _JUDGES and not (is_pip and key in ("index", "pip", "sources")):
            yield from _JUDGES[key](inspection, toml, *path)
        elif key not in (_HARMLESS_PIP if is_pip else _HARMLESS):
            allows = "what it does is not known to this version of noegress; uv may ignore the whole table for it"
            yield _violation(inspection, toml, path, allows)


def default_of(toml: Toml, *prefix: str) -> int | None:
    """The line on which a settings table decides about the default index; None where it does not."""
    if toml.value(*prefix, "no-index") is True:
        return toml.line(*prefix, "no-index")
    indexes = toml.value(*prefix, "index")
    for position, entry in enumerate(indexes if isinstance(indexes, list) else []):
        if isinstance(entry, dict) and entry.get("default") is True and entry.get("url"):
            return toml.line(*prefix, "index", position)
    return toml.line(*prefix, "index-url") if toml.value(*prefix, "index-url") else None


def _indexes(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    entries = toml.value(*path)
    if not isinstance(entries, list):
        yield _violation(inspection, toml, path, "whatever uv makes of an index that is no array")
        return
    for position, entry in enumerate(entries):
        here: KeyPath = (*path, position)
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            yield _violation(inspection, toml, here, "whatever uv makes of an index without a URL")
            continue
        for key in sorted(set(entry) - _INDEX_KEYS):
            allows = f"the key {key} of an index, which is not known to this version of noegress"
            yield _violation(inspection, toml, (*here, key), allows)
        origin = Origin(file=toml.path, line=toml.line(*here, "url"))
        fix = f"remove the index, or set its url to {inspection.mirror.url}"
        yield from inspection.index("uv", origin, url=entry["url"], text=f'url = "{entry["url"]}"', fix=fix)


def _places(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    value, key = toml.value(*path), str(path[-1])
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not is_list and not isinstance(value, str):
        yield _violation(inspection, toml, path, f"whatever uv makes of {key} = {value!r}")
    fix = f"set it to {inspection.mirror.url}" if key == "index-url" else "remove it"
    for url, line in toml.strings(*path):
        origin = Origin(file=toml.path, line=line)
        yield from inspection.index("uv", origin, url=url, text=f'{key} = "{url}"', fix=fix)


def _insecure(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    for host, line in toml.strings(*path):
        if inspection.mirror.scheme == "https" and inspection.mirror.has_host(host):
            yield inspection.violation(
                "uv",
                Origin(file=toml.path, line=line),
                text=f'allow-insecure-host "{host}"',
                allows="anybody on the way to answer for the mirror: its certificate is not checked",
                fix="remove it; SSL_CERT_FILE names the mirror's authority",
            )


def _sources(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    for name, value in toml.table(*path).items():
        entries = value if isinstance(value, list) else [value]
        for position, entry in enumerate(entries):
            here: KeyPath = (*path, name, position) if isinstance(value, list) else (*path, name)
            if not isinstance(entry, dict) or set(entry) - _SOURCE_KEYS:
                yield _violation(inspection, toml, here, "a kind of source that this version of noegress does not know")
                continue
            for key in ("git", "url", "path"):
                reference = entry.get(key)
                if isinstance(reference, str):
                    url = f"git+{reference}" if key == "git" else reference
                    origin = Origin(file=toml.path, line=toml.line(*here, key))
                    text = f'{name} = {{ {key} = "{reference}" }}'
                    yield from inspection.direct("uv", origin, url=url, text=text, base=toml.path.parent)


def _requirements(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    entries = toml.value(*path)
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        text = entry.get("requirement") if isinstance(entry, dict) else entry
        if isinstance(text, str):
            origin = Origin(file=toml.path, line=toml.line(*path, position))
            yield from inspection.requirement("uv", origin, text)


def _extra_build(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    for package in toml.table(*path):
        yield from _requirements(inspection, toml, *path, package)


def _metadata(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    """What a project tells uv that a distribution requires, in the place of its own metadata."""
    entries = toml.value(*path)
    for position in range(len(entries) if isinstance(entries, list) else 0):
        for text, line in toml.strings(*path, position, "requires-dist"):
            yield from inspection.requirement("uv", Origin(file=toml.path, line=line), text)


def _build_variables(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    for package in toml.table(*path):
        for name, value in toml.table(*path, package).items():
            origin = Origin(file=toml.path, line=toml.line(*path, package, name))
            yield from variable_violations(inspection, name, str(value), origin, surface="uv")


def _interpreters(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    for url, line in toml.strings(*path):
        if not inspection.mirror.covers(url):
            text, allows = f'{path[-1]} = "{url}"', f"interpreters of Python to be fetched from {describe(url)}"
            origin = Origin(file=toml.path, line=line)
            yield inspection.violation("uv", origin, text=text, allows=allows, fix="remove it")


def _cache(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    """The cache is installed from without asking anybody: one that comes with the project was never admitted."""
    for name, line in toml.strings(*path):
        folder = toml.path.parent / name
        if is_folder(folder) and inspection.holds(folder) and is_kept(inspection.directory, folder):
            origin = Origin(file=toml.path, line=line)
            allows = "what the project keeps there to be installed from the cache, which nobody admitted"
            yield inspection.violation("uv", origin, text=f'cache-dir = "{name}"', allows=allows, fix="remove it")


def _proxy(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    if inspection.mirror.scheme == "http":
        yield _violation(inspection, toml, path, "the proxy to answer for the mirror, which has no TLS")


def _torch(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    yield _violation(inspection, toml, path, "torch and its family from an index of PyTorch's own")


def _violation(inspection: Inspection, toml: Toml, path: KeyPath, allows: str) -> Violation:
    origin = Origin(file=toml.path, line=toml.line(*path))
    value = toml.value(*path)
    return inspection.violation("uv", origin, text=f"{path[-1]} = {value!r}", allows=allows, fix="remove it")


_JUDGES: dict[str, Callable[..., Iterator[Violation]]] = {
    "index": _indexes,
    "index-url": _places,
    "extra-index-url": _places,
    "find-links": _places,
    "torch-backend": _torch,
    "allow-insecure-host": _insecure,
    "sources": _sources,
    "override-dependencies": _requirements,
    "constraint-dependencies": _requirements,
    "build-constraint-dependencies": _requirements,
    "dev-dependencies": _requirements,
    "dependency-metadata": _metadata,
    "extra-build-variables": _build_variables,
    "cache-dir": _cache,
    "http-proxy": _proxy,
    **dict.fromkeys(_INTERPRETERS, _interpreters),
    "extra-build-dependencies": _extra_build,
    "pip": settings_violations,
}
