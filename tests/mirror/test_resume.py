"""An interrupted admission goes on from the step that it had reached, or is left alone if it ends the mirror."""

import json
import sqlite3
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from mirror_lab import Index, Published, Served, make_mirror, run, send, serving, start

# only what could call out is parsed, and parsing is what takes time
SLOW_TO_SCAN = {
    f"slow/m{number}.py": "import urllib.request\n" + "value = compute(1, 'two', [3])\n" * 12000 for number in range(12)
}


def state(folder: Path, filename: str) -> str:
    """The state that is on disk, whatever the server has in its memory."""
    return str(_one(folder, "select state from file where filename=?", filename) or "unlisted")


def evidence(folder: Path, step: str) -> dict[str, Any]:
    query = "select json_set(detail, '$.at', at) from evidence where step=?"
    return dict(json.loads(_one(folder, query, step) or "{}"))


def _one(folder: Path, query: str, *arguments: str) -> str | None:
    with sqlite3.connect(f"file:{folder / 'admission.sqlite'}?mode=ro", uri=True) as database:
        row = database.execute(query, arguments).fetchone()
    database.close()
    return None if row is None else str(row[0])


def wait_for(folder: Path, published: Published, wanted: str) -> None:
    end = time.monotonic() + 60
    while (found := state(folder, published.filename)) != wanted:
        assert time.monotonic() < end, f"it is {found}, not {wanted}"
        time.sleep(0.01)


def ask(served: Served, published: Published) -> None:
    """Ask for a file and do not wait for the answer."""
    path = served.file_path(published.content, published.filename)
    run("curl", "--silent", "--max-time", "0.2", f"{served.url}{path}")


def kill(served: Served) -> None:
    served.kill()
    assert served.process.stdout is not None
    served.process.stdout.close()


def interrupted(folder: Path, published: Published, wanted: str) -> None:
    """Start a server, ask for a file, and kill the server when the file has come as far as ``wanted``."""
    served = start(folder)
    served.page(published.filename.split("-")[0])
    ask(served, published)
    wait_for(folder, published, wanted)
    kill(served)
    assert state(folder, published.filename) == wanted


def test_what_was_fetched_is_not_fetched_again(index: Index, folder: Path) -> None:
    published = index.publish("demo", "1.0", files=SLOW_TO_SCAN)
    interrupted(folder, published, "fetched")
    index.close()
    with serving(folder) as served:
        wait_for(folder, published, "admitted")
        assert served.get(served.file_path(published.content, published.filename)).body == published.content
        assert "going on from fetched" in served.log.read_text()
    assert not list((folder / "incoming").iterdir())


def test_what_was_scanned_is_not_scanned_again(index: Index, tmp_path: Path) -> None:
    release = threading.Event()

    def provenance(request: BaseHTTPRequestHandler) -> None:
        release.wait(60)
        send(request, b"{}", status=404)

    index.answers["/provenance"] = provenance
    published = index.publish("demo", "1.0", told={"provenance": f"{index.address}/provenance"})
    policy = "[admission]\non-demand = true\nprovenance = ['demo']\n"
    folder = make_mirror(tmp_path / "dir", index.url, policy)
    interrupted(folder, published, "scanned")
    before = evidence(folder, "scanned")["at"]
    release.set()
    with serving(folder):
        wait_for(folder, published, "refused")
    assert evidence(folder, "scanned")["at"] == before
    assert index.asked.count(f"/files/{published.filename}") == 1


def test_bytes_that_an_interruption_spoiled_are_fetched_again(index: Index, folder: Path) -> None:
    published = index.publish("demo", "1.0", files=SLOW_TO_SCAN)
    interrupted(folder, published, "fetched")
    (left,) = (folder / "incoming").rglob("*.whl")
    left.write_bytes(published.content[:-1])
    with serving(folder) as served:
        assert state(folder, published.filename) == "known"
        assert served.get(served.file_path(published.content, published.filename)).body == published.content


def test_a_revocation_holds_against_an_admission_that_was_under_way(index: Index, folder: Path) -> None:
    published = index.publish("demo", "1.0", files=SLOW_TO_SCAN)
    with serving(folder) as served:
        served.page("demo")
        ask(served, published)
        wait_for(folder, published, "fetched")
        assert served.command("revoke", "demo==1.0", "--reason", "stolen").returncode == 0
        got = served.get(served.file_path(published.content, published.filename))
        assert (got.status, "revoked: stolen" in got.reason) == (403, True)
        while served.command("status").stdout.find("in flight  0") < 0:
            time.sleep(0.2)
        assert state(folder, published.filename) == "revoked"
        assert served.get(served.file_path(published.content, published.filename)).status == 403


@pytest.mark.slow
def test_a_file_that_ends_the_mirror_again_and_again_is_left_alone(index: Index, folder: Path) -> None:
    published = index.publish("demo", "1.0", files=SLOW_TO_SCAN)
    interrupted(folder, published, "fetched")
    with sqlite3.connect(folder / "admission.sqlite") as database:
        path = _one(folder, "select path from file where filename=?", published.filename)
        database.execute("insert into evidence values(?, 'interrupted', '2026-01-01', '{\"times\": 3}')", (path,))
    database.close()
    with serving(folder) as served:
        got = served.get(served.file_path(published.content, published.filename))
        assert (got.status, "interrupted 4 times" in got.reason) == (403, True)
        assert state(folder, published.filename) == "undecided"


CUT = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("pragma cache_size=1")
database.execute("begin immediate")
database.execute("create table cut(x)")
database.executemany("insert into cut values(?)", [("x" * 4000,)] * 200)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_transaction_of_devpi_that_was_cut_stops_no_start(index: Index, folder: Path) -> None:
    """What sqlite has to undo, it cannot undo for a reader, and devpi reads first."""
    database = folder / "devpi" / ".sqlite"
    run(sys.executable, "-c", CUT, database)
    with pytest.raises(sqlite3.OperationalError), closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as cut:
        cut.execute("select count(*) from sqlite_master").fetchone()
    published = index.publish("demo", "1.0")
    with serving(folder) as served:
        served.page("demo")
        assert served.get(served.file_path(published.content, published.filename)).body == published.content
