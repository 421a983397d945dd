"""Scripts that installers write: compared by what they do, against the templates of pip, uv, distlib and installer.

Comments, quotes and white space differ from one installer to the next and do nothing; the syntax tree is compared.
"""

import ast
import hashlib
import os
import re
from dataclasses import dataclass

from noegress.catalogue import EntryPoint

_TEMPLATES = (
    # pip
    """
import sys
from {module} import {name}
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit({call}())
""",
    # pip before 26
    """
import sys
from {module} import {name}
if __name__ == '__main__':
    if sys.argv[0].endswith('.exe'):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit({call}())
""",
    # pip before 25.2, installer (poetry, pdm)
    r"""
import re
import sys
from {module} import {name}
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\.pyw|\.exe)?$', '', sys.argv[0])
    sys.exit({call}())
""",
    # distlib
    r"""
import re
import sys
if __name__ == '__main__':
    from {module} import {name}
    sys.argv[0] = re.sub(r'(-script\.pyw|\.exe)?$', '', sys.argv[0])
    sys.exit({call}())
""",
    # uv
    """
import sys
from {module} import {name}
if __name__ == '__main__':
    if sys.argv[0].endswith('-script.pyw'):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith('.exe'):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit({call}())
""",
)
_SCRIPT_BYTES = 64 << 10
"""Bytes of a written script; templates have about 250."""
_SHEBANG = re.compile(rb"#!(?P<interpreter>[^\r\n]+)\r?\n")
_TRAMPOLINE = re.compile(
    rb"#!/bin/sh\r?\n'''exec' (?P<interpreter>\"[^\"\r\n]+\"|'[^'\r\n]+'|[^\s\"']+|"
    rb"\"\$\(dirname -- \"\$\(realpath -- \"\$0\"\)\"\)\"/'[^'\r\n/]+') \"\$0\" \"\$@\"\r?\n' '''\r?\n"
)
"""What pip, distlib and uv write where a shebang would be too long or hold a space; the third form is relocatable."""
_RELOCATABLE = b'"$(dirname -- "$(realpath -- "$0")")"/'
_PYTHON = re.compile(r"(python|pypy)w?[\d.]*t?(\.exe)?")
_CODING = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*(?P<name>[-\w.]+)")
_OBJECT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptParts:
    """A script, taken apart: who runs it, and what."""

    interpreter: str
    body: bytes


def split_script(content: bytes) -> ScriptParts | None:
    """The interpreter and the body of a script; None for one that starts in no known way."""
    match = _TRAMPOLINE.match(content) or _SHEBANG.match(content)
    if match is None:
        return None
    interpreter = match["interpreter"]
    if interpreter.startswith(_RELOCATABLE):
        interpreter = b"./" + interpreter.removeprefix(_RELOCATABLE).strip(b"'")
    return ScriptParts(interpreter=interpreter.decode("utf-8", "replace").strip("\"'"), body=content[match.end() :])


def is_entry_point_script(content: bytes, point: EntryPoint) -> bool:
    """Whether a script does nothing but call its entry point, as one of the installers writes it."""
    parts = split_script(content)
    if parts is None or len(content) > _SCRIPT_BYTES:
        return False
    module, _, attribute = (part.strip() for part in point.value.partition("[")[0].partition(":"))
    if not _OBJECT.fullmatch(module) or not _OBJECT.fullmatch(attribute):
        return False
    found = _tree(parts.body)
    values = {"module": module, "name": attribute.partition(".")[0], "call": attribute}
    return found is not None and any(found == _tree(template.format(**values).encode()) for template in _TEMPLATES)


def script_body_sha256(content: bytes) -> str | None:
    """The digest of what follows a shebang line that installers rewrite; None where there is none."""
    parts = split_script(content)
    return None if parts is None else hashlib.sha256(parts.body).hexdigest()


def runs_here(interpreter: str, prefix: str, *, is_venv: bool) -> bool:
    """Whether the interpreter of a script is a Python, and in a venv the venv's own.

    An image is looked at from outside, where ``/venv`` is ``/mnt/image/venv``: the end of the prefix decides.
    """
    folder, name = os.path.split(interpreter)
    if not _PYTHON.fullmatch(name):
        return False
    if folder == "." or not is_venv:
        return folder == "." or os.path.isabs(interpreter)
    return is_same_prefix(os.path.dirname(folder), prefix)


def is_same_prefix(named: str, prefix: str) -> bool:
    """Whether a path that something inside names is that of the environment, seen from outside or not."""
    return os.path.realpath(named) == os.path.realpath(prefix) or (os.path.isabs(named) and prefix.endswith(named))


def _tree(body: bytes) -> str | None:
    for line in body.splitlines()[:2]:
        coding = _CODING.match(line)
        if coding and coding["name"].lower() not in {b"utf-8", b"utf8"}:
            return None
    try:
        return ast.dump(ast.parse(body.decode("utf-8")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
