"""Which Python files are parsed at once: those that hold a word with which code calls out; the rest wait until asked for."""

import re
from collections.abc import Iterator

from noegress.scan.facts.beside import ADDRESS, INSTALL, LIBRARY, TRACING, bears_out
from noegress.scan.facts.clients import CONNECTORS
from noegress.scan.facts.pattern_search import IMPORT, Pattern, pattern_search
from noegress.scan.facts.vendors import vendor_data

_QUOTES = "\"'"
_COMMON = frozenset(
    ("asyncio", "http", "logging", "multiprocessing", "sqlalchemy", "ssl")
)  # told by a function's own name
_SUFFIXES = "com|io|org|dev|ai|sh|net|app|cloud|co"


def _imports(words: str) -> Pattern:
    """An import line that names one of some modules; ``*`` stands for any part of a name."""
    modules = words.split()
    choice = "|".join(module.replace(".", r"\.").replace("*", r"\w*") for module in modules)
    return Pattern(rf"{IMPORT}(?:{choice})\b", tuple(module.strip("*") for module in modules))


def _text(pattern: str, words: str) -> Pattern:
    return Pattern(pattern, tuple(words.split()))


# a pattern per way out: an HTTP client or a socket, a vendor's kit, a hub, an address in quotes, a package manager, a shell
HINTS = (
    _imports(
        "requests httpx urllib urllib2 urllib3 aiohttp http.client httplib httplib2 pycurl curl_cffi niquests socket websocket websockets "
        "xmlrpc ftplib smtplib boto3 grpc pip pipmaster webdriver_manager chromedriver_autoinstaller geckodriver_autoinstaller pycloudflared jdk telnetlib "
        "nntplib imaplib poplib dns paramiko asyncssh redis psycopg psycopg2 asyncpg pymysql pymongo motor paho zmq webbrowser logging.handlers "
        "multiprocessing.connection"
    ),
    _imports(" ".join(sorted({name.partition(".")[0] for name in CONNECTORS} - _COMMON))),
    _imports("outdated update_checker *analytics* *tracking* *_track* *usage*"),
    Pattern(rf"{IMPORT}(?:\w*[^\Wn])?telemetry\w*\b", ("telemetry",)),  # opentelemetry is in other hands
    _text(r"[\"']//[a-z]", "\"// '//"),
    _text(r"[\"']aHR0c", "\"aHR0c 'aHR0c"),
    _text(
        r"urlopen|urlretrieve|HTTPS?Connection|open_connection\(|create_datagram_endpoint\(|create_connection\(|get_server_certificate|create_engine\(",
        "urlopen urlretrieve HTTPConnection HTTPSConnection open_connection( create_datagram_endpoint( create_connection( "
        "get_server_certificate create_engine(",
    ),
    _text(
        r"from_pretrained|snapshot_download|hf_hub_download|load_dataset|trust_remote_code|torch\.hub|OTLP",
        "from_pretrained snapshot_download hf_hub_download load_dataset trust_remote_code torch.hub OTLP",
    ),
    Pattern(
        r"[\"'](?:pip3?|npx|npm|git|uvx?|conda)[\"']",
        tuple(f"{quote}{tool}" for tool in ("pip", "np", "git", "uv", "conda") for quote in _QUOTES),
    ),
    Pattern(
        r"[\"'](?:curl|wget|nc|ncat|socat|ssh|scp|rsync|nslookup|dig|telnet|ping6?|fping|traceroute|tracepath|mtr|whois|openssl)[ \"']|\| ?(?:nc|ncat|socat) |/dev/tcp/|Invoke-WebRequest",
        (
            *(
                f"{quote}{tool}"
                for tool in (
                    "curl",
                    "wget",
                    "nc",
                    "socat",
                    "ssh",
                    "scp",
                    "rsync",
                    "nslookup",
                    "dig",
                    "telnet",
                    "ping",
                    "fping",
                    "traceroute",
                    "tracepath",
                    "mtr",
                    "whois",
                    "openssl",
                )
                for quote in _QUOTES
            ),
            "| nc",
            "|nc",
            "| socat",
            "|socat",
            "/dev/tcp/",
            "Invoke-WebRequest",
        ),
    ),
    _text(
        r"embeddings?\.create|text-embedding-|check_outdated|[Uu]pdate_?[Cc]heck",
        "embeddings.create embedding.create text-embedding- check_outdated pdatecheck pdateCheck pdate_check pdate_Check",
    ),
    Pattern(
        r"def (?:\w*check_(?:for_)?(?:\w+_)?updates?|\w*latest_(?:\w+_)?version)\w*\(",
        part=r"(?:check_(?:for_)?(?:\w+_)?update|latest_(?:\w+_)?version)",
    ),
    _text(r"\.chmod\(|\bchmod (?:-R )?(?:\+x|7)", ".chmod( chmod"),
    _text(r"is_newer_version|newer_version_available", "is_newer_version newer_version_available"),
    _text(r"\bcheck_requirements\(|\bfind_spec\(", "check_requirements( find_spec("),
    _text(
        r"\benv_prefix\b|BaseSettings|[_.]telemetry|TELEMETRY|[Tt]elemetry\(|track_event|\.capture\(|\.track\(",
        "env_prefix BaseSettings _telemetry .telemetry TELEMETRY elemetry( track_event .capture( .track(",
    ),
)
_KITS = sorted({module.partition(".")[0] for entry in vendor_data().sdks for module in entry.modules})
_MODELS = (
    "huggingface_hub transformers datasets evaluate sentence_transformers diffusers tiktoken nltk spacy pooch gdown torch tensorflow keras "
    "fastembed timm open_clip gensim easyocr stanza whisper faster_whisper torchvision"
)
WEAK = (
    (LIBRARY, _imports(" ".join(_KITS))),
    (TRACING, _imports("opentelemetry opencensus")),
    (LIBRARY, _imports(_MODELS)),
    (ADDRESS, _text(r"[\"'f]https?://|url\(https?://", "http:// https://")),
    (ADDRESS, Pattern(rf"[\"'](?:[a-z0-9-]+\.)+(?:{_SUFFIXES})[\"'/:]", part=rf"\.(?:{_SUFFIXES})[\"'/:]")),
    (
        INSTALL,
        Pattern(
            r"pip3? install|\bcurl |\bwget |git clone|git fetch|uv pip",
            (" install", "curl ", "wget ", "git clone", "git fetch", "uv pip"),
        ),
    ),
)
"""Hints that take something beside them, and what they are about."""
_search = pattern_search((*HINTS, *(pattern for _, pattern in WEAK)))
_IMPORT_LINE = re.compile(
    rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]*(\([^()]*\)|[^\n]*)|import[ \t]+([^\n]+))", re.MULTILINE
)
_NAME = re.compile(rb"[\w.]+")


