"""Pickles: what they import and call when they are loaded, read from their instructions and never loaded."""

import io
import pickletools
import re

from noegress.scan.carried import HIDDEN
from noegress.scan.facts import Facts

MAX_PICKLE = 64 << 20  # bytes; longer ones come in windows, which are no whole pickle
UNTOLD = "a name that it puts together"
MAX_STEPS = 2_000_000  # instructions; a table of a million numbers has two each
# what nothing but an attack has a pickle call; how data is rebuilt lies elsewhere
_EXECUTES = re.compile(
    r"(os|posix|nt|subprocess|pty|runpy|socket|_socket|ssl|urllib|http|ftplib|smtplib|requests|httpx|urllib3|aiohttp|webbrowser|importlib|imp|pkgutil|code|commands|"
    r"ctypes|marshal|shutil|pip|asyncio|multiprocessing|threading|_thread|timeit|cProfile|pdb|bdb|idlelib|nturl2path|xmlrpc)(\.|\Z)|"
    r"types\.(CodeType|FunctionType)|sys\.(modules|settrace|setprofile)|operator\.(attrgetter|methodcaller)|"
    r"(__builtin__|builtins)\.(exec|eval|execfile|compile|__import__|open|input|globals|vars|breakpoint)\Z|(cloudpickle|dill)\b.*(make_function|make_skel_func|create_function|create_code|CodeType)"
)
_NAMES = (".pkl", ".pickle", ".pck", ".joblib", ".dill")
_FINE = frozenset(("os.PathLike", "os.stat_result", "posix.stat_result", "os.terminal_size", "multiprocessing.context"))


def is_pickle(name: str, content: bytes) -> bool:
    """A pickle by its name, or by its first and last byte."""
    if not content.endswith(b"."):
        return False
    return name.lower().endswith(_NAMES) or (content[:1] == b"\x80" and content[1:2] in b"\x02\x03\x04\x05")


def read_pickle(content: bytes) -> Facts:
    """Facts with a mark for everything that a pickle executes."""
    facts = Facts("pickle")
    called = sorted(
        name for name in _imported(content) if name == UNTOLD or (_EXECUTES.match(name) and name not in _FINE)
    )
    facts.marks = [f"{HIDDEN}0:calls {name} when it is unpickled" for name in called[:5]]
    return facts


def _imported(content: bytes) -> set[str]:
    names: set[str] = set()
    stack = _Texts()
    try:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(io.BytesIO(content))):
            if opcode.name in ("GLOBAL", "INST"):
                names.add(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL":
                names.add(stack.pair())
            stack.take(opcode.name, argument)
            if step > MAX_STEPS:
                break
    except (ValueError, IndexError, OverflowError, MemoryError):
        return names  # no whole pickle: what comes before the damage would be executed all the same
    return names


class _Texts:
    """The texts that a pickle pushes or takes from its memo, the last two of them."""

    def __init__(self) -> None:
        self._last = ["", ""]
        self._memo: dict[int, str] = {}

    def take(self, opcode: str, argument: object) -> None:
        """Follow one instruction; what pushes no text pushes an empty one."""
        if opcode == "MEMOIZE":
            self._memo[len(self._memo)] = self._last[-1]
        elif "PUT" in opcode:
            self._memo[int(str(argument))] = self._last[-1]
        elif opcode.endswith("GET"):
            self._last = [self._last[-1], self._memo.get(int(str(argument)), "")]
        elif opcode not in ("PROTO", "FRAME"):
            self._last = [self._last[-1], argument if isinstance(argument, str) else ""]

    def pair(self) -> str:
        """Module and name for an import; one that is put together otherwise is told as such."""
        return ".".join(self._last) if all(self._last) else UNTOLD
