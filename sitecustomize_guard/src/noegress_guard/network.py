"""The ways out of a Python process: every socket event and lookup is held against the policies.

Imported when `_socket` is. The audit hook alone comes too late for names: `connect(("name", port))` sends the name to
the resolver before it raises its event. So `_socket.socket` is replaced by a subclass that resolves under the guard.
"""

from __future__ import annotations

import errno
import os
import sys
from _thread import get_ident
from time import sleep

from noegress_guard.address import format_address
from noegress_guard.decision import Gate
from noegress_guard.errors import EgressRefused
from noegress_guard.events import send_to
from noegress_guard.link import NAME, asking, is_supervised, speak_by
from noegress_guard.lookup import Resolver, port_number, read_host, shown
from noegress_guard.native_socket import copy_of, native_type
from noegress_guard.policy import GuardPolicy
from noegress_guard.real_path import real_path
from noegress_guard.refusal import Attempt, refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Final

    from noegress_guard import Hook
    from noegress_guard.destination import Address

_AF_NETLINK: Final = 16
_AF_UNSPECIFIED_BY_CALLER: Final = -1
_TCP, _UDP = 6, 17
_DNS_PORT: Final = 53
_SO_DOMAIN: Final = 39 if sys.platform == "linux" else None
_TYPE_MASK: Final = 0xF if sys.platform == "linux" else 0xFFFF  # without SOCK_NONBLOCK and SOCK_CLOEXEC
_PATIENCE_MILLISECONDS: Final = 5000


def make_handler(policies: Iterable[tuple[dict[str, Any], str]], events: str) -> Hook:
    """Build what the audit hook calls for the events that it watches, from content and path of the policies.

    `events` is where refusals are recorded.
    """
    send_to(events)
    # while a supervisor observes, it is asked about everything; without one, this allows nothing
    observed = "NOEGRESS_GUARD_OBSERVE" in os.environ
    gate = Gate([] if observed else [GuardPolicy(content, path) for content, path in policies])
    native: list[tuple[Any, Resolver]] = []
    """The first `_socket` that was guarded, as C code made it; empty before, and then every other event refuses."""

    patch = _make_patch(gate, native)

    def send(operation: str) -> Callable[..., None]:
        return lambda sock, address: _check_send(gate, native[0][0], operation, sock, address)

    checks: dict[str, Callable[..., None]] = {
        "import": patch,
        "socket.__new__": lambda _, family, kind, protocol: _check_new(gate, native[0][0], family, kind, protocol),
        "socket.connect": send("connect"),
        "socket.sendto": send("sendto"),
        "socket.sendmsg": send("sendmsg"),
        "socket.getaddrinfo": lambda host, port, family, *_: native[0][1].check_name("getaddrinfo", host, port, family),
        "socket.gethostbyname": lambda host: native[0][1].check_name("gethostbyname", host),
        "socket.gethostbyaddr": lambda host: native[0][1].check_reverse("gethostbyaddr", host),
        "socket.getnameinfo": lambda address: native[0][1].check_reverse("getnameinfo", address[0]),
        "os.putenv": lambda name, _: _refuse_variable(gate, name),
    }

    def handle(event: str, args: tuple[Any, ...]) -> None:
        # a KeyError or IndexError here, after somebody emptied what we look into, refuses too
        checks[event](*args)

    return handle


def _make_patch(gate: Gate, native: list[tuple[Any, Resolver]]) -> Callable[..., None]:
    """Build what guards `_socket` while it is being imported; `native` takes up what it was before."""
    busy: dict[str, int] = {}  # the thread that is at it; what imports `_socket` meanwhile would get it as it was

    def patch(name: str, path: object = None, *_: object) -> None:
        name = str.__str__(name)
        if name.rpartition(".")[2] != "_socket" or (name != "_socket" and path is None):
            return  # another module that ends in these letters
        me = get_ident()
        if name == "_socket" and busy.get("") == me:
            return  # the import below
        if path is not None:
            raise ImportError(f"noegress-guard: another copy of _socket would be loaded from {shown(path)}", name=name)
        for _wait in range(_PATIENCE_MILLISECONDS):  # bounded: a fork leaves nobody behind who would come to an end
            if busy.setdefault("", me) == me:
                break
            sleep(0.001)
        try:
            _guard_module(gate, native)
        finally:
            busy.clear()

    return patch


