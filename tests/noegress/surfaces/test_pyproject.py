"""Direct references in the standard tables of pyproject.toml."""

import pytest

from tests.noegress.surfaces.conftest import EVIL, MIRROR, Bench


@pytest.mark.parametrize(
    "text",
    [
        f'[project]\ndependencies = ["six @ {EVIL}six-1.0-py3-none-any.whl"]\n',
        "[project]\ndependencies = [\"six[x] @ git+https://evil.example/six ; python_version > '3'\"]\n",
        '[project]\noptional-dependencies = { x = ["six @ file:///opt/six"] }\n',
        f'[dependency-groups]\n"dev" = ["pytest", {{ include-group = "x" }}, "six@{EVIL}six.tar.gz"]\n',
        f'[build-system]\nrequires = ["hatchling @ {EVIL}hatchling.whl"]\n',
        '[build-system]\nrequires = ["git+https://evil.example/hatchling"]\n',
    ],
)
def test_a_direct_reference_is_a_violation_with_its_line(bench: Bench, text: str) -> None:
    bench.write("pyproject.toml", text)
    assert bench.places() == ["pyproject.toml:2"]


@pytest.mark.parametrize(
    "text",
    [
        f'[project]\ndependencies = ["six>=1", "x @ {MIRROR}../+f/ab/x-1.0-py3-none-any.whl"]\n',
        f'[project]\nreadme = "README.md"\nurls = {{ Home = "{EVIL}" }}\ndescription = "pip install -i {EVIL}"\n',
        f"# see {EVIL}\n",
    ],
)
def test_names_mentions_and_files_of_the_mirror_are_clean(bench: Bench, text: str) -> None:
    bench.write("pyproject.toml", text)
    bench.write("README.md", f"pip install --extra-index-url {EVIL} example\n")
    bench.write("example.py", f'URL = "{EVIL}"\n')
    assert bench.violations() == ()
