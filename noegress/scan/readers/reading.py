"""Member → facts: chooses the reader by name and content; a member that cannot be read says so."""

import re

from noegress.artifact.member import Member
from noegress.scan.facts.facts import CARRYING, NAMING, QUIET, TELLING, UNSORTED, Facts
from noegress.scan.facts.hints import hints_of, matters, speaks
from noegress.scan.facts.python_source import is_plainly_encoded, plain_source, why_unparsed
from noegress.scan.hidden.carried import executes, unfold
from noegress.scan.readers.native_reader import is_native, read_native
from noegress.scan.readers.notebook_reader import read_notebook
from noegress.scan.readers.pickle_reader import is_pickle, read_pickle
from noegress.scan.readers.python_reader import MAX_SOURCE, parse_python, read_tree
from noegress.scan.readers.text_reader import read_opaque_source, read_text

MAX_TEXT = 40_000_000  # bytes of a script, page or settings file that are read
_SCRIPTS = (
    ".js", ".mjs", ".cjs", ".jsx", ".vue", ".svelte", ".ts", ".tsx", ".sh", ".bash", ".zsh", ".ksh", ".fish",
    ".ps1", ".psm1", ".bat", ".cmd", ".vbs", ".pl", ".pm", ".rb", ".php", ".lua", ".r", ".tcl")  # fmt: skip
_PAGES = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".tpl", ".tmpl", ".mako", ".css", ".scss", ".svg", ".xhtml")
_SETTINGS = (".yaml", ".yml", ".ini", ".toml", ".cfg", ".json", ".json5", ".conf", ".template", ".properties", ".env")
MAX_ASIDE = 256_000  # bytes of a file that could be code under another name; longer ones are data
MAX_LINES = 5000  # of a start-up or metadata file that are kept
OPAQUE = "opaque"
UNCHECKED = "unchecked"
TOO_LONG = "it is too long to be parsed"
OVERFLOW = "it overflows the parser, or the memory that a scan may have"
_STARTUP = re.compile(r"(\A|/)(sitecustomize|usercustomize)(/__init__)?\.py\Z|\.(pth|start)\Z")
_SOURCE = re.compile(rb"^[ \t]*(?:import|from)[ \t]+\w|__import__|import_module", re.MULTILINE)
_METADATA = re.compile(r"\.(dist|egg)-info/")


def facts_key(member: Member) -> str:
    """What the facts of a member depend on: its content and the reader that its name chooses."""
    reader = _reader(member.name)
    return f"{member.sha256}-{'pickle' if reader == 'other' and is_pickle(member.name, member.content) else reader}"


def read_facts(member: Member) -> Facts:
    """Read one member; Python waits as text, until ``parse_waiting`` is asked for it."""
    facts = _read(member)
    facts.sha256 = member.sha256
    return facts


def parse_waiting(facts: Facts) -> Facts:
    """The facts of a source that waits."""
    return read_source(facts.source, executing=None if facts.waits == UNSORTED else facts.waits == CARRYING)


def _read(member: Member) -> Facts:
    reader = _reader(member.name)
    content = member.content
    if reader == "startup":
        return _startup(member)
    if reader == "metadata":
        return _lines(content, "metadata")
    if reader == "python":
        return _waiting(content)
    if reader == "bytecode":
        return Facts(reader, marks=[UNCHECKED] if _is_unchecked(content) else [])
    if is_native(content):
        return read_native(content)
    if reader == "notebook":
        return read_notebook(content)
    if reader in ("script", "page", "settings"):
        facts = read_text(content[:MAX_TEXT], reader) if b"//" in content else Facts(reader)
    elif is_pickle(member.name, content):
        return read_pickle(content)
    else:
        facts = _by_first_line(content)
    return _set_aside(facts, content)


