"""What an outsider may try against a real server: nothing that was not admitted leaves, and nothing changes."""

import base64
import gzip
import itertools
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from mirror_lab import SIMPLE_JSON, Got, Index, Published, Served, build_wheel, make_mirror, send, serving

METHODS = ("PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "PUSH", "PROPFIND", "MOVE", "get", "CONNECT")
OVERRIDES = {
    "X-HTTP-Method-Override": "DELETE",
    "X-HTTP-Method": "PUT",
    "X-Method-Override": "PUT",
    "X-Original-URL": "/root/pypi/+simple/attack-refused/",
    "X-Rewrite-URL": "/root/pypi/+simple/attack-refused/",
    "X-Outside-Url": "http://elsewhere.example",
    "X-Forwarded-Host": "elsewhere.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/elsewhere",
    "X-Devpi-Auth": "cm9vdDo=",  # root, with the empty password that devpi comes with
    "X-Devpi-Replica-Uuid": "a" * 32,
    "X-Devpi-Expected-Primary-Id": "x",
    "X-Accel-Redirect": "/+files/",
}


@pytest.fixture(scope="module")
def refused(shared_index: Index, mirror: Served) -> Published:
    published = shared_index.publish("attack-refused", "1.0", record_of="a lie", files={"secret.txt": "not to be seen"})
    mirror.page("attack-refused")
    assert mirror.get(mirror.file_path(published.content, published.filename)).status == 403
    return published


@pytest.fixture(scope="module")
def admitted(shared_index: Index, mirror: Served) -> Published:
    published = shared_index.publish("attack-clean", "1.0")
    mirror.page("attack-clean")
    assert mirror.get(mirror.file_path(published.content, published.filename)).status == 200
    return published


def raw(served: Served, request: bytes) -> bytes:
    """Send bytes as they are, and give what comes back within two seconds or until it ends."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=2) as connection:
        connection.sendall(request)
        received = b""
        try:
            while piece := connection.recv(1 << 16):
                received += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def is_closed(got: Got, refused: Published) -> bool:
    return got.status in (301, 307, 400, 401, 403, 404, 405, 501) and not leaks(got.body, refused)


def leaks(body: bytes, refused: Published) -> bool:
    return any(part in body for part in (refused.content[:64], b"Metadata-Version", b"not to be seen"))


@pytest.mark.parametrize("method", METHODS)
def test_no_method_but_reading(method: str, refused: Published, admitted: Published, mirror: Served) -> None:
    before = mirror.page("attack-clean")
    paths = [mirror.file_path(item.content, item.filename) for item in (refused, admitted)]
    for path in (*paths, "/root/curated/+simple/attack-clean/", "/root/curated/", "/mallory", "/+noegress/"):
        assert is_closed(mirror.get(path, method=method), refused), path
    assert mirror.page("attack-clean") == before


@pytest.mark.parametrize("header", OVERRIDES)
def test_no_header_opens_a_refused_file_or_changes_a_page(
    header: str, refused: Published, admitted: Published, mirror: Served
) -> None:
    page = mirror.get("/root/curated/+simple/attack-clean/", Accept=SIMPLE_JSON)
    told = {header: OVERRIDES[header]}
    for path in (
        mirror.file_path(refused.content, refused.filename),
        f"{mirror.file_path(refused.content, refused.filename)}.metadata",
        "/root/pypi/+simple/attack-refused/",
        "/+status",
        "/+changelog/0",
    ):
        assert is_closed(mirror.get(path, told=told), refused), path
    again = mirror.get("/root/curated/+simple/attack-clean/", Accept=SIMPLE_JSON, told=told)
    assert (again.status, again.body) == (page.status, page.body)
    assert b"elsewhere" not in again.body
    assert "elsewhere" not in str(mirror.get("/root/curated/+simple/Attack_Clean", follow=False, told=told).headers)


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1:1", "x\tx", "<script>"])
def test_the_host_that_a_client_names_stands_nowhere_in_an_answer(
    host: str, refused: Published, mirror: Served
) -> None:
    path = mirror.file_path(refused.content, refused.filename)
    for asked in (path, "/root/curated/+simple/attack-refused/", "/+noegress/", "/+noegress/project/attack-refused"):
        received = raw(mirror, f"GET {asked} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert received.startswith(b"HTTP/1.1 ")
        assert host.encode() not in received


def spelled(path: str) -> Iterator[str]:
    """One address in the spellings that a server, a proxy or a framework may read differently."""
    relative = path.removeprefix("/root/curated/+f/")
    name = relative.rpartition("/")[2]
    yield from (
        path.replace("/", "%2f"),
        path.replace("/", "%252F"),
        path.replace("+f", "%2bf"),
        path.replace("+f", "%252Bf"),
        path.replace(".", "%2e"),
        path.replace(".", "%252e"),
        f"/root/curated/+f/%2e%2e/+f/{relative}",
        f"/root/curated/+simple/../+f/{relative}",
        f"/root/curated/+f/..%2f+f/{relative}",
        f"/root/curated/+f/..;/+f/{relative}",
        f"{path};jsessionid=1",
        f"{path};/.whl",
        f"{path}%00",
        f"{path}%00.whl",
        f"{path}%20",
        f"{path}.",
        f"{path}/.",
        f"{path}%0d%0aX-Injected:%201",
        path.replace("curated", "CURATED"),
        path.replace(name, name.upper()),
        path.replace(name, name.replace("_", "-")),
        path.replace("root", "r%6fot"),
        path.replace("root", "%EF%BD%92oot"),
        path.replace("/", "\\"),
        path.replace("/", "/./"),
        f"//root/curated/+f/{relative}",
        f"/root//curated/+f/{relative}",
        f"http://127.0.0.1{path}",
        f"{path}?.whl",
        f"{path}.metadata.metadata",
        f"{path}.provenance",
        f"{path}.metadata.provenance",
        f"{path}.asc",
        f"/root/curated/attack-refused/1.0/{name}",
        "/root/curated/attack-refused/1.0",
        f"/root/curated/+f/{relative.replace('/', '')}",
        f"/root/curated/+e/{name}",
        "/root/curated/+api",
        f"/root/curated/+doc/{name}",
        "/root/curated/+simple/attack-refused/refresh",
        "/root/curated/+simple/attack-refused/1.0",
        "/root/curated/+simple/attack-refused/json/json",
    )


def test_no_spelling_of_its_address_gives_a_refused_file(refused: Published, mirror: Served) -> None:
    path = mirror.file_path(refused.content, refused.filename)
    for asked in spelled(path):
        request = f"GET {asked} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
        received = raw(mirror, request)
        assert received.split(b" ", 2)[1] in (b"301", b"400", b"403", b"404"), asked
        assert not leaks(received, refused), asked
        assert b"\r\nX-Injected" not in received


CONDITIONS: tuple[dict[str, str], ...] = (
    {},
    {"Range": "bytes=0-10"},
    {"If-Match": "*"},
    {"If-None-Match": "*"},
    {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    {"If-Unmodified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_what_was_fetched_before_a_revocation_opens_nothing_after_it(
    method: str, condition: dict[str, str], revoked: tuple[Published, list[str]], mirror: Served
) -> None:
    published, tags = revoked
    path = mirror.file_path(published.content, published.filename)
    for beside, tag in itertools.product(("", ".metadata", ".provenance"), tags):
        told = {"If-None-Match": tag, "If-Range": tag} | condition
        got = mirror.get(f"{path}{beside}", method=method, told=told)
        assert (got.status, leaks(got.body, published)) == (403, False), (beside, told)


@pytest.fixture(scope="module")
def revoked(shared_index: Index, mirror: Served) -> tuple[Published, list[str]]:
    """A file that was given out and then revoked, and what its answers were known by."""
    published = shared_index.publish("attack-revoked", "1.0", files={"secret.txt": "not to be seen"})
    shared_index.publish("attack-revoked", "0.9")
    mirror.page("attack-revoked")
    path = mirror.file_path(published.content, published.filename)
    tags = [mirror.get(asked).headers["etag"] for asked in (path, f"{path}.metadata")]
    pages = ["/root/curated/+simple/attack-revoked/", "/root/curated/+simple/attack-revoked/json"]
    forms = list(itertools.product(pages, ("text/html", SIMPLE_JSON), ("", "gzip")))
    before = [mirror.get(page, Accept=accept, Accept_Encoding=coding) for page, accept, coding in forms]
    assert mirror.command("revoke", "attack-revoked==1.0", "--reason", "stolen").returncode == 0
    for (page, accept, coding), old in zip(forms, before, strict=True):
        got = mirror.get(page, Accept=accept, Accept_Encoding=coding, If_None_Match=old.headers["etag"])
        assert (got.status, got.body != old.body) == (200, True), (page, accept, coding)
    return published, [*tags, *(f"W/{tag}" for tag in tags), "*", *(old.headers["etag"] for old in before[:2])]


ENDINGS = ("#sha256=abc", "%23sha256=abc", "?sha256=abc", ".asc", ".sig", ".METADATA", ".metadata/", "%2emetadata")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PROPFIND", "COPY"])
def test_no_ending_gives_a_refused_file_or_what_stands_beside_it(
    method: str, ending: str, refused: Published, mirror: Served
) -> None:
    path = mirror.file_path(refused.content, refused.filename)
    received = raw(mirror, f"{method} {path}{ending} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] in (b"400", b"403", b"404")
    assert not leaks(received, refused)
    assert method != "HEAD" or not body


READ = (
    "/root/curated/+simple",
    "/root/curated/+simple/",
    "/root/curated/+simple/attack-closed/",
    "/root/curated/+simple/Attack_Closed",
    "/root/curated/+simple/attack-closed/json",
    "/root/curated/%2bsimple/attack-closed/",
    "http://x/root/curated/+simple/attack-closed/",
    "FILE",
    "FILE.metadata",
    "/+noegress/",
    "/+noegress/project/attack-closed",
    "/+noegress/project?name=attack-closed",
    "/+noegress/metrics",
    "/+noegress/catalogue/metadata/1.root.json",
    "/+noegress/osv/v1/vulns/X",
    "/+noegress/do/status",
)
WRONG = (
    b"",
    b"Basic",
    b"Basic /w==",
    b"Basic " + base64.b64encode(b"__token__:noegress_\xff\xfe"),
    b"Basic " + base64.b64encode("__token__:noegress_\u00fc".encode()),
    b"Basic " + base64.b64encode(b"noegress_x"),
    b"Basic \xff\xfe",
    b"Bearer",
    b"Bearer noegress_",
    b"Bearer noegress_\xff",
    b"Bearer \xa0",
    b"Negotiate x",
)


def test_a_closed_mirror_gives_nobody_anything_without_a_token(index: Index, tmp_path: Path) -> None:
    published = index.publish("attack-closed", "1.0")
    folder = make_mirror(tmp_path / "dir", index.url, "")
    (folder / "mirror.toml").write_text((folder / "mirror.toml").read_text() + 'readers = "authenticated"\n')
    with serving(folder) as served:
        assert served.command("admit", "attack-closed").returncode == 0
        token = served.command("access", "add", "ada", "--role", "reader").stdout.strip().encode()
        path = served.file_path(published.content, published.filename)
        tampered = (b"Bearer " + token + b"x", b"Bearer " + token.upper(), b"Bearer x, Bearer " + token)
        for asked, wrong in itertools.product(READ, WRONG + tampered):
            line = f"GET {asked.replace('FILE', path)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
            received = raw(served, line + (b"Authorization: " + wrong + b"\r\n\r\n" if wrong else b"\r\n"))
            # after many wrong tokens it asks for none any more
            assert received.split(b" ", 2)[1] in (b"401", b"429"), (asked, wrong)
            assert not leaks(received, published)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
        (b"GET /root/curated/+simple/ HTTP/9.9\r\nHost: x\r\nConnection: close\r\n\r\n", b""),
        (b"POST /+noegress/osv/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST /+noegress/osv/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
    ],
)
def test_a_request_that_is_too_large_or_ambiguous_is_turned_away(
    request_: bytes, expected: bytes, mirror: Served
) -> None:
    received = raw(mirror, request_)
    assert expected in received.partition(b"\r\n")[0]
    assert received.count(b"HTTP/1.") <= 1
    assert mirror.get("/+noegress/health").status == 200


@pytest.mark.parametrize("more", [b"", b"Content-Length: 0\r\n"])
def test_who_waits_to_send_a_body_that_is_none_is_answered(more: bytes, mirror: Served) -> None:
    head = b"GET /+noegress/health HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n"
    assert raw(mirror, head + more + b"\r\n").startswith(b"HTTP/1.1 200 ")


def test_who_waits_to_send_a_body_is_told_to_go_on(mirror: Served) -> None:
    head = b"POST /+noegress/osv/v1/query HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n"
    assert raw(mirror, head + b"Content-Length: 2\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    both = raw(mirror, head + b"Content-Length: 2\r\n\r\n{}")
    assert b"HTTP/1.1 503 No advisories" in both


def test_guessing_passwords_of_devpi_is_slow(tmp_path: Path, index: Index) -> None:
    with serving(make_mirror(tmp_path / "dir", index.url, "")) as served:
        seen = [served.get("/+login", method="POST", Content_Type="application/json").status for _ in range(15)]
        seen += [served.get("/root", X_Devpi_Auth="cm9vdDo=").status for _ in range(15)]
    assert set(seen[:20]) <= {400, 401, 403}
    assert 429 in seen[20:]


def test_whoever_asks_first_poisons_nothing(refused: Published, shared_index: Index, mirror: Served) -> None:
    """Pages are kept as they were sent; who asked, and how, must not stand in them."""
    shared_index.publish("attack-shared", "1.0")
    odd = {"X-Devpi-Auth": "cm9vdDo=", "Accept-Encoding": "gzip;q=0", "User-Agent": "<script>", "Cookie": "a=b"}
    first = mirror.get("/root/curated/+simple/attack-shared/", Accept=SIMPLE_JSON, told=odd)
    second = mirror.get("/root/curated/+simple/attack-shared/", Accept=SIMPLE_JSON)
    assert first.body == second.body
    assert "private" in second.headers["cache-control"]
    assert "Accept" in second.headers["vary"]
    poisoned = mirror.get("/root/curated/+simple/attack-shared/?format=text/html&x=1", Accept=SIMPLE_JSON)
    assert poisoned.headers["content-type"].startswith("text/html")
    assert mirror.get("/root/curated/+simple/attack-shared/", Accept=SIMPLE_JSON).body == second.body


def test_a_client_cannot_skip_the_wait_or_have_it_for_ever(mirror: Served, shared_index: Index) -> None:
    shared_index.publish("attack-poll", "1.0")
    for query in ("poll=99", "poll=-1", "poll=1e9", "poll=" + "9" * 5000, "poll=1&poll=2", "poll=%31"):
        assert mirror.get(f"/root/curated/+simple/attack-poll/?{query}").status in (200, 307, 431)


@pytest.fixture
def slow(index: Index, tmp_path: Path) -> Iterator[tuple[Index, Served, Published]]:
    published = index.publish("race", "1.0")

    def answer(request: BaseHTTPRequestHandler) -> None:
        time.sleep(1.5)
        send(request, published.content)

    index.answers[f"/files/{published.filename}"] = answer
    with serving(make_mirror(tmp_path / "dir", index.url, "[admission]\non-demand = true\n")) as served:
        served.page("race")
        yield index, served, published


def test_what_is_revoked_while_it_is_judged_stays_out(slow: tuple[Index, Served, Published]) -> None:
    _, served, published = slow
    path = served.file_path(published.content, published.filename)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(served.get, path) for _ in range(4)]
        time.sleep(0.6)
        assert served.command("revoke", "race==1.0", "--reason", "a stolen key").returncode == 0
        found = [future.result() for future in waiting]
    assert {got.status for got in found} == {403}
    assert served.get(path).status == 403
    assert "stolen key" in served.get(path).reason


def test_a_policy_that_comes_while_a_file_is_judged_counts(slow: tuple[Index, Served, Published]) -> None:
    _, served, published = slow
    path = served.file_path(published.content, published.filename)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(served.get, path)
        time.sleep(0.6)
        policy = served.folder / "noegress.toml"
        policy.write_text(policy.read_text() + 'deny = ["race"]\n')
        assert served.command("reload").returncode == 0
        assert waiting.result().status == 403
    assert "denies" in served.get(path).reason


def test_a_file_whose_name_and_content_differ_in_version_is_refused(mirror: Served, shared_index: Index) -> None:
    published = shared_index.publish("attack-version", "1.0", told_version="2.0")
    mirror.page("attack-version")
    got = mirror.get(mirror.file_path(published.content, published.filename))
    assert got.status == 403
    assert "2.0" in got.reason


def test_a_file_of_another_project_on_a_page_is_not_listed(mirror: Served, shared_index: Index) -> None:
    shared_index.publish("attack-page", "1.0")
    filename, content = build_wheel("attack-victim", "9.9")
    shared_index.publish_file("attack-page", filename, content)
    assert [file["filename"] for file in mirror.page("attack-page")["files"]] == ["attack_page-1.0-py3-none-any.whl"]
    assert mirror.get(mirror.file_path(content, filename)).status == 403


def test_another_file_under_a_name_that_was_given_before_is_refused(index: Index, tmp_path: Path) -> None:
    first = index.publish("changing", "1.0")
    with serving(make_mirror(tmp_path / "dir", index.url, "[admission]\non-demand = true\n")) as served:
        served.page("changing")
        path = served.file_path(first.content, first.filename)
        assert served.get(path).body == first.content
        index.projects.clear()
        second = index.publish("changing", "1.0", files={"changing/other.py": "x = 1\n"})
        served.command("restore", "changing", "--reason", "have the page read again")
        index.asked.clear()
        stale(served)
    with serving(served.folder) as served:
        page = {file["hashes"]["sha256"][:8]: file["yanked"] for file in served.page("changing")["files"]}
        assert len(page) == 2
        assert sum(yanked is False for yanked in page.values()) == 1
        got = served.get(served.file_path(second.content, second.filename))
        assert (got.status, "under a name" in got.reason) == (403, True)
        assert served.get(path).body == first.content


def test_a_replacement_stays_out_through_rescan_and_restore(mirror: Served, shared_index: Index) -> None:
    first = shared_index.publish("attack-again", "1.0")
    second = shared_index.publish("attack-again", "1.0", files={"attack_again/other.py": "x = 1\n"})
    mirror.page("attack-again")
    paths = [mirror.file_path(item.content, item.filename) for item in (first, second)]
    assert [mirror.get(path).status for path in paths] == [200, 403]
    mirror.command("rescan", "attack-again")
    mirror.command("revoke", "attack-again", "--reason", "a trial")
    mirror.command("restore", "attack-again", "--reason", "it was one")
    assert [mirror.get(path).status for path in paths] == [200, 403]


def stale(served: Served) -> None:
    """Have every page asked for anew, as if ten minutes had passed."""
    import sqlite3

    served.stop()
    with sqlite3.connect(served.folder / "admission.sqlite") as database:
        database.execute("update project set fetched = 1")
    database.close()


def test_a_page_that_is_a_bomb_is_not_taken(mirror: Served, shared_index: Index) -> None:
    body = gzip.compress(b"[" * (200 << 20), 9)
    shared_index.answers["/simple/attack-bomb/"] = lambda request: send(
        request, body, kind=SIMPLE_JSON, headers={"Content-Encoding": "gzip"}
    )
    got = mirror.get("/root/curated/+simple/attack-bomb/")
    assert got.status == 504
    assert "longer than" in got.reason


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate", "br", "zstd", "x"])
def test_encodings_on_top_of_each_other_are_not_undone(encoding: str, mirror: Served, shared_index: Index) -> None:
    name = f"attack-{encoding.replace(', ', '-')}"
    body = gzip.compress(gzip.compress(json.dumps({"name": name}).encode()))
    shared_index.answers[f"/simple/{name}/"] = lambda request: send(
        request, body, kind=SIMPLE_JSON, headers={"Content-Encoding": encoding}
    )
    got = mirror.get(f"/root/curated/+simple/{name}/")
    assert (got.status, "in the encoding" in got.reason) == (504, True)


def test_a_page_in_html_with_a_base_elsewhere_is_not_read(mirror: Served, shared_index: Index) -> None:
    body = b'<html><head><base href="http://elsewhere.example/"></head><a href="attack_base-1.0-py3-none-any.whl">x</a>'
    shared_index.answers["/simple/attack-base/"] = lambda request: send(request, body, kind="text/html")
    assert mirror.get("/root/curated/+simple/attack-base/").status == 504


@pytest.mark.parametrize("status", [200, 301, 302, 307, 308])
def test_a_file_elsewhere_on_this_machine_is_not_fetched(status: int, index: Index, tmp_path: Path) -> None:
    """Neither by its address nor by a redirect: a page is no way into the mirror's own network."""
    inner = Index()
    try:
        published = index.publish("inner", "1.0")
        target = f"{inner.address.replace('127.0.0.1', '127.0.0.2')}/files/{published.filename}"
        inner.publish("inner", "1.0")
        if status == 200:
            published.told["url"] = target
        else:
            index.answers[f"/files/{published.filename}"] = lambda request: send(
                request, b"", status=status, headers={"Location": target}
            )
        with serving(make_mirror(tmp_path / "dir", index.url, "[admission]\non-demand = true\n")) as served:
            served.page("inner")
            assert served.get(served.file_path(published.content, published.filename)).status == 504
        assert inner.asked == []
    finally:
        inner.close()


def test_many_at_once_never_see_a_byte_too_early(index: Index, tmp_path: Path) -> None:
    """Forty requests for forty refused files and their metadata, while they are judged."""
    published = [index.publish("crowd", f"1.{number}", record_of="a lie") for number in range(20)]
    with serving(make_mirror(tmp_path / "dir", index.url, "[admission]\non-demand = true\n")) as served:
        served.page("crowd")
        paths = [served.file_path(item.content, item.filename) for item in published]
        with ThreadPoolExecutor(40) as pool:
            found = list(pool.map(served.get, itertools.chain(paths, (f"{path}.metadata" for path in paths))))
    assert {got.status for got in found} == {403}
    assert not any(b"Metadata-Version" in got.body for got in found)
