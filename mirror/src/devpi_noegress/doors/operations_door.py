"""Operations for people with a role, from afar: ``POST /+noegress/do/VERB``, JSON in, JSON lines out."""

import json
import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from queue import SimpleQueue
from threading import Thread
from typing import Any

from devpi_noegress.http.answers import NO_STORE, Answer, problem
from devpi_noegress.limits import MAX_REQUEST
from devpi_noegress.mirror import Mirror
from devpi_noegress.operations.table import OPERATIONS, carry_out
from devpi_noegress.people.access import Role
from devpi_noegress.people.requester import Requester, unauthorized
from noegress.errors import NoegressError

_log = logging.getLogger(__name__)


class OperationsDoor:
    """For whoever has a role; the same as the socket in the folder, less what reads files of the mirror's machine."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def answer(self, environ: Mapping[str, Any], requester: Requester, verb: str) -> Answer:
        """Have it done, and tell of its progress while it is."""
        operation = OPERATIONS.get(verb)
        # Basic is what a browser sends by itself, for a page that somebody else wrote
        if requester.person is None or not environ.get("HTTP_AUTHORIZATION", "").lower().startswith("bearer "):
            return unauthorized("give your token as Authorization: Bearer")
        if operation is None or operation.is_local:
            return problem(HTTPStatus.NOT_FOUND, "there is no such operation from afar", title="Not found")
        if not requester.may(operation.role):
            return self._denied(requester, verb, operation.role)
        if environ["REQUEST_METHOD"] != "POST":
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, "POST it", title="noegress", headers=[("Allow", "POST")])
        arguments = _arguments(environ)
        if isinstance(arguments, Answer):
            return arguments
        if arguments.get("files"):
            reason = "files are admitted on the mirror's own machine: they would be read from its disk"
            return problem(HTTPStatus.BAD_REQUEST, reason, title="noegress")
        arguments |= {"who": requester.person.name}
        headers = [("Content-Type", "application/jsonl"), NO_STORE]
        return Answer(status="200 OK", headers=headers, body=self._lines(verb, arguments))

    def _denied(self, requester: Requester, verb: str, role: Role) -> Answer:
        person = requester.person
        who = person.name if person is not None else ""
        self._mirror.audit.add(who=who, action=f"{verb} (denied)", subject=requester.address, detail=f"needs {role}")
        return problem(HTTPStatus.FORBIDDEN, f"{who} is no {role}, and {verb} is for those", title="noegress")

    def _lines(self, verb: str, arguments: Mapping[str, Any]) -> Iterator[bytes]:
        """What happens, one JSON document a line; the work goes on when the client has gone."""
        told: SimpleQueue[dict[str, Any] | None] = SimpleQueue()

        def work() -> None:
            try:
                outcome = carry_out(self._mirror, verb, arguments, lambda line: told.put({"tell": line}))
                told.put({"lines": outcome.lines, "exit_status": outcome.exit_status})
            except NoegressError as error:
                told.put({"problem": error.problem, "fix": error.fix})
            except Exception:  # noqa: BLE001 - the outer edge of one operation: it is told, the server goes on
                _log.exception("%s", verb)
                told.put({"problem": "the server failed at this; its log says why", "fix": "ask its operator"})
            finally:
                told.put(None)

        Thread(target=work, name=f"noegress-{verb}", daemon=True).start()
        while (line := told.get()) is not None:
            yield json.dumps(line).encode() + b"\n"


def _arguments(environ: Mapping[str, Any]) -> dict[str, Any] | Answer:
    length = environ.get("CONTENT_LENGTH") or "0"
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip() != "application/json":
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json", title="noegress")
    if not length.isdecimal() or int(length) > MAX_REQUEST:
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "send less at once", title="Too much")
    try:
        arguments = json.loads(environ["wsgi.input"].read(int(length)))
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        return problem(HTTPStatus.BAD_REQUEST, "send one JSON object", title="noegress")
    return arguments
