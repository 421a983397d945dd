"""``name==version`` through an index on loopback that keeps to PEP 691, or does not."""

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from mirror_lab import SIMPLE_JSON, Index, build_wheel, send

from noegress.cli import main
from noegress.download import MirrorClient, Release, parse_release
from noegress.errors import UsageError
from noegress.policy.model import Index as IndexTable

CALLS = """import platform, requests
def send_usage():
    requests.post("https://telemetry.vendor.dev/v1/events", json={"system": platform.system()})
send_usage()
"""


class Mirror:
    """A curated index: pages below +simple/, files below +f/."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.files: dict[str, dict[str, Any]] = {}
        self.root = f"{index.address}/root/curated"
        self.url = f"{self.root}/+simple/"

    def publish(self, version: str, *, source: str = "", filename: str = "", **told: Any) -> None:
        made, content = build_wheel(
            "acme", version, files={"acme/calls.py": source, "acme/__init__.py": "from acme import calls\n"}
        )
        name = filename or made
        row = {"filename": name, "url": f"../../+f/{name}", "hashes": {"sha256": hashlib.sha256(content).hexdigest()}}
        self.files[name] = row | told
        self.index.answers[f"/root/curated/+f/{name}"] = lambda request: send(request, content)
        self.index.answers["/root/curated/+simple/acme/"] = self.page

    def page(self, request: BaseHTTPRequestHandler) -> None:
        assert request.headers["Accept"] == SIMPLE_JSON
        document = {"meta": {"api-version": "1.1"}, "name": "acme", "files": list(self.files.values())}
        send(request, json.dumps(document).encode(), kind=SIMPLE_JSON)

    def get(self, version: str, folder: Path) -> Path:
        release = parse_release(f"acme=={version}")
        assert release
        return MirrorClient(IndexTable(url=self.url)).download(release, folder)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    index = Index()
    yield Mirror(index)
    index.close()


@pytest.fixture
def policy(mirror: Mirror, tmp_path: Path) -> Path:
    path = tmp_path / "noegress.toml"
    path.write_text(f'format = 1\n[index]\nurl = "{mirror.url}"\n')
    return path


def diff(*arguments: str | Path) -> int:
    return main(["diff", "--no-cache", "--jobs", "1", *map(str, arguments)])


def test_two_versions_are_compared_through_the_mirror(
    mirror: Mirror, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.publish("1.0")
    mirror.publish("2.0", source=CALLS)
    assert diff("acme==1.0", "acme==2.0", "--policy", policy) == 1
    said = capsys.readouterr()
    assert "+ telemetry.vendor.dev" in said.out
    assert "acme==1.0 is acme-1.0-py3-none-any.whl" in said.err
    assert diff("acme==2.0", "Acme == 1.0", "--policy", policy) == 0
    assert "- telemetry.vendor.dev" in capsys.readouterr().out


def test_one_version_and_one_file(mirror: Mirror, policy: Path, tmp_path: Path) -> None:
    mirror.publish("1.0")
    filename, content = build_wheel("acme", "1.1")
    (tmp_path / filename).write_bytes(content)
    assert diff("acme==1.0", tmp_path / filename, "--policy", policy) == 0


def test_no_other_place_is_asked(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    mirror.publish("1.0")
    assert mirror.get("1.0", tmp_path).is_file()
    assert mirror.index.asked == ["/root/curated/+simple/acme/", "/root/curated/+f/acme-1.0-py3-none-any.whl"]


def test_the_file_that_suits_this_interpreter_is_taken(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish("1.0", filename="acme-1.0-cp27-cp27m-win32.whl")
    mirror.publish("1.0", filename="acme-1.0.tar.gz")
    mirror.publish("1.0", filename="acme-1.0-py3-none-any.whl", yanked="too old")
    assert mirror.get("1.0", tmp_path).name == "acme-1.0-cp27-cp27m-win32.whl"
    mirror.publish("1.0", filename="acme-1.0-py3-none-any.whl")
    assert mirror.get("1.0", tmp_path).name == "acme-1.0-py3-none-any.whl"


def test_without_a_mirror_the_policy_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "noegress.toml"
    policy.write_text("format = 1\n")
    assert diff("acme==1.0", "acme==2.0", "--policy", policy) == 2
    assert "set url in the table [index]" in capsys.readouterr().err


def test_another_digest_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish("1.0", hashes={"sha256": "0" * 64})
    with pytest.raises(UsageError, match="is not the file that its page describes"):
        mirror.get("1.0", tmp_path)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"url": "http://127.0.0.1:9/acme-1.0-py3-none-any.whl"}, "not below the mirror"),
        ({"url": "file:///etc/passwd"}, "not below the mirror"),
        ({"url": "../../../other/acme-1.0-py3-none-any.whl"}, "not below the mirror"),
        ({"hashes": {}}, "no file of acme==1.0 with a sha256"),
        ({"filename": "../acme-1.0-py3-none-any.whl"}, "no file of acme==1.0"),
        ({"filename": "other-1.0-py3-none-any.whl"}, "no file of acme==1.0"),
    ],
)
def test_a_page_that_leads_elsewhere_is_refused(
    mirror: Mirror, tmp_path: Path, told: dict[str, Any], message: str
) -> None:
    mirror.publish("1.0", **told)
    with pytest.raises(UsageError, match=message):
        mirror.get("1.0", tmp_path)
    assert [path for path in mirror.index.asked if "+f" in path] == []


def test_a_redirect_to_the_mirror_itself_is_followed(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish("1.0")
    path = "/root/curated/+f/acme-1.0-py3-none-any.whl"
    answers = iter([302, 307])
    right = mirror.index.answers[path]

    def busy(request: BaseHTTPRequestHandler) -> None:
        status = next(answers, 200)
        right(request) if status == 200 else send(request, b"", status=status, headers={"Location": f"{path}?poll=1"})

    mirror.index.answers[path] = mirror.index.answers[f"{path}?poll=1"] = busy
    assert mirror.get("1.0", tmp_path).is_file()
    mirror.index.answers[path] = lambda request: send(request, b"", status=302, headers={"Location": path})
    with pytest.raises(UsageError, match="without end"):
        mirror.get("1.0", tmp_path / "again")


def test_a_redirect_elsewhere_is_not_followed(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish("1.0")
    away = {"Location": "http://127.0.0.1:9/"}
    path = "/root/curated/+f/acme-1.0-py3-none-any.whl"
    mirror.index.answers[path] = lambda request: send(request, b"", status=302, headers=away)
    with pytest.raises(UsageError, match="answers 302"):
        mirror.get("1.0", tmp_path)


def test_a_refusal_of_the_mirror_says_why(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish("1.0")
    path = "/root/curated/+f/acme-1.0-py3-none-any.whl"
    mirror.index.answers[path] = lambda request: send(request, b"Blocked by noegress: telemetry", status=403)
    with pytest.raises(UsageError, match="answers 403: Blocked by noegress: telemetry"):
        mirror.get("1.0", tmp_path)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"files": [3]}', b'{"files": 1}', b"[" * 100_000, b"\xff"])
def test_a_page_that_is_none_is_refused(mirror: Mirror, tmp_path: Path, body: bytes) -> None:
    mirror.index.answers["/root/curated/+simple/acme/"] = lambda request: send(request, body, kind=SIMPLE_JSON)
    with pytest.raises(UsageError, match="no project page that can be read"):
        mirror.get("1.0", tmp_path)


def test_an_unknown_release_and_a_page_in_html(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not know acme==1\.0"):
        mirror.get("1.0", tmp_path)
    mirror.index.answers["/root/curated/+simple/acme/"] = lambda request: send(request, b"<a>", kind="text/html")
    with pytest.raises(UsageError, match="no project page in JSON"):
        mirror.get("1.0", tmp_path)


def test_a_mirror_that_does_not_answer(tmp_path: Path) -> None:
    client = MirrorClient(IndexTable(url="http://127.0.0.1:9/+simple/"))
    release = parse_release("acme==1.0")
    assert release
    with pytest.raises(UsageError, match="cannot be reached"):
        client.download(release, tmp_path)


@pytest.mark.parametrize(
    "text", ["acme", "acme>=1", "acme==1.*", "acme==1,==2", "acme-1.0.whl", "acme===1", "a[b]==1", "acme @ http://x"]
)
def test_what_names_no_single_release_is_a_path(text: str) -> None:
    assert parse_release(text) is None


def test_a_release_is_normalised() -> None:
    release = parse_release("Ac_Me == 1.0.0rc1")
    assert isinstance(release, Release)
    assert str(release) == "ac-me==1.0.0rc1"
