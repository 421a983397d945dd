"""uv's variables, options and settings tables."""

import subprocess

import pytest

from noegress.policy import FoundPolicy, read_policy
from noegress.surfaces import Command, Scope, gate
from tests.noegress.surfaces.conftest import EVIL, MIRROR, Bench


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UV_INDEX", f"{MIRROR} {EVIL}"),
        ("UV_INDEX", f"pytorch={EVIL}"),
        ("UV_DEFAULT_INDEX", f"main={EVIL}"),
        ("UV_INDEX_URL", EVIL),
        ("UV_EXTRA_INDEX_URL", EVIL),
        ("UV_FIND_LINKS", f"{MIRROR}six/,{EVIL}"),
        ("UV_TORCH_BACKEND", "auto"),
        ("UV_BUILD_CONSTRAINT", f"{EVIL}constraints.txt"),
        ("UV_INSECURE_HOST", "mirror.internal"),
    ],
)
def test_a_variable_that_opens_another_place_is_a_violation(bench: Bench, name: str, value: str) -> None:
    (violation,) = bench.violations({name: value})
    assert (violation.scope, violation.surface, violation.file) == (Scope.MACHINE, "uv", "environment")
    assert violation.text.startswith(name)


def test_a_named_index_that_is_the_mirror_is_clean(bench: Bench) -> None:
    assert bench.violations({"UV_INDEX": f"main={MIRROR}"}) == ()


def test_an_index_beside_no_default_leaves_the_public_one_open(bench: Bench) -> None:
    (violation,) = bench.violations({"UV_DEFAULT_INDEX": "", "UV_INDEX": MIRROR})
    assert violation.surface == "default-index"


@pytest.mark.parametrize("name", ["/etc/uv/uv.toml", "/etc/xdg/uv/uv.toml", ".config/uv/uv.toml"])
def test_configuration_counts_at_every_level(bench: Bench, name: str) -> None:
    path = bench.configure(name, f'\n[[index]]\nname = "evil"\nurl = "{EVIL}"\n')
    assert bench.places() == [f"{path}:4"]
    assert bench.places({"UV_NO_CONFIG": "1"}) == []


def test_a_parent_directorys_file_is_the_machines(bench: Bench) -> None:
    (bench.directory.parent / "uv.toml").write_text(f'index-url = "{EVIL}"\n')
    (violation,) = bench.violations()
    assert (violation.scope, violation.line) == (Scope.MACHINE, 1)


@pytest.mark.parametrize(
    "text",
    [
        f'[[tool.uv.index]]\nurl = "{EVIL}"\n',
        f'[tool.uv]\nindex = [{{ name = "e", url = "{EVIL}", explicit = true }}]\n',
        f'[tool."uv"]\n"extra-index-url" = ["{EVIL}"]\n',
        f'[tool]\nuv.pip.find-links = ["{EVIL}"]\n',
        f'[tool.uv.sources]\nsix = {{ url = "{EVIL}six.whl" }}\n',
        '[tool.uv.sources]\nsix = [{ git = "https://evil.example/six", marker = "python_version > \'3\'" }]\n',
        '[tool.uv.sources]\nsix = { path = "../../six" }\n',
        '[tool.uv]\ntorch-backend = "cu128"\n',
        f'[tool.uv]\nconstraint-dependencies = ["six @ {EVIL}six.whl"]\n',
        f'[tool.uv]\nextra-build-dependencies = {{ six = ["x @ {EVIL}x.whl"] }}\n',
        '[tool.uv]\nsomething-new = "x"\n',
        '[tool.uv]\nallow-insecure-host = ["mirror.internal:443"]\n',
        f'[tool.uv]\nindex-url = """\\\n  {EVIL}"""\n',
    ],
)
def test_a_project_table_that_opens_another_place_is_a_violation_with_its_line(bench: Bench, text: str) -> None:
    bench.write("pyproject.toml", text)
    (violation,) = bench.violations()
    assert (violation.scope, violation.surface, violation.place) == (Scope.PROJECT, "uv", "pyproject.toml:2")


@pytest.mark.parametrize(
    "text",
    [
        f'[[tool.uv.index]]\nname = "main"\nurl = "{MIRROR}"\ndefault = true\n',
        '[tool.uv.sources]\nmember = { workspace = true }\nsix = { index = "main" }\n',
        '[tool.uv.sources]\nmember = { path = "packages/member", editable = true }\n',
        '[tool.uv]\ndev-dependencies = ["pytest>=8"]\npackage = true\n[tool.uv.pip]\nuniversal = true\n',
        '[tool.uv]\npublish-url = "https://mirror.internal/legacy/"\n',
    ],
)
def test_a_project_table_that_opens_nothing_is_clean(bench: Bench, text: str) -> None:
    bench.write("pyproject.toml", text)
    assert bench.violations() == ()


def test_the_default_index_of_a_project_counts(bench: Bench) -> None:
    bench.write("pyproject.toml", f'[tool.uv]\nindex = [{{ url = "{MIRROR}", default = true }}]\n')
    assert bench.violations({"UV_DEFAULT_INDEX": ""}) == ()


@pytest.mark.parametrize("option", ["--index", "--default-index", "--extra-index-url", "-f", "-i"])
def test_an_option_of_uv_is_a_violation_of_the_command(bench: Bench, option: str) -> None:
    (violation,) = bench.violations({}, Command(tool="uv", arguments=("build", option, EVIL)))
    assert violation.scope is Scope.COMMAND


def test_a_file_that_is_not_toml_is_a_violation_with_its_line(bench: Bench) -> None:
    bench.write("uv.toml", '\nindex-url = "x\n')
    assert bench.places() == ["uv.toml:2"]


def test_a_byte_order_mark_hides_nothing(bench: Bench) -> None:
    bench.write("uv.toml", f'\ufeffindex-url = "{EVIL}"\r\n')
    assert bench.places() == ["uv.toml:1"]


def test_a_cache_counts_where_it_came_with_the_project(bench: Bench) -> None:
    bench.write("uv.toml", 'cache-dir = "cache"\n')
    bench.write("cache/CACHEDIR.TAG", "Signature")
    assert bench.places() == ["uv.toml:1"]
    git = ["git", "-c", "init.defaultBranch=main", "-C", str(bench.directory)]
    subprocess.run([*git, "init", "-q"], check=True)
    assert bench.places() == [], "uv has made it: it is under nobody's control"
    subprocess.run([*git, "add", "cache"], check=True)
    assert bench.places() == ["uv.toml:1"]


def test_a_proxy_counts_where_the_mirror_has_no_tls(bench: Bench) -> None:
    bench.write("uv.toml", 'http-proxy = "http://other.example:8080"\n')
    assert bench.places() == []
    plain = bench.home.parent / "plain.toml"
    plain.write_text('format = 1\n[index]\nurl = "http://127.0.0.1:3141/root/curated/+simple/"\n')
    found = FoundPolicy(policy=read_policy(plain), path=plain)
    report = gate(bench.directory, found, bench.machine())
    assert "uv.toml:1" in [violation.place for violation in report.violations]
