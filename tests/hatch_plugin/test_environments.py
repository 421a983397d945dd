"""Real environments made by hatch: the mirror is forced on all of them."""

from tests.hatch_plugin.conftest import Bench

ENVIRONMENT = """
[tool.hatch.env.collectors.noegress]
[tool.hatch.envs.default]
type = "{type}"
skip-install = true
installer = "{installer}"
dependencies = ["lab-helper"]
"""


def configured(bench: Bench, *, kind: str = "virtual", installer: str = "uv", more: str = "") -> None:
    text = (bench.project / "pyproject.toml").read_text()
    bench.write("pyproject.toml", text + ENVIRONMENT.format(type=kind, installer=installer) + more)


def word(bench: Bench, **extra: str) -> str:
    done = bench.run("hatch", "run", "python", "-c", "import lab_helper; print(lab_helper.WORD)", extra=extra)
    assert done.returncode == 0, done.stdout
    return done.stdout.split()[-1]


def test_an_environment_is_made_from_the_mirror_whatever_the_machine_says(bench: Bench) -> None:
    configured(bench)
    assert word(bench, UV_INDEX=bench.indexes.higher, UV_DEFAULT_INDEX=bench.indexes.higher) == "good"


def test_without_the_collector_the_same_machine_brings_the_evil_one(bench: Bench) -> None:
    configured(bench)
    text = (bench.project / "pyproject.toml").read_text()
    bench.write("pyproject.toml", text.replace("[tool.hatch.env.collectors.noegress]\n", ""))
    assert word(bench, UV_INDEX=bench.indexes.higher) == "evil"


def test_a_pip_environment_is_made_from_the_mirror_too(bench: Bench) -> None:
    configured(bench, installer="pip")
    assert word(bench, PIP_EXTRA_INDEX_URL=bench.indexes.higher) == "good"


def test_a_guarded_environment_needs_no_collector(bench: Bench) -> None:
    configured(bench, kind="guarded")
    text = (bench.project / "pyproject.toml").read_text()
    bench.write("pyproject.toml", text.replace("[tool.hatch.env.collectors.noegress]\n", ""))
    assert word(bench, UV_INDEX=bench.indexes.higher) == "good"


def test_an_environment_that_asks_for_another_index_is_refused(bench: Bench) -> None:
    configured(bench, more=f'env-vars.UV_INDEX = "{bench.indexes.higher}"\n')
    done = bench.run("hatch", "run", "true")
    assert done.returncode != 0
    line = (bench.project / "pyproject.toml").read_text().count("\n")
    assert f"pyproject.toml:{line}: UV_INDEX=" in done.stdout
    assert "Traceback" not in done.stdout
