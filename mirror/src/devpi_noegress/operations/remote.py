"""How a command reaches a mirror on another machine: over HTTP, with a token."""

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from devpi_noegress.errors import MirrorError
from devpi_noegress.operations.outcome import Outcome, Tell, read_outcome
from devpi_noegress.state.folder import parse_own_url
from noegress.errors import UsageError

_SECONDS = 3600  # for one operation; a large set takes its time between two lines


def perform_at(
    url: str, operation: str, arguments: Mapping[str, Any], tell: Tell, *, token: str, authority: Path | None
) -> Outcome:
    """Run an operation at a mirror's address; raises ``MirrorError`` for what it answers."""
    base = parse_own_url(url)
    _refuse_clear(base)
    context = ssl.create_default_context(cafile=authority)
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(  # noqa: S310 - parse_own_url lets http and https through, nothing else
        f"{base}/+noegress/do/{operation}", data=json.dumps(dict(arguments)).encode(), headers=headers
    )
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            outcome = read_outcome(answer, tell)
    except HTTPError as error:
        raise MirrorError(
            f"{base} answers {error.code}: {_detail(error)}", fix="see noegress mirror access list"
        ) from error
    except (URLError, OSError, ValueError) as error:
        raise MirrorError(f"{base} is not reached: {error}", fix="look at --server and --ca") from error
    if outcome is None:
        raise MirrorError(f"{base} went away before it answered", fix="see noegress mirror history there")
    return outcome


def _refuse_clear(base: str) -> None:
    parts = urlsplit(base)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise UsageError(f"{base} would get the token in the clear", fix="use https")


def _detail(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read(1 << 16))["detail"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)
