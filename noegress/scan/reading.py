"""Member → facts: chooses the reader by name and content; a member that cannot be read says so."""

import re

from noegress.artifact.member import Member
from noegress.scan.facts import Facts
from noegress.scan.hints import imported_words, matters
from noegress.scan.native_reader import is_native, read_native
from noegress.scan.notebook_reader import read_notebook
from noegress.scan.python_reader import MAX_SOURCE, read_python
from noegress.scan.text_reader import read_opaque_source, read_text

MAX_TEXT = 40_000_000  # bytes of a script, page or settings file that are read
_SCRIPTS = (".js", ".mjs", ".cjs", ".jsx", ".vue", ".svelte", ".ts", ".tsx", ".sh", ".bash", ".ps1", ".bat", ".cmd")
_PAGES = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".tpl", ".tmpl", ".mako", ".css", ".scss", ".svg", ".xhtml")
_SETTINGS = (".yaml", ".yml", ".ini", ".toml", ".cfg", ".json", ".json5", ".conf", ".template", ".properties", ".env")
_STARTUP = re.compile(r"(\A|/)(sitecustomize|usercustomize)\.py\Z|\.(pth|start)\Z")
_METADATA = re.compile(r"\.(dist|egg)-info/")


def facts_key(member: Member) -> str:
    """What the facts of a member depend on: its content and the reader that its name chooses."""
    return f"{member.sha256}-{_reader(member.name)}"


def read_facts(member: Member, *, whole: bool = False) -> Facts:
    """Read one member; ``whole`` parses Python even where nothing in it calls out."""
    reader = _reader(member.name)
    content = member.content
    if reader == "startup":
        return _startup(member)
    if reader == "metadata":
        return _lines(content, "metadata")
    if reader in ("python", "type-stub"):
        return _python(content, whole=whole) if reader == "python" else Facts("none")
    if is_native(content):
        return read_native(content)
    if reader == "notebook":
        return read_notebook(content)
    if reader in ("script", "page", "settings"):
        return read_text(content[:MAX_TEXT], reader) if b"//" in content else Facts(reader)
    return _by_first_line(content)


def _reader(name: str) -> str:
    lowered = name.lower()
    if _STARTUP.search(lowered):
        return "startup"
    if _METADATA.search(lowered):
        return "metadata" if lowered.endswith(("entry_points.txt", "metadata", "top_level.txt")) else "none"
    if lowered.endswith((".py", ".pyw")):
        return "python"
    if lowered.endswith((".d.ts", ".map", ".pyi")):
        return "type-stub"
    for reader, endings in (("script", _SCRIPTS), ("page", _PAGES), ("settings", _SETTINGS), ("notebook", (".ipynb",))):
        if lowered.endswith(endings):
            return reader
    return "other"


def _by_first_line(content: bytes) -> Facts:
    first = content[:80].partition(b"\n")[0]
    if first.startswith(b"#!") and b"python" in first:
        return _python(content, whole=False)
    if first.startswith(b"#!"):
        return read_text(content[:MAX_TEXT], "script")
    return Facts("none")


def _startup(member: Member) -> Facts:
    facts = _lines(member.content, "startup")
    if member.name.lower().endswith(".py"):
        parsed = _python(member.content, whole=True)
        facts.python, facts.problem, facts.mentions = parsed.python, parsed.problem, parsed.mentions
    return facts


def _lines(content: bytes, reader: str) -> Facts:
    facts = Facts(reader)
    text = content[:1_000_000].decode("utf-8", "replace").lstrip("\ufeff")
    facts.lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()][:5000]
    return facts


def _python(content: bytes, *, whole: bool) -> Facts:
    if not whole and not matters(content):
        return Facts("python", source=content.decode("utf-8", "surrogateescape"), imports=imported_words(content))
    if len(content) > MAX_SOURCE:
        return read_opaque_source(content, f"it has {len(content)} bytes, and sources over {MAX_SOURCE} are not parsed")
    try:
        return Facts("python", python=read_python(content), imports=imported_words(content))
    except (SyntaxError, ValueError) as error:
        return read_opaque_source(content, _reason(error, content))
    except (RecursionError, MemoryError) as error:
        return read_opaque_source(content, f"its nesting overflows the parser ({type(error).__name__})")


_OLD = re.compile(
    rb"^[ \t]*(?:print[ \t]+[^(=\s]|exec[ \t]+[^(=\s]|print[ \t]*>>|raise[ \t]+[\w.]+[ \t]*,|from[ \t]+\w+[ \t]+import[ \t]+unicode)"
    rb"|\b0[0-7]{2,}\b(?!\.)|[^\w]ur[\"']|<>",
    re.MULTILINE,
)


def _reason(error: SyntaxError | ValueError, content: bytes) -> str:
    """Python 2 is told apart: no Python 3 can run it, so nothing hides in it."""
    if isinstance(error, SyntaxError) and b"\0" not in content:
        line = content.split(b"\n")[(error.lineno or 1) - 1 : error.lineno or 1]
        message = error.msg or ""
        if "Missing parentheses in call to" in message or any(_OLD.search(text) for text in line):
            return "python2"
        return f"line {error.lineno or 0}: {message}"
    return str(error)
