"""What a mirror goes through: killed in a loop, a full disk, a failing upstream, jumping clocks, a thousand clients.

Slow; ``make soak-mirror`` runs them. Whatever happens: nothing unadmitted is served, nothing admitted is lost.
"""

import asyncio
import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from mirror_lab import BIN, Got, Index, Published, Served, make_mirror, noegress, run, serving, start

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("SOAK_KILLS", "30"))
WHEELS, LIARS = 120, 12
SEED = int(os.environ.get("SOAK_SEED", str(random.SystemRandom().randrange(1 << 30))))


@dataclass
class Seen:
    """What clients were given, over all lives of the mirror."""

    admitted: set[str] = field(default_factory=set)
    leaving: set[str] = field(default_factory=set)
    """Those whose revocation has begun."""
    revoked: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    requests: Counter[int] = field(default_factory=Counter)


def say(line: str) -> None:
    """What a run saw; pytest shows it with -s."""
    sys.stdout.write(f"{line}\n")


def publish_many(index: Index) -> tuple[dict[str, Published], set[str]]:
    """Wheels by file name, and the names of those that must never be admitted."""
    told = {}
    for number in range(WHEELS):
        published = index.publish(f"soak-{number % 30}", f"1.{number}", files={f"m{number}.py": f"x = {number}\n"})
        told[published.filename] = published
    liars = {index.publish("soak-liar", f"1.{number}", record_of="a lie").filename for number in range(LIARS)}
    told |= {item.filename: item for item in index.projects["soak-liar"]}
    return told, liars


def ask(served: Served, published: Published) -> Got:
    return served.get(served.file_path(published.content, published.filename))


class Clients:
    """Threads that ask for pages and files at random until the mirror is gone."""

    def __init__(self, served: Served, published: dict[str, Published], liars: set[str], seen: Seen) -> None:
        self._served, self._published, self._liars, self._seen = served, published, liars, seen
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(SEED + number,)) for number in range(8)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for_another(self) -> None:
        """Until a file was given that none had been given before, or half a minute."""
        before, end = len(self._seen.admitted), time.monotonic() + 30
        while len(self._seen.admitted) == before and time.monotonic() < end:
            time.sleep(0.02)

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._ended.is_set():
            filename = chance.choice(list(self._published))
            try:
                self._served.page(filename.split("-")[0].replace("_", "-"))
                was_revoked = filename in self._seen.revoked
                got = ask(self._served, self._published[filename])
            except (OSError, HTTPException, AssertionError):  # the mirror was killed
                time.sleep(0.01)
                continue
            self._judge(filename, got, was_revoked=was_revoked)

    def _judge(self, filename: str, got: Got, *, was_revoked: bool) -> None:
        self._seen.requests[got.status] += 1
        if got.status != 200:
            if filename in self._seen.admitted and filename not in self._seen.leaving:
                self._seen.wrong.append(f"{filename} was lost: {got.status} {got.reason}")
            return
        if filename in self._liars or was_revoked:
            self._seen.wrong.append(f"{filename} was served and must not be")
        if got.body != self._published[filename].content:
            self._seen.wrong.append(f"{filename} has wrong bytes")
        self._seen.admitted.add(filename)


