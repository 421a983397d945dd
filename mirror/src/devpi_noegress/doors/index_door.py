"""Answers for ``+simple/``: the list of projects, and project pages kept as they were last sent."""

import gzip
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from packaging.utils import NormalizedName, canonicalize_name, is_normalized_name

from devpi_noegress.doors.file_door import FILES
from devpi_noegress.doors.holding import Holding, polled
from devpi_noegress.files import State
from devpi_noegress.http.answers import NO_STORE, REVALIDATE, Answer, answer, problem
from devpi_noegress.http.negotiation import SIMPLE_JSON, is_unchanged, reads_gzip, simple_kind
from devpi_noegress.http.waiting import may_take_time, waiting_of
from devpi_noegress.mirror import Mirror
from devpi_noegress.pages import index as pages
from devpi_noegress.pages.listing import Listing, list_project
from devpi_noegress.pages.notice import notice_page
from devpi_noegress.people.asking import Asking
from devpi_noegress.people.requester import Requester
from devpi_noegress.state.server_state import INDEX
from devpi_noegress.state.store import Project, is_stale

SIMPLE = f"/{INDEX}/+simple/"
_LEGACY = "application/json"  # of NAME/json, which pip-compile asks for
_VARY = ("Vary", "Accept, Accept-Encoding, Authorization")
_LONGEST_NAME = 128  # characters; whatever is asked for upstream is a way out of the boundary (contract 7)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rendered:
    """A page as it was last sent, good for one generation of its project."""

    generation: int
    until: datetime | None
    etag: str
    headers: list[tuple[str, str]]
    body: tuple[bytes, ...]


