"""Hosts in socket addresses, and the lookups of their names: only listed ones, and their answers are learned."""

from __future__ import annotations

import errno

from noegress_guard.address import format_address
from noegress_guard.decision import Gate
from noegress_guard.destination import Address, parse_address, parse_name
from noegress_guard.refusal import Attempt, refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, NoReturn

_HOSTS_FILE: Final = "/etc/hosts"
_MAX_HOSTS_BYTES: Final = 1 << 20


_MOST_READ: Final = 1024
_read: dict[str, Address | str | None] = {}


def read_host(host: object) -> Address | str | None:
    """Return what a host in a socket address stands for: an address, a name, or None for neither.

    Subclasses of str and bytes are read as the C code reads them, past whatever they override. A bytearray can be
    changed by another thread between this look and the C code's, so it stands for nothing.
    """
    if type(host) is not str:
        return _read_host(host)
    if host in _read:
        return _read[host]
    if len(_read) >= _MOST_READ:
        _read.clear()
    found = _read[host] = _read_host(host)
    return found


def _read_host(host: object) -> Address | str | None:
    if isinstance(host, str):
        text = str.__str__(host)
        if not text.isascii():
            try:
                text = text.encode("idna").decode("ascii")  # as the socket module does
            except UnicodeError:
                return None
    elif isinstance(host, bytes):
        text = bytes.__getitem__(host, slice(None)).decode("ascii", "replace")
    else:
        return None
    if text == "":
        return 4, 0
    if text == "<broadcast>":
        return 4, 0xFFFFFFFF
    literal, zone, _ = text.partition("%")
    if zone and ":" in literal:  # an IPv6 zone chooses the interface, not the address
        return parse_address(literal)
    return parse_address(text) or parse_name(text)


class Resolver:
    """The lookups of the process: only listed names, and of their answers only those that are no rebinding."""

    def __init__(self, gate: Gate, module: Any) -> None:
        self._gate = gate
        self._getaddrinfo = module.getaddrinfo
        self._gethostbyname = module.gethostbyname
        self._gethostbyname_ex = module.gethostbyname_ex
        self._gethostbyaddr = module.gethostbyaddr
        self._inet, self._inet6 = module.AF_INET, getattr(module, "AF_INET6", None)

    def check_name(self, operation: str, host: object, port: object = None, family: object = 0) -> None:
        """Refuse the lookup of a name that is neither listed nor answered by the hosts file."""
        found = read_host(host)
        if host is None or isinstance(found, tuple) or (isinstance(found, str) and self._may_ask(found, family)):
            return
        text = found if found is not None else shown(host)
        refuse(Attempt(operation=operation, host=text, port=port_number(port)), self._gate)

    def check_reverse(self, operation: str, host: object) -> None:
        """Refuse the reverse lookup of an address that is not listed: its digits would leave as a name."""
        found = read_host(host)
        if isinstance(found, tuple) and not self._gate.lists_address(found) and not _is_loopback(found):
            refuse(Attempt(operation=operation, host=format_address(found), port=None), self._gate)
        elif not isinstance(found, tuple):
            self.check_name(operation, host)

    def getaddrinfo(self, host: object, port: object, *args: Any, **kwargs: Any) -> list[Any]:
        """Look up as `_socket.getaddrinfo` does, and learn the answers."""
        host = as_sent(host)
        answers = self._getaddrinfo(host, port, *args, **kwargs)
        kept = [answer for answer in answers if self._keep(host, answer[4][0])]
        if answers and not kept:
            self._refuse_rebinding("getaddrinfo", host, answers[0][4][0], port)
        return kept

    def settle(self, operation: str, address: tuple[Any, ...], family: int, kind: int) -> tuple[Any, ...]:
        """Return an IP socket address with its name resolved, so that the hook and the kernel see the same address."""
        host, port, *rest = tuple(tuple.__iter__(address))
        found, number = read_host(host), port_number(port)
        if isinstance(found, tuple):
            return (exact(host), port, *rest)
        self.check_name(operation, host, number)
        if number is None:
            return (exact(host), port, *rest)  # C code will find fault with the port
        answers = self.getaddrinfo(found or host, number, family, kind)
        return (*answers[0][4][:2], *rest) if rest else answers[0][4]

    def gethostbyname(self, host: object) -> str:
        """Look up as `_socket.gethostbyname` does, and learn the answer."""
        host = as_sent(host)
        answer: str = self._gethostbyname(host)
        if not self._keep(host, answer):
            self._refuse_rebinding("gethostbyname", host, answer)
        return answer

    def gethostbyname_ex(self, host: object) -> tuple[str, list[str], list[str]]:
        """Look up as `_socket.gethostbyname_ex` does, and learn the answers."""
        host = as_sent(host)
        name, aliases, answers = self._gethostbyname_ex(host)
        kept = [answer for answer in answers if self._keep(host, answer)]
        if answers and not kept:
            self._refuse_rebinding("gethostbyname_ex", host, answers[0])
        return name, aliases, kept

    def gethostbyaddr(self, host: object) -> tuple[str, list[str], list[str]]:
        """Look up as `_socket.gethostbyaddr` does."""
        found: tuple[str, list[str], list[str]] = self._gethostbyaddr(as_sent(host))
        return found

    def _may_ask(self, name: str, family: object) -> bool:
        if name == "localhost" or self._gate.resolves(name):
            return True
        versions = {6 if ":" in address else 4 for address in _in_hosts_file(name)}
        wanted = {0: {4, 6}, self._inet: {4}, self._inet6: {6}}.get(family, set()) if isinstance(family, int) else set()
        return bool(versions & wanted)

    def _keep(self, host: object, answer: object) -> bool:
        """Learn an answer for a listed name; False if it is rebinding."""
        name = read_host(host) if host is not None else None
        address = read_host(answer)
        if not isinstance(name, str) or not isinstance(address, tuple) or not self._gate.resolves(name):
            return True
        return self._gate.learn(name, address)

    def _refuse_rebinding(self, operation: str, host: object, answer: object, port: object = None) -> NoReturn:
        name, address = read_host(host), read_host(answer)
        shown = format_address(address) if isinstance(address, tuple) else str(answer)
        why = f"{name} is a public name and {shown} a private address (DNS rebinding)"
        fix = f'"{name}" to private-names'
        attempt = Attempt(operation=operation, host=str(name), port=port_number(port), why=why, fix=fix)
        refuse(attempt, self._gate)
        raise PermissionError(errno.EACCES, why)


