"""Killed before any step that changes the disk: the old state or the new one, whole; and a repeated import ends it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from noegress.bundle.intake import import_bundle
from noegress.bundle.store import ImportedStore

Outside = Any  # the class of conftest; test modules do not import each other

# One process that forks: a child imports and is killed at its Nth step, told by audit events before they happen.
_DRIVER = """
import hashlib, json, os, shutil, signal, subprocess, sys
from datetime import timedelta
from pathlib import Path
from noegress.bundle.intake import Terms, import_bundle
from noegress.bundle.store import ImportedStore
from noegress.catalogue.client import Trust
from noegress.custody import CustodyLog

bundle, base, work, root = sys.argv[1:]
STEPS = {"os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}

def take(kill_at):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        is_step = event in STEPS or (event == "open" and arguments[1] not in (None, "r", "rb"))
        if is_step and str(arguments[0]).startswith(work):
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
    pid = os.fork()
    if not pid:
        sys.addaudithook(hook)
        terms = Terms(trust=Trust(root_sha256=root, max_age=timedelta(30)), custody=CustodyLog(Path(work, "log.jsonl")))
        import_bundle(Path(bundle), ImportedStore(Path(work)), terms)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0

def state():
    current = ImportedStore(Path(work)).current
    wheels = sorted((current / "wheels").iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels}

def fresh():
    shutil.rmtree(work, ignore_errors=True)
    subprocess.run(["cp", "-a", base, work], check=True)

fresh()
old = state()
assert take(0)
new = state()
assert old != new
told, number, ended = {"old": 0, "new": 0}, 1, False
while not ended:
    fresh()
    ended = take(number)
    now = state()
    assert now in (old, new), (number, now)
    told["old" if now == old else "new"] += 1
    assert take(0) and state() == new, number
    records = [record.event.name for record in CustodyLog(Path(work, "log.jsonl")).records()]
    assert len(records) == len(set(records)), (number, records)
    number += STRIDE
print(json.dumps({**told, "steps": number}))
"""


def points(outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path, *, stride: int) -> dict[str, int]:
    import_bundle(bundle, store, outside.terms())
    outside.admit("third", "1.0", size=3000)
    outside.release()
    second = outside.export(tmp_path / "second")
    code = _DRIVER.replace("STRIDE", str(stride))
    command = [sys.executable, "-c", code, second, store.path, tmp_path / "work", outside.repository.root_sha256]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_kill_before_any_step_leaves_the_old_state_or_the_new(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    found = points(outside, bundle, store, tmp_path, stride=11)
    assert found["old"] > 5
    assert found["new"] >= 1


@pytest.mark.slow
def test_a_kill_before_every_step(outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path) -> None:
    found = points(outside, bundle, store, tmp_path, stride=1)
    assert found["old"] > 100
    assert found["new"] >= 1
