"""Files of the mirror, by project and version: from ``[index] url`` and nowhere else, their digest checked."""

import hashlib
import json
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urldefrag, urljoin
from urllib.request import (
    BaseHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import sys_tags
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from noegress.artifact import LIMITS
from noegress.errors import UsageError
from noegress.policy.model import Index
from noegress.surfaces.judging.mirror import Mirror, parse_mirror

_JSON = "application/vnd.pypi.simple.v1+json"  # PEP 691
_PAGE_BYTES = 64 << 20  # the largest project pages have 20 000 files and 10 MB
_CHUNK = 1 << 18
_REDIRECTS = 30  # as many as pip follows
_SILENCE = 180.0  # seconds without a byte; a mirror that scans on demand is slow to answer
_SECONDS = 1800.0  # for one file, so that a slow drip ends too


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of one project."""

    name: str
    version: Version

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def parse_release(text: str) -> Release | None:
    """``name==version``; None for anything else, which is a path."""
    try:
        wanted = Requirement(text)
        (specifier,) = wanted.specifier
        version = Version(specifier.version)
    except (InvalidRequirement, InvalidVersion, ValueError):
        return None
    if specifier.operator != "==" or wanted.url or wanted.extras or wanted.marker:
        return None
    return Release(name=canonicalize_name(wanted.name), version=version)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    filename: str
    url: str
    sha256: str
    rank: tuple[int, ...]


class MirrorClient:
    """Asks the mirror itself: no proxy of the environment, no other host, no redirect that leads away."""

    def __init__(self, index: Index) -> None:
        if index.url is None:
            raise UsageError(
                "no mirror is configured, so a version cannot be looked up",
                fix="set url in the table [index] of noegress.toml, or name the two files",
            )
        try:
            self._mirror: Mirror = parse_mirror(index.url)
        except ValueError as error:
            raise UsageError(f"[index] url: {error}", fix="write the URL of the mirror's simple page root") from error
        self._opener = _opener(index.ca)

    def download(self, release: Release, folder: Path) -> Path:
        """The file of a release that suits this interpreter best, or else its first; streamed into ``folder``.

        Raises ``UsageError`` where the mirror has none, does not give it, or gives something else.
        """
        file = self._choose(release)
        path = folder / file.filename
        digest, size, deadline = hashlib.sha256(), 0, time.monotonic() + _SECONDS
        with self._open(file.url, release) as response, path.open("xb") as target:
            while chunk := _read(response, file.url, _CHUNK):
                size += len(chunk)
                if size > LIMITS.total_bytes or time.monotonic() > deadline:
                    raise UsageError(
                        f"{file.url} is too long or too slow", fix="download it by hand, and name the file"
                    )
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != file.sha256:
            raise UsageError(
                f"{file.url} is not the file that its page describes: sha256 {digest.hexdigest()}, not {file.sha256}",
                fix="the mirror or the way to it is damaged: ask its operator",
            )
        return path

    def _choose(self, release: Release) -> _File:
        url = urljoin(self._mirror.url.rstrip("/") + "/", f"{release.name}/")
        with self._open(url, release) as response:
            if response.headers.get_content_type() != _JSON:
                raise UsageError(f"{url} is no project page in JSON (PEP 691)", fix="check url in the table [index]")
            content = _read(response, url, _PAGE_BYTES + 1)
        try:
            rows: list[dict[str, Any]] = json.loads(content[:_PAGE_BYTES])["files"]
            files = [file for row in rows if (file := self._file(url, row, release)) is not None]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(f"{url} is no project page that can be read", fix="ask the mirror's operator") from error
        if not files:
            fix = f"ask the operator to admit it (noegress mirror admit {release}), or name a file"
            raise UsageError(f"the mirror has no file of {release} with a sha256", fix=fix)
        return min(files, key=lambda file: (file.rank, file.filename))

    def _file(self, page: str, row: dict[str, Any], release: Release) -> _File | None:
        filename, sha256 = str(row["filename"]), str(row.get("hashes", {}).get("sha256", ""))
        rank = _rank(filename, release)
        url = urldefrag(urljoin(page, str(row["url"])))[0]
        if rank is None or len(sha256) != 64:
            return None
        if not self._mirror.covers(url):
            fix = "the mirror must serve its own files: ask its operator"
            raise UsageError(f"{page} sends to {url}, which is not below the mirror", fix=fix)
        return _File(filename=filename, url=url, sha256=sha256, rank=(bool(row.get("yanked")), *rank))

    def _open(self, url: str, release: Release) -> HTTPResponse:
        """The answer at ``url``; a mirror that is busy with a file sends back to itself for a while."""
        for _ in range(_REDIRECTS):
            try:
                # the scheme is http or https: parse_mirror and covers see to it
                request = Request(url, headers={"Accept": _JSON, "User-Agent": "noegress"})  # noqa: S310
                answer: HTTPResponse = self._opener.open(request, timeout=_SILENCE)
            except HTTPError as error:
                target = urljoin(url, error.headers.get("Location", ""))
                if error.code not in (301, 302, 303, 307, 308) or not self._mirror.covers(target.partition("?")[0]):
                    _refused(url, error, release)
                url = target
            except (URLError, HTTPException, OSError, ValueError) as error:
                reason = getattr(error, "reason", error)
                raise UsageError(
                    f"{url} cannot be reached: {reason}", fix="check url and ca in the table [index]"
                ) from error
            else:
                return answer
        raise UsageError(f"{url} sends back to the mirror without end", fix="try again, or ask the mirror's operator")


class _NoRedirect(HTTPRedirectHandler):
    """Hands a redirect over as the answer, so that where it leads to is looked at first."""

    def redirect_request(self, *_: object) -> None:
        return None


def _opener(ca: str | None) -> OpenerDirector:
    handlers: list[BaseHandler] = [ProxyHandler({}), _NoRedirect()]
    try:
        handlers.append(HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{ca} cannot be used as a certificate authority: {error}", fix="name a PEM file in [index] ca"
        ) from error
    return build_opener(*handlers)


def _refused(url: str, error: HTTPError, release: Release) -> NoReturn:
    try:
        said = error.read(2000).decode("utf-8", "replace").strip() if error.code == 403 else ""
    except (OSError, HTTPException):
        said = ""
    if error.code == 404:
        fix = f"ask the operator to admit it (noegress mirror admit {release}), or name a file"
        raise UsageError(f"the mirror does not know {release} ({url} answers 404)", fix=fix) from error
    fix = f"noegress mirror explain {release} tells why" if said else "check url in the table [index]"
    raise UsageError(
        f"{url} answers {error.code}{': ' if said else ''}{' '.join(said.split())[:500]}", fix=fix
    ) from error


def _read(response: HTTPResponse, url: str, size: int) -> bytes:
    try:
        return response.read(size)
    except (HTTPException, OSError) as error:
        raise UsageError(f"{url} broke off: {error}", fix="try again") from error


def _rank(filename: str, release: Release) -> tuple[int, ...] | None:
    """The lower the better: wheels that suit this interpreter, others, an sdist; None for a file of another release."""
    try:
        if not filename.endswith(".whl"):
            name, version = parse_sdist_filename(filename)
            return (2, 0) if (name, version) == (release.name, release.version) else None
        name, version, _, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    if (name, version) != (release.name, release.version):
        return None
    ours = next((place for place, tag in enumerate(sys_tags()) if tag in tags), None)
    return (1, 0) if ours is None else (0, ours)
