"""A headless Chromium, spoken to over two pipes (the DevTools protocol, one JSON document to a zero byte)."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
_SECONDS = 60


class Browser:
    """One tab."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._number = to, back, 0
        self._received = bytearray()
        self.events: list[dict[str, Any]] = []
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Have the browser do something; events that come meanwhile are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, url: str, *, width: int = 1100, with_scripts: bool = True) -> None:
        """Show a page."""
        self.events.clear()
        self.call("Emulation.setScriptExecutionDisabled", value=not with_scripts)
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Page.navigate", url=url)
        self.wait()

    def wait(self) -> None:
        """Until the page has loaded."""
        ends = time.monotonic() + _SECONDS
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            assert time.monotonic() < ends, "the page does not load"
            self.events.append(self._next())

    def value(self, expression: str) -> Any:
        """What an expression gives on the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    @property
    def requested(self) -> list[str]:
        """The addresses that the page had the browser ask for."""
        sent = (event for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    @property
    def complaints(self) -> list[str]:
        """What the browser has to say about the page: errors, and breaches of its content security policy."""
        said = (event["params"]["entry"]["text"] for event in self.events if event.get("method") == "Log.entryAdded")
        # a page that says 404 is told of, and is a page all the same; nothing links to an icon
        return [text for text in said if "status of 404" not in text]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            piece = os.read(self._back, 1 << 20)
            assert piece, "the browser ended"
            self._received += piece
        message, _, rest = bytes(self._received).partition(b"\0")
        self._received = bytearray(rest)
        told: dict[str, Any] = json.loads(message)
        return told


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own, ended at the end."""
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
        f"--user-data-dir={profile}", "--remote-debugging-pipe",
    ]  # fmt: skip

    def wire() -> None:  # the browser reads from descriptor 3 and writes to 4
        os.dup2(to_read, 1003)
        os.dup2(back_write, 1004)
        os.dup2(1003, 3)
        os.dup2(1004, 4)

    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        close_fds=False, preexec_fn=wire,  # noqa: PLW1509 - it calls dup2 and nothing else
    )  # fmt: skip
    os.close(to_read)
    os.close(back_write)
    try:
        yield Browser(to_write, back_read)
    finally:
        process.kill()
        process.wait(20)
        os.close(to_write)
        os.close(back_read)
