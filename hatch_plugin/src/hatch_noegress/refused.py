"""How a build is refused: with a message that no front end frames with a traceback, and for good where it has to be.

pip, uv, build and hatch show the message of a ``SystemExit`` and no frames. tox keeps a backend process of its own that
prints the stack of everything but what it takes for a hook that is missing, and it keeps the build environment: what a
refused run has put there would still be there in the next one, when nothing else tells of it any more.
"""

import sys
from pathlib import Path

_MARK = "noegress-refused.txt"
_AGAIN = """
noegress: build refused: this build environment was filled while more than the mirror could answer
    fix: tox run -r (it makes the environment anew)
"""


def refused(message: str) -> SystemExit:
    """The exception to raise."""
    missing_hook = getattr(sys.modules.get("__main__"), "MissingCommand", None) if _is_kept_by_tox() else None
    if not isinstance(missing_hook, type):
        return SystemExit(message)
    error: SystemExit = type("Refused", (SystemExit, missing_hook), {})(message)
    error.code = 1  # else tox shows the message as the status, too
    return error


def mark_environment() -> None:
    """Remember in a build environment that outlives the build that it may hold something of somebody else's."""
    if _is_kept_by_tox():
        Path(sys.prefix, _MARK).write_text(_AGAIN, "utf-8")


def refuse_marked_environment() -> None:
    """Raise ``SystemExit`` in an environment that a refused build has filled."""
    if _is_kept_by_tox() and Path(sys.prefix, _MARK).exists():
        raise refused(_AGAIN)


def _is_kept_by_tox() -> bool:
    main = sys.modules.get("__main__")
    return hasattr(main, "BackendProxy") and hasattr(main, "MissingCommand")
