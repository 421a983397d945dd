"""`noegress-guard status`: what protects this interpreter, and what does not."""

from __future__ import annotations

import importlib.util
import json
import os
import site
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import noegress_guard
from noegress_guard import link

if TYPE_CHECKING:
    from noegress_guard.policy import GuardPolicy

PTH = "0_noegress_guard.pth"
_PYTHON_LAYER_GAPS = (
    "native code that makes its own system calls (uvloop, grpcio, curl, ctypes), and every program that is not Python",
    "Python started with -S, by another interpreter or in another environment without the guard",
    "code in this process that sets out to undo the hook: the Python layer is no boundary",
)


def main(*, as_json: bool) -> int:
    """Write the report to standard output; 0 if this interpreter is guarded, else 1."""
    report = collect()
    sys.stdout.write(json.dumps(report, indent=2) + "\n" if as_json else _text(report))
    return 0 if report["python_layer"]["active"] else 1


def collect() -> dict[str, Any]:
    """Gather what is known of the protection of this interpreter (JSON format 1)."""
    policies = noegress_guard.active_policies()
    kernel = _kernel_layer()
    gaps = [] if kernel["active"] else list(_PYTHON_LAYER_GAPS)
    gaps += _activation_gaps()
    if policies is None:
        gaps.insert(0, "Python code in this interpreter: the guard was not started")
    gaps.append("what an allowed destination is sent: the guard sees addresses, not contents")
    return {
        "format": 1,
        "version": noegress_guard.__version__,
        "interpreter": sys.executable,
        "python_layer": {
            "active": policies is not None,
            "policies": [_policy(policy) for policy in policies or ()],
            "started_by": _started_by(),
        },
        "kernel_layer": kernel,
        "not_protected": gaps,
    }


def _policy(policy: GuardPolicy) -> dict[str, Any]:
    return {
        "path": policy.path,
        "source": policy.source,
        "digest": policy.digest,
        "allow": list(policy.allow),
        "kill_switches": {
            name: {"value": value, "set": os.environ.get(name) == value} for name, value in policy.kill_switches.items()
        },
    }


def _site_folder() -> Path:
    """Return the folder that the guard is installed in."""
    return Path(noegress_guard.__file__).resolve().parent.parent


def _started_by() -> str | None:
    """Name the file that starts the guard in a new interpreter of this environment."""
    found = _site_folder() / PTH
    if found.is_file() and _site_folder() in _folders_of_site():
        return str(found)
    customize = importlib.util.find_spec("sitecustomize")
    if customize and customize.origin and Path(customize.origin).parent.name == "pythonpath":
        return customize.origin
    return None


def _folders_of_site() -> set[Path]:
    """Return the folders whose .pth files are read; a `--target` folder on PYTHONPATH is none of them."""
    folders = site.getsitepackages() + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
    return {Path(folder).resolve() for folder in folders}


def _activation_gaps() -> list[str]:
    """Say what could keep the guard from starting first, or slow it down."""
    gaps = []
    folder = _site_folder()
    started_by = _started_by()
    if started_by is not None and not started_by.endswith(".pth"):
        gaps.append("Python started with -I or -E, or without the PYTHONPATH of this process")
    if started_by is None:
        gaps.append(f"new interpreters: neither {folder / PTH} nor our sitecustomize is there to start the guard")
    earlier = [path.name for path in sorted(folder.glob("*.pth")) if path.name < PTH]
    gaps += [f"what {folder / name} runs: it sorts before {PTH}" for name in earlier]
    package = Path(noegress_guard.__file__)
    if not Path(importlib.util.cache_from_source(str(package))).is_file():
        gaps.append(f"start-up time: {package.parent} has no compiled files (python -m compileall {package.parent})")
    return gaps


def _kernel_layer() -> dict[str, Any]:
    """Say whether a supervisor stands above this process: it answers, and the kernel confirms the filter."""
    return {"active": link.is_supervised(), "seccomp_filters": _seccomp_filters()}


def _seccomp_filters() -> int:
    try:
        lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Seccomp_filters:")), 0)


def _text(report: dict[str, Any]) -> str:
    """Lay the report out for a person."""
    python = report["python_layer"]
    lines = [
        f"noegress-guard {report['version']} in {report['interpreter']}",
        f"Python layer: {'active' if python['active'] else 'NOT active'}"
        + (f", started by {python['started_by']}" if python["started_by"] else ""),
    ]
    if python["active"] and not python["policies"]:
        lines.append("  no guard policy found: nothing is allowed")
    for policy in python["policies"]:
        lines.append(
            f"  policy {policy['path']} (from {policy['source']}{', ' * bool(policy['digest'])}{policy['digest']})"
        )
        lines += [f"    allows {entry}" for entry in policy["allow"]] or ["    allows nothing"]
        lines += [
            f"    {name}={switch['value']} {'is set' if switch['set'] else 'was CHANGED afterwards'}"
            for name, switch in policy["kill_switches"].items()
        ]
    lines.append(f"Kernel layer: {'active' if report['kernel_layer']['active'] else 'not active'}")
    lines.append("Not protected:")
    lines += [f"  - {gap}" for gap in report["not_protected"]]
    return "\n".join(lines) + "\n"
