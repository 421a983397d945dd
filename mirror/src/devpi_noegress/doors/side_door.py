"""What the mirror serves beside the index, below ``/+noegress/``: pages, catalogue, advisories, health, metrics."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from packaging.utils import NormalizedName, canonicalize_name

from devpi_noegress.advisories.osv import osv_answer
from devpi_noegress.doors.health import health
from devpi_noegress.doors.metrics import metrics
from devpi_noegress.http.answers import NO_STORE, Answer, answer, problem
from devpi_noegress.http.file_answers import file_answer
from devpi_noegress.http.negotiation import HTML
from devpi_noegress.limits import MAX_REQUEST
from devpi_noegress.mirror import Mirror
from devpi_noegress.pages.dashboard import dashboard
from devpi_noegress.pages.frame import SAFE
from devpi_noegress.pages.project import project_page

# the names that python-tuf writes, and no other: what is beside them in the folder is not served
_CATALOGUE = re.compile(
    r"catalogue/((?:metadata|targets/(?:files|members|projects|release))/[0-9a-zA-Z][0-9a-zA-Z.-]*\.json)"
)
_PROJECT = re.compile(r"project/([A-Za-z0-9][A-Za-z0-9._-]*)(?:/([^/]+))?/?")


class SideDoor:
    """Answers for paths of our own; every one of them is for readers."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def answer(self, environ: Mapping[str, Any], path: str) -> Answer:
        """The answer for a path below ``/+noegress/``."""
        if found := _CATALOGUE.fullmatch(path):
            return self._catalogue(environ, found.group(1))
        if path.startswith("osv/"):
            length = int(environ.get("CONTENT_LENGTH") or 0)
            if length > MAX_REQUEST:
                return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "ask for fewer at once", title="Too much")
            body = environ["wsgi.input"].read(length) if length else b""
            return osv_answer(self._mirror.advisories, environ["REQUEST_METHOD"], path.removeprefix("osv/"), body)
        if path == "":
            return _html(dashboard(self._mirror))
        if path == "project":
            return _look_up(environ)
        if found := _PROJECT.fullmatch(path):
            return self._project(canonicalize_name(found.group(1)), found.group(2))
        if path == "health":
            return health(self._mirror)
        if path == "metrics":
            kind = "text/plain; version=0.0.4; charset=utf-8"
            return answer(HTTPStatus.OK, metrics(self._mirror).encode(), kind=kind, headers=[NO_STORE])
        return problem(HTTPStatus.NOT_FOUND, "there is no such page", title="Not found")

    def _project(self, name: NormalizedName, version: str | None) -> Answer:
        is_known = name in self._mirror.store.projects
        status = HTTPStatus.OK if is_known else HTTPStatus.NOT_FOUND
        return _html(project_page(self._mirror, name, version), status)

    def _catalogue(self, environ: Mapping[str, Any], name: str) -> Answer:
        location = self._mirror.folder.catalogue / name
        try:
            status = location.stat()
        except FileNotFoundError:
            return problem(HTTPStatus.NOT_FOUND, "the catalogue has no such file", title="Not found")
        return file_answer(environ, location, etag=f'"{status.st_mtime_ns:x}-{status.st_size:x}"')


def _html(page: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return answer(status, page.encode(), kind=HTML, headers=[NO_STORE, *SAFE])


def _look_up(environ: Mapping[str, Any]) -> Answer:
    """From the form on each page to the page of a project."""
    asked = parse_qs(environ.get("QUERY_STRING", "")).get("name", [""])[-1].strip()
    try:
        name = canonicalize_name(asked, validate=True)
    except ValueError:
        return problem(HTTPStatus.NOT_FOUND, "that is no project name", title="Not found")
    return answer(HTTPStatus.SEE_OTHER, headers=[("Location", f"/+noegress/project/{name}"), NO_STORE])