def test_killed_at_random_it_serves_nothing_unadmitted_and_loses_nothing(index: Index, folder: Path) -> None:
    say(f"SOAK_SEED={SEED}")
    chance, seen = random.Random(SEED), Seen()
    published, liars = publish_many(index)
    starts = []
    for number in range(KILLS):
        before = time.monotonic()
        served = start(folder)
        starts.append(time.monotonic() - before)
        for filename in sorted(seen.admitted - seen.leaving):
            assert ask(served, published[filename]).body == published[filename].content, filename
        for filename in seen.revoked:
            assert ask(served, published[filename]).status == 403, filename
        clients = Clients(served, published, liars, seen)
        if number % 2:  # every other life is long enough to admit something, however busy the machine is
            clients.wait_for_another()
        time.sleep(chance.uniform(0.05, 1.2))
        if number % 5 == 4 and seen.admitted - seen.leaving:
            revoke(served, chance.choice(sorted(seen.admitted - seen.leaving)), seen)
        served.kill()
        clients.end()
        served.process.stdout.close()  # type: ignore[union-attr]
        assert not seen.wrong, f"seed {SEED}: {seen.wrong}"
    with serving(folder) as served:
        for filename in published:
            served.page(filename.split("-")[0].replace("_", "-"))
        judge_what_was_left(served)
        for filename, item in published.items():
            wanted = 403 if filename in liars | seen.revoked else 200
            assert ask(served, item).status == wanted, filename
        assert "noegress_catalogue_behind 0\n" in served.get("/+noegress/metrics").body.decode()
    check_whole(folder, len(published) - LIARS - len(seen.revoked))
    assert seen.requests[200], "nothing was served between the kills: they tell nothing"
    say(f"{KILLS} kills, answers {dict(seen.requests)}, {len(seen.revoked)} revoked, start {max(starts):.1f} s at most")


def judge_what_was_left(served: Served) -> None:
    """Have judged anew what was interrupted so often that the mirror left it alone, as its operator would."""
    with sqlite3.connect(served.folder / "admission.sqlite") as database:
        query = (
            "select distinct project from file where state='undecided' and reason like 'the mirror was interrupted%'"
        )
        left = [name for (name,) in database.execute(query)]
    database.close()
    if left:
        done = served.command("rescan", *left)
        assert done.returncode == 0, done.stderr


def revoke(served: Served, filename: str, seen: Seen) -> None:
    """Revoke a release; clients that asked before it returned may still have had it."""
    seen.leaving.add(filename)
    name, version = filename.split("-")[:2]
    done = served.command("revoke", f"{name.replace('_', '-')}=={version}", "--reason", "soak")
    assert done.returncode == 0, done.stderr
    seen.revoked.add(filename)


def check_whole(folder: Path, admitted: int) -> None:
    """On disk there is what was admitted, and nothing else."""
    files = [path for path in (folder / "devpi" / "+files").rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.endswith("-tmp")]
    assert len(files) == admitted
    assert not list((folder / "incoming").iterdir())
    fsck = run(BIN / "devpi-fsck", "--serverdir", folder / "devpi")
    assert fsck.returncode == 0, fsck.stdout + fsck.stderr
    with sqlite3.connect(folder / "admission.sqlite") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        (count,) = database.execute("select count(*) from file where state='admitted'").fetchone()
    database.close()
    assert count == admitted


NOISE = 1_000_000  # bytes of a wheel that does not compress


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of this size, mounted for this process alone; gives where the folder's copy lies on it."""
    disk = folder.parent / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode()}")
    try:
        yield Path(shutil.copytree(folder, disk / "dir"))
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_is_said_and_what_was_admitted_is_served(index: Index, folder: Path) -> None:
    wheels = [
        index.publish(f"full-{number}", "1.0", files={"noise.txt": random.Random(number).randbytes(NOISE).hex()})
        for number in range(30)
    ]
    with small_disk(folder, 24) as small, serving(small) as served:
        statuses = {}
        for item in wheels:
            name = item.filename.split("-")[0].replace("_", "-")
            page = served.get(f"/root/curated/+simple/{name}/")
            statuses[item.filename] = ask(served, item) if page.status == 200 else page
        told = Counter(got.status for got in statuses.values())
        say(f"on a full disk: {dict(told)}")
        assert told[200] > 3
        assert told[200] < len(wheels)
        assert set(told) <= {200, 403, 500, 504}
        refused = [got.reason for got in statuses.values() if got.status != 200]
        assert any("No space left" in reason or "could not keep" in reason for reason in refused), refused
        for item in wheels:
            got = ask(served, item)
            assert got.status != 200 or got.body == item.content
            assert got.status == 200 or statuses[item.filename].status != 200, "an admitted file was lost"
        health = served.get("/+noegress/health")
        assert (health.status, b"not admitting: " in health.body) == (200, True)
        served.kill()
        served.process.stdout.close()  # type: ignore[union-attr]
        subprocess.run(["mount", "-o", "remount,size=200m", small.parent], check=True)
        with serving(small) as again:
            time.sleep(6)
            for item in wheels:
                again.page(item.filename.split("-")[0].replace("_", "-"))
                assert ask(again, item).body == item.content
            assert "noegress_catalogue_behind 0\n" in again.get("/+noegress/metrics").body.decode()


