"""Lock files, by the URL of every file."""

import json

import pytest

from tests.noegress.surfaces.conftest import EVIL, MIRROR, Bench

POETRY = '[metadata]\nlock-version = "2.1"\n'
PDM = '[metadata]\nlock_version = "4.5.0"\n'
FILE = MIRROR.replace("+simple/", "+f/ab/six-1.0-py3-none-any.whl")


def uv_lock(registry: str, url: str) -> str:
    return (
        'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n\n[[package]]\nname = "six"\nversion = "1.0"\n'
        f'source = {{ registry = "{registry}" }}\n'
        f'wheels = [\n    {{ url = "{url}", hash = "sha256:00", size = 1 }},\n]\n'
        '\n[[package]]\nname = "x"\nversion = "0"\nsource = { editable = "." }\n'
    )


def pylock(url: str) -> str:
    return (
        'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "six"\nversion = "1.0"\n'
        f'wheels = [{{ name = "six-1.0-py3-none-any.whl", url = "{url}", hashes = {{ sha256 = "00" }} }}]\n'
    )


OPENED = {
    "uv.lock, registry and URL": ("uv.lock", uv_lock(EVIL, f"{EVIL}six.whl"), [8]),
    "uv.lock, the URL beside a good registry": ("uv.lock", uv_lock(MIRROR, f"{EVIL}six.whl"), [10]),
    "uv.lock, an unknown version": ("uv.lock", "version = 2\n", [1]),
    "uv.lock, an unknown source": ("uv.lock", 'version = 1\n[[package]]\nname = "x"\nsource = { ipfs = "x" }\n', [0]),
    "uv.lock, a repository": (
        "uv.lock",
        'version = 1\n[[package]]\nname = "x"\nsource = { git = "https://evil.example/x?rev=1#00" }\n',
        [4],
    ),
    "pylock": ("pylock.toml", pylock(f"{EVIL}six-1.0-py3-none-any.whl"), [6]),
    "pylock with a name": ("pylock.dev.toml", pylock(f"{EVIL}six-1.0-py3-none-any.whl"), [6]),
    "pylock, an unknown version": ("pylock.toml", 'lock-version = "2.0"\n', [1]),
    "pylock, an archive": (
        "pylock.toml",
        f'lock-version = "1.0"\n[[packages]]\nname = "x"\n[packages.archive]\nurl = "{EVIL}x.zip"\n',
        [5],
    ),
    "poetry.lock, a source": (
        "poetry.lock",
        f'[[package]]\nname = "x"\n[package.source]\ntype = "legacy"\nurl = "{EVIL}"\n{POETRY}',
        [5],
    ),
    "pdm.lock, static URLs": (
        "pdm.lock",
        f'{PDM}[[package]]\nname = "x"\nfiles = [{{ url = "{EVIL}x.whl", hash = "x" }}]\n',
        [5],
    ),
    "Pipfile.lock": (
        "Pipfile.lock",
        json.dumps({"_meta": {"pipfile-spec": 6, "sources": [{"url": EVIL}]}, "default": {}}, indent=1),
        [6],
    ),
    "Pipfile.lock, broken": ("Pipfile.lock", "{}", [0]),
    "not TOML": ("uv.lock", "version = \n", [1]),
}


@pytest.mark.parametrize("case", OPENED)
def test_a_lock_that_fetches_from_elsewhere_is_a_violation(bench: Bench, case: str) -> None:
    name, text, lines = OPENED[case]
    bench.write(name, text)
    assert [(v.file, v.line) for v in bench.violations()] == [(name, line) for line in lines]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", uv_lock(MIRROR, FILE)),
        ("pylock.toml", pylock(FILE)),
        (
            "poetry.lock",
            f'[[package]]\nname = "x"\nsource = {{ type = "legacy", url = "{MIRROR}" }}\n{POETRY}',
        ),
        ("pdm.lock", f'[metadata]\nlock_version = "4.5.0"\n[[package]]\nname = "x"\nfiles = [{{ url = "{FILE}" }}]\n'),
    ],
)
def test_a_lock_of_the_mirrors_files_is_clean(bench: Bench, name: str, text: str) -> None:
    bench.write(name, text)
    assert bench.violations() == ()


def test_files_from_one_place_are_one_violation_that_counts_them(bench: Bench) -> None:
    wheels = "".join(f'    {{ url = "{EVIL}{number}.whl", hash = "sha256:00" }},\n' for number in range(5))
    text = uv_lock(MIRROR, FILE).replace("wheels = [\n", f"wheels = [\n{wheels}")
    bench.write("uv.lock", text)
    (violation,) = bench.violations()
    assert "and 4 more from there" in violation.text


def test_a_poetry_lock_without_a_primary_source_is_installed_from_the_public_index(bench: Bench) -> None:
    bench.write("poetry.lock", '[metadata]\nlock-version = "2.1"\n')
    bench.write("pyproject.toml", '[tool.poetry]\nname = "x"\n')
    assert bench.places() == ["poetry.lock"]
    bench.write("pyproject.toml", f'[[tool.poetry.source]]\nname = "m"\nurl = "{MIRROR}"\npriority = "primary"\n')
    assert bench.places() == []


def test_a_pdm_lock_without_a_source_is_installed_from_the_machines_default(bench: Bench) -> None:
    bench.write("pdm.lock", '[metadata]\nlock_version = "4.5.0"\n')
    bench.write("pyproject.toml", "[tool.pdm]\n")
    assert bench.places() == ["pdm.lock"]
    assert bench.places({"PDM_PYPI_URL": MIRROR}) == []
