import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noegress.artifact.environment import find_installed, open_installed
from noegress.errors import UsageError

Make = Callable[..., Path]


@pytest.fixture
def environment(tmp_path: Path, make_wheel: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a virtual environment with one wheel that pip installed; no index and no settings of here take part."""
    installed = tmp_path_factory.getbasetemp() / "installed"
    if not installed.exists():
        _install(make_wheel({"acme/a.py": b"x = 1\n"}), installed)
    shutil.copytree(installed, tmp_path / "env", symlinks=True)
    return tmp_path / "env"


def _install(wheel: Path, prefix: Path) -> None:
    venv.create(prefix, with_pip=False)
    site = next(prefix.glob("lib/python3*/site-packages"))
    environ = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull}
    options = ["--quiet", "--no-index", "--no-deps", "--target", str(site)]
    command = [sys.executable, "-m", "pip", "install", *options, str(wheel)]
    subprocess.run(command, check=True, env=environ)


def problems_of(environment: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in find_installed(environment):
        with open_installed(path) as artifact:
            list(artifact.members())
            found[path.name] = {f"{problem.rule} {problem.place.file}" for problem in artifact.problems}
    return found


def site_of(environment: Path) -> Path:
    return next(environment.glob("lib/python3*/site-packages"))


def test_an_installed_distribution_is_read_by_its_files(environment: Path) -> None:
    metadata, site = find_installed(environment)
    with open_installed(metadata) as artifact:
        members = {member.name: member for member in artifact.members()}
        assert (artifact.kind, artifact.subject.name, artifact.subject.version) == ("environment", "acme", "1.0")
    assert members["acme/a.py"].content == b"x = 1\n"
    assert problems_of(environment) == {"acme-1.0.dist-info": set(), "site-packages": set()}
    assert find_installed(site_of(environment)) == find_installed(environment)
    assert site.name == "site-packages"


def test_a_file_that_was_changed_after_installation_is_refused(environment: Path) -> None:
    (site_of(environment) / "acme/a.py").write_text("import evil\n")
    assert problems_of(environment)["acme-1.0.dist-info"] == {"record-mismatch acme/a.py"}


def test_files_that_nobody_owns_are_told_and_read(environment: Path) -> None:
    site = site_of(environment)
    (site / "evil.pth").write_text("import os\n")
    (site / "acme/__pycache__").mkdir(exist_ok=True)
    (site / "acme/__pycache__/a.cpython-311.pyc").write_bytes(b"cache of an owned source")
    (site / "acme/__pycache__/b.cpython-311.pyc").write_bytes(b"cache of nothing")
    assert problems_of(environment)["site-packages"] == {
        "unowned-file evil.pth",
        "unowned-file acme/__pycache__/b.cpython-311.pyc",
    }
    with open_installed(site) as artifact:
        assert {member.name: member.content for member in artifact.members()}["evil.pth"] == b"import os\n"


def test_a_file_that_is_gone_is_told(environment: Path) -> None:
    (site_of(environment) / "acme/a.py").unlink()
    assert problems_of(environment)["acme-1.0.dist-info"] == {"record-stale acme/a.py"}


def test_a_link_out_of_the_environment_is_not_followed(environment: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (site_of(environment) / "link.py").symlink_to(secret)
    assert "special-file link.py" in problems_of(environment)["site-packages"]


def test_a_pipe_in_an_environment_does_not_hang(environment: Path) -> None:
    os.mkfifo(site_of(environment) / "pipe.py")
    assert "special-file pipe.py" in problems_of(environment)["site-packages"]


@pytest.mark.parametrize("record", ["a,b,c,d\n", '"', "acme/a.py,sha256=,x\n"])
def test_a_record_that_is_broken_is_never_clean(environment: Path, record: str) -> None:
    path = site_of(environment) / "acme-1.0.dist-info/RECORD"
    path.write_text(record)
    with open_installed(path.parent) as artifact:
        members: list[Any] = list(artifact.members())
        assert artifact.undecided or any(problem.severity == "high" for problem in artifact.problems), members


def test_a_folder_without_packages_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UsageError):
            find_installed(path)