def test_an_upstream_that_comes_and_goes_costs_time_and_nothing_else(index: Index, folder: Path) -> None:
    wheels = [index.publish(f"flap-{number}", "1.0") for number in range(25)]
    answered = Counter[str]()
    real = index.handle
    chance = random.Random(SEED)

    def flapping(request: BaseHTTPRequestHandler) -> None:
        kind = chance.choice(["well", "well", "503", "cut", "silent", "wrong"])
        answered[kind] += 1
        if kind == "well" or (kind == "wrong" and "simple" in request.path):
            real(request)
        elif kind == "503":
            request.send_error(503)
        elif kind == "cut":
            request.send_response(200)
            request.send_header("Content-Length", "100000")
            request.end_headers()
            request.wfile.write(b"{")
            request.close_connection = True
        elif kind == "wrong":
            request.send_response(200)
            request.send_header("Content-Length", "4")
            request.end_headers()
            request.wfile.write(b"evil")
        else:
            request.close_connection = True

    index.handle = flapping  # type: ignore[method-assign]
    missing = {item.filename: item for item in wheels}
    with serving(folder) as served:
        end = time.monotonic() + 240
        while missing and time.monotonic() < end:
            for filename, item in list(missing.items()):
                page = served.get(f"/root/curated/+simple/{filename.split('-')[0].replace('_', '-')}/")
                got = ask(served, item) if page.status == 200 else page
                assert got.status in (200, 403, 504), got.reason
                if page.status == 200 and got.status == 200:
                    assert got.body == item.content
                    del missing[filename]
            time.sleep(0.5)
        index.close()
        for item in wheels:
            assert ask(served, item).body == item.content
            served.page(item.filename.split("-")[0].replace("_", "-"))
    say(f"upstream: {dict(answered)}")
    assert not missing


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_a_clock_that_jumps_admits_nothing_early_and_stops_nothing(index: Index, tmp_path: Path) -> None:
    index.publish("old", "1.0")
    young = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(time.time() - 3600))}.000000Z"
    fresh = index.publish("fresh", "1.0", told={"upload-time": young})
    late = index.publish("late", "1.0")
    folder = make_mirror(tmp_path / "dir", index.url, "[admission]\non-demand = true\ncooldown-days = 7\n")
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    library = next(Path("/usr/lib").rglob("libfaketimeMT.so.1"))
    settings = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    with faked(folder, settings) as served:
        old = index.projects["old"][0]
        served.page("old")
        assert ask(served, old).status == 200
        served.page("fresh")
        assert "cooldown" in ask(served, fresh).reason
        for jump in ("-400d", "+3d", "-2d", "+0"):
            clock.write_text(f"{jump}\n")
            assert ask(served, old).body == old.content
            served.page("old")
            served.page("late")
            got = ask(served, fresh)
            assert got.status == 403, jump
        assert ask(served, late).status == 200
        clock.write_text("+30d\n")  # a month passed: now it may enter
        served.page("fresh")
        assert ask(served, fresh).status == 200
        clock.write_text("-1d\n")  # and what is in stays in
        assert ask(served, fresh).body == fresh.content


