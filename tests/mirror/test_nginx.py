"""A real nginx before a real mirror, with the configuration that the command prints; skipped where there is none."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from ssl import create_default_context

import pytest
from certificates import Certified, make_certificate
from mirror_lab import BIN, Got, Index, Published, Served, make_mirror, noegress, run, start
from nginx_lab import IS_HERE, free_port, get_over_tls, nginx

pytestmark = pytest.mark.skipif(not IS_HERE, reason="there is no nginx on this machine")
BROKEN = {"record_of": "RECORD tells another content"}


class Behind:
    """A mirror with nginx before it."""

    def __init__(self, served: Served, port: int, certified: Certified) -> None:
        self.served, self.port, self.certified = served, port, certified

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Got:
        return get_over_tls(self.port, self.certified, path, method=method, **headers)

    def raw(self, request: bytes) -> bytes:
        context = create_default_context(cafile=str(self.certified.authority))
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            secured.sendall(request)
            received = b""
            while piece := secured.recv(1 << 16):
                received += piece
            return received


@pytest.fixture(scope="module")
def upstream() -> Iterator[Index]:
    made = Index()
    yield made
    made.close()


@pytest.fixture(scope="module")
def admitted(upstream: Index) -> Published:
    return upstream.publish("nginx-clean", "1.0", files={"nginx_clean/data.txt": "x" * 200_000})


@pytest.fixture(scope="module")
def refused(upstream: Index) -> Published:
    return upstream.publish("nginx-refused", "1.0", **BROKEN)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def behind(
    upstream: Index, admitted: Published, refused: Published, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Behind]:
    place = tmp_path_factory.mktemp("nginx")
    certified, port = make_certificate(place / "tls"), free_port()
    folder = make_mirror(place / "dir", upstream.url, "[admission]\non-demand = true\n")
    for name in ("nginx-clean", "nginx-refused"):
        noegress("mirror", "admit", name, "--dir", folder)
    options = ("--proxy", "127.0.0.1", "--accelerate", "/+noegress-files/", "--url", f"https://127.0.0.1:{port}/")
    served = start(folder, *options)
    printed = noegress(
        "mirror", "nginx", "--dir", folder, "--server-name", "localhost",
        "--certificate", certified.certificate, "--key", certified.key,
    )  # fmt: skip
    assert printed.returncode == 0, printed.stderr
    site = printed.stdout.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    site = site.replace("server 127.0.0.1:3141", f"server {served.url.removeprefix('http://')}")
    try:
        with nginx(place, site, port):
            yield Behind(served, port, certified)
    finally:
        served.stop()
        served.process.stdout.close()  # type: ignore[union-attr]


def test_a_file_comes_from_nginx_whole_and_in_ranges(behind: Behind, admitted: Published) -> None:
    path = behind.served.file_path(admitted.content, admitted.filename)
    whole = behind.get(path)
    assert (whole.status, whole.body) == (200, admitted.content)
    assert whole.headers["server"] == "nginx"
    assert "x-accel-redirect" not in whole.headers
    assert behind.get(path, Range="bytes=10-19").body == admitted.content[10:20]
    assert behind.get(path, If_None_Match=whole.headers["etag"]).status == 304
    head = behind.get(path, method="HEAD")
    assert (int(head.headers["content-length"]), head.body) == (len(admitted.content), b"")
    assert behind.get(f"{path}.metadata").body.startswith(b"Metadata-Version")


def test_a_client_that_comes_without_nginx_gets_the_bytes_from_the_mirror(behind: Behind, admitted: Published) -> None:
    path = behind.served.file_path(admitted.content, admitted.filename)
    assert behind.served.get(path).body == admitted.content
    # it looks like nginx, and is told what only nginx can use
    forged = behind.served.get(path, X_Forwarded_For="192.0.2.1")
    assert (forged.body, forged.headers["x-accel-redirect"][:17]) == (b"", "/%2Bnoegress-file")


def test_a_refusal_keeps_its_reason_and_names_the_outer_address(behind: Behind, refused: Published) -> None:
    got = behind.get(behind.served.file_path(refused.content, refused.filename))
    assert got.status == 403
    assert got.reason.startswith("Blocked by noegress: ")
    assert got.reason.endswith(f"; see {behind.url}/+noegress/project/nginx-refused/1.0")
    assert behind.get("/+noegress/project/nginx-refused/1.0").status == 200


def forms(relative: str) -> list[str]:
    return [
        f"/+noegress-files/{relative}",
        f"/+noegress-files/root/curated/+f/{relative}",
        f"//+noegress-files/root/curated/+f/{relative}",
        f"/%2Bnoegress-files/root/curated/+f/{relative}",
        f"/+noegress/../+noegress-files/root/curated/+f/{relative}",
        "/+noegress-files/../admission.sqlite",
        "/+noegress-files/../../online.pem",
        f"/+files/root/curated/+f/{relative}",
        f"/root/curated/+f/{relative}",
        f"/root/curated/+f/{relative}%00",
        f"/root/curated/%2Bf/{relative.replace('/', '%2F')}",
    ]


@pytest.mark.parametrize("number", range(11))
def test_no_address_gives_what_is_not_admitted(behind: Behind, refused: Published, number: int) -> None:
    path = behind.served.file_path(refused.content, refused.filename)
    asked = forms(path.partition("/+f/")[2])[number]
    got = behind.get(asked, X_Accel_Redirect="/+noegress-files/", X_Forwarded_For="127.0.0.1", X_Accel="1")
    assert got.status in (400, 403, 404), asked
    assert b"PK" not in got.body
    assert b"PRIVATE KEY" not in got.body


def test_the_internal_location_gives_nothing_of_what_is_admitted_either(behind: Behind, admitted: Published) -> None:
    on_disk = next((behind.served.folder / "devpi" / "+files").rglob(admitted.filename))
    relative = on_disk.relative_to(behind.served.folder / "devpi" / "+files")
    assert behind.get(f"/+noegress-files/{relative}").status == 404


def test_revoked_is_gone_with_the_next_request(behind: Behind, upstream: Index) -> None:
    published = upstream.publish("nginx-revoked", "1.0")
    assert behind.served.command("admit", "nginx-revoked").returncode == 0
    path = behind.served.file_path(published.content, published.filename)
    first = behind.get(path)
    assert first.status == 200
    assert behind.served.command("revoke", "nginx-revoked", "--reason", "a stolen key").returncode == 0
    assert behind.get(path, If_None_Match=first.headers["etag"]).status == 403
    assert b"PK" not in behind.get(path, Range="bytes=0-3").body


def test_the_true_address_of_a_client_counts_and_not_what_it_says(behind: Behind, upstream: Index) -> None:
    # every client of this test is 127.0.0.1, which may ask; what it says of itself must not matter
    upstream.publish("nginx-asked", "1.0")
    for said in ("192.0.2.1", "127.0.0.1", "garbage, 192.0.2.1"):
        got = behind.get("/root/curated/+simple/nginx-asked/", X_Forwarded_For=said, Forwarded="for=192.0.2.1")
        assert b"nginx_asked-1.0-py3-none-any.whl" in got.body


def test_tokens_are_taken_because_nginx_speaks_tls(behind: Behind) -> None:
    token = behind.served.command("access", "add", "ada", "--role", "admin").stdout.strip()
    got = behind.get("/+noegress/", Authorization=f"Bearer {token}")
    assert got.status == 200
    clear = behind.served.get("/+noegress/", Authorization=f"Bearer {token}", X_Forwarded_For="127.0.0.1")
    assert (clear.status, "without TLS" in clear.reason) == (403, True)


SMUGGLED = b"GET /+noegress/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 0\r\nContent-Length: 4\r\n",
        b"Content-Length: +4\r\n",
        b"Transfer-Encoding:\x0bchunked\r\nContent-Length: 4\r\n",
    ],
)
def test_a_request_that_two_servers_could_read_differently_is_one_or_none(behind: Behind, head: bytes) -> None:
    asked = b"POST /+noegress/osv/v1/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head
    received = behind.raw(asked + b"\r\n0\r\n\r\n" + SMUGGLED)
    assert received.count(b"HTTP/1.1 ") <= 1
    assert behind.get("/+noegress/health").body == b"serving\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--server-name", "x; } server {"), "is no name of a host"),
        (("--server-name", "x", "--certificate", "/tmp/a b.pem"), "characters that nginx would read"),
        (("--server-name", "x", "--key", "/tmp/a;b.pem"), "characters that nginx would read"),
    ],
)
def test_the_configuration_holds_no_text_that_nginx_would_read_as_more(
    behind: Behind, arguments: tuple[str, ...], said: str
) -> None:
    plain = ("--certificate", "/tmp/a.pem", "--key", "/tmp/a.key")
    done = noegress("mirror", "nginx", "--dir", behind.served.folder, *plain, *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_pip_installs_through_it(behind: Behind, tmp_path: Path) -> None:
    index = f"{behind.url}/root/curated/+simple/"
    authority = behind.certified.authority
    done = run(
        BIN / "python", "-m", "pip", "install", "--no-cache-dir", "--target", tmp_path / "out", "nginx-clean",
        PIP_INDEX_URL=index, PIP_CERT=str(authority), REQUESTS_CA_BUNDLE=str(authority),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refused = run(
        BIN / "python", "-m", "pip", "install", "--no-cache-dir", "--target", tmp_path / "out", "nginx-refused",
        PIP_INDEX_URL=index, PIP_CERT=str(authority), REQUESTS_CA_BUNDLE=str(authority),
    )  # fmt: skip
    assert re.search(r"Blocked by noegress: nginx_refused.*see https://127", refused.stderr)
