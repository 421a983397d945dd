"""Keeps an upstream's page from sending the mirror to its own neighbours: what a connection reached is looked at.

A page names addresses of files on any host. One that leads to loopback, to a link's own addresses (a cloud's metadata
service) or into a private network is refused, unless the index itself is there. Looked at is the peer of the connection
and not what a name resolved to before: that may change in between.
"""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from devpi_noegress.errors import UpstreamError

Check = Callable[[str, str], None]
"""Takes the host that was asked for and the address that was reached; raises where it must not be."""


class Neighbourhood:
    """What may be reached on behalf of one index."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._kind = ""

    def check(self, host: str, address: str) -> None:
        """Raise ``UpstreamError`` for a place that a page of this index must not lead to."""
        kind = kind_of(address)
        if host.lower() == self._host.lower():
            self._kind = kind
        elif kind not in ("global", self._kind or self._resolved()):
            raise UpstreamError(f"the upstream's page leads to {host}, which is {address}, a {kind} address")

    def _resolved(self) -> str:
        """Where the index is by its name, for a page that was kept from before this process asked it for anything."""
        try:
            found = socket.getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
        except OSError:
            return "global"  # nobody knows: nothing near is reached
        kinds = {kind_of(str(address[0])) for *_, address in found}
        return kinds.pop() if len(kinds) == 1 else "global"


def kind_of(address: str) -> str:
    """``loopback``, ``link-local``, ``private`` or ``global``."""
    parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    plain = mapped if mapped is not None else parsed
    if plain.is_loopback or plain.is_unspecified:
        return "loopback"
    if plain.is_link_local:
        return "link-local"
    return "global" if plain.is_global else "private"


class NearAdapter(HTTPAdapter):
    """An adapter whose connections are looked at before anything is sent; those of a proxy are the proxy's to judge."""

    def __init__(self, check: Check, **more: Any) -> None:
        self._check = check
        super().__init__(**more)

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        """Give the manager pools of our own."""
        super().init_poolmanager(*arguments, **more)
        self.poolmanager.pool_classes_by_scheme = _pools(self._check)


def _pools(check: Check) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> Any:
            return _looked_at(super()._new_conn(), self.host, check)

    class Secured(HTTPSConnection):
        def _new_conn(self) -> Any:
            return _looked_at(super()._new_conn(), self.host, check)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecuredPool(HTTPSConnectionPool):
        ConnectionCls = Secured

    return {"http": PlainPool, "https": SecuredPool}


def _looked_at(connection: Any, host: str, check: Check) -> Any:
    try:
        check(host.strip("[]"), connection.getpeername()[0])
    except BaseException:
        connection.close()
        raise
    return connection
