# models come from https://files.vendor.dev/models/base.onnx
import httpx


def load_model(url):
    return httpx.get(url).content
