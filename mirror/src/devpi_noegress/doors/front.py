"""The front door: every request meets it first, and no byte of a file that is not admitted passes it.

It says who asks, and hands on: to the index, to the files, to the pages for people, to what operators do. The rest of
devpi stays behind a second gate (``plugin``).
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from devpi_noegress.doors.file_door import FILES, TITLE, FileDoor
from devpi_noegress.doors.holding import Holding
from devpi_noegress.doors.index_door import SIMPLE, IndexDoor
from devpi_noegress.doors.operations_door import OperationsDoor
from devpi_noegress.doors.outside import Outside
from devpi_noegress.doors.side_door import SideDoor
from devpi_noegress.http.answers import Answer, answer, problem
from devpi_noegress.http.waiting import may_take_time
from devpi_noegress.mirror import Mirror
from devpi_noegress.people.asking import Asking
from devpi_noegress.people.requester import Reception, Requester

StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

OWN = "/+noegress/"
_WITHOUT_SLASH = (SIMPLE[:-1], OWN[:-1])
_HEALTH = f"{OWN}health"
_OPERATIONS = f"{OWN}do/"
_ADVISORIES = f"{OWN}osv/"
_LOGINS = 20  # requests of one address with credentials of devpi, and as many a minute: each costs a slow hash
_log = logging.getLogger(__name__)


class FrontDoor:
    """A WSGI application over the mirror, with devpi's own behind it."""

    def __init__(self, mirror: Mirror, behind: Application, *, outside: Outside | None = None) -> None:
        outside = outside or Outside()
        self._behind = behind
        holding = Holding(mirror.limits)
        self._index = IndexDoor(mirror, holding)
        self._files = FileDoor(mirror, holding, accelerated=outside.accelerated)
        self._side, self._operations = SideDoor(mirror), OperationsDoor(mirror)
        self._reception = Reception(
            mirror.access, is_closed=mirror.is_closed, proxies=outside.proxies, is_replica=mirror.stage.is_replica
        )
        self._logins = Asking(burst=_LOGINS, per_minute=_LOGINS)

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

    def _answer(self, environ: Mapping[str, Any]) -> Answer | None:
        path: str = environ["PATH_INFO"]
        if not path.startswith((SIMPLE, FILES)):
            may_take_time(environ)
        if not path.startswith((SIMPLE, FILES, OWN)) and path not in _WITHOUT_SLASH:
            return self._hindrance(environ, path)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") and not _may_post(environ, path):
            return problem(HTTPStatus.FORBIDDEN, "nothing is changed through the index", title=TITLE)
        if path == _HEALTH:
            return self._side.answer(environ, "health")
        requester = self._reception.requester(environ)
        if isinstance(requester, Answer):
            return requester
        return self._within(environ, requester, path)

    def _within(self, environ: Mapping[str, Any], requester: Requester, path: str) -> Answer:
        """The answer for what is ours, to somebody who may read."""
        if path in _WITHOUT_SLASH:
            location = quote(f"{environ.get('SCRIPT_NAME', '')}{path}/")
            return answer(HTTPStatus.MOVED_PERMANENTLY, headers=[("Location", location)])
        if path.startswith(_OPERATIONS):
            return self._operations.answer(environ, requester, path.removeprefix(_OPERATIONS))
        if path.startswith(OWN):
            return self._side.answer(environ, path.removeprefix(OWN))
        if path.startswith(FILES):
            return self._files.answer(environ, requester, path.removeprefix(FILES))
        return self._index.answer(environ, requester, path.removeprefix(SIMPLE))

    def _hindrance(self, environ: Mapping[str, Any], path: str) -> Answer | None:
        """What keeps a request from devpi's own views, which refuse it anyway: guessing passwords."""
        is_login = path.startswith("/+login") or "HTTP_X_DEVPI_AUTH" in environ
        if is_login and not self._logins.takes(environ.get("REMOTE_ADDR", "")):
            headers = [("Retry-After", "60")]
            return problem(HTTPStatus.TOO_MANY_REQUESTS, "too many logins", title="noegress", headers=headers)
        return None


def _may_post(environ: Mapping[str, Any], path: str) -> bool:
    return environ["REQUEST_METHOD"] == "POST" and path.startswith((_OPERATIONS, _ADVISORIES))
