"""The bytes of one file as they come in, perhaps in several goes: what an answer that broke off has given is kept."""

import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import BinaryIO

import requests

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-")


class Download:
    """Writes to a target and counts; whether it is the right file its digest tells in the end."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._digest, self.size = hashlib.sha256(), 0

    @property
    def headers(self) -> Mapping[str, str]:
        """What to ask with: for the rest, where some of it came already."""
        return {"Range": f"bytes={self.size}-"} if self.size else {}

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def goes_on(self, answer: requests.Response) -> bool:
        """Whether an answer begins where the last one broke off."""
        found = _CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
        is_part = answer.status_code == HTTPStatus.PARTIAL_CONTENT
        return is_part and found is not None and int(found.group(1)) == self.size

    def start(self) -> None:
        """From the first byte, whatever came before."""
        self._target.seek(0)
        self._target.truncate()
        self._digest, self.size = hashlib.sha256(), 0

    def take(self, piece: bytes) -> None:
        self._target.write(piece)
        self._digest.update(piece)
        self.size += len(piece)