def exact(host: object) -> object:
    """Return a subclass of str or bytes as what it holds, so that nothing changes between check and use."""
    if isinstance(host, str):
        return str.__str__(host)
    return bytes.__getitem__(host, slice(None)) if isinstance(host, bytes) else host


def as_sent(host: object) -> object:
    """Return a host as the bytes that leave; C code would ask the codec `idna`, which anybody may replace."""
    plain = exact(host)
    if not isinstance(plain, str):
        return plain
    try:
        return plain.encode("ascii" if plain.isascii() else "idna")
    except UnicodeError:
        return plain  # no name, and refused as such


def port_number(port: object) -> int | None:
    """Return a port given as a number or as digits; an object with `__index__` may answer differently each time."""
    if isinstance(port, int):
        number = int.__int__(port)
        return number if 0 <= number <= 65535 else None
    if isinstance(port, str | bytes) and port.isdigit() and len(port) <= 5:
        return int(port)
    return {"http": 80, "https": 443}.get(port) if isinstance(port, str) else None


def _is_loopback(address: Address) -> bool:
    """Tell whether this is the address that has the name localhost; the name server is asked for its neighbours."""
    return address in {(6, 1), (4, 0x7F000001)}


def shown(value: object) -> str:
    """Show an address of an unexpected type without calling code of the one who made it."""
    for kind in (str, bytes):
        if isinstance(value, kind):
            return repr(exact(value))[:200]
    return f"an address of type {type(value).__name__}"


def _in_hosts_file(name: str) -> list[str]:
    """Return the addresses that the hosts file has for a name; for one of their family, no packet leaves."""
    try:
        with open(_HOSTS_FILE, "rb") as file:
            lines = file.read(_MAX_HOSTS_BYTES).decode("utf-8", "replace").lower().splitlines()
    except OSError:
        return []
    fields = [line.partition("#")[0].split() for line in lines]
    return [address for address, *names in filter(None, fields) if name in names]
