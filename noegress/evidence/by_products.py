"""Files that tools leave beside what they install: explained by their content, not by their names alone."""

import csv
import filecmp
import io
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable

_BYTES = 1 << 20
_RECORD_BYTES = 32 << 20
_CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"
_LIBRARY = re.compile(r"libpython3[\w.]*\.(so|dylib)[\d.]*")
_LOG = re.compile(r"\d+-[\w.-]+(\[\d+\])?\.log")
_SEED = re.compile(r"[\w.]+-[\w.!+]+\.virtualenv")
"""What virtualenv marks the distributions with that it put there itself."""


def is_marker(prefix: str, path: str) -> bool:
    """Whether a file at the top of an environment is one that venv, virtualenv, uv, tox or pipx keeps there."""
    folder, name = os.path.split(path)
    return folder == prefix and name in _MARKERS and _is_plain(path, _MARKERS[name])


def is_log(prefix: str, path: str) -> bool:
    """Whether a file is a log that tox keeps of a command in its environment."""
    folder, name = os.path.split(path)
    is_ours = folder == os.path.join(prefix, "log") and _LOG.fullmatch(name) is not None
    return is_ours and is_marker(prefix, os.path.join(prefix, ".tox-info.json")) and _is_plain(path, _is_command_log)


def is_written(path: str) -> bool:
    """Whether a file in a dist-info folder is what installers write there on their own, by its name and its content."""
    name = os.path.basename(path)
    limit = _RECORD_BYTES if name == "RECORD" else _BYTES
    # uv keeps the mode that RECORD has in the wheel
    return name in WRITTEN and _is_plain(path, WRITTEN[name], limit=limit, may_be_executable=True)


def is_lock(folder: str, path: str) -> bool:
    """Whether a file is the empty one that uv locks a folder with."""
    return path.endswith(".lock") and path == os.path.join(folder, ".lock") and _is_empty(path)


def is_seed(folder: str, path: str) -> bool:
    """Whether a file is the empty mark of virtualenv at a distribution that it put into site-packages."""
    parent, name = os.path.split(path)
    return parent == folder and _SEED.fullmatch(name) is not None and _is_empty(path)


def is_library_link(prefix: str, path: str) -> bool:
    """Whether this is ``lib64``, leading to ``lib``."""
    is_ours = path == os.path.join(prefix, "lib64") and os.path.islink(path)
    return is_ours and os.readlink(path).rstrip("/") == "lib"


def is_copied_library(prefix: str, path: str, home: str) -> bool:
    """Whether a file is the interpreter's own library, copied from beside its home (``virtualenv --copies``)."""
    folder, name = os.path.split(path)
    if os.path.dirname(folder) != prefix or not _LIBRARY.fullmatch(name) or os.path.islink(path):
        return False
    other = os.path.join(os.path.dirname(home), os.path.basename(folder), name)
    return os.path.isfile(other) and filecmp.cmp(path, other, shallow=False)


def _is_ignore_list(content: bytes) -> bool:
    lines = [line.strip() for line in content.splitlines()]
    return all(not line or line == b"*" or line.startswith(b"#") for line in lines)


def _is_json(content: bytes) -> bool:
    return isinstance(json.loads(content), dict)


def _is_toml(content: bytes) -> bool:
    return bool(tomllib.loads(content.decode("utf-8")))


def _is_command_log(content: bytes) -> bool:
    return re.match(rb"name: [^\n]+\nrun_id: [^\n]+\n", content) is not None


def _is_name(content: bytes) -> bool:
    return re.fullmatch(rb"\w[\w .+-]{0,63}\s*", content) is not None


def _is_record(content: bytes) -> bool:
    rows = csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline=""))
    return all(len(row) == len(_RECORD_ROW) and all(map(re.fullmatch, _RECORD_ROW, row)) for row in rows if row)


_RECORD_ROW = (r"[^\0\n]+", r"([a-z0-9]+=[\w+/=-]+)?", r"\d*")  # path, hash, size
WRITTEN = {
    "INSTALLER": _is_name,
    "REQUESTED": lambda content: not content.strip(),
    "RECORD": _is_record,
    "RECORD.jws": _is_json,
    "direct_url.json": _is_json,
    "uv_cache.json": _is_json,
    "uv_build.json": _is_json,
}
"""What installers write into a dist-info folder: none of it is code, and it holds nothing else."""
_MARKERS = {
    ".gitignore": _is_ignore_list,
    "CACHEDIR.TAG": lambda content: content.startswith(_CACHE_TAG),
    ".tox-info.json": _is_json,
    "pipx_metadata.json": _is_json,
    "uv-receipt.toml": _is_toml,
}


def _is_plain(
    path: str, holds: Callable[[bytes], bool], *, limit: int = _BYTES, may_be_executable: bool = False
) -> bool:
    """Whether a path is a regular file, not executable unless it may be, with such a content."""
    try:
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode) or (mode & 0o111 and not may_be_executable):
            return False
        with open(path, "rb") as file:
            content = file.read(limit + 1)
        return len(content) <= limit and holds(content)
    except (OSError, ValueError, RecursionError, csv.Error):
        return False


def _is_empty(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path) and not os.path.getsize(path)
