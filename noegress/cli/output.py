"""Where a report goes: standard output, or a file that is there in full or not at all."""

import os
import sys
import tempfile
from pathlib import Path

from noegress.errors import UsageError


def write_output(text: str, path: Path | None) -> None:
    """Write a report; an existing file is replaced in one step.

    Raises ``UsageError`` where it cannot be written.
    """
    if path is None:
        # a name in a foreign file may hold what this terminal cannot write
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
        return
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(text)
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", fix="name another file in --output") from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
