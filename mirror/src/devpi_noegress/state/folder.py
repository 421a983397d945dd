"""The folder of one mirror: its settings, its secret, and the lock that lets one process in at a time."""

import fcntl
import hashlib
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from devpi_noegress.errors import FolderError
from noegress.errors import UsageError

SETTINGS = "mirror.toml"
_INIT = "make one with noegress mirror init DIR, or name another with --dir"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What ``mirror.toml`` holds."""

    upstream: str
    policy: Path
    url: str = ""
    """Where clients find the mirror; empty: where it listens."""
    contact: str = ""
    """Whom a person asks; shown on the page of a refusal."""
    is_closed: bool = False
    """Whether readers need a token too."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A mirror's folder; ``open_folder`` and ``creation.create_folder`` make it."""

    path: Path

    @property
    def devpi(self) -> Path:
        return self.path / "devpi"

    @property
    def store(self) -> Path:
        return self.path / "admission.sqlite"

    @property
    def incoming(self) -> Path:
        """Files while they are judged."""
        return self.path / "incoming"

    @property
    def socket(self) -> Path:
        return self.path / "control.sock"

    @property
    def advisories(self) -> Path:
        return self.path / "advisories.sqlite"

    @property
    def catalogue(self) -> Path:
        return self.path / "catalogue"

    @property
    def custody(self) -> Path:
        """Who did what with each file, append-only."""
        return self.path / "custody.jsonl"

    @property
    def access(self) -> Path:
        """Who has which role; digests of tokens, no tokens."""
        return self.path / "access.json"

    @property
    def requests(self) -> Path:
        return self.path / "requests.sqlite"

    @property
    def online_key(self) -> Path:
        """The one signing key that has to lie on the mirror."""
        return self.path / "online.pem"

    @property
    def root_sha256(self) -> str:
        """What clients pin as ``[catalogue] root-sha256``: the digest of the catalogue's first root."""
        return hashlib.sha256((self.catalogue / "metadata" / "1.root.json").read_bytes()).hexdigest()

    @property
    def root_password(self) -> Path:
        return self.path / "root-password"

    def settings(self) -> Settings:
        path = self.path / SETTINGS
        try:
            document = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
            raise FolderError(f"{path} cannot be read: {error}", fix=_INIT) from error
        upstream, policy = document.get("upstream"), document.get("policy")
        if document.get("format") != 1 or not isinstance(upstream, str) or not isinstance(policy, str):
            raise FolderError(f"{path} does not hold format = 1, upstream and policy", fix="write these three settings")
        url, contact = document.get("url", ""), document.get("contact", "")
        readers = document.get("readers", "everybody")
        if not isinstance(url, str) or not isinstance(contact, str) or readers not in ("everybody", "authenticated"):
            fix = 'write url = "https://HOST/", contact = "…", readers = "everybody" or "authenticated"'
            raise FolderError(f"{path}: url, contact and readers do not hold what they can", fix=fix)
        unknown = sorted(document.keys() - {"format", "upstream", "policy", "url", "contact", "readers"})
        if unknown:
            raise FolderError(
                f"{path}: {', '.join(unknown)} is not a setting", fix="remove it; the policy has the rest"
            )
        return Settings(
            upstream=parse_upstream(upstream),
            policy=self.path / policy,
            url=parse_own_url(url) if url else "",
            contact=contact,
            is_closed=readers == "authenticated",
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process out, for as long as this one lives; raises ``FolderError`` where one is in."""
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
                raise FolderError(
                    f"{self.path} is in use by another noegress mirror (process {owner})",
                    fix="stop that process, or wait until it has ended",
                ) from None
            os.truncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(handle)


def open_folder(path: Path) -> Folder:
    """A mirror's folder that exists."""
    if not (path / SETTINGS).is_file():
        problem = "does not exist" if not path.exists() else "is not the folder of a mirror"
        raise FolderError(f"{path} {problem}", fix=_INIT)
    return Folder(path.resolve())


def parse_upstream(text: str) -> str:
    """The URL of a simple index; raises ``UsageError`` for anything else."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(
            f"{text!r} is not the URL of a simple index", fix="for example --upstream https://HOST/simple/"
        )
    return text


def parse_own_url(text: str) -> str:
    """Where clients find the mirror, without a slash at its end; raises ``UsageError`` for anything else."""
    parts = urlsplit(text)
    is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain or not text.isprintable():
        raise UsageError(f"{text!r} is not the URL of a mirror", fix="for example --url https://mirror.internal/")
    return text.rstrip("/")
