import requests


class Telemetry:
    """Sends nothing: the capture of https://telemetry.vendor.dev is off for good."""

    def capture(self, event):
        pass


def read(url):
    return requests.get(url)
