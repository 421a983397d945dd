"""The front door: every request meets it first, and no byte of a file that is not admitted passes it.

It answers project pages and files itself; the rest of devpi stays behind a second gate (``plugin``).
"""

import gzip
import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any, TypeVar
from urllib.parse import quote

from packaging.utils import NormalizedName, canonicalize_name, is_normalized_name

from devpi_noegress import pages
from devpi_noegress.answers import NO_STORE, REVALIDATE, Answer, answer, problem
from devpi_noegress.asking import Asking, may_ask
from devpi_noegress.errors import MirrorError, UpstreamError
from devpi_noegress.file_answers import file_answer
from devpi_noegress.files import ON_THE_WAY, Origin, Record, State
from devpi_noegress.listing import Listing, list_project
from devpi_noegress.mirror import Mirror
from devpi_noegress.side_door import SideDoor
from devpi_noegress.stage import INDEX
from devpi_noegress.store import Project, is_stale

Environ = Mapping[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
T = TypeVar("T")

TITLE = "Blocked by noegress"
OWN = "/+noegress/"
_SIMPLE = f"/{INDEX}/+simple/"
_FILES = f"/{INDEX}/+f/"
_METADATA = ".metadata"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rendered:
    """A page as it was last sent, good for one generation of its project."""

    generation: int
    until: datetime | None
    etag: str
    headers: list[tuple[str, str]]
    body: tuple[bytes, ...]


class FrontDoor:
    """A WSGI application over the mirror, with devpi's own behind it."""

    def __init__(self, mirror: Mirror, behind: Application, *, holds: int) -> None:
        self._mirror, self._behind = mirror, behind
        self._holds = BoundedSemaphore(holds)
        self._side = SideDoor(mirror)
        self._asking = Asking(burst=mirror.limits.ask_burst, per_minute=mirror.limits.ask_per_minute)
        self._rendered: dict[tuple[str, str, bool], _Rendered] = {}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            given = self._answer(environ)
        except Exception:  # noqa: BLE001 - the outer edge of a request: it gets nothing
            _log.exception("%s %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            given = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the mirror's log says why", title="noegress failed")
        if given is None:
            return self._behind(environ, start_response)
        start_response(given.status, given.headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else given.body

    def _answer(self, environ: Environ) -> Answer | None:
        path: str = environ["PATH_INFO"]
        is_ours = path.startswith((_SIMPLE, _FILES, OWN)) or path == _SIMPLE.rstrip("/")
        if not is_ours:
            return None
        is_question = environ["REQUEST_METHOD"] == "POST" and path.startswith(f"{OWN}osv/")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") and not is_question:
            return problem(HTTPStatus.FORBIDDEN, "nothing is changed through the index", title=TITLE)
        if path.startswith(OWN):
            return self._side.answer(environ, path.removeprefix(OWN))
        if path.startswith(_FILES):
            return self._file(environ, path.removeprefix(_FILES))
        name = path.removeprefix(_SIMPLE)
        if path in (_SIMPLE, _SIMPLE.rstrip("/")):
            return self._project_list(environ)
        if name.endswith("/json") and name.count("/") == 1:
            return self._page(environ, name.removesuffix("/json"), "legacy")
        return self._page(environ, name.removesuffix("/"), _form(environ), is_folder=name.endswith("/"))

    def _project_list(self, environ: Environ) -> Answer:
        names = sorted(
            name
            for name, project in self._mirror.store.projects.copy().items()
            if any(record.state is State.ADMITTED for record in project.files.values())
        )
        if _form(environ) == "json":
            body, kind = pages.projects_json(names), pages.SIMPLE_JSON
        else:
            body, kind = pages.projects_html(names), pages.HTML
        return answer(HTTPStatus.OK, body, kind=kind, headers=[REVALIDATE, ("Vary", "Accept")])

    def _page(self, environ: Environ, asked: str, form: str, *, is_folder: bool = True) -> Answer:
        if "/" in asked:
            return problem(HTTPStatus.NOT_FOUND, "there is no such page", title="Not found")
        if not is_normalized_name(asked) or not is_folder:
            try:
                name = canonicalize_name(asked, validate=True)
            except ValueError:
                return problem(HTTPStatus.NOT_FOUND, "that is no project name", title="Not found")
            suffix = "json" if form == "legacy" else ""
            location = f"{environ.get('SCRIPT_NAME', '')}{_SIMPLE}{name}/{suffix}"
            return answer(HTTPStatus.MOVED_PERMANENTLY, headers=[("Location", quote(location))])
        name = NormalizedName(asked)
        project = self._mirror.store.projects.get(name)
        on_demand = self._may_ask(environ, name)
        is_due = on_demand and is_stale(project, after_seconds=self._mirror.limits.page_fresh_seconds)
        requester = environ.get("REMOTE_ADDR", "")
        is_polling = environ.get("QUERY_STRING", "").startswith("poll=")
        if is_due and not is_polling and not self._asking.takes(requester):
            _log.warning("%s asks for more projects than its rate allows", requester)
            headers = [("Retry-After", "30")]
            reason = "you ask for too many new projects; go on in a minute"
            return problem(HTTPStatus.TOO_MANY_REQUESTS, reason, title="noegress", headers=headers)
        if is_due:
            found = self._held(environ, self._mirror.admissions.project(name), fallback=project)
            if isinstance(found, Answer):
                return found
            project = found
        if project is None or not project.files:
            return self._unknown(name)
        return self._send_page(environ, project, form)

    def _send_page(self, environ: Environ, project: Project, form: str) -> Answer:
        zipped = "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "")
        key = (project.name, form, zipped)
        page = self._rendered.get(key)
        is_dead = page is None or page.generation != project.generation
        if page is None or is_dead or (page.until is not None and page.until <= datetime.now(UTC)):
            page = self._rendered[key] = self._render(project, form, zipped=zipped)
        if environ.get("HTTP_IF_NONE_MATCH") == page.etag:
            kept = [(name, value) for name, value in page.headers if name not in ("Content-Length", "Content-Type")]
            return Answer(status="304 Not Modified", headers=kept, body=())
        return Answer(status="200 OK", headers=page.headers, body=page.body)

    def _render(self, project: Project, form: str, *, zipped: bool) -> _Rendered:
        listing = self._listing(project)
        if form == "json":
            body, kind = pages.project_json(project, listing), pages.SIMPLE_JSON
        elif form == "legacy":
            body, kind = pages.legacy_json(project, listing), "application/json"
        else:
            body, kind = pages.project_html(project, listing), pages.HTML
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}{"z" if zipped else ""}"'
        headers = [("Content-Type", kind), ("ETag", etag), REVALIDATE, ("Vary", "Accept, Accept-Encoding")]
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
            on_demand=admission.on_demand,
            explains=admission.explain_refusals,
        )

    def _unknown(self, name: NormalizedName) -> Answer:
        if self._mirror.policy.admission.is_private(name):
            reason = f"{name} is private; it is admitted from a local file with noegress mirror admit FILE.whl"
        elif self._mirror.policy.admission.on_demand:
            reason = f"the upstream has no project {name}, or you may not have it asked for"
        else:
            reason = f"{name} was not admitted; ask the mirror's operator for noegress mirror admit {name}"
        return problem(HTTPStatus.NOT_FOUND, reason, title="Not in this mirror")

    def _file(self, environ: Environ, relative: str) -> Answer:
        is_metadata = relative.endswith(_METADATA)
        path = relative.removesuffix(_METADATA)
        record = self._mirror.store.files.get(path)
        if record is None:
            return problem(HTTPStatus.FORBIDDEN, "this file is not known here", title=TITLE)
        if record.state in ON_THE_WAY:
            found = self._on_its_way(environ, record)
            if isinstance(found, Answer):
                return found
            record = found
        if record.state is not State.ADMITTED:
            return self.refusal(record, record.reason)
        if is_metadata:
            return self._metadata(environ, record)
        location = self._mirror.stage.location(record.file)
        if location is None:
            return self.refusal(record, "the mirror has lost its bytes")
        return file_answer(environ, location, etag=f'"{record.file.sha256}"')

    def _on_its_way(self, environ: Environ, record: Record) -> Record | Answer:
        """The record of a file that is judged now, because it was asked for; or what to answer meanwhile."""
        found = self._mirror.admissions.objections(record.file)
        if found:
            return self.refusal(record, "; ".join(objection.reason for objection in found))
        if record.file.origin is Origin.LOCAL or not self._may_ask(environ, record.file.project):
            hint = f"noegress mirror admit {record.file.project}=={record.file.version}"
            return self.refusal(record, f"not admitted yet; ask the mirror's operator for {hint}")
        return self._held(environ, self._mirror.asked(record.file.path, environ.get("HTTP_USER_AGENT", "")))

    def _metadata(self, environ: Environ, record: Record) -> Answer:
        content = self._mirror.store.metadata(record.metadata_sha256) if record.metadata_sha256 else None
        if content is None:
            return problem(HTTPStatus.NOT_FOUND, "this file has no metadata of its own", title="Not found")
        etag = f'"{record.metadata_sha256}"'
        if environ.get("HTTP_IF_NONE_MATCH") == etag:
            return Answer(status="304 Not Modified", headers=[("ETag", etag), REVALIDATE], body=())
        return answer(HTTPStatus.OK, content, kind="application/octet-stream", headers=[("ETag", etag), REVALIDATE])

    def refusal(self, record: Record, reason: str) -> Answer:
        """The 403 of a file that is not admitted."""
        file = record.file
        where = f"/+noegress/project/{file.project}/{quote(file.version)}"
        more = {"instance": where, "filename": file.filename, "state": record.state.value}
        return problem(HTTPStatus.FORBIDDEN, f"{file.filename}: {reason}", title=TITLE, more=more)

    def _may_ask(self, environ: Environ, name: NormalizedName) -> bool:
        """Whether this requester may have the upstream asked (contract 7); private names never are."""
        project = self._mirror.store.projects.get(name)
        if self._mirror.policy.admission.is_private(name) or (project is not None and project.is_local):
            return False
        return may_ask(self._mirror.policy.admission, environ.get("REMOTE_ADDR", ""))

    def _held(self, environ: Environ, future: Future[T], *, fallback: T | None = None) -> T | Answer:
        """Wait for the future as long as clients do, then have them ask again at the same place.

        With a ``fallback``, trouble with the upstream gives that: what is known is still true.
        """
        if not future.done() and not self._holds.acquire(blocking=False):
            headers = [("Retry-After", "5")]
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many wait already", title="noegress", headers=headers)
        try:
            is_held = not future.done()
            try:
                return future.result(self._mirror.limits.hold_seconds)
            finally:
                if is_held:
                    self._holds.release()
        except NotYetError:
            return self._ask_again(environ)
        except MirrorError as error:
            if fallback is not None:
                return fallback
            return _trouble(error)

    def _ask_again(self, environ: Environ) -> Answer:
        polled = re.fullmatch(r"poll=([0-9]{1,2})", environ.get("QUERY_STRING", ""))
        count = int(polled.group(1)) + 1 if polled else 1
        if count > self._mirror.limits.polls:
            reason = "it is still being examined; ask again in a minute"
            headers = [("Retry-After", "30")]
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, reason, title="noegress", headers=headers)
        location = quote(environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"])
        headers = [("Location", f"{location}?poll={count}"), NO_STORE]
        return answer(HTTPStatus.TEMPORARY_REDIRECT, headers=headers)


def _trouble(error: MirrorError) -> Answer:
    if isinstance(error, UpstreamError):
        status = HTTPStatus.GATEWAY_TIMEOUT if error.is_slow else HTTPStatus.BAD_GATEWAY
        return problem(status, error.problem, title="Undecided by noegress")
    return problem(HTTPStatus.FORBIDDEN, error.problem, title="Undecided by noegress")


def _form(environ: Environ) -> str:
    """``json`` for a client that says it reads PEP 691, else ``html``."""
    return "json" if pages.SIMPLE_JSON in environ.get("HTTP_ACCEPT", "") else "html"
