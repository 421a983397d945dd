"""How bytes go out: waitress copies a body several times; here pages go from where they lie and files by the kernel."""

import errno
import os
from typing import Any

from waitress.buffers import ReadOnlyFileBasedBuffer

from devpi_noegress.http.channel import Connection

_WHOLE = 1 << 15  # bytes; a smaller body is cheaper copied together with its headers
_GONE = frozenset({errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN, errno.ECONNABORTED, errno.EPIPE, errno.EBADF})


class _InMemory(ReadOnlyFileBasedBuffer):  # type: ignore[misc]  # waitress has no types
    """A body that lies in memory already, and is sent from there."""

    def __init__(self, body: bytes) -> None:
        self._left = memoryview(body)

    def __len__(self) -> int:
        return len(self._left)

    def get(self, numbytes: int = -1, skip: bool = False) -> memoryview:  # noqa: FBT001, FBT002, ARG002 - waitress' own
        return self._left if numbytes < 0 else self._left[:numbytes]

    def skip(self, numbytes: int, allow_prune: int = 0) -> None:  # noqa: ARG002 - waitress' own
        self._left = self._left[numbytes:]

    def close(self) -> None:
        self._left = self._left[:0]


class _Stretch:
    """Bytes of a file that are to be sent next."""

    def __init__(self, descriptor: int, offset: int, count: int) -> None:
        self.descriptor, self.offset, self.count = descriptor, offset, count


class _OnDisk(ReadOnlyFileBasedBuffer):  # type: ignore[misc]  # as above
    """The rest of a file, from where it stands."""

    def __init__(self, buffer: Any) -> None:
        self.file, self.remain = buffer.file, buffer.remain
        self._offset = self.file.tell()

    def get(self, numbytes: int = -1, skip: bool = False) -> _Stretch:  # noqa: FBT001, FBT002, ARG002 - waitress' own
        count = self.remain if numbytes < 0 else min(numbytes, self.remain)
        return _Stretch(self.file.fileno(), self._offset, count)

    def skip(self, numbytes: int, allow_prune: int = 0) -> None:  # noqa: ARG002 - waitress' own
        self._offset += numbytes
        self.remain -= numbytes


class Channel(Connection):
    """One connection."""

    def write_soon(self, data: Any) -> int:
        """Take over a piece of an answer."""
        if type(data) is bytes and len(data) >= _WHOLE:
            data = _InMemory(data)
        elif type(data) is ReadOnlyFileBasedBuffer:
            data = _OnDisk(data)
        written: int = super().write_soon(data)
        return written

    def send(self, data: Any, do_close: bool = True) -> int:  # noqa: FBT001, FBT002 - waitress' own
        """Send what the socket takes now; gives how much that was."""
        if not isinstance(data, _Stretch):
            taken: int = super().send(data, do_close)
            return taken
        try:
            sent = os.sendfile(self.socket.fileno(), data.descriptor, data.offset, data.count)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno not in _GONE:
                raise
            if do_close:
                self.handle_close()
            return 0
        if sent == 0:  # it is shorter than when it was opened: its client has to see that the answer is cut
            self.will_close = True
        return sent
