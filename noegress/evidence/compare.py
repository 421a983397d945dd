"""One installed distribution against the wheels that were admitted for its release."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from noegress.catalogue import Publication, Scheme
from noegress.evidence.by_products import WRITTEN, is_written
from noegress.evidence.digests import Digests
from noegress.evidence.environment import Installed, Site
from noegress.evidence.scripts import is_entry_point_script, runs_here, script_body_sha256, split_script
from noegress.evidence.violation import Kind, Violation

_READ_BYTES = 4 << 20
"""Bytes of a script that are read to compare it."""
_FIX_REINSTALL = "install it again from the mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The wheel that an installed distribution was compared with, and what became of it."""

    installed: Installed
    publication: Publication
    owned: frozenset[str]
    """Every path that the wheel and its installer account for."""
    accepted: frozenset[str]
    """Those of them whose content is as admitted."""
    violations: tuple[Violation, ...] = ()


def places(installed: Installed, scheme: Scheme, path: str) -> list[str]:
    """Where installers put a member: the place that counts first, then those that RECORD tells of."""
    site = installed.site
    match scheme:
        case Scheme.LIBRARY:
            return [f"{site.path}{os.sep}{path}"]
        case Scheme.PURELIB | Scheme.PLATLIB:
            other = site.path.replace("/lib64/", "/lib/") if "/lib64/" in site.path else ""
            return [os.path.join(folder, path) for folder in (site.path, other) if folder]
        case Scheme.SCRIPTS:
            return [os.path.join(scripts_folder(site), path)]
        case Scheme.DATA:
            return [os.path.join(site.prefix, path), *_recorded(installed, path)]
        case Scheme.HEADERS:
            project = installed.dist_info.partition("-")[0]
            folders = (*_header_folders(site), os.path.join(site.prefix, "include"))
            return [*(os.path.join(folder, project, path) for folder in folders), *_recorded(installed, path)]


@lru_cache(maxsize=64)
def _header_folders(site: Site) -> tuple[str, ...]:
    """``include/site/python3.11`` of a venv and ``include/python3.11``; a target folder does not tell its version."""
    found = []
    for folder in (os.path.join(site.prefix, "include", "site"), os.path.join(site.prefix, "include")):
        names = os.listdir(folder) if os.path.isdir(folder) else []
        is_theirs = re.compile(f"python{re.escape(site.python)}t?" if site.python else r"python3\.\d+t?").fullmatch
        found += [os.path.join(folder, name) for name in sorted(names) if is_theirs(name)]
    return tuple(found)


def scripts_folder(site: Site) -> str:
    """``bin``, or ``Scripts`` beside the ``Lib`` of an environment of Windows, whatever else is there."""
    is_windows = site.path == os.path.join(site.prefix, "Lib", "site-packages")
    return os.path.join(site.prefix, "Scripts" if is_windows else "bin")


def all_places(installed: Installed, publications: Iterable[Publication]) -> list[str]:
    """Every path that may have to be hashed, to be read ahead."""
    return [
        place
        for publication in publications
        for scheme, path, _ in publication.members.files
        for place in places(installed, scheme, path)
    ]


def compare(installed: Installed, publications: tuple[Publication, ...], digests: Digests) -> Match:
    """Compare with every admitted wheel of the release; the one that fits best counts."""
    matches = (_compare(installed, publication, digests) for publication in publications)
    best = None
    for match in matches:
        if best is None or len(match.violations) < len(best.violations):
            best = match
        if not best.violations:
            break
    if best is None:
        raise ValueError("nothing to compare with")
    return best


def _compare(installed: Installed, publication: Publication, digests: Digests) -> Match:
    beside = (os.path.join(installed.site.path, installed.dist_info, name) for name in WRITTEN)
    written = [path for path in beside if is_written(path)]
    owned, accepted = set(written), set(written)
    violations: list[Violation] = []
    bodies = dict(publication.members.script_bodies)

    def violation(kind: Kind, path: str, problem: str) -> None:
        violations.append(
            Violation(kind=kind, project=installed.project, file=path, problem=problem, fix=_FIX_REINSTALL)
        )

    for scheme, path, sha256 in publication.members.files:
        place = next((place for place in places(installed, scheme, path) if digests[place] is not None), None)
        if place is None:
            place = places(installed, scheme, path)[0]
            violation(Kind.MISSING_FILE, place, f"{publication.entry.filename} holds it, and it is not there")
            continue
        owned.add(place)
        if digests[place] == sha256:
            accepted.add(place)
        elif scheme is not Scheme.SCRIPTS or path not in bodies:
            violation(Kind.CONTENT_DIFFERS, place, f"is not the file of {publication.entry.filename}")
        elif _is_rewritten(place, bodies[path], installed.site):
            accepted.add(place)
        else:
            violation(Kind.SCRIPT_DIFFERS, place, "does not run what the admitted wheel holds")
    for place, is_theirs in _entry_points(installed, publication):
        owned.add(place)
        if is_theirs:
            accepted.add(place)
        else:
            violation(Kind.SCRIPT_DIFFERS, place, "does more than call its entry point, or runs another interpreter")
    return Match(
        installed=installed,
        publication=publication,
        owned=frozenset(owned),
        accepted=frozenset(accepted),
        violations=tuple(violations),
    )


def _entry_points(installed: Installed, publication: Publication) -> Iterable[tuple[str, bool]]:
    """The scripts of the entry points that are there, and whether each is what an installer writes."""
    folder = scripts_folder(installed.site)
    for point in publication.members.entry_points:
        for name in _script_names(point.name, installed.site):
            place = os.path.join(folder, name)
            if os.path.lexists(place):
                content = _content(place)
                parts = split_script(content)
                is_ours = parts is not None and runs_here(
                    parts.interpreter, installed.site.prefix, is_venv=installed.site.is_venv
                )
                yield place, is_ours and is_entry_point_script(content, point)


def _script_names(name: str, site: Site) -> tuple[str, ...]:
    """Pip and virtualenv write it under its version's names too; a target folder does not tell which."""
    if name not in {"pip", "pip3"}:
        return (name,)
    folder = scripts_folder(site)
    numbered = re.compile(f"pip-?{re.escape(site.python)}" if site.python else r"pip-?3\.\d+")
    found = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return (name, "pip3", *(each for each in found if numbered.fullmatch(each)))


def _is_rewritten(place: str, body: str, site: Site) -> bool:
    content = _content(place)
    parts = split_script(content)
    is_ours = parts is not None and runs_here(parts.interpreter, site.prefix, is_venv=site.is_venv)
    return is_ours and script_body_sha256(content) == body


def _content(place: str) -> bytes:
    try:
        with open(place, "rb") as file:
            return file.read(_READ_BYTES)
    except OSError:
        return b""


def _recorded(installed: Installed, path: str) -> list[str]:
    """Where RECORD says it is, inside the environment."""
    inside = os.path.join(installed.site.prefix, "")
    written = (place for place in installed.record if place.endswith(f"/{path}"))
    told = (os.path.normpath(os.path.join(installed.site.path, place)) for place in written)
    return [place for place in told if place.endswith(f"/{path}") and place.startswith(inside)]
