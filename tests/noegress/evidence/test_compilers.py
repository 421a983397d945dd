"""Bytecode of another version is judged by an interpreter of that version, and by none that is judged itself."""

import importlib.util
import marshal
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from noegress.catalogue import Publication
from noegress.evidence import Evidence, Expectations, Kind, find_environment, verify_environment
from noegress.evidence.compilers import Compiler, Compilers, _candidates

Release = Callable[[str, str], tuple[Publication, ...]]
CODE = "import sys; print(sys.version_info.minor)"
NOWHERE = frozenset({"/nowhere"})


def other_python() -> Path | None:
    """An interpreter of a version that has the same marshal format as this one, and is not this one."""
    for minor in (12, 13, 14, 11):
        for found in _candidates(f"python3.{minor}") if minor != sys.version_info.minor else ():
            code = "import sys; print(sys.executable)"
            if os.access(found, os.X_OK):
                done = subprocess.run([found, "-c", code], capture_output=True, text=True, check=False)
                if not done.returncode:
                    return Path(done.stdout.strip())
    return None


OTHER = other_python()
needs_other = pytest.mark.skipif(OTHER is None, reason="no second version of Python is at hand")


@pytest.fixture
def tag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The tag of the other version; only that interpreter is on ``PATH``, and none beside this one."""
    assert OTHER is not None
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "none/here"))
    monkeypatch.setenv("PATH", str(OTHER.parent))
    name = "import sys; print(sys.implementation.cache_tag)"
    return subprocess.run([OTHER, "-c", name], capture_output=True, text=True, check=True).stdout.strip()


def judged(venv: Path, release: Release, memory: Path | None = None) -> Evidence:
    return verify_environment(find_environment(venv), release, Expectations(memory=memory))


def kinds(evidence: Evidence) -> set[Kind]:
    return {violation.kind for violation in evidence.violations}


def compile_all(site: Path, *options: str) -> None:
    assert OTHER is not None
    subprocess.run([OTHER, *options, "-m", "compileall", "-q", site], check=True)


def test_a_child_compiles_as_this_interpreter_does() -> None:
    child, own = Compiler(sys.executable), Compiler()
    source = b"x = {1, 2}\ndef f(a: int = 3): return lambda: a\n"
    assert child.magic == own.magic == importlib.util.MAGIC_NUMBER
    made = child.code_of(source, "odd na\udcffme\n.py", 0)
    assert made is not None
    assert marshal.loads(made).co_consts == marshal.loads(own.code_of(source, "x", 0) or b"").co_consts  # our own
    assert child.code_of(b"def", "x.py", 0) is None
    assert child.code_of(b"y = 1", "x.py", 2) is not None
    child.close()
    assert child.code_of(b"y = 1", "x.py", 0) is not None  # by this interpreter itself, as nothing else is left


@needs_other
def test_bytecode_of_another_version_is_judged(
    venv: Path, site: Path, release: Release, tag: str, tmp_path: Path
) -> None:
    compile_all(site)
    compile_all(site, "-O")
    assert judged(venv, release, tmp_path).violations == ()
    cached = site / "__pycache__" / f"demo_pure.{tag}.pyc"
    honest = cached.read_bytes()
    code = "import marshal, sys; sys.stdout.buffer.write(marshal.dumps(compile('pure = 2', 'x', 'exec')))"
    assert OTHER is not None
    forged = subprocess.run([OTHER, "-c", code], capture_output=True, check=True).stdout
    cached.write_bytes(honest[:16] + forged)
    assert kinds(judged(venv, release, tmp_path)) == {Kind.FORGED_BYTECODE}
    cached.write_bytes(b"\0\0\r\n" + honest[4:])  # of a third version, by its magic number
    assert kinds(judged(venv, release, tmp_path)) == {Kind.UNJUDGED_BYTECODE}


@needs_other
def test_without_that_version_it_is_undecided_and_what_was_true_is_remembered(
    venv: Path, site: Path, release: Release, tag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_all(site)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = judged(venv, release)
    assert kinds(found) == {Kind.UNJUDGED_BYTECODE}
    assert "on PATH" in found.violations[0].fix
    monkeypatch.setenv("PATH", str(OTHER.parent if OTHER else ""))
    assert judged(venv, release, tmp_path / "memory").violations == ()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert judged(venv, release, tmp_path / "memory").violations == ()


@needs_other
def test_a_version_beside_this_one_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert OTHER is not None
    for folder in ("versions/own/bin", "versions/other/bin"):
        (tmp_path / folder).mkdir(parents=True)
    name = f"python3.{subprocess.run([OTHER, '-c', CODE], capture_output=True, text=True, check=True).stdout.strip()}"
    (tmp_path / "versions/other/bin" / name).symlink_to(OTHER)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "versions/own"))
    with Compilers(NOWHERE) as compilers:
        assert compilers.of(f"cpython-{name.removeprefix('python').replace('.', '')}") is not None
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    with Compilers(NOWHERE) as compilers:
        assert compilers.of(f"cpython-{name.removeprefix('python').replace('.', '')}") is None


def spy(folder: Path, name: str, mark: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n: > {mark}\n")
    (folder / name).chmod(0o755)


def test_no_interpreter_below_what_is_judged_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "ran"
    spy(tmp_path / "venv/bin", "python3.99", mark)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "python3.99").symlink_to(tmp_path / "venv/bin/python3.99")
    monkeypatch.setenv("PATH", f"{tmp_path}/venv/bin{os.pathsep}{outside}")
    with Compilers(frozenset({str(tmp_path / "venv")})) as compilers:
        assert compilers.of("cpython-399") is None
    assert not mark.exists()
    with Compilers(NOWHERE) as compilers:  # it is what would have been run
        assert compilers.of("cpython-399") is None
    assert mark.exists()


@pytest.mark.parametrize("tag", ["pypy311", "cpython-", "cpython-27", "graalpy-3", "../python-311"])
def test_other_implementations_are_not_at_hand(tag: str) -> None:
    with Compilers(NOWHERE) as compilers:
        assert compilers.of(tag) is None


def test_an_interpreter_that_dies_makes_nothing_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python3.99").write_text("#!/bin/sh\nprintf abcd\nread line\n")
    (tmp_path / "python3.99").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    with Compilers(NOWHERE) as compilers:
        compiler = compilers.of("cpython-399")
        assert compiler is not None
        assert compiler.code_of(b"x = 1\n", "x.py", 0) is None
        assert compiler.code_of(b"x = 1\n", "x.py", 0) is None
