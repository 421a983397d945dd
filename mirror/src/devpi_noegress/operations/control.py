"""How a command reaches a mirror: through the socket of the server that has the folder, or by opening it itself."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devpi_noegress.errors import FolderError, MirrorError
from devpi_noegress.operations.outcome import Outcome, Tell, read_outcome
from devpi_noegress.state.folder import Folder


def perform(folder: Folder, operation: str, arguments: Mapping[str, Any], tell: Tell) -> Outcome:
    """Run an operation in the server that has the folder, or here where none has."""
    connection = _connect(folder.socket)
    if connection is not None:
        with connection:
            return _ask(connection, operation, arguments, tell)
    # devpi takes a second to import, and a command that asks a server does not need it
    from devpi_noegress.mirror import open_mirror  # noqa: PLC0415
    from devpi_noegress.operations.table import carry_out  # noqa: PLC0415

    with open_mirror(folder) as mirror:
        return carry_out(mirror, operation, arguments, tell)


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A path short enough for a socket's address (108 bytes), by way of a descriptor of its folder."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _connect(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        with short_path(path) as short:
            connection.connect(short)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise FolderError(
            f"{path} cannot be reached: {error.strerror}", fix="run the command as the server's user"
        ) from error
    return connection


def _ask(connection: socket.socket, operation: str, arguments: Mapping[str, Any], tell: Tell) -> Outcome:
    with connection.makefile("rwb") as stream:
        stream.write(json.dumps({"operation": operation, "arguments": dict(arguments)}).encode() + b"\n")
        stream.flush()
        outcome = read_outcome(stream, tell)
    if outcome is None:
        raise MirrorError(
            "the server went away before it answered", fix="start it again, then see noegress mirror status"
        )
    return outcome
