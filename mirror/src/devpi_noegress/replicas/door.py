"""The front door of a replica: pages and files of the stage, no admission, no operations, nothing of devpi's own."""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name, is_normalized_name

from devpi_noegress.errors import MirrorError
from devpi_noegress.files import parse_filename
from devpi_noegress.http.answers import NO_STORE, REVALIDATE, Answer, answer, problem
from devpi_noegress.http.counted import StartResponse
from devpi_noegress.http.file_answers import file_answer
from devpi_noegress.http.waiting import may_take_time
from devpi_noegress.pages import index as pages
from devpi_noegress.pages.listing import Entry, Listing
from devpi_noegress.people.requester import Reception
from devpi_noegress.replicas.copy import Replica
from devpi_noegress.state.server_state import INDEX
from devpi_noegress.state.store import Project
from devpi_noegress.upstream.index import SIMPLE_JSON

_SIMPLE, _FILES, _HEALTH = f"/{INDEX}/+simple/", f"/{INDEX}/+f/", "/+noegress/health"
_HTML = "text/html; charset=utf-8"
_TITLE = "Not in this mirror"
_log = logging.getLogger(__name__)


class ReplicaDoor:
    """A WSGI application over a replica; without a reception everybody may read."""

    def __init__(self, replica: Replica, reception: Reception | None) -> None:
        self._replica, self._reception = replica, reception

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            given = self._answer(environ)
        except Exception:  # noqa: BLE001 - the outer edge of a request: it gets nothing
            _log.exception("%s %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            given = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the replica's log says why", title="noegress failed")
        start_response(given.status, given.headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else given.body

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        may_take_time(environ)
        path: str = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return problem(HTTPStatus.FORBIDDEN, "nothing is changed through a replica", title="Blocked by noegress")
        if path == _HEALTH:
            said = f"serving\nreplica at {self._replica.serial}\n"
            return answer(HTTPStatus.OK, said.encode(), headers=[NO_STORE])
        requester = self._reception.requester(environ) if self._reception is not None else None
        if isinstance(requester, Answer):
            return requester
        if path.startswith(_FILES):
            return self._file(environ, path.removeprefix(_FILES))
        if path == _SIMPLE:
            return self._list(environ)
        name = path.removeprefix(_SIMPLE)
        if path.startswith(_SIMPLE) and name.endswith("/"):
            return self._page(environ, name.removesuffix("/"))
        return problem(HTTPStatus.FORBIDDEN, f"a replica serves {_SIMPLE} alone", title="Blocked by noegress")

    def _list(self, environ: Mapping[str, Any]) -> Answer:
        names = self._replica.names()
        is_json = SIMPLE_JSON in environ.get("HTTP_ACCEPT", "")
        body = pages.projects_json(names) if is_json else pages.projects_html(names)
        return _page_answer(body, is_json=is_json)

    def _page(self, environ: Mapping[str, Any], asked: str) -> Answer:
        if not is_normalized_name(asked):
            try:
                name = canonicalize_name(asked, validate=True)
            except ValueError:
                return problem(HTTPStatus.NOT_FOUND, "that is no project name", title="Not found")
            return answer(HTTPStatus.MOVED_PERMANENTLY, headers=[("Location", f"{_SIMPLE}{name}/")])
        project = self._replica.project(NormalizedName(asked))
        if project is None:
            reason = f"{asked} was not admitted, as far as this replica knows; its primary can say why"
            return problem(HTTPStatus.NOT_FOUND, reason, title=_TITLE)
        is_json = SIMPLE_JSON in environ.get("HTTP_ACCEPT", "")
        return _page_answer(_body(project, is_json=is_json), is_json=is_json)

    def _file(self, environ: Mapping[str, Any], relative: str) -> Answer:
        path = relative.removesuffix(".metadata")
        try:
            name, _version = parse_filename(path.rpartition("/")[2])
        except ValueError:
            return problem(HTTPStatus.FORBIDDEN, "that is no file of an index", title=_TITLE)
        held = self._replica.held(name, path)
        if held is None or held.location is None:
            reason = "it was not admitted, as far as this replica knows; its primary can say why"
            return problem(HTTPStatus.FORBIDDEN, reason, title=_TITLE)
        if path == relative:
            return file_answer(environ, held.location, etag=f'"{held.sha256}"')
        try:
            content = self._replica.metadata(held)
        except (MirrorError, ValueError):
            return problem(HTTPStatus.NOT_FOUND, "this file has no metadata of its own", title="Not found")
        return answer(HTTPStatus.OK, content, kind="application/octet-stream", headers=[REVALIDATE])


def _body(project: Project, *, is_json: bool) -> bytes:
    records = sorted(project.files.values(), key=lambda record: record.file.filename)
    listing = Listing(entries=tuple(Entry(record=record, yanked=record.file.yanked) for record in records))
    return pages.project_json(project, listing) if is_json else pages.project_html(project, listing)


def _page_answer(body: bytes, *, is_json: bool) -> Answer:
    kind = SIMPLE_JSON if is_json else _HTML
    return answer(HTTPStatus.OK, body, kind=kind, headers=[REVALIDATE, ("Vary", "Accept")])