@contextmanager
def faked(folder: Path, settings: dict[str, str]) -> Iterator[Served]:
    """A server whose clock is read from a file."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings | {"DONT_FAKE_MONOTONIC": "1"})
    try:
        served = start(folder)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        os.environ.pop("DONT_FAKE_MONOTONIC", None)
    try:
        yield served
    finally:
        served.stop()
        served.process.stdout.close()  # type: ignore[union-attr]


CLIENTS = 1000


async def client(served: Served, path: str) -> tuple[int, bytes, float]:
    """Ask as clients do: follow to the same place, come back when told to; gives status, body and seconds."""
    host, port = served.url.removeprefix("http://").split(":")
    begun = time.monotonic()
    for _try in range(60):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status not in (307, 503):
            return status, body, time.monotonic() - begun
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        path = lines.get("Location", path)
        await asyncio.sleep(float(lines.get("Retry-After", "0")))
    raise AssertionError("asked again without end")


def test_a_thousand_clients_admit_a_file_once_and_keep_nobody_waiting(index: Index, folder: Path) -> None:
    index.publish("warm", "1.0")
    slow = {f"slow/m{number}.py": "value = compute(1, 'two', [3])\n" * 4000 for number in range(20)}
    published = index.publish("crowd", "1.0", files=slow)
    waits = []
    with serving(folder) as served:
        served.page("warm")
        served.page("crowd")
        path = served.file_path(published.content, published.filename)

        async def crowd() -> list[tuple[int, bytes, float]]:
            tasks = [asyncio.create_task(client(served, path)) for _client in range(CLIENTS)]
            while not all(task.done() for task in tasks):
                before = time.monotonic()
                status, _body, _seconds = await client(served, "/root/curated/+simple/warm/")
                assert status == 200
                waits.append(time.monotonic() - before)
                await asyncio.sleep(0.05)
            return [await task for task in tasks]

        results = asyncio.run(crowd())
    bodies = {hashlib.sha256(body).hexdigest() for _status, body, _seconds in results}
    slowest = max(seconds for _status, _body, seconds in results)
    say(f"{CLIENTS} clients: {slowest:.1f} s at most; a page meanwhile: {max(waits):.2f} s at most, {len(waits)} asked")
    assert Counter(status for status, _body, _seconds in results) == {200: CLIENTS}
    assert bodies == {hashlib.sha256(published.content).hexdigest()}
    assert index.asked.count(f"/files/{published.filename}") == 1
    assert max(waits) < 5


def test_a_page_is_never_stale_after_a_revocation_under_load(index: Index, folder: Path) -> None:
    wheels = [index.publish("stale", f"1.{number}") for number in range(40)]
    with serving(folder) as served:
        served.page("stale")
        for item in wheels:
            assert ask(served, item).status == 200
        revoked: dict[str, float] = {}
        stale: list[str] = []
        ended, asked = threading.Event(), Counter[str]()

        def poll() -> None:
            while not ended.is_set():
                begun = time.monotonic()
                yanked = {file["filename"]: file["yanked"] for file in served.page("stale")["files"]}
                item = random.Random(begun).choice(wheels)
                got = ask(served, item)
                asked["requests"] += 2
                for filename, when in list(revoked.items()):
                    if when < begun and (not yanked.get(filename) or (filename == item.filename and got.status == 200)):
                        stale.append(filename)

        threads = [threading.Thread(target=poll) for _thread in range(8)]
        for thread in threads:
            thread.start()
        for item in wheels[:25]:
            version = item.filename.split("-")[1]
            assert served.command("revoke", f"stale=={version}", "--reason", "soak").returncode == 0
            revoked[item.filename] = time.monotonic()
        ended.set()
        for thread in threads:
            thread.join()
        say(f"{asked['requests']} requests while 25 releases were revoked, {len(stale)} stale")
        assert not stale
    assert noegress("mirror", "status", "--dir", folder).returncode == 0
