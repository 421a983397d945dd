"""Python source as its interpreter takes it: its encoding, its line ends, its identifiers, and whether it is Python 2."""

import codecs
import re
import unicodedata

_COOKIE = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))?[ \t\f]*#[^\r\n]*?coding[:=][ \t]*([-\w.]+)"
)  # PEP 263: in the first or the second line
# what these make of a byte below 128 is ASCII; what is searched for is ASCII too
_PLAIN = re.compile(r"utf_?8|ascii|us_ascii|latin|l1\Z|iso_?8859|iso_ir|cp125|windows_125|koi8")
# print and exec as statements, raise with a comma, backticks, octal numbers, <> and ur"": an error in every Python 3
_OLD = re.compile(
    rb"\A[ \t]*(?:print[ \t]+[^(=\s]|exec[ \t]+[^(=\s]|print[ \t]*>>|raise[ \t]+[\w.]+[ \t]*,)|:[ \t]*print[ \t]+[^(=\s]|`|(?<![\w.])0[0-7]{2,}\b(?![.eEjJ])|(?<!\w)ur[\"']|<>"
)
_STRING = re.compile(rb"(?<!\w)[bBrRuU]{0,2}(?:\"(?:[^\"\\\n]|\\.){0,2000}\"|'(?:[^'\\\n]|\\.){0,2000}')")
# what no Python 2 knows: a file that holds it is a newer Python 3 than ours, whatever its error looks like
_NEW = re.compile(
    rb"(?<!\w)(?:[fFtT][rR]?|[rR][fFtT])[\"']|:=|\basync[ \t]+def\b|\bnonlocal\b|\)[ \t]*->|^[ \t]*type[ \t]+\w+|\bexcept[ \t]*\*",
    re.MULTILINE,
)


MAX_LINE = 1000  # bytes of the line of an error that are looked at


def plain_source(content: bytes) -> bytes:
    """The source in one form for searches: UTF-8, line feeds, no continued lines, identifiers as Python normalises them."""
    text = content
    if b"coding" in content[:400]:
        text = _decoded(content)
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\f" in text:
        text = text.replace(b"\f", b" ")
    if b"\\\n" in text:
        text = text.replace(b"\\\n", b"")
    return text if text.isascii() else _normalised(text)


def _decoded(content: bytes) -> bytes:
    match = _COOKIE.match(content)
    name = match[1].decode("ascii").lower().replace("-", "_") if match else "utf_8"
    if _PLAIN.match(name):
        return content
    try:
        if not getattr(codecs.lookup(name), "_is_text_encoding", False):
            return content  # the interpreter refuses it, and the parser will
        return content.decode(name).encode("utf-8", "surrogatepass")
    except (LookupError, ValueError):
        return content


def _normalised(content: bytes) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    if unicodedata.is_normalized("NFKC", text):
        return content
    return unicodedata.normalize("NFKC", text).encode("utf-8", "surrogateescape")


def why_unparsed(error: SyntaxError | ValueError, content: bytes) -> str:
    """Why a source does not parse; ``python2`` or ``template`` where no Python 3 can run it: nothing hides in it."""
    if not isinstance(error, SyntaxError):
        return str(error)
    message = error.msg or ""
    if is_plainly_encoded(content) and not _NEW.search(content):
        line = content.split(b"\n")[(error.lineno or 1) - 1 : error.lineno or 1]
        if "Missing parentheses in call to" in message or any(_is_old(text) for text in line):
            return "python2"
        if any(b"{%" in _STRING.sub(b"", text[:MAX_LINE]) for text in line):
            return "template"
    return f"line {error.lineno or 0}: {message}"


def is_plainly_encoded(content: bytes) -> bool:
    """Whether a source holds no null and is in an encoding whose ASCII is ASCII: else only a parser can tell what it says."""
    if b"\0" in content:
        return False
    match = _COOKIE.match(content[:400]) if b"coding" in content[:400] else None
    if match is not None:
        return bool(_PLAIN.match(match[1].decode("ascii").lower().replace("-", "_")))
    return content.isascii() or _is_utf8(content)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_old(line: bytes) -> bool:
    return _OLD.search(_STRING.sub(b"''", line[:MAX_LINE]).partition(b"#")[0]) is not None
