"""The upstream is believed in nothing that can be checked; each attack is a change of a real server's answer."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from devpi_noegress.errors import UpstreamError
from devpi_noegress.files import IndexFile
from devpi_noegress.limits import Limits
from devpi_noegress.upstream.index import Upstream
from devpi_noegress.upstream.page import parse_page
from mirror_lab import SIMPLE_JSON, Index, build_wheel, send
from packaging.utils import NormalizedName

DEMO = NormalizedName("demo")
BASE = "https://index.example/simple/demo/"
LIMITS = Limits(page_bytes=100_000, file_bytes=1 << 20, idle_seconds=0.6, page_seconds=1.2, file_seconds=1.2)


@pytest.fixture
def upstream(index: Index) -> Iterator[Upstream]:
    made = Upstream(index.url, LIMITS)
    yield made
    made.close()


def document(**file: Any) -> dict[str, Any]:
    filename, _content = build_wheel("demo", "1.0")
    told = {"filename": filename, "url": f"../../files/{filename}", "hashes": {"sha256": "a" * 64}, **file}
    return {"meta": {"api-version": "1.1"}, "name": "Demo", "files": [told]}


def only_file(**file: Any) -> IndexFile:
    (found,) = parse_page(document(**file), project=DEMO, url=BASE).files
    return found


def first_file(upstream: Upstream) -> IndexFile:
    page = upstream.page(DEMO)
    assert page is not None
    return page.files[0]


def test_a_page_keeps_what_the_specifications_name(index: Index, upstream: Upstream) -> None:
    index.publish(
        "demo", "1.0", told={"yanked": "broken", "provenance": f"{index.address}/p", "requires-python": ">=3.9"}
    )
    index.status["demo"] = {"status": "archived", "reason": "done"}
    page = upstream.page(DEMO)
    assert page is not None
    (file,) = page.files
    assert (file.version, file.yanked, file.requires_python) == ("1.0", "broken", ">=3.9")
    assert file.upload_time is not None
    assert file.upload_time.year == 2020
    assert (page.status, page.status_reason) == ("archived", "done")
    assert file.provenance == f"{index.address}/p"


def test_a_project_that_the_upstream_does_not_have_is_none(upstream: Upstream) -> None:
    assert upstream.page(DEMO) is None


def test_a_file_is_fetched_whole(index: Index, upstream: Upstream) -> None:
    published = index.publish("demo", "1.0")
    target = io.BytesIO()
    assert upstream.fetch(first_file(upstream), target) == len(published.content)
    assert target.getvalue() == published.content


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"hashes": {"sha256": "0" * 64}}, "sha256 differs"),
        ({"size": 10}, "longer than 10 bytes"),
        ({"size": 10_000}, "has .* bytes, the upstream's page told 10000"),
        ({"size": 10 << 30}, "more than the mirror takes"),
    ],
)
def test_a_file_that_is_not_what_the_page_told_is_not_taken(
    index: Index, upstream: Upstream, told: dict[str, Any], said: str
) -> None:
    index.publish("demo", "1.0", told=told)
    with pytest.raises(UpstreamError, match=said):
        upstream.fetch(first_file(upstream), io.BytesIO())


def test_a_file_of_unknown_size_ends_at_the_limit(index: Index, upstream: Upstream) -> None:
    index.publish_file("demo", "demo-1.0-py3-none-any.whl", bytes(2 << 20), {"size": None})
    target = io.BytesIO()
    with pytest.raises(UpstreamError, match="longer than 1048576 bytes"):
        upstream.fetch(first_file(upstream), target)
    assert len(target.getvalue()) <= 1 << 20


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "other"}, "page of 'other' for demo"),
        ({"name": None}, "page of 'None' for demo"),
        ({"meta": {"api-version": "2.0"}}, "API version '2.0'"),
        ({"meta": []}, "API version ''"),
        ({"files": "none"}, "no list of files"),
    ],
)
def test_a_page_that_cannot_be_believed_is_refused_whole(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UpstreamError, match=said):
        parse_page(document() | changed, project=DEMO, url=BASE)


@pytest.mark.parametrize(
    "changed",
    [
        {"filename": "other-1.0-py3-none-any.whl"},
        {"filename": "../demo-1.0-py3-none-any.whl"},
        {"filename": "..\\demo-1.0-py3-none-any.whl"},
        {"filename": "demo-1.0.exe"},
        {"filename": "demo-banana-py3-none-any.whl"},
        {"filename": 7},
        {"filename": "demo-1.0-py3-none-" + "a" * 250 + ".whl"},
        {"hashes": {"md5": "a" * 32}},
        {"hashes": {"sha256": "A" * 64}},
        {"hashes": {"sha256": "../../../etc/passwd"}},
        {"url": "file:///etc/passwd"},
        {"url": "http://index.example/plain-http-under-https.whl"},
        {"url": "https://user:word@index.example/x.whl"},
        {"url": None},
        {"url": "https://index.example/\ud800.whl"},
        {"url": "https://index.example/\x00.whl"},
    ],
)
def test_an_entry_that_must_not_be_used_is_skipped_and_counted(changed: dict[str, Any]) -> None:
    page = parse_page(document(**changed), project=DEMO, url=BASE)
    assert (page.files, page.skipped) == ((), 1)


@pytest.mark.parametrize(
    "told",
    [
        "yesterday",
        "2020-01-01T00:00:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T23:59:59Z",
        5,
        None,
        "",
    ],
)
def test_an_upload_time_that_cannot_be_read_is_unknown(told: object) -> None:
    assert only_file(**{"upload-time": told}).upload_time is None


@pytest.mark.parametrize(
    ("told", "expected"), [(-1, None), (True, None), ("12", None), (0, 0), (12, 12), (10**30, None)]
)
def test_a_size_is_a_whole_number_or_unknown(told: object, expected: int | None) -> None:
    assert only_file(size=told).size == expected


def test_what_nothing_can_encode_costs_no_page() -> None:
    """JSON may hold halves of characters; an entry that does must not take the whole project with it."""
    file = only_file(yanked="a\ud800b\r\nc", **{"requires-python": ">=3\ud800"})
    assert (file.yanked, file.requires_python) == ("a\ufffdb\ufffd\ufffdc", None)
    status = {"project-status": {"status": "\ud800", "reason": "\udfff"}}
    page = parse_page(document() | status, project=DEMO, url=BASE)
    assert (page.status, page.status_reason) == ("\ufffd", "\ufffd")


def test_the_newer_key_for_core_metadata_wins() -> None:
    told = {"core-metadata": {"sha256": "b" * 64}, "dist-info-metadata": {"sha256": "c" * 64}}
    assert only_file(**told).core_metadata == "b" * 64


def test_a_redirect_stays_on_the_host(index: Index, upstream: Upstream) -> None:
    index.publish("demo", "1.0")
    index.answers["/simple/demo/"] = lambda request: send(request, b"", status=301, headers={"Location": "/moved/"})
    index.answers["/moved/"] = lambda request: send(request, json.dumps(index.page("demo")).encode(), kind=SIMPLE_JSON)
    assert first_file(upstream).version == "1.0"


@pytest.mark.parametrize(
    "location", ["http://127.0.0.2:1/simple/demo/", "https://elsewhere.example/", "file:///etc/passwd"]
)
def test_a_redirect_elsewhere_is_not_followed(index: Index, upstream: Upstream, location: str) -> None:
    index.answers["/simple/demo/"] = lambda request: send(request, b"", status=302, headers={"Location": location})
    with pytest.raises(UpstreamError, match="redirects to another place"):
        upstream.page(DEMO)


def test_redirects_without_end_are_given_up(index: Index, upstream: Upstream) -> None:
    index.answers["/simple/demo/"] = lambda request: send(
        request, b"", status=302, headers={"Location": "/simple/demo/"}
    )
    with pytest.raises(UpstreamError, match="without end"):
        upstream.page(DEMO)


def drip(request: BaseHTTPRequestHandler) -> None:
    """A byte every 50 ms: no single wait is long, the whole is endless."""
    request.send_response(200)
    request.send_header("Content-Length", "1000000")
    request.end_headers()
    with suppress(OSError):
        for _ in range(400):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.05)


def stall(request: BaseHTTPRequestHandler) -> None:
    time.sleep(3)
    send(request, b"{}")


def cut(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"{")
    request.close_connection = True


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda request: send(request, b"<html>"), "is no JSON"),
        (lambda request: send(request, b"[" * 50_000), "no JSON|nests too deeply"),
        (lambda request: send(request, bytes(200_000)), "longer than 100000 bytes"),
        (lambda request: send(request, b"", status=500), "answers 500"),
        (lambda request: send(request, b"", status=304), "answers 304"),
        (lambda request: send(request, b"not gzip", headers={"Content-Encoding": "gzip"}), "be unpacked"),
        (cut, "broke off its answer"),
        (drip, "did not finish within 1.2 s"),
        (stall, "did not answer within 0.6 s"),
    ],
)
def test_trouble_on_the_wire_names_itself(
    index: Index, upstream: Upstream, answer: Callable[[BaseHTTPRequestHandler], None], said: str
) -> None:
    index.answers["/simple/demo/"] = answer
    with pytest.raises(UpstreamError, match=said):
        upstream.page(DEMO)


def test_an_upstream_that_is_down_is_not_reached(index: Index) -> None:
    index.close()
    upstream = Upstream(index.url, LIMITS)
    with pytest.raises(UpstreamError, match="is not reached: Connection refused"):
        upstream.page(DEMO)
    upstream.close()


def test_a_page_that_has_not_changed_is_not_sent_again(index: Index, upstream: Upstream) -> None:
    index.answers["/simple/demo/"] = lambda request: send(request, b"", status=304, headers={"ETag": '"1"'})
    page = upstream.page(DEMO, etag='"1"')
    assert page is not None
    assert (page.files, page.etag) == ((), '"1"')


def test_a_neighbour_of_an_index_is_reached_before_the_index_was_asked(index: Index) -> None:
    published = index.publish("demo", "1.0")
    asked = Upstream(index.url, LIMITS)
    file = first_file(asked)
    asked.close()
    again = Upstream(index.url, LIMITS)  # another process, with the page from the one before
    target = io.BytesIO()
    again.fetch(replace(file, url=file.url.replace("127.0.0.1", "localhost")), target)
    again.close()
    assert target.getvalue() == published.content


@pytest.mark.parametrize("host", ["8.8.8.8", "10.0.0.1", "169.254.1.1", "no-such-host.invalid"])
def test_an_index_that_is_elsewhere_leads_to_no_neighbour_before_it_was_asked(index: Index, host: str) -> None:
    index.publish("demo", "1.0")
    asked = Upstream(index.url, LIMITS)
    file = first_file(asked)
    asked.close()
    elsewhere = Upstream(f"http://{host}/simple/", LIMITS)
    with pytest.raises(UpstreamError, match="a loopback address"):
        elsewhere.fetch(file, io.BytesIO())
    elsewhere.close()


class Breaking:
    """A file's handler that breaks off after ``after`` bytes, ``times`` times; perhaps one that knows ranges."""

    def __init__(
        self, content: bytes, *, times: int, after: int, knows_ranges: bool, then: bytes | None = None
    ) -> None:
        self._content, self._then = content, then
        self._left, self._after, self._knows_ranges = times, after, knows_ranges
        self.asked: list[str | None] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self._knows_ranges else 0
        content = self._then if self._then is not None and len(self.asked) > 1 else self._content
        body = content[first:]
        request.send_response(206 if first else 200)
        if first:
            request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.close_connection = True
        self._left -= 1
        request.wfile.write(body if self._left < 0 else body[: self._after])


