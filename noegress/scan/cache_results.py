"""Results of files that were scanned before; an unchanged file costs its digest and one small file to read.

An entry is found by the file's name and sha256, below a folder for one set of rules, readers and limits; one set never
sees what another stored. What does not load, or is not ours alone, is scanned anew. No verdict is kept: the policy
decides about every result again.
"""

import hashlib
import json
import os
import platform
import shutil
import stat
import tempfile
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import packaging

from noegress.artifact import Limits
from noegress.finding import Basis, Category, Confidence, Finding, KillSwitch, Place, Severity, When
from noegress.scan.cache_folder import is_outdated, is_private, make_private
from noegress.scan.engine import rules_digest
from noegress.scan.result import ScanResult
from noegress.verdict import Subject

_MAX_BYTES = 64 << 20  # of one entry
_PASSING = frozenset({"changed-while-read", "limit-exceeded", "rule-crashed", "scan-crashed", "unreadable"})
"""Rules whose findings may be of the moment and not of the file: time, memory, the disk."""


class ResultCache:
    """The results of one set of rules, readers and limits."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        """Raises ``UsageError`` where other accounts can write the folder."""
        self._folder = folder / f"results-{_set_digest(limits)}"
        make_private(folder)
        if not self._folder.exists():
            _tidy(folder)
        make_private(self._folder)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be found, so that no digest is needed to look."""
        return next(self._folder.iterdir(), None) is None

    def find(self, filename: str, sha256: str) -> ScanResult | None:
        """The result of this file under this name; None where it is not known."""
        key = _key(filename, sha256)
        stored = _read_private(self._folder / key)
        checksum, _, body = stored.partition(b"\n")
        # bound to the key: an entry that was put in the place of another one is none
        if checksum.decode("ascii", "replace") != _checksum(key, body):
            return None
        try:
            return _load(json.loads(body))
        except (ValueError, TypeError, KeyError):
            return None

    def keep(self, result: ScanResult) -> None:
        """Store a result in one step, unless it may be another the next time."""
        if not result.subject.sha256 or any(finding.rule in _PASSING for finding in result.findings):
            return
        key = _key(result.subject.filename, result.subject.sha256)
        body = json.dumps(asdict(result), separators=(",", ":")).encode()
        try:
            descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        except OSError:
            return  # the disk is full, or the folder was deleted meanwhile: the file is scanned again the next time
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(f"{_checksum(key, body)}\n".encode() + body)
            Path(temporary).replace(self._folder / key)
        except OSError:
            Path(temporary).unlink(missing_ok=True)


def _read_private(path: Path) -> bytes:
    """The bytes of an entry; none where it is not there, is no regular file, or is not ours alone."""
    try:
        descriptor = os.open(
            path,
            os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0),
        )
    except OSError:
        return b""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not is_private(status) or status.st_size > _MAX_BYTES:
            return b""
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(_MAX_BYTES)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _key(filename: str, sha256: str) -> str:
    return hashlib.sha256(os.fsencode(filename) + b"\0" + sha256.encode()).hexdigest()


def _checksum(key: str, body: bytes) -> str:
    return hashlib.sha256(f"{key}\n".encode() + body).hexdigest()


def _set_digest(limits: Limits) -> str:
    parts = (_code_digest(), repr(limits), platform.python_version(), packaging.__version__)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _code_digest() -> str:
    """The sha256 over rules, data and engine, and over the readers and values that the rules' digest leaves out."""
    total = hashlib.sha256(rules_digest().encode())
    for package in ("noegress", "noegress.artifact"):
        sources = (entry for entry in files(package).iterdir() if entry.name.endswith(".py"))
        for name, content in sorted((entry.name, entry.read_bytes()) for entry in sources):
            total.update(f"{package}/{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _load(plain: dict[str, Any]) -> ScanResult:
    return ScanResult(
        subject=Subject(**plain["subject"]),
        findings=tuple(_finding(each) for each in plain["findings"]),
        undecided=tuple(plain["undecided"]),
        egress=tuple(plain["egress"]),
        kill_switches=tuple(_switch(each) for each in plain["kill_switches"]),
        rules_digest=plain["rules_digest"],
    )


def _finding(plain: dict[str, Any]) -> Finding:
    values = {
        "category": Category(plain["category"]),
        "severity": Severity(plain["severity"]),
        "confidence": Confidence(plain["confidence"]),
        "when": When(plain["when"]),
        "place": Place(**plain["place"]),
        "constant": Place(**plain["constant"]) if plain["constant"] else None,
        "kill_switches": tuple(_switch(each) for each in plain["kill_switches"]),
    }
    return Finding(**(plain | values))


def _switch(plain: dict[str, Any]) -> KillSwitch:
    return KillSwitch(**(plain | {"basis": Basis(plain["basis"])}))


def _tidy(folder: Path) -> None:
    """Delete what other sets of rules, readers and limits stored and nothing was added to for long."""
    for path in folder.glob("results-*"):
        try:
            if is_outdated(path):
                shutil.rmtree(path, ignore_errors=True)  # another scan may be deleting it too
        except FileNotFoundError:
            continue
