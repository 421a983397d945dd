"""Who may do what: people with a token and a role, and everybody else (ADR 23).

A token is shown once, when it is made; what is kept is its sha256.
"""

import base64
import hashlib
import json
import logging
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

from devpi_noegress.errors import FolderError
from noegress.errors import UsageError

_FORMAT = 1
PREFIX = "noegress_"  # so that scanners of secrets know one when they see it
_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Role(StrEnum):
    """What a person may do; each may also do what those before may."""

    READER = "reader"
    """Read the index and the pages."""
    REQUESTER = "requester"
    """Have the upstream asked on demand, from any address; ask for an admission."""
    APPROVER = "approver"
    """Admit, waive, revoke."""
    ADMIN = "admin"
    """Give and take roles; put another policy into force."""

    def covers(self, other: "Role") -> bool:
        """Whether it may do what the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a token."""

    name: str
    role: Role
    sha256: str
    """Of the token, which is random enough for that."""
    expires: date | None = None
    """The last day on which it holds."""


class Access:
    """The people of one mirror, in a file of its folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._people = _read(path)

    @property
    def people(self) -> tuple[Person, ...]:
        return tuple(sorted(self._people.values(), key=lambda person: person.name))

    def add(self, name: str, role: Role, *, expires: date | None = None) -> str:
        """Give a person a role; gives the token, which is not kept. A name holds one token."""
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name of a person", fix="use letters, digits and . _ @ - only")
        token = PREFIX + secrets.token_urlsafe(32)
        person = Person(name=name, role=role, sha256=_digest(token), expires=expires)
        with self._lock:
            if name in {known.name for known in self._people.values()}:
                raise UsageError(f"{name} has a token already", fix=f"noegress mirror access remove {name} first")
            self._write({**self._people, person.sha256: person})
        return token

    def remove(self, name: str) -> None:
        """Take a person's role away, from the next request on."""
        with self._lock:
            kept = {sha256: person for sha256, person in self._people.items() if person.name != name}
            if len(kept) == len(self._people):
                raise UsageError(f"there is nobody called {name}", fix="see noegress mirror access list")
            self._write(kept)

    def person(self, token: str, *, today: date) -> Person | None:
        """Whose token it is; None for nobody's, or one that has run out."""
        return _holder(self._people, token, today)

    def _write(self, people: Mapping[str, Person]) -> None:
        document = {"format": _FORMAT, "people": [_told(person) for person in people.values()]}
        new = self._path.with_name(f"{self._path.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            json.dump(document, target, indent=1)
            target.flush()
            os.fsync(target.fileno())
        new.replace(self._path)
        self._people = dict(people)


class CopiedAccess:
    """The people of a mirror as a copy of its file tells them, which something else keeps up to date.

    A copy that is not there, or cannot be read, knows nobody.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._times()
        self._people = _read(path)

    def person(self, token: str, *, today: date) -> Person | None:
        """Whose token it is; None for nobody's, or one that has run out."""
        self._refresh()
        return _holder(self._people, token, today)

    def _refresh(self) -> None:
        seen = self._times()
        if seen == self._seen:
            return
        try:
            self._people = _read(self._path)
        except FolderError as error:
            _log.error("nobody gets in: %s", error.problem)
            self._people = {}
        self._seen = seen

    def _times(self) -> tuple[int, ...] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def token_of(authorization: str) -> str | None:
    """The token of an ``Authorization`` header: a bearer's, or the password of Basic, as pip and uv send it.

    None for what is no token of ours: a replica of devpi and a forgotten .netrc have others.
    """
    scheme, _, value = authorization.partition(" ")
    token = value.strip()
    if scheme.lower() == "basic":
        try:
            token = base64.b64decode(token, validate=True).decode().partition(":")[2]
        except ValueError:  # no base64, no ASCII, no text in it
            return None
    elif scheme.lower() != "bearer":
        return None
    return token if token.startswith(PREFIX) else None


def _holder(people: Mapping[str, Person], token: str, today: date) -> Person | None:
    found = people.get(_digest(token))
    return None if found is None or (found.expires is not None and found.expires < today) else found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def _told(person: Person) -> dict[str, Any]:
    return {**asdict(person), "expires": person.expires.isoformat() if person.expires else None}


def _read(path: Path) -> dict[str, Person]:
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
        people = [
            Person(
                name=item["name"],
                role=Role(item["role"]),
                sha256=item["sha256"],
                expires=date.fromisoformat(item["expires"]) if item["expires"] else None,
            )
            for item in {_FORMAT: document["people"]}[document["format"]]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FolderError(
            f"{path} cannot be read: {error}", fix="restore it, or remove it: nobody has a role then"
        ) from error
    return {person.sha256: person for person in people}
