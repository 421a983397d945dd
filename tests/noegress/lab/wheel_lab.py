"""The members of a wheel that every installer takes, RECORD included."""

import base64
import hashlib

Files = dict[str, bytes]
METADATA = b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n\nA acme.\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def record_row(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def wheel_files(files: Files, record: bytes | None = None) -> Files:
    """The members of an honest wheel; ``record`` replaces the RECORD that would be right."""
    whole = {"acme/__init__.py": b"", **files}
    whole = {"acme-1.0.dist-info/METADATA": METADATA, "acme-1.0.dist-info/WHEEL": WHEEL, **whole}
    rows = "".join(record_row(name, content) for name, content in whole.items())
    right = (rows + "acme-1.0.dist-info/RECORD,,\n").encode()
    return {**whole, "acme-1.0.dist-info/RECORD": right if record is None else record}
