"""A Python environment on disk, seen from outside: where it keeps distributions, and what is installed there."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from noegress.errors import UsageError
from noegress.evidence.interpreter import Config, Interpreter, read_config

_SITE = re.compile(r"(?P<prefix>.*)/lib(?:64)?/python(?P<version>3(?:\.\d+)?)t?/(?:site|dist)-packages", re.IGNORECASE)
_WINDOWS_SITE = re.compile(r"(?P<prefix>.*)/Lib/site-packages")
_SITE_NAMES = {"site-packages", "dist-packages"}
_NOT_SEARCHED = {"proc", "sys", "dev", "node_modules", ".git", "__pycache__"}
_FOLDERS = 200_000
"""Folders that are searched for environments; a whole operating system has about 50 000."""
_METADATA_BYTES = 32 << 20
"""Bytes of METADATA, RECORD or direct_url.json that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One folder that is on the path of an interpreter."""

    path: str
    prefix: str
    """Where scripts and data go: ``sys.prefix`` of the interpreter, or the folder itself for ``pip --target``."""
    is_venv: bool
    """Whether everything in its ``bin`` comes from a distribution or from venv."""
    python: str
    """``3.11``; empty where the folder does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What is judged: every site below one folder."""

    root: str
    sites: tuple[Site, ...]
    configs: Mapping[str, Config]
    """The ``pyvenv.cfg`` of every venv by its prefix, each read once: all judgements are on the same text."""

    @property
    def venvs(self) -> tuple[Site, ...]:
        """One site of every venv."""
        return tuple({site.prefix: site for site in self.sites if site.is_venv}.values())

    def interpreter(self, site: Site) -> Interpreter:
        """What a venv runs; in an image, paths are those of the image."""
        is_image = self.root not in {site.prefix, site.path}
        return Interpreter(prefix=site.prefix, config=self.configs[site.prefix], root=self.root if is_image else "")

    def is_whole(self, site: Site) -> bool:
        """Whether everything in the prefix of a site has to be accounted for: no interpreter lives there itself."""
        if site.is_venv:
            return True
        library = os.path.dirname(site.path)
        is_filled = site.prefix == self.root != site.path and os.path.basename(site.path) == "site-packages"
        return is_filled and not os.path.exists(os.path.join(library, "os.py"))

    def relative(self, path: str) -> str:
        """A path as it is reported."""
        return os.path.relpath(path, self.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One installed distribution, as its dist-info folder tells; none of it is believed."""

    site: Site
    dist_info: str
    """The name of the folder."""
    project: NormalizedName
    version: str
    record: tuple[str, ...]
    """The paths in RECORD as they are written: hints where an installer put headers and data."""
    direct_url: str
    """The URL of direct_url.json; empty without one."""
    is_editable: bool
    problem: str = ""
    """Why its metadata cannot be used."""

    @property
    def places(self) -> tuple[str, ...]:
        """The absolute paths in RECORD."""
        return tuple(os.path.normpath(os.path.join(self.site.path, path)) for path in self.record)


def find_environment(folder: Path) -> Environment:
    """The environment in a folder: a venv, a site-packages or ``--target`` folder, or the root of a container."""
    root = str(folder.resolve())
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", fix="name a venv, a site-packages folder or the root of an image")
    if (folder / "pyvenv.cfg").is_file() or not _has_distributions(root):
        sites = tuple(_sites_below(root))
    else:
        sites = (_site(root),)
    if not sites:
        raise UsageError(
            f"{folder} holds no Python environment",
            fix="name a venv, a site-packages folder or the root of an image",
        )
    configs = {site.prefix: read_config(Path(site.prefix, "pyvenv.cfg")) for site in sites if site.is_venv}
    return Environment(root=root, sites=sites, configs=configs)


def installed_in(site: Site) -> Iterator[Installed]:
    """The distributions of a site, broken and legacy ones included."""
    for entry in sorted(os.scandir(site.path), key=lambda entry: entry.name):
        if entry.name.endswith(".dist-info"):
            yield _read(site, entry.path)
        elif entry.name.endswith((".egg-info", ".egg-link", ".egg")):
            name = canonicalize_name(entry.name.rpartition(".")[0].partition("-")[0])
            yield Installed(
                site=site, dist_info=entry.name, project=name, version="", record=(), direct_url="", is_editable=False
            )


def _sites_below(root: str) -> Iterator[Site]:
    left = _FOLDERS
    pending = [root]
    while pending and left:
        folder = pending.pop()
        left -= 1
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except PermissionError as error:
            raise UsageError(f"{folder} cannot be read", fix="run as a user who may read all of it") from error
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False) or (entry.name in _NOT_SEARCHED):
                continue
            if entry.name in _SITE_NAMES:
                yield _site(entry.path)
            else:
                pending.append(entry.path)
    if pending:
        raise UsageError(f"{root} holds more than {_FOLDERS} folders", fix="name the environment itself")


def _site(path: str) -> Site:
    posix = path.replace(os.sep, "/")
    match = _SITE.fullmatch(posix) or _WINDOWS_SITE.fullmatch(posix)
    prefix = match["prefix"] if match else path
    version = match.groupdict().get("version") or "" if match else ""
    cfg = Path(prefix, "pyvenv.cfg")
    return Site(path=path, prefix=prefix or "/", is_venv=cfg.is_file(), python=version if "." in version else "")


def _has_distributions(folder: str) -> bool:
    return any(name.endswith(".dist-info") for name in os.listdir(folder))


def _read(site: Site, folder: str) -> Installed:
    dist_info = os.path.basename(folder)
    name, version, problem = canonicalize_name(dist_info.partition("-")[0]), "", ""
    record: tuple[str, ...] = ()
    direct_url, is_editable = "", False
    try:
        headers = HeaderParser().parsestr(_text(folder, "METADATA") or "", headersonly=True)
        name, version = canonicalize_name(_header(headers, "Name")), _header(headers, "Version")
        record = _recorded(_text(folder, "RECORD") or "")
        direct_url, is_editable = _origin(_text(folder, "direct_url.json"))
    except (ValueError, TypeError, OSError, csv.Error) as error:
        problem = str(error)
    return Installed(
        site=site,
        dist_info=dist_info,
        project=name,
        version=version,
        record=record,
        direct_url=direct_url,
        is_editable=is_editable,
        problem=problem,
    )


def _header(headers: Message, name: str) -> str:
    value = headers[name]
    if not value or not value.strip():
        raise ValueError(f"METADATA has no {name}")
    return str(value).strip()


def _text(folder: str, name: str) -> str | None:
    path = Path(folder, name)
    if not path.is_file():
        return None
    if path.stat().st_size > _METADATA_BYTES:
        raise ValueError(f"{name} is longer than {_METADATA_BYTES} bytes")
    return path.read_text("utf-8", errors="surrogateescape")


def _recorded(text: str) -> tuple[str, ...]:
    return tuple(row[0] for row in csv.reader(io.StringIO(text)) if row)


def _origin(text: str | None) -> tuple[str, bool]:
    if text is None:
        return "", False
    document = json.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("url"), str):
        raise TypeError("direct_url.json names no url")
    details = document.get("dir_info")
    return document["url"], isinstance(details, dict) and bool(details.get("editable"))
