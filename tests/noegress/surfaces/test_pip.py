"""pip's variables, files and options, weighed as pip weighs them."""

import pytest

from noegress.surfaces import Command, Scope
from tests.noegress.surfaces.conftest import EVIL, MIRROR, SHUT, Bench

USER = ".config/pip/pip.conf"


def pip(*arguments: str) -> Command:
    return Command(tool="pip", arguments=arguments)


def test_an_environment_that_names_only_the_mirror_is_clean(bench: Bench) -> None:
    assert bench.violations() == ()


@pytest.mark.parametrize(
    "name",
    ["PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_PYPI_URL", "PIP_FIND_LINKS", "PIP_extra_index_url", "PIP_EDITABLE"],
)
def test_a_variable_that_names_another_place_is_a_violation_of_the_machine(bench: Bench, name: str) -> None:
    (violation,) = bench.violations({name: EVIL})
    assert (violation.scope, violation.surface, violation.place) == (Scope.MACHINE, "pip", "environment")
    assert violation.text == f"{name}={EVIL}"


def test_every_url_of_a_variable_is_judged(bench: Bench) -> None:
    violations = bench.violations({"PIP_EXTRA_INDEX_URL": f"{MIRROR} {EVIL}\n /opt/simple"})
    assert [violation.text for violation in violations] == [
        f"PIP_EXTRA_INDEX_URL={EVIL}",
        "PIP_EXTRA_INDEX_URL=/opt/simple",
    ]


def test_an_empty_variable_does_not_hide_the_file_below_it(bench: Bench) -> None:
    bench.configure(USER, f"[global]\nextra-index-url = {EVIL}\n")
    assert bench.places({"PIP_EXTRA_INDEX_URL": ""}) == [f"{bench.home / USER}:2"]


def test_a_variable_hides_the_same_option_of_every_file(bench: Bench) -> None:
    bench.configure(USER, f"[global]\nextra-index-url = {EVIL}\n")
    assert bench.places({"PIP_EXTRA_INDEX_URL": MIRROR}) == []


@pytest.mark.parametrize(
    "text",
    [
        f"[global]\nindex-url = {MIRROR}\nextra-index-url = {EVIL}\n",
        f"[install]\n\nExtra_Index_URL: {EVIL}\n",
        f"[wheel]\n# mirror\n--find-links={EVIL}\n",
        f"[download]\r\nfind-links =\r\n    {EVIL}\r\n    {MIRROR}\r\n",
        f"\ufeff[global]\n\nfind-links = {EVIL}\n",
    ],
)
def test_a_file_is_read_as_pip_reads_it(bench: Bench, text: str) -> None:
    bench.configure(USER, text)
    assert bench.places() == [f"{bench.home / USER}:3"]


@pytest.mark.parametrize("name", ["/etc/pip.conf", "/etc/xdg/pip/pip.conf", ".pip/pip.conf", USER])
def test_configuration_counts_at_every_level(bench: Bench, name: str) -> None:
    path = bench.configure(name, f"[global]\nextra-index-url = {EVIL}\n")
    assert bench.places() == [f"{path}:2"]


def test_a_comment_and_an_unrelated_option_are_no_violation(bench: Bench) -> None:
    bench.configure(USER, f"# extra-index-url = {EVIL}\n[global]\ntimeout = 60\nlog = {EVIL}\n")
    assert bench.violations() == ()


def test_dev_null_shields_from_every_file(bench: Bench) -> None:
    bench.configure(USER, f"[global]\nextra-index-url = {EVIL}\n")
    bench.configure("/etc/pip.conf", f"[global]\nfind-links = {EVIL}\n")
    assert bench.violations({"PIP_CONFIG_FILE": "/dev/null"}) == ()


def test_a_named_file_takes_the_place_of_the_users_but_not_of_the_machines(bench: Bench) -> None:
    bench.configure(USER, f"[global]\nextra-index-url = {EVIL}\n")
    machine = bench.configure("/etc/pip.conf", f"[global]\nfind-links = {EVIL}\n")
    named = bench.configure("named.conf", f"[global]\nindex-url = {MIRROR}\n")
    assert bench.places({"PIP_CONFIG_FILE": str(named)}) == [f"{machine}:2"]


def test_a_file_that_pip_could_not_read_is_a_violation(bench: Bench) -> None:
    path = bench.configure(USER, "index-url = x\n")
    assert bench.places() == [f"{path}:1"]


def test_the_section_of_a_command_beats_the_global_one(bench: Bench) -> None:
    bench.configure(USER, f"[global]\nindex-url = {EVIL}\n[install]\nindex-url = {MIRROR}\n")
    violations = bench.violations({"PIP_INDEX_URL": ""})
    assert [violation.place for violation in violations] == [f"{bench.home / USER}:2"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("install", "--extra-index-url", EVIL, "."),
        ("wheel", f"--extra-index-url={EVIL}", "."),
        ("install", "--extra-index", EVIL, "."),
        ("wheel", "-qf", EVIL, "."),
        ("install", f"-i{EVIL}", "."),
        ("install", "--config-settings", "-f", "--find", EVIL),
    ],
)
def test_an_option_is_read_as_pip_reads_it(bench: Bench, arguments: tuple[str, ...]) -> None:
    (violation,) = bench.violations({}, pip(*arguments))
    assert (violation.scope, violation.file) == (Scope.COMMAND, "command line")
    assert EVIL in violation.text


def test_the_index_of_the_command_line_is_the_default(bench: Bench) -> None:
    assert bench.violations({"PIP_INDEX_URL": EVIL}, pip("wheel", "-i", MIRROR, ".")) == ()


def test_isolated_pip_reads_neither_variables_nor_the_users_file(bench: Bench) -> None:
    bench.configure(USER, f"[global]\nextra-index-url = {EVIL}\n")
    typed = pip("--isolated", "wheel", "-i", MIRROR, ".")
    assert bench.violations({"PIP_FIND_LINKS": EVIL}, typed) == ()


def test_trusting_the_mirror_without_its_certificate_is_a_violation(bench: Bench) -> None:
    (violation,) = bench.violations({"PIP_TRUSTED_HOST": "mirror.internal other.internal"})
    assert violation.text == "PIP_TRUSTED_HOST=mirror.internal"


@pytest.mark.parametrize("environ", [{"PIP_INDEX_URL": ""}, {"UV_DEFAULT_INDEX": " "}, dict.fromkeys(SHUT, "")])
def test_a_missing_default_index_is_one_violation_of_the_machine(bench: Bench, environ: dict[str, str]) -> None:
    (violation,) = bench.violations(environ)
    assert (violation.scope, violation.surface) == (Scope.MACHINE, "default-index")
    assert all(f"{name}={MIRROR}" in violation.fix for name in environ)


def test_no_index_is_a_default_too(bench: Bench) -> None:
    assert bench.violations({"PIP_INDEX_URL": "", "PIP_NO_INDEX": "1"}) == ()


def test_the_configuration_of_an_installer_that_does_not_build_is_not_read(bench: Bench) -> None:
    report = bench.report({"PIP_FIND_LINKS": "/opt/wheels"}, front_ends=frozenset({"uv"}))
    assert report.violations == ()


def test_a_password_is_not_shown(bench: Bench) -> None:
    (violation,) = bench.violations({"PIP_EXTRA_INDEX_URL": "https://me:hunter2@evil.example/simple"})
    assert "hunter2" not in str(violation)
