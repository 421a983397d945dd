"""How ``admit -r`` takes a set: written many at a time, judged beside the resolution, gone on with after a kill."""

import random
import re
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from mirror_lab import BIN, Index, Published, Served, clean_environment, make_mirror, send, serving, start

COUNT = 24


def publish_set(index: Index) -> tuple[list[Published], str]:
    """A set in which each needs the one before it, one of them refused in its newest version; and its pins."""
    published = [
        index.publish(f"many-{number}", "1.0", requires=[f"many-{number - 1}"] if number else [])
        for number in range(COUNT)
    ]
    index.publish("many-7", "2.0", record_of="a lie")
    return published, "".join(f"many-{number}==1.0\n" for number in range(COUNT))


def begin(folder: Path, requirements: Path) -> subprocess.Popen[str]:
    """The command, running."""
    command: list[str | Path] = [BIN / "noegress", "mirror", "admit", "-r", requirements, "--dir", folder]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=clean_environment())


def commits(served: Served) -> int:
    told = served.get("/+noegress/metrics").body.decode()
    found = re.search(r"^noegress_commit_seconds_count (\d+)", told, re.MULTILINE)
    return int(found.group(1)) if found else 0


def check_served(served: Served, published: Sequence[Published], index: Index) -> None:
    """All of the set is served, whole; what was refused or never asked for is not."""
    for item in published:
        assert served.get(served.file_path(item.content, item.filename)).body == item.content
    (lie,) = [item for item in index.projects["many-7"] if item not in published]
    assert served.get(served.file_path(lie.content, lie.filename)).status == 403


def test_a_set_is_written_many_at_a_time_and_one_file_at_once(index: Index, tmp_path: Path) -> None:
    published, pins = publish_set(index)
    single = index.publish("single", "1.0")
    (tmp_path / "requirements.txt").write_text(pins)
    with serving(make_mirror(tmp_path / "dir", index.url, "")) as served:
        assert served.command("admit", "-r", tmp_path / "requirements.txt").returncode == 0
        assert 1 <= commits(served) <= COUNT / 3
        check_served(served, published, index)
        before = commits(served)
        assert served.command("admit", "single").returncode == 0
        assert commits(served) == before + 1
        assert served.get(served.file_path(single.content, single.filename)).status == 200


def test_what_is_pinned_is_judged_while_the_rest_is_still_resolved(index: Index, tmp_path: Path) -> None:
    pinned = index.publish("early-pinned", "1.0")
    index.publish("early-late", "1.0")
    page, release = index.page("early-late"), threading.Event()

    def late(request: object) -> None:
        import json

        release.wait(60)
        send(request, json.dumps(page).encode(), kind="application/vnd.pypi.simple.v1+json")  # type: ignore[arg-type]

    index.answers["/simple/early-late/"] = late
    (tmp_path / "requirements.txt").write_text("early-pinned==1.0\nearly-late>=1\n")
    with serving(make_mirror(tmp_path / "dir", index.url, "")) as served:
        command = begin(served.folder, tmp_path / "requirements.txt")
        path = served.file_path(pinned.content, pinned.filename)
        end = time.monotonic() + 60
        while served.get(path).status != 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert command.poll() is None  # it still waits for the other page
        release.set()
        said, _ = command.communicate(timeout=60)
        assert (command.returncode, "the set is complete" in said) == (0, True)


@pytest.mark.slow
def test_a_set_survives_being_killed_again_and_again(index: Index, tmp_path: Path) -> None:
    """The server at moments of its own choosing, then a command without one: nothing lost, nothing served early."""
    published, pins = publish_set(index)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(pins)
    folder, chance = make_mirror(tmp_path / "dir", index.url, ""), random.Random(5)
    admitted: set[str] = set()
    for _ in range(4):
        served = start(folder)
        for item in published:
            got = served.get(served.file_path(item.content, item.filename))
            assert got.status == 200 or item.filename not in admitted, item.filename
            assert (got.body == item.content) is (got.status == 200)
        command = begin(folder, requirements)
        time.sleep(chance.uniform(0.2, 1.5))
        admitted |= {
            item.filename
            for item in published
            if served.get(served.file_path(item.content, item.filename)).status == 200
        }
        served.kill()
        assert served.process.stdout is not None
        served.process.stdout.close()
        _, errors = command.communicate(timeout=60)
        assert command.returncode == 0 or "the server went away" in errors or "cannot be reached" in errors
    alone = begin(folder, requirements)
    time.sleep(1.5)
    alone.kill()
    alone.communicate(timeout=60)
    said, errors = begin(folder, requirements).communicate(timeout=120)
    assert "the set is complete" in said, errors
    with serving(folder) as served:
        check_served(served, published, index)
        assert not list((folder / "incoming").iterdir())
        assert served.command("admit", "-r", requirements).returncode == 0
