"""The guard where no .pth file is read: put this folder first on PYTHONPATH, and it starts before the program.

It starts the guard that it belongs to, and then runs the sitecustomize that it shadows.
"""

import importlib
import os
import sys


def _start_guard() -> None:
    try:
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        sys.path.insert(0, os.path.dirname(package))
        try:
            import noegress_guard
        finally:
            del sys.path[0]
        noegress_guard.start()
    except BaseException as error:  # noqa: BLE001 -- fails closed: site would print it and run the program unguarded
        os.write(2, f"noegress-guard: cannot start ({error!r}); this process ends with status 78\n".encode())
        os._exit(78)


def _run_shadowed() -> None:
    """Import the sitecustomize that would have been found without us, under its own name."""
    here = os.path.dirname(os.path.abspath(__file__))
    path = list(sys.path)
    sys.path[:] = [entry for entry in path if os.path.abspath(entry or os.curdir) != here]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours
    finally:
        sys.path[:] = path


_start_guard()
_run_shadowed()