@pytest.fixture
def large(index: Index) -> bytes:
    content: bytes = index.publish("demo", "1.0", files={"demo/data.txt": "x".join(map(str, range(40_000)))}).content
    return content


@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_breaks_off_is_asked_for_again_from_there(
    index: Index,
    upstream: Upstream,
    large: bytes,
    times: int,
    knows_ranges: bool,  # noqa: FBT001
) -> None:
    file, target = first_file(upstream), io.BytesIO()
    breaking = Breaking(large, times=times, after=20_000, knows_ranges=knows_ranges)
    index.answers[f"/files/{file.filename}"] = breaking
    assert upstream.fetch(file, target) == len(large)
    assert target.getvalue() == large
    ends = [f"bytes={20_000 * (number + 1 if knows_ranges else 1)}-" for number in range(times)]
    assert breaking.asked == [None, *ends]


def test_a_file_that_breaks_off_again_and_again_says_so(index: Index, upstream: Upstream, large: bytes) -> None:
    file = first_file(upstream)
    breaking = index.answers[f"/files/{file.filename}"] = Breaking(large, times=9, after=100, knows_ranges=True)
    with pytest.raises(UpstreamError, match="broke off its answer"):
        upstream.fetch(file, io.BytesIO())
    assert len(breaking.asked) == 3


def test_the_rest_of_another_file_is_not_taken(index: Index, upstream: Upstream, large: bytes) -> None:
    file, other = first_file(upstream), bytes(reversed(large))
    index.answers[f"/files/{file.filename}"] = Breaking(large, times=1, after=100, knows_ranges=True, then=other)
    with pytest.raises(UpstreamError, match="its sha256 differs"):
        upstream.fetch(file, io.BytesIO())


def test_a_page_that_breaks_off_is_asked_for_again(index: Index, upstream: Upstream) -> None:
    index.publish("demo", "1.0")
    page = json.dumps(index.page("demo")).encode()
    asked: list[str] = []

    def breaking(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_response(200)
        request.send_header("Content-Type", SIMPLE_JSON)
        request.send_header("Content-Length", str(len(page)))
        request.end_headers()
        request.close_connection = True
        request.wfile.write(page if len(asked) > 1 else page[:50])

    index.answers["/simple/demo/"] = breaking
    assert first_file(upstream).version == "1.0"
    assert len(asked) == 2
