"""Which Python files are parsed at once: those that hold a word with which code calls out; the rest wait until asked for."""

import re

# A word per way out: an HTTP client or a socket, an address in quotes, a vendor's kit, a hub, a package manager, a shell.
WORDS = (
    b"requests", b"httpx", b"urllib", b"aiohttp", b"http.client", b"httplib", b"urlopen", b"urlretrieve", b"pycurl", b"curl_cffi", b"niquests",
    b"websocket", b"xmlrpc", b"posthog", b"mixpanel", b"sentry", b"amplitude", b"snowplow", b"segment", b"analytics",
    b"telemetry", b"Telemetry", b"OTLP", b"opentelemetry", b"huggingface_hub", b"from_pretrained", b"snapshot_download", b"tiktoken",
    b"SentenceTransformer", b"download", b"pooch", b"gdown", b"b64decode", b"pip", b"npx", b"curl ", b"wget ",
    b"torch.hub", b"trust_remote_code", b"embedding", b"outdated", b"update_check", b"check_update", b"latest_version", b"newer",
    b"socket", b"getaddrinfo", b"git clone", b'"git"', b"'git'", b"://", b"ServerProxy", b"ftplib", b"smtplib", b"boto3",
    b"track", b"usage", b"grpc", b"upgrade", b"npm", b"env_prefix", b"BaseSettings", b"git fetch", b"check_requirements",
)  # fmt: skip
_STRONG = re.compile(
    rb"^[ \t]*(?:from|import)[ \t]+[^\n#]*\b(?:requests|httpx|urllib|urllib2|urllib3|aiohttp|http\.client|httplib|httplib2|pycurl|curl_cffi|niquests|socket|"
    rb"websockets?|xmlrpc|ftplib|smtplib|posthog|mixpanel|sentry_sdk|amplitude|snowplow\w*|segment|analytics|rudder\w*|statsig|rollbar|bugsnag|raven|"
    rb"opentelemetry|opencensus|huggingface_hub|transformers|datasets|evaluate|sentence_transformers|diffusers|tiktoken|nltk|spacy|pooch|gdown|torch|tensorflow|keras|"
    rb"outdated|update_checker|boto3|grpc|fastembed|timm|open_clip|gensim|easyocr|stanza|whisper|faster_whisper|torchvision|pip|"
    rb"\w*(?:telemetry|analytics|tracking|_track|usage)\w*)\b"
    rb"|[\"'f]https?://|[\"']//[a-z]|[\"'](?:[a-z0-9-]+\.)+(?:com|io|org|dev|ai|sh|net|app|cloud|co)[\"'/:]|[\"']aHR0c"
    rb"|urlopen|urlretrieve|HTTPS?Connection|from_pretrained|snapshot_download|hf_hub_download|load_dataset|trust_remote_code|OTLP|"
    rb"[\"']pip3?[\"']|pip install|pip3 install|[\"']npx[\"']|[\"']npm[\"']|\bcurl |\bwget |torch\.hub|[\"']git[\"']|git clone|uv pip|[\"']uv[\"']|[\"']uvx[\"']|[\"']conda[\"']|"
    rb"embeddings?\.create|check_outdated|[Uu]pdate_?[Cc]heck|def (?:\w*check_(?:for_)?(?:\w+_)?updates?|\w*latest_(?:\w+_)?version)\w*\(|git fetch|\bcheck_requirements\(|\benv_prefix\b|BaseSettings|_telemetry|[Tt]elemetry\(|track_event|\.capture\(|\.track\(",
    re.MULTILINE,
)
_IMPORT_LINE = re.compile(
    rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]+))", re.MULTILINE
)
_NAME = re.compile(rb"[\w.]+")


def matters(source: bytes) -> bool:
    """Whether a Python file is parsed at once."""
    return any(word in source for word in WORDS) and _STRONG.search(source) is not None


def imported_words(source: bytes) -> list[str]:
    """The names on the import lines, and strings that look like module names where modules are loaded by name."""
    words: set[bytes] = set()
    if b"import" in source:
        for match in _IMPORT_LINE.finditer(source):
            for part in match.groups():
                if part:
                    words.update(_NAME.findall(part))
    if b"import_module" in source or b"__getattr__" in source or b"lazy" in source:
        words.update(re.findall(rb"[\"']\.?([A-Za-z_][\w.]*)[\"']", source))
    return sorted(word.decode("ascii", "replace") for word in words)