def _guard_module(gate: Gate, native: list[tuple[Any, Resolver]]) -> None:
    import _socket as module

    if hasattr(module.socket, "_noegress_guarded"):
        return
    sys.modules.pop("_socket", None)  # so that another thread comes to the hook, and waits there
    copy = copy_of(module)
    resolver = Resolver(gate, copy)
    if not native:
        native.append((copy, resolver))
        speak_by(copy)
    _publish(module, _guarded_type(module, resolver), resolver)
    sys.modules["_socket"] = module


def _refuse_variable(gate: Gate, name: bytes) -> None:
    """Refuse to change what the C library makes of a name before it asks: what it appends would leave the machine."""
    why = "lookups of listed names would carry what it holds"
    refuse(Attempt(operation="putenv", host=name.decode("ascii"), port=None, why=why, fix=""), gate)


def _check_new(gate: Gate, module: Any, family: int, kind: int, protocol: int) -> None:
    """Refuse sockets that reach the network below TCP and UDP, where no event names a destination."""
    if family == _AF_UNSPECIFIED_BY_CALLER or family == getattr(module, "AF_UNIX", None):
        return
    if family in {module.AF_INET, _inet6(module)}:
        allowed = {module.SOCK_STREAM: _TCP, module.SOCK_DGRAM: _UDP, -1: 0}.get(kind & _TYPE_MASK if kind > 0 else -1)
        if allowed is not None and protocol in {-1, 0, allowed}:
            return
        what = "raw" if kind > 0 and kind & _TYPE_MASK == module.SOCK_RAW else f"IP protocol {protocol}"
    elif family == _AF_NETLINK and sys.platform == "linux" and protocol in {-1, 0}:
        return  # routing: the C library asks it for the machine's own addresses
    else:
        what = f"address family {family}"
    why = "the guard cannot see where it sends to"
    refuse(Attempt(operation="socket", host=what, port=None, why=why, fix=""), gate)


def _check_send(gate: Gate, module: Any, operation: str, sock: Any, address: Any) -> None:
    """Refuse a connection or a datagram to a destination that is not listed."""
    if address is None:
        return  # sendmsg on a connected socket
    original = native_type(type(sock))
    family, kind = _family_and_type(original, sock, module)
    if family == getattr(module, "AF_UNIX", None):
        if not isinstance(address, tuple):
            _check_unix(gate, operation, address)
            return
        # a datagram socket under the kernel layer is an end of a pair; C code reads the address as its maker claimed
        family, kind = original.family.__get__(sock), original.type.__get__(sock) & _TYPE_MASK
    protocol = {module.SOCK_STREAM: "tcp", module.SOCK_DGRAM: "udp"}.get(kind, "raw")
    found, port, host = None, None, None
    if isinstance(address, tuple) and tuple.__len__(address) >= 2:
        host = tuple.__getitem__(address, 0)
        found, port = read_host(host), port_number(tuple.__getitem__(address, 1))
    # a process id, so that no second thread can put an IP socket behind the descriptor meanwhile
    if family == _AF_NETLINK and sys.platform == "linux" and isinstance(host, int):
        return
    if found is not None and port is not None and family in {module.AF_INET, _inet6(module)}:
        if isinstance(found, str) and gate.allows_name(found, protocol, port):
            return
        if isinstance(found, tuple) and gate.allows_address(_reached(original, sock, found), protocol, port):
            return
    if port == _DNS_PORT and protocol == "udp" and is_supervised():
        return  # the supervisor answers in the place of every name server
    text = format_address(found) if isinstance(found, tuple) else found or shown(address)
    refuse(Attempt(operation=operation, host=text, port=port, protocol=protocol), gate)


def _reached(original: Any, sock: Any, address: Address) -> Address:
    """Return what an address reaches: the unspecified one is that of the socket itself, if it is bound."""
    if address[1]:
        return address
    try:
        own = read_host(original.getsockname(sock)[0])
    except OSError:
        return address
    return own if isinstance(own, tuple) else address


