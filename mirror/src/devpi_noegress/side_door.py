"""What the mirror serves beside the index, below ``/+noegress/``: pages, catalogue, advisories, health, metrics."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from packaging.utils import canonicalize_name

from devpi_noegress.answers import NO_STORE, Answer, answer, problem
from devpi_noegress.file_answers import file_answer
from devpi_noegress.health import health
from devpi_noegress.html_pages import CONTENT_SECURITY, dashboard, project_page
from devpi_noegress.metrics import metrics
from devpi_noegress.mirror import Mirror
from devpi_noegress.osv import MAX_REQUEST, osv_answer
from devpi_noegress.pages import HTML

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
        if found := _PROJECT.fullmatch(path):
            page = project_page(self._mirror, canonicalize_name(found.group(1)), found.group(2))
            if page is not None:
                return _html(page)
            return problem(HTTPStatus.NOT_FOUND, "this project is not known here", title="Not found")
        if path == "health":
            return health(self._mirror)
        if path == "metrics":
            kind = "text/plain; version=0.0.4; charset=utf-8"
            return answer(HTTPStatus.OK, metrics(self._mirror).encode(), kind=kind, headers=[NO_STORE])
        return problem(HTTPStatus.NOT_FOUND, "there is no such page", title="Not found")

    def _catalogue(self, environ: Mapping[str, Any], name: str) -> Answer:
        location = self._mirror.folder.catalogue / name
        try:
            status = location.stat()
        except FileNotFoundError:
            return problem(HTTPStatus.NOT_FOUND, "the catalogue has no such file", title="Not found")
        return file_answer(environ, location, etag=f'"{status.st_mtime_ns:x}-{status.st_size:x}"')


def _html(page: str) -> Answer:
    return answer(HTTPStatus.OK, page.encode(), kind=HTML, headers=[NO_STORE, CONTENT_SECURITY])
