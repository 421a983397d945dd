"""The OSV protocol (``/v1/query``, ``/v1/querybatch``, ``/v1/vulns/ID``) over the imported advisories.

Unmodified ``pip-audit -s osv --osv-url …/v1/query`` and ``uv audit --service-url …`` ask it.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from devpi_noegress.advisories.archive import Advisories
from devpi_noegress.http.answers import NO_STORE, Answer, answer, problem


def osv_answer(advisories: Advisories, method: str, path: str, body: bytes) -> Answer:
    """Answer one request; ``path`` begins with ``v1/``."""
    info = advisories.info
    if info is None:
        reason = "no advisories were imported: noegress mirror advisories import all.zip"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, reason, title="No advisories")
    age = [("X-Noegress-Advisories-Date", info.newest.isoformat()), NO_STORE]
    if method == "GET" and path.startswith("v1/vulns/"):
        record = advisories.record(path.removeprefix("v1/vulns/"))
        if record is None:
            return problem(HTTPStatus.NOT_FOUND, "there is no such advisory", title="Not found", headers=age[:1])
        return _json(record, age)
    if method != "POST" or path not in ("v1/query", "v1/querybatch"):
        return problem(HTTPStatus.NOT_FOUND, "the protocol has no such address", title="Not found")
    try:
        asked = json.loads(body)
        if path == "v1/query":
            records = _about(advisories, asked)
            return _json({"vulns": records} if records else {}, age)
        results = [_brief(_about(advisories, item)) for item in asked["queries"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return problem(HTTPStatus.BAD_REQUEST, f"this is no OSV query: {type(error).__name__}", title="Bad request")
    return _json({"results": results}, age)


def _about(advisories: Advisories, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    package = query["package"]
    if package.get("ecosystem", "PyPI") != "PyPI":
        return []
    version = query.get("version")
    return advisories.about(str(package["name"]), None if version is None else str(version))


def _brief(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {"vulns": [{"id": record["id"], "modified": record["modified"]} for record in records]} if records else {}


def _json(document: Mapping[str, Any], headers: list[tuple[str, str]]) -> Answer:
    return answer(HTTPStatus.OK, json.dumps(document).encode(), kind="application/json", headers=headers)
