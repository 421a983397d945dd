"""Two replicas serve what the primary admitted and refuse what it refuses, also while it is down."""

import base64
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from mirror_lab import (
    BIN,
    SIMPLE_JSON,
    Index,
    Served,
    clean_environment,
    make_mirror,
    noegress,
    serving,
    start,
    started,
)

FOLLOWS_SECONDS = 90  # devpi's replicas ask again after that at the latest, on a busy machine


@contextmanager
def replica(folder: Path, primary: Served, *readers: str | Path) -> Iterator[Served]:
    """A replica of the mirror, as a process; open to everybody unless told."""
    secret = folder.parent / f"{folder.name}-secret"
    secret.touch(mode=0o600)
    secret.write_bytes((primary.folder / "devpi" / "secret").read_bytes())
    command: list[str | Path] = ["replica", folder, "--primary", primary.url, "--secret", secret, "--port", "0"]
    command += readers or ("--readers", "everybody")
    served = started(folder, command)
    try:
        yield served
    finally:
        served.stop()
        served.process.stdout.close()  # type: ignore[union-attr]


def until(served: Served, path: str, status: int, *, told: dict[str, str] | None = None) -> None:
    """Wait until a path answers so."""
    end = time.monotonic() + FOLLOWS_SECONDS
    while (got := served.get(path, told=told)).status != status:
        assert time.monotonic() < end, f"{path}: {got.status} {got.reason}"
        time.sleep(0.2)


def test_a_replica_does_not_start_before_it_was_said_who_may_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x" * 40)
    command = (
        "mirror",
        "replica",
        tmp_path / "dir",
        "--primary",
        "http://127.0.0.1:9/",
        "--secret",
        tmp_path / "secret",
    )
    for options, told in (
        ((), "who may read this replica?"),
        (("--access", tmp_path / "secret", "--readers", "everybody"), "two answers"),
        (("--access", tmp_path / "missing"), "no such file"),
        (("--access", tmp_path / "secret"), "cannot be read"),
    ):
        done = noegress(*command, "--port", "0", *options)
        assert (done.returncode, told in done.stderr) == (2, True), done.stderr
        assert not (tmp_path / "dir").exists()


def test_a_replica_of_a_closed_mirror_is_filled_and_is_closed_too(index: Index, tmp_path: Path) -> None:
    good = index.publish("good", "1.0")
    folder = make_mirror(tmp_path / "primary", index.url, "")
    settings = folder / "mirror.toml"
    settings.write_text(f'{settings.read_text()}readers = "authenticated"\n')
    with serving(folder) as primary:
        token = primary.command("access", "add", "ada", "--role", "reader").stdout.strip()
        assert primary.command("admit", "good").returncode == 0
        path = primary.file_path(good.content, good.filename)
        for forged in (
            {"X-Devpi-Replica-Uuid": "a" * 32},
            {"X-Devpi-Replica-Uuid": "a", "Authorization": "Bearer x.y.z"},
        ):
            assert primary.get(path, told=forged).status == 401
        copied = tmp_path / "access.json"
        copied.write_bytes((folder / "access.json").read_bytes())
        with replica(tmp_path / "replica", primary, "--access", copied) as served:
            until(served, path, 200, told={"Authorization": f"Bearer {token}"})
            basic = base64.b64encode(f"__token__:{token}".encode()).decode()
            assert served.get(path, Authorization=f"Basic {basic}").body == good.content
            for asked in (path, f"{path}.metadata", "/root/curated/+simple/", "/root/curated/+simple/good/", "/"):
                assert served.get(asked).status == 401, asked
                for wrong in ("Bearer noegress_x", "Basic /w==", "Basic X19fOv8=", "Bearer "):
                    got = served.get(asked, Authorization=wrong)
                    assert got.status == 401, (asked, wrong)
                    assert got.headers["www-authenticate"].startswith("Basic ")
            assert served.get("/+noegress/health").status == 200
            copied.write_text('{"format": 1, "people": []}')
            assert served.get(path, Authorization=f"Bearer {token}").status == 401
            copied.write_bytes((folder / "access.json").read_bytes())
            assert served.get(path, Authorization=f"Bearer {token}").status == 200
            for broken in ("{", None):
                copied.write_text(broken) if broken else copied.unlink()
                assert served.get(path, Authorization=f"Bearer {token}").status == 401


