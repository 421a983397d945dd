"""Who is behind a request: an address, perhaps a person; and what that lets them do (contract 7)."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

from devpi_noegress.http.answers import Answer, problem
from devpi_noegress.people.access import Access, CopiedAccess, Person, Role, token_of
from devpi_noegress.people.asking import Asking
from noegress.policy import Admission

_FAILURES = 30  # wrong tokens of one address, and as many a minute from then on
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks."""

    address: str
    """Of the client; of the proxy where none is trusted."""
    person: Person | None = None
    is_forwarded: bool = False
    """Whether somebody else asks through the address: a proxy's headers say so, and it is not one that is trusted."""
    is_private: bool = True
    """Whether nobody on the way reads along."""
    has_proxy: bool = False
    """Whether it came by way of a trusted proxy."""

    def may(self, role: Role) -> bool:
        """Whether the requester is a person with this role."""
        return self.person is not None and self.person.role.covers(role)

    def may_ask(self, admission: Admission) -> bool:
        """Whether the upstream may be asked on this requester's behalf."""
        return admission.on_demand and (self.may(Role.REQUESTER) or self._is_near(admission))

    def _is_near(self, admission: Admission) -> bool:
        """Whether the address is one of the policy's; that of a proxy that is not trusted says nothing."""
        if self.is_forwarded:
            return False
        try:
            source = ip_address(self.address)
        except ValueError:
            return False
        return any(source.version == network.version and source in network for network in admission.on_demand_from)


class Reception:
    """Tells who is behind a request, or turns it away."""

    def __init__(
        self,
        access: Access | CopiedAccess,
        *,
        is_closed: bool,
        proxies: Collection[str] = (),
        is_replica: Callable[[Mapping[str, Any]], bool] = lambda _environ: False,
    ) -> None:
        self._access, self._is_closed, self._proxies = access, is_closed, frozenset(proxies)
        self._is_replica = is_replica
        self._failures = Asking(burst=_FAILURES, per_minute=_FAILURES)

    def requester(self, environ: Mapping[str, Any]) -> Requester | Answer:
        """Who asks; the 401 of a wrong token, and of none where everybody needs one."""
        origin = self._origin(environ)
        token = token_of(environ.get("HTTP_AUTHORIZATION", ""))
        if token is None:
            if not self._is_closed or self._is_replica(environ):
                return origin
            return unauthorized("this mirror is for people with a token")
        if not origin.is_private:
            _log.warning("%s sent a token in the clear", origin.address)
            reason = "a token came without TLS, where others can read it; have it replaced, and use https"
            return problem(HTTPStatus.FORBIDDEN, reason, title="noegress")
        person = self._access.person(token, today=datetime.now(UTC).date())
        if person is None:
            return self._unknown(origin.address)
        return replace(origin, person=person)

    def _origin(self, environ: Mapping[str, Any]) -> Requester:
        """Where a request comes from; a trusted proxy says it, and one that does not say it speaks for nobody."""
        address, is_tls = environ.get("REMOTE_ADDR", ""), environ.get("wsgi.url_scheme") == "https"
        is_forwarded = any(name in environ for name in _FORWARDED)
        if address not in self._proxies:
            return Requester(
                address=address,
                is_forwarded=is_forwarded,
                is_private=is_tls or (_is_loopback(address) and not is_forwarded),
            )
        # the proxy adds the last hop; what stands before it was sent by the client
        client = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        is_private = environ.get("HTTP_X_FORWARDED_PROTO") == "https"
        return Requester(
            address=client or address, is_forwarded=not client, is_private=is_private, has_proxy=bool(client)
        )

    def _unknown(self, address: str) -> Answer:
        if not self._failures.takes(address):
            headers = [("Retry-After", "60")]
            return problem(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong tokens", title="noegress", headers=headers)
        _log.warning("%s sent a token that is nobody's, or has run out", address)
        return unauthorized("the token is nobody's, or it has run out")


@lru_cache(maxsize=1024)
def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def unauthorized(reason: str) -> Answer:
    """Asks for a token, in the way that pip and uv know."""
    headers = [("WWW-Authenticate", 'Basic realm="noegress", charset="UTF-8"')]
    return problem(HTTPStatus.UNAUTHORIZED, reason, title="noegress", headers=headers)
