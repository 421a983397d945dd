"""`noegress-guard status` tells the truth about an interpreter."""

import json
import shutil
import sys

from tests.sitecustomize_guard.environment import Guarded
from tests.sitecustomize_guard.supervised import Supervised


def test_a_guarded_interpreter_says_by_what_and_what_is_left(guarded: Guarded) -> None:
    policy = guarded.write({"allow": ["mirror.internal:443"], "kill-switches": {"X_OFF": "1"}})
    command = str(guarded.python.parent / "noegress-guard")
    done = guarded.execute(command, "status", NOEGRESS_GUARD_POLICY=str(policy))
    assert done.status == 0
    assert "Python layer: active, started by" in done.out
    assert "allows mirror.internal:443" in done.out
    assert "X_OFF=1 is set" in done.out
    assert "Kernel layer: not active" in done.out
    assert "native code" in done.out


def test_status_is_also_json(guarded: Guarded) -> None:
    command = str(guarded.python.parent / "noegress-guard")
    report = json.loads(guarded.execute(command, "status", "--json").out)
    assert report["format"] == 1
    assert report["python_layer"]["active"]
    assert report["python_layer"]["policies"] == []
    assert report["python_layer"]["started_by"].endswith("0_noegress_guard.pth")


def test_an_interpreter_without_the_guard_is_not_said_to_be_protected(guarded: Guarded) -> None:
    site = next(guarded.python.parent.parent.glob("lib/*/site-packages"))
    code = f"import sys; sys.path.append({str(site)!r}); from noegress_guard import cli; sys.exit(cli.main(['status']))"
    done = guarded.run(code, options=("-S",))
    assert done.status == 1
    assert "Python layer: NOT active" in done.out


def test_a_file_that_runs_before_the_guard_is_named(guarded: Guarded) -> None:
    site = next(guarded.python.parent.parent.glob("lib/*/site-packages"))
    earlier = site / "0_earlier.pth"
    earlier.write_text("import os\n", "utf-8")
    try:
        report = guarded.execute(str(guarded.python.parent / "noegress-guard"), "status").out
    finally:
        earlier.unlink()
    assert "0_earlier.pth runs: it sorts before" in report


def test_a_pth_that_nobody_reads_is_not_said_to_start_the_guard(guarded: Guarded) -> None:
    """In a `--target` folder on PYTHONPATH it is our sitecustomize that does."""
    site = next(guarded.python.parent.parent.glob("lib/*/site-packages"))
    target = guarded.folder / "target"
    shutil.copytree(site / "noegress_guard", target / "noegress_guard")
    shutil.copy(site / "0_noegress_guard.pth", target)
    path = f"{target}/noegress_guard/pythonpath:{target}"
    command = (sys.executable, "-m", "noegress_guard.cli", "status", "--json")
    report = json.loads(guarded.execute(*command, PYTHONPATH=path).out)
    assert report["python_layer"]["started_by"] == f"{target}/noegress_guard/pythonpath/sitecustomize.py"
    assert any("-I or -E" in gap for gap in report["not_protected"])


def test_under_a_supervisor_the_kernel_layer_is_said_to_be_active(supervised: Supervised) -> None:
    report = json.loads(supervised.run(supervised.guard, "status", "--json").out)
    assert report["kernel_layer"]["active"]
    assert not any("native code" in gap for gap in report["not_protected"])
