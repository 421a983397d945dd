"""Everything of devpi that is not an index of admitted files is closed."""

import base64
from pathlib import Path

import pytest
from mirror_lab import Served, build_wheel

CHANGES = [
    ("PUT", "/mallory"),
    ("PUT", "/mallory/own"),
    ("PUT", "/root/pypi"),
    ("PUT", "/root/inherits"),
    ("PATCH", "/root/curated"),
    ("DELETE", "/root/curated"),
    ("POST", "/root/curated/"),
    ("PUSH", "/root/curated"),
    ("POST", "/root/curated/+simple/six/refresh"),
    ("DELETE", "/root/curated/six/1.0"),
    ("DELETE", "/root/curated/+f/abc/def/six.whl"),
    ("PUT", "/root/curated/+f/abc/def/six.whl"),
    ("POST", "/root"),
    ("PATCH", "/root"),
]
LOOKS = [
    "/",
    "/root",
    "/root/curated",
    "/root/curated/",
    "/root/curated/six",
    "/root/curated/six/1.0",
    "/root/pypi/+simple/six/",
    "/+status",
    "/+changelog/0",
    "/+changelog/0-",
    "/root/curated/+e/x",
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_nobody_changes_anything_over_http(method: str, path: str, mirror: Served) -> None:
    got = mirror.get(path, method=method, Content_Type="application/json")
    assert got.status in (401, 403, 404, 405)


@pytest.mark.parametrize("path", LOOKS)
def test_anonymous_looks_at_nothing_but_the_index(path: str, mirror: Served) -> None:
    assert mirror.get(path).status in (400, 403, 404)


def root(served: Served) -> str:
    password = (served.folder / "root-password").read_text().strip()
    return base64.b64encode(f"root:{password}".encode()).decode()


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_not_even_root_changes_anything_over_http(method: str, path: str, mirror: Served) -> None:
    got = mirror.get(path, method=method, X_Devpi_Auth=root(mirror), Content_Type="application/json")
    assert got.status in (401, 403, 404, 405)


def test_root_may_look(mirror: Served) -> None:
    got = mirror.get("/root", X_Devpi_Auth=root(mirror), Accept="application/json")
    assert got.status == 200
    assert list(got.json()["result"]["indexes"]) == ["curated"]


def test_an_upload_by_root_is_refused_and_not_served(mirror: Served, tmp_path: Path) -> None:
    filename, content = build_wheel("smuggled", "1.0")
    (tmp_path / filename).write_bytes(content)
    got = mirror.get("/root/curated/", method="POST", X_Devpi_Auth=root(mirror))
    assert got.status == 403
    assert mirror.get(mirror.file_path(content, filename)).status == 403


def test_secrets_are_for_their_owner_alone(mirror: Served) -> None:
    assert mirror.folder.stat().st_mode & 0o777 == 0o700
    for name in ("root-password", "control.sock", "devpi/secret"):
        assert (mirror.folder / name).stat().st_mode & 0o777 == 0o600
