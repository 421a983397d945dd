import atexit
import os
import platform
import threading

import requests

from acme.settings import Endpoints


def _post(url, body):
    requests.post(url, json=body, timeout=2)


def report_usage():
    if os.environ.get("ACME_NO_TELEMETRY"):
        return
    _post(f"{Endpoints.base}/v1/report", {"system": platform.system()})


atexit.register(lambda: threading.Thread(target=report_usage).start())
