"""A real Chromium over its debugging pipe: what a page asks for, how wide it gets, how it looks."""

import base64
import json
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-pipe",
)


class Browser:
    """One tab; scripts of pages are switched off."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._out, self._in = to_browser, from_browser
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.requests: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for method in ("Page.enable", "Network.enable"):
            self._ask(method)
        self._ask("Emulation.setScriptExecutionDisabled", value=True)

    def open(self, path: Path, *, width: int = 1000, scheme: str = "light") -> None:
        self.requests.clear()
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._ask("Page.navigate", url=path.as_uri())
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def size(self) -> tuple[int, int]:
        """Width and height of the content."""
        found = self._ask("Page.getLayoutMetrics")["cssContentSize"]
        return found["width"], found["height"]

    def corner(self) -> tuple[int, int, int]:
        """The colour of the upper left pixel."""
        clip = {"x": 0, "y": 0, "width": 1, "height": 1, "scale": 1}
        png = base64.b64decode(self._ask("Page.captureScreenshot", format="png", clip=clip)["data"])
        at = png.index(b"IDAT")
        (length,) = struct.unpack(">L", png[at - 4 : at])
        red, green, blue = zlib.decompressobj().decompress(png[at + 4 : at + 4 + length])[1:4]
        return red, green, blue

    def _ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            piece = os.read(self._in, 1 << 16)
            assert piece, "the browser went away"
            self._buffer += piece
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message


@contextmanager
def running_browser(folder: Path) -> Iterator[Browser]:
    """A Chromium with a profile of its own, ended with the test."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()

    # the shell puts the two pipes where --remote-debugging-pipe looks for them
    start = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    process = subprocess.Popen(
        ["/bin/bash", "-c", start, "bash", str(CHROMIUM), *_OPTIONS, f"--user-data-dir={folder}"],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        process.kill()
        process.wait()
        os.close(ours_out)
        os.close(ours_in)
