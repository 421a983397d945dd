"""Connects that were begun and not waited for; when one is done, the copy of its socket goes."""

from __future__ import annotations

import os
import select

from noegress_guard.kernel import machine as m
from noegress_guard.kernel.custody import Custody


class Pending:
    """Watches sockets that are being connected, from one thread."""

    def __init__(self, custody: Custody) -> None:
        """Take where the copies are."""
        self._custody = custody
        self._epoll = select.epoll()
        self._inodes: dict[int, int] = {}

    def watch(self, inode: int, descriptor: int) -> None:
        """Take over a descriptor of a socket that is being connected."""
        self._inodes[descriptor] = inode
        self._epoll.register(descriptor, select.EPOLLOUT | select.EPOLLONESHOT)

    def serve(self) -> None:
        """Serve for ever."""
        while True:
            for descriptor, _ in self._epoll.poll():
                inode = self._inodes.pop(descriptor)
                connected = m.is_connected(descriptor)
                self._epoll.unregister(descriptor)
                os.close(descriptor)
                if connected:
                    self._custody.drop(inode)
