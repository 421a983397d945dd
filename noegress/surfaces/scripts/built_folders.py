"""Folders that a script fills with what it builds or downloads: ``--find-links`` to one of them opens nothing new.

The command that fills it is judged where it stands. A folder that the project brings along with archives in it is none.
"""

import posixpath
import re
from collections.abc import Iterator

from noegress.surfaces.judging.inspection import Inspection
from noegress.surfaces.judging.violation import Violation

_FILLS = re.compile(
    r"\bpip[\d.]*\s+(?P<pip>wheel|download)\b|(?P<cibuildwheel>\bcibuildwheel\b|\bauditwheel\s+repair\b)"
    r"|(?P<maturin>\bmaturin\s+build\b)|(?P<build>-m\s+build\b|\bpyproject-build\b|\b(?:uv|poetry|hatch|pdm|flit)\s+build\b)"
)
_DEFAULTS = {"pip": ".", "cibuildwheel": "wheelhouse", "maturin": "target/wheels", "build": "dist"}
_INTO = re.compile(
    r"\s(?:-[wdo]|--(?:wheel-dir|dest|dest-dir|out|outdir|out-dir|output|output-dir))[=\s]?\s*[\"']?(?P<folder>[\w./~${}-]+)"
)
_COPIED = re.compile(
    r"^\s*COPY\s+--from=\S+\s+(?:--\S+\s+)*(?P<source>\S+)\s+(?P<target>\S+)\s*$", re.IGNORECASE | re.MULTILINE
)
_BY_AN_ACTION = (
    ("maturin-action", re.compile(r"^args: .*?--out(?:put)?[= ](?P<folder>\S+)", re.MULTILINE)),
    ("download-artifact", re.compile(r"^path: (?P<folder>\S+)$", re.MULTILINE)),
)
"""Actions of a forge, by a word of their names, and the setting that holds the folder: what another job has built."""
_LINKS = "--find-links"
_ARCHIVES = ("*.whl", "*.tar.gz", "*.zip")


def without_built(inspection: Inspection, text: str, violations: Iterator[Violation]) -> Iterator[Violation]:
    """The violations but those that name a folder which the same text fills."""
    folders: set[str] | None = None
    for violation in violations:
        if _LINKS in violation.text and violation.address and "://" not in violation.address:
            folders = _built(text) if folders is None else folders
            if _is_built(inspection, _normal(violation.address), folders):
                continue
        yield violation


def _is_built(inspection: Inspection, folder: str, folders: set[str]) -> bool:
    is_filled = any(folder == built or folder.endswith(f"/{built}") for built in folders)
    return is_filled and not _brings_archives(inspection, folder)


def _built(text: str) -> set[str]:
    """The folders that a text fills, those included into which a container file copies them from another stage."""
    joined = re.sub(r"\\\n", " ", text)
    folders = set()
    for line in joined.splitlines():
        for found in _FILLS.finditer(line):
            into = _INTO.search(line, found.end())
            folders.add(_normal(into["folder"] if into else _DEFAULTS[str(found.lastgroup)]))
    for action, setting in _BY_AN_ACTION:
        folders |= {_normal(found["folder"]) for found in setting.finditer(joined)} if action in joined else set()
    for copied in _COPIED.finditer(joined):
        source = _normal(copied["source"])
        if any(source == folder or source.endswith(f"/{folder}") for folder in folders):
            folders.add(_normal(copied["target"]))
    return folders


def _normal(folder: str) -> str:
    bare = folder.strip("\"'").removesuffix("*.whl").removesuffix("*")
    return posixpath.normpath(bare.removeprefix("file://") or ".")


def _brings_archives(inspection: Inspection, folder: str) -> bool:
    path = inspection.directory / folder
    return inspection.holds(path) and any(next(path.glob(pattern), None) for pattern in _ARCHIVES)
