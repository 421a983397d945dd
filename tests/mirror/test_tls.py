"""TLS by flags, with real clients and with some that misbehave."""

import hashlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from certificates import Certified, make_certificate
from devpi_noegress.errors import MirrorError
from devpi_noegress.http.tls import Certificate
from mirror_lab import BIN, Index, Published, Served, make_mirror, noegress, run, serving

BIG = 5 << 20  # bytes


@pytest.fixture(scope="module")
def upstream() -> Iterator[Index]:
    made = Index()
    yield made
    made.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def big(upstream: Index) -> Published:
    return upstream.publish("tls-big", "1.0", files={"tls_big/data.txt": os.urandom(BIG // 2).hex()})


@pytest.fixture(scope="module")
def served(
    upstream: Index, certificate: Certified, big: Published, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = make_mirror(tmp_path_factory.mktemp("tls") / "dir", upstream.url, "[admission]\non-demand = true\n")
    done = noegress("mirror", "admit", "tls-big", "--dir", folder)
    assert done.returncode == 0, done.stdout
    options = ("--tls-certificate", os.fspath(certificate.certificate), "--tls-key", os.fspath(certificate.key))
    with serving(folder, *options) as served:
        yield served


def address(served: Served) -> tuple[str, int]:
    host, port = served.url.removeprefix("https://").split(":")
    return host, int(port)


def trusting(certificate: Certified) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.fspath(certificate.authority))


def fetch(served: Served, certificate: Certified, path: str) -> tuple[int, bytes]:
    connection = HTTPSConnection(*address(served), timeout=30, context=trusting(certificate))
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_it_says_that_it_speaks_tls_and_sends_people_there(served: Served, certificate: Certified) -> None:
    assert served.url.startswith("https://127.0.0.1:")
    status, body = fetch(served, certificate, "/+noegress/project/never-heard-of")
    assert status == 404
    assert f"--server {served.url}".encode() in body


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_real_clients_install_over_it(
    served: Served, upstream: Index, certificate: Certified, tmp_path: Path, client: str
) -> None:
    upstream.publish(f"tls-{client}", "1.0", requires=["tls-big"])
    if client == "pip":
        command: list[str | Path] = [BIN / "python", "-m", "pip", "install", "--no-cache-dir"]
        command += ["--cert", certificate.authority]
        # requests lets its own variable win over --cert
        environment = {"PIP_INDEX_URL": served.index, "REQUESTS_CA_BUNDLE": os.fspath(certificate.authority)}
    else:
        command = [BIN / "uv", "pip", "install", "--no-cache"]
        environment = {"UV_DEFAULT_INDEX": served.index, "SSL_CERT_FILE": os.fspath(certificate.authority)}
    done = run(*command, "--target", tmp_path / "out", f"tls-{client}", **environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "tls_big" / "data.txt").stat().st_size >= BIG - 1


def test_a_command_from_afar_trusts_the_authority_it_is_given(served: Served, certificate: Certified) -> None:
    token = served.command("access", "add", "ada", "--role", "admin").stdout.strip()
    command = (BIN / "noegress", "mirror", "status", "--server", served.url)
    trusted = run(*command, "--ca", certificate.authority, NOEGRESS_MIRROR_TOKEN=token)
    assert trusted.returncode == 0, trusted.stderr
    assert "upstream" in trusted.stdout
    untrusted = run(*command, NOEGRESS_MIRROR_TOKEN=token)
    assert untrusted.returncode == 2
    assert "certificate verify failed" in untrusted.stderr


def test_many_at_once_get_whole_files(served: Served, certificate: Certified, big: Published) -> None:
    path = served.file_path(big.content, big.filename)
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: fetch(served, certificate, path), range(24)))
    assert {status for status, _ in found} == {200}
    assert {hashlib.sha256(body).digest() for _, body in found} == {hashlib.sha256(big.content).digest()}


def test_a_slow_reader_gets_the_whole_file(served: Served, certificate: Certified, big: Published) -> None:
    path = served.file_path(big.content, big.filename)
    with socket.create_connection(address(served), timeout=30) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        with trusting(certificate).wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            secured.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            time.sleep(0.5)
            received = bytearray()
            while piece := secured.recv(1 << 16):
                received += piece
    assert bytes(received).partition(b"\r\n\r\n")[2] == big.content


def test_requests_that_arrive_together_are_all_answered(served: Served, certificate: Certified) -> None:
    # OpenSSL decrypts them at once; what it holds back wakes no poll
    one = b"GET /+noegress/health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 6000 + b"\r\n\r\n"
    last = b"GET /+noegress/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection(address(served), timeout=20) as plain,
        trusting(certificate).wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        secured.sendall(one * 2 + last)
        received = b""
        while piece := secured.recv(1 << 16):
            received += piece
    assert received.count(b"serving\n") == 3


def test_a_client_that_stalls_or_speaks_no_tls_keeps_nobody_waiting(served: Served, certificate: Certified) -> None:
    silent = [socket.create_connection(address(served)) for _ in range(30)]
    for number, connection in enumerate(silent):
        connection.sendall((b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n")[number % 3])
    started = time.monotonic()
    assert fetch(served, certificate, "/+noegress/health") == (200, b"serving\n")
    assert time.monotonic() - started < 5
    with silent[2] as clear:
        clear.settimeout(10)
        with suppress(ConnectionResetError):
            assert b"HTTP" not in clear.recv(4096)
    for connection in silent:
        connection.close()
    assert fetch(served, certificate, "/+noegress/health")[0] == 200


def test_a_client_that_breaks_off_harms_nobody(served: Served, certificate: Certified, big: Published) -> None:
    path = served.file_path(big.content, big.filename)

    def break_off() -> None:
        with socket.create_connection(address(served), timeout=20) as plain:
            secured = trusting(certificate).wrap_socket(plain, server_hostname="127.0.0.1")
            secured.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            secured.recv(1000)
            secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            secured.close()

    threads = [threading.Thread(target=break_off) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetch(served, certificate, path) == (200, big.content)
    assert "Traceback" not in served.log.read_text()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_version_of_tls_is_not_spoken(served: Served, certificate: Certified) -> None:
    context = trusting(certificate)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(address(served), timeout=20) as plain, pytest.raises(OSError):  # noqa: SIM117
        with context.wrap_socket(plain, server_hostname="127.0.0.1"):
            pass


def test_a_renewed_certificate_is_taken_over_and_a_broken_one_is_not(tmp_path: Path) -> None:
    made, other = make_certificate(tmp_path / "made"), make_certificate(tmp_path / "other")
    used = Certificate(made.certificate, made.key)
    first = serial(used.context)
    made.certificate.write_bytes(other.certificate.read_bytes())
    used.refresh()
    assert serial(used.context) == first
    made.key.write_bytes(other.key.read_bytes())
    used.refresh()
    assert serial(used.context) != first


def serial(context: ssl.SSLContext) -> bytes | None:
    """The certificate that a handshake in memory shows."""
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    trusting_all = ssl.create_default_context()
    trusting_all.check_hostname = False
    trusting_all.verify_mode = ssl.CERT_NONE
    client = trusting_all.wrap_bio(client_in, client_out)
    server = context.wrap_bio(server_in, server_out, server_side=True)
    for _round in range(4):
        for side in (client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
            server_in.write(client_out.read())
            client_in.write(server_out.read())
    return client.getpeercert(binary_form=True)


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, folder: Path) -> None:
    made = make_certificate(tmp_path)
    certificate, key = made.certificate, made.key
    key.write_text("nonsense")
    with pytest.raises(MirrorError, match="cannot be used"):
        Certificate(certificate, key)
    for options, said in (
        (("--tls-certificate", certificate, "--tls-key", key), "cannot be used"),
        (("--tls-certificate", certificate), "needs a certificate and its key"),
        (("--tls-certificate", tmp_path / "none", "--tls-key", key), "No such file"),
        (("--accelerate", "/x/"), "none is named"),
        (("--accelerate", "x", "--proxy", "127.0.0.1"), "is no location"),
        (("--proxy", "everybody"), "is no address"),
        (("--url", "mirror.internal"), "is not the URL of a mirror"),
    ):
        done = noegress("mirror", "serve", folder, "--port", "0", *options)
        assert done.returncode == 2
        assert said in done.stderr
        assert "fix: " in done.stderr
