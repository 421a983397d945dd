"""What no file of the repository may hold."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REGISTRIES = re.compile(rb"(?:pypi|pythonhosted|registry[.]npmjs|deb[.]debian)[.]org", re.IGNORECASE)
HOMES = re.compile(rb"/(?:home|Users)/[a-z]+/|/root/[.]")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(("what", "pattern"), [("a package registry", REGISTRIES), ("a home folder", HOMES)])
def test_no_file_names(what: str, pattern: re.Pattern[bytes]) -> None:
    named = [path for path in tracked() if pattern.search(path.read_bytes())]
    assert not named, f"{what} is named in {named}"


def test_no_module_is_a_catch_all() -> None:
    vague = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py", "base.py", "manager.py"}
    assert not [path for path in tracked() if path.name in vague]
