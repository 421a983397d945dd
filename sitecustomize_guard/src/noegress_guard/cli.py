"""The command `noegress-guard`: `status` says what protects an interpreter, `run` starts a program under the guard.

Reads its arguments itself: every start of a container waits for it, and `argparse` would be a quarter of the wait.
"""

from __future__ import annotations

import sys

from noegress_guard import CONFIGURATION_ERROR, __version__
from noegress_guard.options import Options, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE_ERROR = 2
USAGE = """\
usage: noegress-guard status [--json]
       noegress-guard run [OPTIONS] -- COMMAND…
       noegress-guard --version

Let nothing out that the policy does not name.

status            what protects this interpreter, and what does not
  --json          write JSON (format 1) instead of text

run               run a program under the kernel layer (Linux)
  --policy FILE   the guard policy; /etc/noegress/guard.json, if there is one, has to agree
  --observe REPORT
                  let everything through and write what was tried (JSON)
  --deny          with --observe: let nothing through
  --events FILE   where refusals are written as JSON lines: a file, or fd:N (default: fd:2)
  --keep-fd N     let the program inherit this network socket; may be repeated
  --python-only   do without the kernel layer: no boundary, Python code only
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    command, *rest = list(sys.argv[1:] if argv is None else argv) or [""]
    before_program = rest[: rest.index("--")] if "--" in rest else rest
    if command in {"-h", "--help"} or (command in {"run", "status"} and {"-h", "--help"} & set(before_program[:1])):
        sys.stdout.write(USAGE)
        return 0
    if command == "--version":
        sys.stdout.write(f"noegress-guard {__version__}\n")
        return 0
    try:
        return _dispatch(command, rest)
    except UsageError as error:
        sys.stderr.write(f"{USAGE}\nnoegress-guard: {error}\n")
        return CONFIGURATION_ERROR if command == "run" else _USAGE_ERROR  # run's other numbers are its program's


def _dispatch(command: str, rest: Sequence[str]) -> int:
    if command == "run":
        from noegress_guard import run

        return run.main(Options(rest))
    if command == "status" and set(rest) <= {"--json"}:
        from noegress_guard import status

        return status.main(as_json=bool(rest))
    raise UsageError(f"{command or 'nothing'} is not a command; status and run are")


if __name__ == "__main__":
    sys.exit(main())
