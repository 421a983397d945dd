"""Files that tools leave beside what they install: explained by their content, not by their names alone."""

import filecmp
import json
import os
import re
import stat
import tomllib

_BYTES = 1 << 20
_CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"
_LIBRARY = re.compile(r"libpython3[\w.]*\.(so|dylib)[\d.]*")
_SEED = re.compile(r"[\w.]+-[\w.!+]+\.virtualenv")
"""What virtualenv marks the distributions with that it put there itself."""


def is_marker(prefix: str, path: str) -> bool:
    """Whether a file at the top of an environment is one that venv, virtualenv, uv, tox or pipx keeps there."""
    folder, name = os.path.split(path)
    return folder == prefix and name in _MARKERS and _holds(path, name)


def is_lock(folder: str, path: str) -> bool:
    """Whether a file is the empty one that uv locks a folder with."""
    return path == os.path.join(folder, ".lock") and _is_empty(path)


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


_MARKERS = {
    ".gitignore": _is_ignore_list,
    "CACHEDIR.TAG": lambda content: content.startswith(_CACHE_TAG),
    ".tox-info.json": _is_json,
    "pipx_metadata.json": _is_json,
    "uv-receipt.toml": _is_toml,
}


def _holds(path: str, name: str) -> bool:
    try:
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode) or mode & 0o111:
            return False
        with open(path, "rb") as file:
            content = file.read(_BYTES + 1)
        return len(content) <= _BYTES and _MARKERS[name](content)
    except (OSError, ValueError, RecursionError):
        return False


def _is_empty(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path) and not os.path.getsize(path)
