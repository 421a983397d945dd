"""pip and uv in a guarded environment: an allowed mirror works, anything else is refused."""

import functools
import http.server
import shutil
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sitecustomize_guard.environment import Guarded
from tests.sitecustomize_guard.supervised import Supervised, events_of


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[int]:
    """An index with one wheel, `tiny`, served on loopback; gives the port."""
    pages = tmp_path / "pages" / "simple" / "tiny"
    pages.mkdir(parents=True)
    wheel = pages / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\n")
    (pages / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>', "ascii")
    handler = functools.partial(Quiet, directory=str(tmp_path / "pages"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the overridden parameter
        pass


def pip(guarded: Guarded, port: int) -> list[str]:
    index = f"http://localhost:{port}/simple/"
    command = [sys.executable, "-m", "pip", "--python", str(guarded.python), "download", "--isolated", "--retries=1"]
    return [*command, "--no-cache-dir", f"--dest={guarded.folder}/got", f"--index-url={index}", "tiny"]


def test_pip_works_against_an_allowed_mirror(guarded: Guarded, mirror: int) -> None:
    policy = guarded.write({"allow": [f"localhost:{mirror}"]})
    done = guarded.execute(*pip(guarded, mirror), NOEGRESS_GUARD_POLICY=str(policy))
    assert done.status == 0, done.err
    assert (guarded.folder / "got" / "tiny-1.0-py3-none-any.whl").is_file()


def test_pip_is_refused_any_other_index_and_says_why(guarded: Guarded, mirror: int) -> None:
    policy = guarded.write({"allow": ["mirror.internal:443"]})
    done = guarded.execute(*pip(guarded, mirror), NOEGRESS_GUARD_POLICY=str(policy))
    assert done.status == 1
    assert "noegress-guard refused" in done.out + done.err
    assert not (guarded.folder / "got").exists() or not list((guarded.folder / "got").iterdir())


def test_uv_works_in_a_guarded_environment(guarded: Guarded, mirror: int) -> None:
    """uv is native code: the Python layer lets it be, and guards the interpreters that it asks about themselves."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or pytest.skip("uv is not in this environment")
    policy = guarded.write({"allow": [f"localhost:{mirror}"]})
    index = f"http://localhost:{mirror}/simple/"
    command = [uv, "pip", "install", "--no-config", "--no-cache", "--dry-run", f"--python={guarded.python}"]
    done = guarded.execute(*command, f"--index-url={index}", "tiny", NOEGRESS_GUARD_POLICY=str(policy))
    assert done.status == 0, done.err
    assert "tiny==1.0" in done.err


def test_uv_is_held_by_the_kernel_layer(supervised: Supervised, mirror: int) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or pytest.skip("uv is not in this environment")
    command = [uv, "pip", "install", "--no-config", "--no-cache", "--dry-run", f"--python={supervised.guarded.python}"]
    command += [f"--index-url=http://localhost:{mirror}/simple/", "tiny"]
    allowed = supervised.run(*command, allow=(f"localhost:{mirror}",))
    assert allowed.status == 0, allowed.err
    assert "tiny==1.0" in allowed.err
    refused = supervised.run(*command, UV_HTTP_RETRIES="0")
    assert refused.status != 0
    assert any(event["layer"] == "kernel" and event["port"] == mirror for event in events_of(refused))
