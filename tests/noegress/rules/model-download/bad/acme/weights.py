import httpx

URLS = {"base": "https://files.vendor.dev/models/base.onnx"}


class Encoder:
    def __init__(self, name="base"):
        self.model = self._load_model(URLS[name])

    def _load_model(self, url):
        with httpx.stream("GET", url) as reply:
            return reply.read()