class IndexDoor:
    """The index itself."""

    def __init__(self, mirror: Mirror, holding: Holding) -> None:
        self._mirror, self._holding = mirror, holding
        self._asking = Asking(burst=mirror.limits.ask_burst, per_minute=mirror.limits.ask_per_minute)
        self._rendered: dict[tuple[str, str, bool], _Rendered] = {}

    def answer(self, environ: Mapping[str, Any], requester: Requester, name: str) -> Answer:
        """The answer for what follows ``+simple/``."""
        if name.endswith("/json") and name.count("/") == 1:
            return self._page(environ, requester, name.removesuffix("/json"), _LEGACY)
        kind = simple_kind(environ.get("HTTP_ACCEPT", ""), environ.get("QUERY_STRING", ""))
        if kind is None:
            reason = f"pages are {SIMPLE_JSON} or text/html (PEP 691)"
            return problem(HTTPStatus.NOT_ACCEPTABLE, reason, title="noegress", headers=[_VARY])
        if not name:
            may_take_time(environ)
            return self._projects(kind)
        return self._page(environ, requester, name.removesuffix("/"), kind, is_folder=name.endswith("/"))

    def _projects(self, kind: str) -> Answer:
        names = sorted(
            name
            for name, project in self._mirror.store.projects.copy().items()
            if any(record.state is State.ADMITTED for record in project.files.values())
        )
        body = pages.projects_json(names) if kind == SIMPLE_JSON else pages.projects_html(names)
        return answer(HTTPStatus.OK, body, kind=kind, headers=[REVALIDATE, _VARY])

    def _page(
        self, environ: Mapping[str, Any], requester: Requester, asked: str, kind: str, *, is_folder: bool = True
    ) -> Answer:
        if "/" in asked or len(asked) > _LONGEST_NAME:
            return problem(HTTPStatus.NOT_FOUND, "there is no such page", title="Not found")
        if not is_normalized_name(asked) or not is_folder:
            return _moved(environ, asked, kind)
        name = NormalizedName(asked)
        project = self._mirror.store.projects.get(name)
        may_ask = self._mirror.may_ask(requester, name)
        if may_ask and is_stale(project, after_seconds=self._mirror.limits.page_fresh_seconds):
            may_take_time(environ)
            is_first = not polled(environ.get("QUERY_STRING", "")) and not waiting_of(environ).is_begun
            if is_first and not self._asking.takes(requester.address):
                return _too_many(requester)
            start = partial(self._mirror.admissions.project, name)
            found = self._holding.result(environ, start, fallback=project)
            if isinstance(found, Answer):
                return found
            project = found
        if project is None or not project.files:
            may_take_time(environ)
            return self._absent(name, kind, is_asked=may_ask)
        return self._send(environ, project, kind)

    def _absent(self, name: NormalizedName, kind: str, *, is_asked: bool) -> Answer:
        if is_asked or not self._mirror.policy.admission.explain_refusals:
            reason = f"the upstream has no project {name}" if is_asked else self._mirror.why_absent(name)
            return problem(HTTPStatus.NOT_FOUND, reason, title="Not in this mirror", see=self._mirror.page_of(name))
        self._mirror.missed.note(name)
        return answer(HTTPStatus.OK, _body(kind, *notice_page(name)), kind=kind, headers=[NO_STORE, _VARY])

    def _send(self, environ: Mapping[str, Any], project: Project, kind: str) -> Answer:
        zipped = reads_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        key = (project.name, kind, zipped)
        page = self._rendered.get(key)
        is_dead = page is None or page.generation != project.generation
        if page is None or is_dead or (page.until is not None and page.until <= datetime.now(UTC)):
            may_take_time(environ)
            page = self._rendered[key] = self._render(project, kind, zipped=zipped)
        if is_unchanged(environ.get("HTTP_IF_NONE_MATCH", ""), page.etag):
            kept = [(name, value) for name, value in page.headers if name not in ("Content-Length", "Content-Type")]
            return Answer(status="304 Not Modified", headers=kept, body=())
        return Answer(status="200 OK", headers=page.headers, body=page.body)

    def _render(self, project: Project, kind: str, *, zipped: bool) -> _Rendered:
        listing = self._listing(project)
        body = _body(kind, project, listing, files=f"{self._mirror.url}{FILES}" if self._mirror.url else "")
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}{"z" if zipped else ""}"'
        headers = [("Content-Type", kind), ("ETag", etag), REVALIDATE, _VARY]
        if zipped:
            body = gzip.compress(body, 6)
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("Content-Length", str(len(body))))
        return _Rendered(generation=project.generation, until=listing.until, etag=etag, headers=headers, body=(body,))

    def _listing(self, project: Project) -> Listing:
        admission = self._mirror.policy.admission
        now = datetime.now(UTC)
        return list_project(
            project,
            objections=lambda record: self._mirror.admissions.objections(record.file, now=now),
            page_of=lambda file: self._mirror.page_of(file.project, file.version),
            on_demand=admission.on_demand,
            explains=admission.explain_refusals,
        )


def _body(kind: str, project: Project, listing: Listing, *, files: str = "") -> bytes:
    """``files`` is the address below which they are, for what has to be told in full."""
    if kind == _LEGACY:
        return pages.legacy_json(project, listing)
    render = pages.project_json if kind == SIMPLE_JSON else pages.project_html
    return render(project, listing, files=files)


def _moved(environ: Mapping[str, Any], asked: str, kind: str) -> Answer:
    """To the normalised name, with a slash at its end (PEP 503)."""
    try:
        name = canonicalize_name(asked, validate=True)
    except ValueError:
        return problem(HTTPStatus.NOT_FOUND, "that is no project name", title="Not found")
    query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
    location = quote(f"{environ.get('SCRIPT_NAME', '')}{SIMPLE}{name}/{'json' if kind == _LEGACY else ''}")
    return answer(HTTPStatus.MOVED_PERMANENTLY, headers=[("Location", f"{location}{query}")])


def _too_many(requester: Requester) -> Answer:
    _log.warning("%s asks for more projects than its rate allows", requester.address)
    reason = "you ask for too many new projects; go on in a minute"
    headers = [("Retry-After", "30")]
    return problem(HTTPStatus.TOO_MANY_REQUESTS, reason, title="noegress", headers=headers)