@pytest.mark.slow
def test_replicas_follow_admissions_and_revocations_and_hold_while_the_primary_is_down(
    index: Index, tmp_path: Path
) -> None:
    good = index.publish("good", "1.0")
    bad = index.publish("bad", "1.0", record_of="a lie")
    gone = index.publish("gone", "1.0")
    folder = make_mirror(tmp_path / "primary", index.url, "[admission]\non-demand = true\n")
    primary = start(folder)
    paths = {item.filename: primary.file_path(item.content, item.filename) for item in (good, bad, gone)}
    with ExitStack() as stack:
        for name in ("good", "bad", "gone"):
            primary.page(name)
        assert [primary.get(path).status for path in paths.values()] == [200, 403, 200]
        replicas = [stack.enter_context(replica(tmp_path / f"replica{number}", primary)) for number in (1, 2)]
        for each in replicas:
            until(each, paths[gone.filename], 200)
            until(each, paths[good.filename], 200)
            assert each.get(paths[good.filename]).body == good.content
            assert each.get(paths[bad.filename]).status == 403
            (told,) = each.page("good")["files"]
            (primary_told,) = primary.page("good")["files"]
            for key in ("hashes", "size", "upload-time", "requires-python", "core-metadata", "yanked"):
                assert told[key] == primary_told[key], key
            metadata = f"{paths[good.filename]}.metadata"
            assert each.get(metadata).body == primary.get(metadata).body
            assert each.get("/root/curated/+simple/bad/").status == 404
            assert each.get(f"{paths[bad.filename]}.metadata").status == 403
            installed = each.pip("install", "--target", tmp_path / f"out-{each.folder.name}", "gone")
            assert installed.returncode == 0, installed.stderr
        assert primary.command("revoke", "gone==1.0", "--reason", "stolen").returncode == 0
        for each in replicas:
            until(each, paths[gone.filename], 403)
            assert each.get("/root/curated/+simple/gone/").status == 404
        primary.kill()
        primary.process.stdout.close()  # type: ignore[union-attr]
        for each in replicas:
            assert each.get(paths[good.filename]).body == good.content
            assert [each.get(paths[item.filename]).status for item in (bad, gone)] == [403, 403]
            assert [file["filename"] for file in each.page("good")["files"]] == [good.filename]
            projects = each.get("/root/curated/+simple/", Accept=SIMPLE_JSON).json()["projects"]
            assert projects == [{"name": "good"}]
            for path in (
                "/",
                "/root/curated",
                "/+status",
                "/+api",
                "/+changelog/0",
                "/root/curated/+e/x",
                "/+noegress/",
            ):
                assert each.get(path).status == 403, path
            for method in ("PUT", "POST", "DELETE", "PATCH"):
                assert each.get("/root/mine", method=method).status == 403
    with replica(tmp_path / "replica1", primary) as again:  # started while the primary is down
        assert again.get(paths[good.filename]).body == good.content
        assert [again.get(paths[item.filename]).status for item in (bad, gone)] == [403, 403]


@pytest.mark.slow
def test_a_devpi_replica_without_the_plugin_shows_no_more(index: Index, tmp_path: Path) -> None:
    good, bad = index.publish("good", "1.0"), index.publish("bad", "1.0", record_of="a lie")
    unjudged = index.publish("good", "2.0")
    folder = make_mirror(tmp_path / "primary", index.url, "[admission]\non-demand = true\n")
    with serving(folder) as primary:
        for name in ("good", "bad"):
            primary.page(name)
        paths = {item.filename: primary.file_path(item.content, item.filename) for item in (good, bad, unjudged)}
        assert [primary.get(paths[item.filename]).status for item in (good, bad)] == [200, 403]
        with plain_replica(tmp_path / "plain", primary) as plain:
            until(plain, paths[good.filename], 200)
            assert plain.get(paths[good.filename]).body == good.content
            for item in (bad, unjudged):
                for path in (paths[item.filename], f"{paths[item.filename]}.metadata"):
                    got = plain.get(path)
                    assert got.status in (403, 404), path
                    assert item.content[:4] not in got.body
            assert [file["filename"] for file in plain.page("good")["files"]] == [good.filename]
            assert plain.get("/root/curated/+simple/bad/").status == 404
        assert f"/files/{unjudged.filename}" not in index.asked


@contextmanager
def plain_replica(folder: Path, primary: Served) -> Iterator[Served]:
    """devpi-server as a replica, in an interpreter that does not find our plugin."""
    hidden = (
        "import sys, importlib.metadata as m; found = m.Distribution.discover\n"
        "def discover(**kw): return (d for d in found(**kw) if 'noegress' not in (d.metadata['Name'] or ''))\n"
        "m.Distribution.discover = staticmethod(discover)\n"
        "import devpi_server.{module} as main; sys.exit(main.{function}(argv=['devpi'] + sys.argv[1:]))\n"
    )
    python: list[str | Path] = [BIN / "python", "-W", "ignore", "-c"]
    options: list[str | Path] = ["--serverdir", folder, "--role=replica", f"--primary-url={primary.url}"]
    init = hidden.format(module="init", function="init")
    made = subprocess.run([*python, init, *options], env=clean_environment(), capture_output=True, check=False)
    assert made.returncode == 0, made.stderr.decode()
    secret = primary.folder / "devpi" / "secret"
    cheap = ["--argon2-memory-cost=8", "--argon2-parallelism=1", "--argon2-time-cost=1"]
    port = free_port()
    server = hidden.format(module="main", function="main")
    command: list[str | Path] = [*python, server, *options[:2], f"--secretfile={secret}", f"--port={port}", *cheap]
    with (folder.parent / "plain.log").open("wb") as log:
        process = subprocess.Popen(command, env=clean_environment(), stdout=log, stderr=log, text=True)
        plain = Served(folder=folder, process=process, url=f"http://127.0.0.1:{port}", log=folder.parent / "plain.log")
        try:
            wait(plain)
            yield plain
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait(plain: Served) -> None:
    end = time.monotonic() + FOLLOWS_SECONDS
    while time.monotonic() < end:
        try:
            plain.get("/+api")
        except OSError:
            assert plain.process.poll() is None, plain.log.read_text()
            time.sleep(0.2)
        else:
            return
    raise AssertionError(plain.log.read_text())