def _reader(name: str) -> str:
    lowered = name.lower()
    if _STARTUP.search(lowered):
        return "startup"
    if _METADATA.search(lowered):
        return "metadata" if lowered.endswith(("entry_points.txt", "metadata", "top_level.txt")) else "none"
    if lowered.endswith((".py", ".pyw")):
        return "python"
    if lowered.endswith(".pyc"):
        return "bytecode"
    if lowered.endswith((".d.ts", ".map", ".pyi")):
        return "type-stub"
    for reader, endings in (("script", _SCRIPTS), ("page", _PAGES), ("settings", _SETTINGS), ("notebook", (".ipynb",))):
        if lowered.endswith(endings):
            return reader
    return "other"


def _by_first_line(content: bytes) -> Facts:
    first = content[:80].partition(b"\n")[0]
    if first.startswith(b"#!") and b"python" in first:
        return _waiting(content)
    if first.startswith(b"#!"):
        return read_text(content[:MAX_TEXT], "script")
    return Facts("none")


def _set_aside(facts: Facts, content: bytes) -> Facts:
    """Keep what could be Python that calls out, for the case that other code executes this file."""
    if facts.reader != "python":
        if b"\0" in content[:8000]:
            facts.marks.append(OPAQUE)
        elif len(content) <= MAX_ASIDE and _SOURCE.search(content) and (matters(content) or executes(content)):
            facts.source = content
    return facts


def _is_unchecked(content: bytes) -> bool:
    """PEP 552: bytecode whose flags say that its source is never looked at."""
    return content[4:8] == b"\x01\0\0\0"


def _startup(member: Member) -> Facts:
    """Every line of a .pth or .start file as ``site`` splits it, and as Python what is executed of them."""
    content = member.content
    if member.name.lower().endswith(".py"):
        facts = read_source(content)
        facts.lines = _lines(content, "startup").lines
        facts.reader = "startup"
        return facts
    text = content.decode("utf-8", "replace").lstrip("\ufeff")
    lines = text.splitlines()
    # site.py: "Lines starting with import (followed by space or tab) are executed."
    executed = [(number, line) for number, line in enumerate(lines, 1) if line.startswith(("import ", "import\t"))]
    numbers = {number for number, _ in executed}
    others = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and number not in numbers]
    facts = Facts("startup", lines=sorted([*executed[:MAX_LINES], *others[:MAX_LINES]]))
    code = "\n".join(line if line.startswith(("import ", "import\t")) else "" for line in lines)
    if executed:
        read = read_source(code.encode("utf-8", "surrogateescape"))
        facts.python, facts.problem, facts.mentions = read.python, read.problem, read.mentions
        facts.source, facts.carried_imports, facts.marks = read.source, read.carried_imports, read.marks
    return facts


def _lines(content: bytes, reader: str) -> Facts:
    facts = Facts(reader)
    text = content[:1_000_000].decode("utf-8", "replace").lstrip("\ufeff")
    facts.lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()][:MAX_LINES]
    return facts


def read_source(content: bytes, *, executing: bool | None = None) -> Facts:
    """Facts of Python source; ``executing`` says whether it holds a word with which code executes data, if that is known."""
    if executing is None:
        executing = executes(plain_source(content))
    if len(content) > MAX_SOURCE:
        return read_opaque_source(content, f"{TOO_LONG}, {len(content)} bytes of at most {MAX_SOURCE}")
    try:
        tree = parse_python(content)
        if not executing:
            return Facts("python", python=read_tree(tree), source=content)
        tree, marks = unfold(tree)
        python = read_tree(tree)
        carried = sorted({row.module for row in python.imports if row.module})
        return Facts("python", python=python, source=content, carried_imports=carried, marks=marks)
    except (SyntaxError, ValueError) as error:
        return read_opaque_source(content, why_unparsed(error, content))
    except (RecursionError, MemoryError) as error:
        return read_opaque_source(content, f"{OVERFLOW} ({type(error).__name__})")


def _waiting(content: bytes) -> Facts:
    return Facts("python", source=content, waits=UNSORTED)


def sort_waiting(facts: Facts) -> None:
    """Note what in a source that waits would make it worth parsing."""
    plain = plain_source(facts.source)
    if executes(plain):
        facts.waits = CARRYING
    else:
        told = hints_of(plain)
        is_telling = speaks(told, plain) or not is_plainly_encoded(facts.source)
        facts.waits = TELLING if is_telling else NAMING if told else QUIET