def _check_unix(gate: Gate, operation: str, address: object) -> None:
    """Refuse a Unix socket that is neither listed nor bound inside the guarded tree."""
    if isinstance(address, str):
        path = str.__str__(address).encode("utf-8", "surrogateescape")
    elif isinstance(address, bytes):
        path = bytes.__getitem__(address, slice(None))
    else:
        refuse(Attempt(operation=operation, host=f"unix:{shown(address)}", port=None), gate)
        return
    if path == NAME:
        if get_ident() in asking or is_supervised():
            return
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no supervisor stands above this process")
    if path[:1] == b"\0":
        real = "@" + path[1:].decode("utf-8", "surrogateescape")
    elif not path:
        return  # autobind: no destination
    else:
        real = real_path(path.partition(b"\0")[0].decode("utf-8", "surrogateescape"))
    if gate.allows_socket(real):
        return
    from noegress_guard.tree import is_bound_inside  # reads /proc, when it is needed

    if not is_bound_inside(real):
        refuse(Attempt(operation=operation, host=f"unix:{real}", port=None), gate)


def _family_and_type(original: Any, sock: Any, module: Any) -> tuple[int, int]:
    """Ask the kernel what a descriptor is; the object says what its maker claimed."""
    if _SO_DOMAIN is not None:
        try:
            family = original.getsockopt(sock, module.SOL_SOCKET, _SO_DOMAIN)
            return family, original.getsockopt(sock, module.SOL_SOCKET, module.SO_TYPE)
        except OSError:  # closed: the call that raised this event will say so
            pass
    return original.family.__get__(sock), original.type.__get__(sock) & _TYPE_MASK


def _guarded_type(module: Any, resolver: Resolver) -> Any:
    """Build the subclass of `_socket.socket` whose methods resolve names under the guard before C code sees them."""
    base = module.socket

    inet = {module.AF_INET, _inet6(module)}

    def settle(sock: Any, address: Any, *, operation: str) -> Any:
        family = base.family.__get__(sock)
        if family not in inet or not isinstance(address, tuple) or tuple.__len__(address) < 2:
            return address
        return resolver.settle(operation, address, family, base.type.__get__(sock) & _TYPE_MASK)

    class Socket(base):  # type: ignore[misc,valid-type]
        __slots__ = ()
        _noegress_guarded = True

        def connect(self, address: Any, /) -> None:
            base.connect(self, settle(self, address, operation="connect"))

        def connect_ex(self, address: Any, /) -> int:
            try:
                result: int = base.connect_ex(self, settle(self, address, operation="connect"))
            except EgressRefused:
                return errno.EACCES  # the caller asked for a number
            return result

        def sendto(self, data: Any, /, *rest: Any) -> int:
            addresses = [settle(self, address, operation="sendto") for address in rest[-1:]]
            sent: int = base.sendto(self, data, *rest[:-1], *addresses)
            return sent

        def sendmsg(self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /) -> int:
            sent: int = base.sendmsg(self, buffers, ancdata, flags, settle(self, address, operation="sendmsg"))
            return sent

        def bind(self, address: Any, /) -> None:
            base.bind(self, settle(self, address, operation="bind"))

    Socket.__name__ = Socket.__qualname__ = "socket"
    Socket.__module__ = "_socket"
    return Socket


def _inet6(module: Any) -> int | None:
    return getattr(module, "AF_INET6", None)


def _publish(module: Any, guarded: Any, resolver: Resolver) -> None:
    """Put the guarded type and lookups where every later import of `_socket` and `socket` finds them."""
    original = module.socket
    module.socket = module.SocketType = guarded
    late = sys.modules.get("socket")
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
        setattr(module, name, getattr(resolver, name))
        if late is not None and name != "getaddrinfo":  # its own getaddrinfo calls that of `_socket`
            setattr(late, name, getattr(resolver, name))
    made: Any = getattr(late, "socket", original)
    if made is not original:  # somebody imported `socket` before us, and has come further than its first lines
        for name in ("connect", "connect_ex", "sendto", "sendmsg", "bind"):
            setattr(made, name, guarded.__dict__[name])
