"""Answers for ``+f/``: files, and beside them their metadata and provenance; nothing of what is not admitted."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from packaging.utils import NormalizedName

from devpi_noegress.doors.holding import Holding
from devpi_noegress.errors import UpstreamError
from devpi_noegress.files import ON_THE_WAY, Origin, Record, State
from devpi_noegress.http.answers import REVALIDATE, Answer, answer, problem
from devpi_noegress.http.file_answers import accelerated_answer, file_answer
from devpi_noegress.http.negotiation import is_unchanged
from devpi_noegress.http.waiting import may_take_time
from devpi_noegress.mirror import Mirror
from devpi_noegress.pages.notice import noticed_project
from devpi_noegress.people.requester import Requester
from devpi_noegress.state.server_state import INDEX

FILES = f"/{INDEX}/+f/"
TITLE = "Blocked by noegress"
_METADATA, _PROVENANCE = ".metadata", ".provenance"


class FileDoor:
    """The way out for bytes."""

    def __init__(self, mirror: Mirror, holding: Holding, *, accelerated: str = "") -> None:
        self._mirror, self._holding, self._accelerated = mirror, holding, accelerated

    def answer(self, environ: Mapping[str, Any], requester: Requester, relative: str) -> Answer:
        """The answer for what follows ``+f/``."""
        beside = next((ending for ending in (_METADATA, _PROVENANCE) if relative.endswith(ending)), "")
        path = relative.removesuffix(beside)
        record = self._mirror.store.files.get(path)
        if record is None:
            return self._unknown(path)
        if record.state in ON_THE_WAY or beside:
            may_take_time(environ)
        if record.state in ON_THE_WAY:
            found = self._on_its_way(environ, requester, record)
            if isinstance(found, Answer):
                return found
            record = found
        if record.state is not State.ADMITTED:
            return self._refusal(record, record.reason)
        if beside == _METADATA:
            return self._metadata(environ, record)
        if beside == _PROVENANCE:
            return self._provenance(environ, requester, record)
        return self._bytes(environ, requester, record)

    def _bytes(self, environ: Mapping[str, Any], requester: Requester, record: Record) -> Answer:
        if not self._mirror.stage.was_located(record.file):
            may_take_time(environ)
        location = self._mirror.stage.location(record.file)
        if location is None:
            return self._refusal(record, "the mirror has lost its bytes")
        if self._accelerated and requester.has_proxy:
            return accelerated_answer(self._accelerated + self._mirror.stage.relative(location))
        return file_answer(environ, location, etag=f'"{record.file.sha256}"')

    def _unknown(self, path: str) -> Answer:
        name = noticed_project(path)
        if name is None:
            return problem(HTTPStatus.FORBIDDEN, "this file is not known here", title=TITLE)
        return problem(HTTPStatus.FORBIDDEN, self._mirror.why_absent(name), title=TITLE, see=self._mirror.page_of(name))

    def _on_its_way(self, environ: Mapping[str, Any], requester: Requester, record: Record) -> Record | Answer:
        """The record of a file that is judged now, because it was asked for; or what to answer meanwhile."""
        found = self._mirror.admissions.objections(record.file)
        if found:
            return self._refusal(record, "; ".join(objection.reason for objection in found))
        is_askable = self._mirror.may_ask(requester, NormalizedName(record.file.project))
        if record.file.origin is Origin.LOCAL or not is_askable:
            hint = f"noegress mirror admit {record.file.project}=={record.file.version}"
            return self._refusal(record, f"not admitted yet; ask the mirror's operator for {hint}")
        agent = environ.get("HTTP_USER_AGENT", "")
        return self._holding.result(environ, lambda: self._mirror.asked(record.file.path, agent))

    def _metadata(self, environ: Mapping[str, Any], record: Record) -> Answer:
        content = self._mirror.store.metadata(record.metadata_sha256) if record.metadata_sha256 else None
        if content is None:
            return problem(HTTPStatus.NOT_FOUND, "this file has no metadata of its own", title="Not found")
        return _document(environ, content, "application/octet-stream", etag=f'"{record.metadata_sha256}"')

    def _provenance(self, environ: Mapping[str, Any], requester: Requester, record: Record) -> Answer:
        is_askable = self._mirror.may_ask(requester, NormalizedName(record.file.project))
        try:
            content = self._mirror.provenance(record.file, may_ask=is_askable)
        except UpstreamError as error:
            return problem(HTTPStatus.GATEWAY_TIMEOUT, error.problem, title="noegress")
        if content is None:
            return problem(HTTPStatus.NOT_FOUND, "this file has no provenance (PEP 740)", title="Not found")
        kind = "application/vnd.pypi.integrity.v1+json"
        return _document(environ, content, kind, etag=f'"{record.file.sha256}-provenance"')

    def _refusal(self, record: Record, reason: str) -> Answer:
        """The 403 of a file that is not admitted."""
        file = record.file
        where = self._mirror.page_of(file.project, file.version)
        more = {"instance": where, "filename": file.filename, "state": record.state.value}
        return problem(HTTPStatus.FORBIDDEN, f"{file.filename}: {reason}", title=TITLE, more=more, see=where)


def _document(environ: Mapping[str, Any], content: bytes, kind: str, *, etag: str) -> Answer:
    if is_unchanged(environ.get("HTTP_IF_NONE_MATCH", ""), etag):
        return Answer(status="304 Not Modified", headers=[("ETag", etag), REVALIDATE], body=())
    return answer(HTTPStatus.OK, content, kind=kind, headers=[("ETag", etag), REVALIDATE])
