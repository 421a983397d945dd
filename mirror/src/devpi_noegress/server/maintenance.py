"""What a running mirror does by itself: waivers run out, the catalogue is signed anew."""

import logging
import threading
import time
from datetime import UTC, datetime

from devpi_noegress.mirror import Mirror

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 60
_SIGN_SECONDS = 3600  # far below every max-age a client may have, which is counted in hours


class Maintenance:
    """One thread beside the server."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="noegress-maintenance", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(10)

    def _run(self) -> None:
        today, signed = datetime.now(UTC).date(), time.monotonic()
        while not self._ended.wait(_PAUSE_SECONDS):
            try:
                today = self._mirror.tend(today)
                if time.monotonic() - signed >= _SIGN_SECONDS:
                    self._mirror.catalogue.refresh()
                    signed = time.monotonic()
            except Exception:  # noqa: BLE001 - this thread's outer edge; what it left undone is due again in a minute
                _log.exception("maintenance")
