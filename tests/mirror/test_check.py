"""``noegress check`` and ``verify`` against the catalogue of a mirror that runs."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mirror_lab import BIN, Index, Published, Served, run

SOURCE = """\
import urllib.request


def fetch():
    return urllib.request.urlopen("https://{host}/v1/data").read()
"""


class Project:
    """A project whose policy names a mirror, and the command on it."""

    def __init__(self, folder: Path, mirror: Served) -> None:
        self.folder = folder
        self.mirror = mirror
        root = hashlib.sha256((mirror.folder / "catalogue/metadata/1.root.json").read_bytes()).hexdigest()
        self.index = f"{mirror.url}/root/curated/+simple/"
        self.write(
            "noegress.toml",
            f'format = 1\n[index]\nurl = "{self.index}"\n[egress]\nallow = ["api.allowedhost.dev:443"]\n'
            f'[catalogue]\nurl = "{mirror.url}/+noegress/catalogue/"\nroot-sha256 = "{root}"\n',
        )

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def lock(self, *published: Published) -> None:
        """A uv.lock of these files, at the mirror's addresses."""
        entries = ["version = 1\n"]
        for item in published:
            name, version = item.filename.split("-")[:2]
            digest = hashlib.sha256(item.content).hexdigest()
            url = f"{self.index.replace('+simple/', '+f/')}{digest[:3]}/{digest[3:16]}/{item.filename}"
            entries.append(
                f'[[package]]\nname = "{name.replace("_", "-")}"\nversion = "{version}"\n'
                f'source = {{ registry = "{self.index}" }}\nwheels = [{{ url = "{url}", hash = "sha256:{digest}" }}]\n'
            )
        self.write("uv.lock", "".join(entries))

    def check(self, *options: str) -> tuple[int, list[str], dict[str, Any]]:
        """The exit status, what the violations say, and the report."""
        variables = {
            "PIP_INDEX_URL": self.index,
            "UV_DEFAULT_INDEX": self.index,
            "XDG_CACHE_HOME": str(self.folder.parent),
        }
        done = run(BIN / "noegress", "check", self.folder, "--format", "json", *options, **variables)
        assert done.stdout, done.stderr
        report = json.loads(done.stdout)
        return done.returncode, [violation["text"] for violation in report["violations"]], report


@pytest.fixture
def project(tmp_path: Path, mirror: Served) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, mirror)


def admitted(mirror: Served, index: Index, name: str, *hosts: str) -> list[Published]:
    """Versions 1.0, 1.1 … of a project, each asking one host, or one version that asks none."""
    path = f"{name.replace('-', '_')}/__init__.py"
    files: list[dict[str, str] | None] = [{path: SOURCE.format(host=host)} for host in hosts]
    published = [index.publish(name, f"1.{minor}", files=held) for minor, held in enumerate(files or [None])]
    mirror.page(name)
    for item in published:
        assert mirror.get(mirror.file_path(item.content, item.filename)).status == 200
    return published


def test_a_new_dependency_is_asked_for_and_an_admitted_one_is_not(
    project: Project, mirror: Served, shared_index: Index
) -> None:
    admitted(mirror, shared_index, "check-good")
    project.write(
        "pyproject.toml", '[project]\nname = "x"\ndependencies = ["check-good", "check-new", "check-good2>2"]\n'
    )
    assert project.check()[:2] == (1, ["check-new: not in the catalogue", "check-good2: not in the catalogue"])
    project.write("pyproject.toml", '[project]\nname = "x"\ndependencies = ["check-good>=1"]\n')
    assert project.check()[:2] == (0, [])


def test_a_locked_release_that_was_refused_since_is_a_violation(
    project: Project, mirror: Served, shared_index: Index
) -> None:
    project.lock(*admitted(mirror, shared_index, "check-revoked"))
    assert project.check()[:2] == (0, [])
    assert mirror.command("revoke", "check-revoked", "--reason", "it was withdrawn").returncode == 0
    status, (text,), _ = project.check()
    assert status == 1
    assert "check-revoked==1.0: refused" in text
    assert "it was withdrawn" in text


def test_a_lock_update_that_brings_egress_is_a_violation(project: Project, mirror: Served, shared_index: Index) -> None:
    first, second, third = admitted(
        mirror, shared_index, "check-egress", "api.firsthost.dev", "api.newhost.dev", "api.allowedhost.dev"
    )
    project.lock(first)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x.example", "-C", str(project.folder)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    assert project.check("--since", "HEAD")[:2] == (0, [])
    project.lock(second)
    status, texts, report = project.check("--since", "HEAD")
    assert (status, texts) == (1, ["check-egress==1.1: newly declares api.newhost.dev:443"])
    assert (report["violations"][0]["file"], report["violations"][0]["line"]) == ("uv.lock", 3)
    project.lock(third)
    assert project.check("--since", "HEAD")[:2] == (0, [])
    assert run(BIN / "noegress", "check", project.folder, "--since", "nowhere").returncode == 2


def test_what_nobody_can_decide_is_undecided(project: Project, mirror: Served, tmp_path: Path) -> None:
    project.write("requirements.txt", "six\n")
    text = (project.folder / "noegress.toml").read_text()
    project.write(
        "noegress.toml", "".join(line for line in text.splitlines(keepends=True) if "root-sha256" not in line)
    )
    status, _, report = project.check()
    assert (status, report["verdict"]) == (3, "undecided")
    assert "no root of the catalogue is pinned" in report["not_judged"][0]["reason"]
    project.write("noegress.toml", text.replace(f"{mirror.url}/+noegress", "http://127.0.0.1:9/+noegress"))
    status, _, report = project.check()
    assert status == 3
    assert "cannot be reached" in report["not_judged"][0]["reason"]


def test_what_pip_installs_from_the_mirror_is_what_was_admitted(
    project: Project, mirror: Served, shared_index: Index, tmp_path: Path
) -> None:
    admitted(mirror, shared_index, "check-installed")
    target = tmp_path / "site-packages"
    made = run("python3", "-m", "pip", "install", "-q", "-i", project.index, "--target", target, "check-installed")
    assert made.returncode == 0, made.stderr
    policy = ("--policy", project.folder / "noegress.toml", "--environment", target)
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    assert run(BIN / "noegress", "verify", *policy, **cache).returncode == 0
    (target / "check_installed/__init__.py").write_text("import os\n")
    done = run(BIN / "noegress", "verify", *policy, **cache)
    assert done.returncode == 1
    assert "[content-differs]" in done.stdout
