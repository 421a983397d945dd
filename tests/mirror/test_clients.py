"""pip and uv, unmodified, against a mirror on demand."""

from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from mirror_lab import Index, Served


@pytest.fixture(scope="module")
def application(shared_index: Index) -> str:
    """A project with two dependencies, one of them with a newer version that is refused."""
    shared_index.publish("client-base", "1.0")
    shared_index.publish("client-base", "2.0", record_of="a lie")
    shared_index.publish("client-extra", "1.0")
    requires = ["client-base", "client-extra; extra == 'more'"]
    shared_index.publish("client-app", "1.0", requires=requires, headers=["Provides-Extra: more"])
    return "client-app[more]"


@pytest.fixture(scope="module")
def fresh(shared_index: Index) -> None:
    shared_index.publish("client-dated", "1.0")
    shared_index.publish("client-dated", "2.0", told={"upload-time": "2024-06-01T00:00:00.000000Z"})
    shared_index.publish("client-dated", "3.0", told={"upload-time": "2999-01-01T00:00:00.000000Z"})


def installed(target: Path) -> set[str]:
    return {path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info")}


def test_pip_installs_and_falls_back_past_a_refused_version(mirror: Served, application: str, tmp_path: Path) -> None:
    mirror.pip("install", "--target", tmp_path / "first", application)
    done = mirror.pip("install", "--target", tmp_path / "second", application)
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path / "second") == {"client_app-1.0", "client_base-1.0", "client_extra-1.0"}


def test_uv_installs_the_same(mirror: Served, application: str, tmp_path: Path) -> None:
    mirror.uv("pip", "install", "--target", tmp_path / "first", application)
    done = mirror.uv("pip", "install", "--target", tmp_path / "second", application)
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path / "second") == {"client_app-1.0", "client_base-1.0", "client_extra-1.0"}


@pytest.mark.parametrize("pinned", ["client-refused-{}", "client-refused-{}==1.0"])
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_a_refusal_says_why_on_the_screen(
    mirror: Served, shared_index: Index, tmp_path: Path, client: str, pinned: str
) -> None:
    wanted = pinned.format(client)
    if wanted.partition("==")[0] not in shared_index.projects:
        shared_index.publish(f"client-refused-{client}", "1.0", record_of="a lie")
    for _again in range(2):
        if client == "pip":
            done = mirror.pip("install", "--target", tmp_path / "out", wanted)
        else:
            done = mirror.uv("pip", "install", "--target", tmp_path / "out", wanted)
        assert done.returncode != 0
        assert "Blocked by noegress" in done.stderr
        assert "RECORD" in done.stderr


def test_pip_takes_nothing_uploaded_later(mirror: Served, fresh: None, tmp_path: Path) -> None:
    done = mirror.pip(
        "install", "--target", tmp_path / "out", "--uploaded-prior-to", "2023-01-01T00:00:00Z", "client-dated"
    )
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path / "out") == {"client_dated-1.0"}


def test_uv_takes_nothing_uploaded_later(mirror: Served, fresh: None, tmp_path: Path) -> None:
    done = mirror.uv("pip", "install", "--target", tmp_path / "out", "--exclude-newer", "2023-01-01", "client-dated")
    assert done.returncode == 0, done.stderr
    assert "missing an upload date" not in done.stderr
    assert installed(tmp_path / "out") == {"client_dated-1.0"}


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_what_is_in_its_cooldown_is_passed_over_and_explains_itself_when_pinned(
    mirror: Served, fresh: None, tmp_path: Path, client: str
) -> None:
    install = mirror.pip if client == "pip" else mirror.uv
    verb = ("install",) if client == "pip" else ("pip", "install")
    done = install(*verb, "--target", tmp_path / "out", "client-dated")
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path / "out") == {"client_dated-2.0"}
    pinned = install(*verb, "--target", tmp_path / "out", "client-dated==3.0")
    assert pinned.returncode != 0
    assert "cooldown" in pinned.stderr


def test_a_lock_with_hashes_installs_again(mirror: Served, application: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    (tmp_path / "in.txt").write_text("client-app[more]\nclient-base<2\n")
    made = mirror.uv("pip", "compile", "--generate-hashes", "--output-file", lock, tmp_path / "in.txt")
    assert made.returncode == 0, made.stderr
    done = mirror.pip("install", "--require-hashes", "--target", tmp_path / "out", "--requirement", lock)
    assert done.returncode == 0, done.stderr


def test_a_yanked_release_is_passed_over(mirror: Served, shared_index: Index, tmp_path: Path) -> None:
    shared_index.publish("client-yanked", "1.0")
    shared_index.publish("client-yanked", "2.0", told={"yanked": "it was broken"})
    done = mirror.pip("install", "--target", tmp_path / "out", "client-yanked")
    assert installed(tmp_path / "out") == {"client_yanked-1.0"}
    pinned = mirror.pip("install", "--target", tmp_path / "out", "client-yanked==2.0")
    assert done.returncode == 0
    assert "it was broken" in pinned.stderr


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_an_upstream_that_breaks_off_is_said_on_the_screen(
    mirror: Served, shared_index: Index, tmp_path: Path, client: str
) -> None:
    published = shared_index.publish(f"client-cut-{client}", "1.0")

    def breaking(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(published.content)))
        request.end_headers()
        request.close_connection = True
        request.wfile.write(published.content[:100])

    shared_index.answers[f"/files/{published.filename}"] = breaking
    install = mirror.pip if client == "pip" else partial(mirror.uv, "pip")
    done = install("install", "--target", tmp_path / "out", f"client-cut-{client}")
    assert done.returncode != 0
    assert "broke off its answer" in done.stderr