def matters(source: bytes) -> bool:
    """Whether a Python file is parsed at once."""
    return speaks(hints_of(source), source)


def hints_of(source: bytes) -> frozenset[int]:
    """The numbers of the hints in a source: of ``HINTS``, and behind them of ``WEAK``."""
    return _search(source)


def speaks(found: frozenset[int], source: bytes) -> bool:
    """Whether a source with these hints may call out by itself."""
    if not found:
        return False
    return min(found) < len(HINTS) or bears_out({WEAK[number - len(HINTS)][0] for number in found}, source)


def imported_words(source: bytes) -> list[str]:
    """The names on the import lines, also behind the module that they are taken from.

    And strings that look like module names, where modules are loaded by name.
    """
    words: set[bytes] = set()
    for match in _import_lines(source):
        module, taken, modules = match.groups()
        names = _NAME.findall(modules or taken)
        words.update(names)
        if module:
            words.add(module)
            words.update(module + b"." + name for name in names)
    if b"import_module" in source or b"__getattr__" in source or b"lazy" in source:
        words.update(re.findall(rb"[\"']\.?([A-Za-z_][\w.]*)[\"']", source))
    return sorted(word.decode("ascii", "replace") for word in words)


def _import_lines(source: bytes) -> Iterator[re.Match[bytes]]:
    """The lines that import, with all that stands in their brackets; only lines that hold the word are looked at."""
    end = 0
    while (word := source.find(b"import", end)) >= 0:
        start = source.rfind(b"\n", end, word) + 1
        # without a line end in between, this line was looked at before
        match = _IMPORT_LINE.match(source, start) if start or not end else None
        if match is not None:
            yield match
        end = max(word + 6, match.end() if match is not None else 0)
