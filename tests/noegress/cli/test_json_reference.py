"""Every field that a command prints as JSON is in the reference, and every field of the reference is printed."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from noegress.cli import main
from tests.noegress.cli.conftest import World

REFERENCE = Path(__file__).parents[3] / "docs/reference"
CALLS = """\
import os
import urllib.request

from acme.hosts import HOST

if os.environ.get("ACME_TELEMETRY", "1") != "0":
    urllib.request.urlopen(HOST + "/v1/usage", data=b"{}")
urllib.request.urlopen("https://t.acme.io/v1", data=b"{}")
"""


def paths(value: object, at: str = "") -> Iterator[str]:
    """The path of every leaf: ``a.b``, ``a[].b``; what is null or empty is told by its own path."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from paths(below, f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, f"{at}[]")
    else:
        yield at


def printed(*documents: object) -> set[str]:
    """The leaves of some documents together, without those that another document shows to be more than a leaf."""
    found = {path for document in documents for path in paths(document)}
    return {path for path in found if not any(other.startswith((f"{path}.", f"{path}[]")) for other in found)}


def tables(page: str, heading: str) -> dict[str, set[str]]:
    """The fields of the tables below a heading: those of the document (""), and those of its lists by their names."""
    text = (REFERENCE / page).read_text("utf-8").partition(f"\n{heading}\n")[2]
    found: dict[str, set[str]] = {}
    for of, rows in re.findall(
        r"\| field(?: of `([^`]+)`)? \|[^\n]*\n\|[-|]+\n((?:\|.*\n)+)", re.split(r"\n##", text, maxsplit=1)[0]
    ):
        found.setdefault(of, set()).update(
            name for row in rows.splitlines() for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])
        )
    return found


def documented(page: str, heading: str, **shared: set[str]) -> set[str]:
    """The path of every field below a heading; ``shared`` are lists that another heading tells."""
    lists = {**tables(page, heading), **{f"{name}[]": fields for name, fields in shared.items()}}
    fields = lists.pop("")
    told = [*fields, *(name for names in lists.values() for name in names)]
    roots = fields | {of for of in lists if not any(is_of(name, of) for name in told)}
    return {path for name in roots for path in expanded(name, lists)}


def expanded(name: str, lists: dict[str, set[str]]) -> Iterator[str]:
    """A field, or the fields of every entry of the list that it is."""
    of = next((of for of in lists if is_of(name, of)), None)
    if of is None:
        yield name
    else:
        for field in lists[of]:
            yield from expanded(f"{name}.{field}", lists)


def is_of(name: str, of: str) -> bool:
    """Whether a field is a list of that name, or the new or gone entries of one."""
    return re.fullmatch(rf"(.*\.)?{re.escape(of.removesuffix('[]'))}(\.new|\.gone)?\[\]", name) is not None


def output(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    main([str(argument) for argument in (*arguments, "--format", "json")])
    return json.loads(capsys.readouterr().out)


def wheel(folder: Path, version: str, members: dict[str, str]) -> Path:
    path = folder / f"acme-{version}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: acme\nVersion: {version}\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**members, f"acme-{version}.dist-info/METADATA": metadata}.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    """One that calls, one that calls another, and a file that is none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    hosts = 'HOST = "https://telemetry.{}.dev"\n'
    old = wheel(tmp_path, "1.0", {"acme/__init__.py": CALLS, "acme/hosts.py": hosts.format("acmehq")})
    changed = CALLS.replace("ACME_TELEMETRY", "ACME_USAGE").replace("telemetry", "stats")
    new = wheel(tmp_path, "2.0", {"acme/__init__.py": changed, "acme/hosts.py": hosts.format("acmetwo")})
    return old, new, tmp_path / "nowhere.whl"


def test_scan(wheels: tuple[Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    installed = tmp_path / "environment"
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(installed)
    broken = tmp_path / "broken-1.0-py3-none-any.whl"
    broken.write_bytes(wheels[0].read_bytes()[:200])
    shown = printed(
        output(capsys, "scan", *wheels, broken, "--no-cache"),
        output(capsys, "scan", "--environment", installed, "--no-cache"),
    )
    assert shown == documented("scan.md", "## JSON, format 1")


def test_diff(wheels: tuple[Path, ...], capsys: pytest.CaptureFixture[str]) -> None:
    old, new, _ = wheels
    quiet = wheel(old.parent, "3.0", {"acme/__init__.py": "x = 1\n"})
    pairs = ((old, new), (old, quiet), (quiet, old))
    shown = printed(*(output(capsys, "diff", *pair, "--no-cache") for pair in pairs))
    shared = tables("scan.md", "## JSON, format 1")
    lists = {name: shared[f"{name}[]"] for name in ("kill_switches", "findings")}
    assert shown == documented("scan.md", "### `noegress diff`, format 1", **lists)


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('format = 1\n[index]\nurl = "https://mirror.internal/root/curated/+simple/"\n')
    (tmp_path / "requirements.txt").write_text("six\n-i https://other.example/simple\n")
    (tmp_path / "tests/data").mkdir(parents=True)
    (tmp_path / "tests/data/requirements.txt").write_text("six\n")
    shown = printed(output(capsys, "check", "--offline", "--policy", policy, tmp_path))
    assert shown == documented("check.md", "## JSON, format 1")


def test_verify(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (world.environment / "stray.py").write_text("x = 1\n")
    target = ("--environment", world.environment, "--policy", world.policy)
    assert printed(output(capsys, "verify", *target)) == documented("catalogue.md", "### JSON, format 1")
