"""pylock.toml (PEP 751): installers fetch the URLs in it, whatever index is configured."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.locks.lock import Reference, lock_violations, note_digests, packages, tables
from noegress.surfaces.syntax.document import Toml, UnreadableError

SURFACE = "pylock"
NAME = re.compile(r"pylock(\.[^.]+)?\.toml")
_MAJOR = "1"


def pylock_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What a pylock.toml would fetch from elsewhere."""
    fix = f"lock again with the mirror ({inspection.mirror.url}) as the only index"
    yield from lock_violations(inspection, path, surface=SURFACE, fix=fix, read=_references)


def _references(inspection: Inspection, toml: Toml) -> Iterator[Reference]:
    version = toml.value("lock-version")
    if not isinstance(version, str) or version.partition(".")[0] != _MAJOR:
        raise UnreadableError(toml.path, f"has the unknown lock-version {version!r}", toml.line("lock-version"))
    for package in packages(toml, "packages"):
        name = str(package.get("name", ""))
        if isinstance(package.get("index"), str):
            yield Reference(package=name, url=str(package["index"]), is_index=True)
        for key in ("vcs", "directory", "archive", "sdist", "wheels"):
            for entry in tables(package.get(key)):
                where = entry.get("url") or entry.get("path")
                is_file = key in ("wheels", "sdist")  # whose URL may be left to the index
                if not isinstance(where, str) and not (is_file and entry.get("name")):
                    raise UnreadableError(toml.path, f"{name} has a {key} entry without URL and path")
                if isinstance(where, str):
                    yield Reference(package=name, url=f"git+{where}" if key == "vcs" else where)
        files = [*tables(package.get("sdist")), *tables(package.get("wheels"))]
        hashes = [file.get("hashes") for file in files]
        digests = [f"sha256:{each['sha256']}" for each in hashes if isinstance(each, dict) and "sha256" in each]
        if digests:
            note_digests(inspection, toml, SURFACE, package, digests)
