"""Pickles: what they import and call when they are loaded, read from their instructions and never loaded."""

import io
import pickletools
import re
from collections.abc import Iterable, Iterator

from noegress.scan.facts.facts import Facts
from noegress.scan.hidden.carried import HIDDEN

MAX_PICKLE = 64 << 20  # bytes; longer ones come in windows, which are no whole pickle
UNTOLD = "a name that it puts together"
_SHORT = 64  # bytes of a text that is passed over without a look
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
    """The names that it imports; the texts that it pushes are followed where one of them may be such a name."""
    found, takes_from_stack = _walked(content, _DULL)
    return _walked(content, _DULL_BETWEEN_TEXTS)[0] if takes_from_stack else found


def _walked(content: bytes, dull: re.Pattern[bytes]) -> tuple[set[str], bool]:
    names: set[str] = set()
    stack, takes_from_stack, is_behind = _Texts(), False, False
    try:
        for opcode, argument, is_after_others in _instructions(content, dull):
            is_behind &= opcode != "PROTO"
            if is_after_others:
                stack.pass_over()
            if opcode in ("GLOBAL", "INST"):
                names.add(str(argument).replace(" ", "."))
            elif opcode == "STACK_GLOBAL":
                takes_from_stack = True
                # what stands behind a pickle and has no beginning of its own may be data that only looks like one
                names |= {stack.pair()} - ({UNTOLD} if is_behind else set())
            if opcode == "STOP":
                stack, is_behind = _Texts(), True
            stack.take(opcode, argument)
    except (ValueError, IndexError, OverflowError, MemoryError):
        pass  # no whole pickle: what comes before the damage would be executed all the same
    return names, takes_from_stack


def _instructions(content: bytes, dull: re.Pattern[bytes]) -> Iterator[tuple[str, object, bool]]:
    """Instructions with their arguments, and whether dull ones were passed over before each.

    Also of what stands behind the first pickle, for whoever loads twice.
    Most of a large pickle is data: that is passed over by a regular expression, at a tenth of the cost.
    """
    stream, position = io.BytesIO(content), 0
    while position < len(content):
        found = dull.match(content, position)
        begin = found.end() if found is not None else position
        opcode = _OPCODES.get(content[begin : begin + 1])
        if opcode is None:
            return
        stream.seek(begin + 1)
        argument = opcode.arg.reader(stream) if opcode.arg is not None else None
        yield opcode.name, argument, begin > position
        position = stream.tell()


def _passing_over(opcodes: Iterable[pickletools.OpcodeInfo]) -> re.Pattern[bytes]:
    """What matches any number of these instructions, those with a long text or bytes excepted."""
    forms = [form for opcode in opcodes if (form := _form(opcode)) is not None]
    return re.compile(b"(?:" + b"|".join(forms) + b")*+", re.DOTALL)


def _form(opcode: pickletools.OpcodeInfo) -> bytes | None:
    code = re.escape(opcode.code.encode("latin-1"))
    size = 0 if opcode.arg is None else opcode.arg.n
    if size >= 0:
        return code + b".{%d}" % size
    if size == pickletools.UP_TO_NEWLINE:
        return code + rb"[^\n]*\n"
    width = _WIDTHS.get(size)
    if width is None:
        return None
    lengths = (re.escape(count.to_bytes(width, "little")) + b".{%d}" % count for count in range(_SHORT))
    return code + b"(?:" + b"|".join(lengths) + b")"


_WIDTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
}
_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_IMPORTS = frozenset(("GLOBAL", "INST", "STACK_GLOBAL", "STOP"))
_MEMO = re.compile("MEMOIZE|.*(GET|PUT)|PROTO|FRAME")
_DULL = _passing_over(opcode for opcode in pickletools.opcodes if opcode.name not in _IMPORTS)
_DULL_BETWEEN_TEXTS = _passing_over(
    opcode
    for opcode in pickletools.opcodes
    if opcode.name not in _IMPORTS
    and not _MEMO.fullmatch(opcode.name)
    and not any(str(kind) in ("str", "bytes_or_str") for kind in opcode.stack_after)
)


class _Texts:
    """The texts that a pickle pushes or takes from its memo, the last two of them."""

    def __init__(self) -> None:
        self._last = ["", ""]
        self._memo: dict[int, str] = {}

    def pass_over(self) -> None:
        """Follow instructions that push no text, one or many."""
        self._last = ["", ""]

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
