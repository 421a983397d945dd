"""Every tampering of an installed environment is told, and an untouched one is admitted."""

import importlib.machinery
import importlib.util
import marshal
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from noegress.catalogue import Publication
from noegress.errors import UsageError
from noegress.evidence import Evidence, Expectations, Kind, find_environment, verify_environment, verify_wheelhouse
from noegress.finding import Basis, KillSwitch
from noegress.verdict import Verdict
from tests.noegress.evidence.conftest import install_into

Release = Callable[[str, str], tuple[Publication, ...]]


@pytest.fixture
def verified(venv: Path, release: Release) -> Callable[..., Evidence]:
    def verify(expectations: Expectations = Expectations(), folder: Path = venv, known: Release = release) -> Evidence:  # noqa: B008
        return verify_environment(find_environment(folder), known, expectations)

    return verify


Verified = Callable[..., Evidence]


def kinds(evidence: Evidence) -> list[Kind]:
    return [violation.kind for violation in evidence.violations]


def test_an_untouched_environment_is_admitted(verified: Verified) -> None:
    evidence = verified()
    assert evidence.violations == ()
    assert evidence.verdict is Verdict.ADMITTED
    assert [(item.project, item.entry is not None) for item in evidence.judged] == [
        ("demo", True),
        ("twin-a", True),
        ("twin-b", True),
    ]


def test_an_environment_that_was_used_is_admitted(verified: Verified, venv: Path) -> None:
    code = "import demo, demo.deep.module, demo_pure, demo_plat, shared, twin_a"
    for options in ([], ["-O"], ["-OO"]):
        subprocess.run([str(venv / "bin/python"), *options, "-c", code], check=True, env={})
    assert verified().violations == ()


def test_it_is_found_by_its_site_packages_and_by_the_root_of_an_image(
    verified: Verified, site: Path, venv: Path
) -> None:
    assert verified(folder=site).violations == ()
    assert verified(folder=venv.parent).verdict is Verdict.ADMITTED


def test_a_moved_environment_still_names_its_scripts_by_the_image(venv: Path, release: Release, tmp_path: Path) -> None:
    image = tmp_path / "image" / str(venv).lstrip("/")
    shutil.copytree(venv, image, symlinks=True)
    evidence = verify_environment(find_environment(tmp_path / "image"), release, Expectations())
    assert evidence.violations == ()


@pytest.mark.parametrize(
    "name", ["demo/__init__.py", "demo.pth", "demo_pure.py", "demo_plat.py", "demo-1.0.dist-info/METADATA"]
)
def test_a_changed_file_is_told(verified: Verified, site: Path, name: str) -> None:
    path = site / name
    content = path.read_bytes() + b"\n# changed\n"
    path.unlink()
    path.write_bytes(content)
    assert Kind.CONTENT_DIFFERS in kinds(verified())


@pytest.mark.parametrize("name", ["bin/demo-shell", "share/demo/data.txt"])
def test_a_changed_file_outside_of_site_packages_is_told(verified: Verified, venv: Path, name: str) -> None:
    path = venv / name
    content = path.read_bytes() + b"# changed\n"
    path.unlink()
    path.write_bytes(content)
    assert kinds(verified()) == [Kind.CONTENT_DIFFERS]


def test_a_changed_header_is_told(verified: Verified, venv: Path) -> None:
    (path,) = venv.glob("include/**/demo.h")
    path.unlink()
    path.write_text("#define DEMO 2\n")
    assert kinds(verified()) == [Kind.CONTENT_DIFFERS]


def test_a_removed_file_is_told(verified: Verified, site: Path) -> None:
    (site / "demo/deep/module.py").unlink()
    assert Kind.MISSING_FILE in kinds(verified())


def test_record_may_lie_and_helps_nobody(verified: Verified, site: Path) -> None:
    (site / "demo/__init__.py").unlink()
    (site / "demo/__init__.py").write_text("evil = 1\n")
    record = site / "demo-1.0.dist-info/RECORD"
    rows = [row for row in record.read_text().splitlines() if not row.startswith("demo/__init__.py")]
    record.unlink()
    record.write_text("\n".join([*rows, "demo/__init__.py,,", ""]))
    assert Kind.CONTENT_DIFFERS in kinds(verified())


def test_record_cannot_lead_the_eye_to_a_good_copy(verified: Verified, venv: Path, site: Path) -> None:
    good = venv / "elsewhere/share/demo/data.txt"
    good.parent.mkdir(parents=True)
    shutil.copy(venv / "share/demo/data.txt", good)
    (venv / "share/demo/data.txt").write_text("evil\n")
    with (site / "demo-1.0.dist-info/RECORD").open("a") as record:
        record.write("../../../elsewhere/share/demo/data.txt,,\n")
    assert kinds(verified()) == [Kind.ORPHAN_FILE, Kind.CONTENT_DIFFERS]


@pytest.mark.parametrize(
    "name", ["zz.pth", "sitecustomize.py", "usercustomize.py", "sitecustomize/__init__.py", "x.start"]
)
def test_startup_code_of_nobody_is_told(verified: Verified, site: Path, name: str) -> None:
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text("import os\n")
    assert kinds(verified()) == [Kind.STARTUP_CODE]


@pytest.mark.parametrize(
    "name", ["stray/__init__.py", "demo/extra.py", "stray.so", "demo/__pycache__/x.txt", "stray.pyc"]
)
def test_a_file_of_nobody_is_told(verified: Verified, site: Path, name: str) -> None:
    (site / name).parent.mkdir(exist_ok=True, parents=True)
    (site / name).write_bytes(b"")
    assert kinds(verified()) == [Kind.ORPHAN_FILE]


def test_a_folder_that_is_linked_in_is_told(verified: Verified, site: Path, tmp_path: Path) -> None:
    (tmp_path / "evil").mkdir()
    (site / "evil").symlink_to(tmp_path / "evil")
    assert kinds(verified()) == [Kind.ORPHAN_FILE]


def test_a_program_of_nobody_in_bin_is_told(verified: Verified, venv: Path) -> None:
    (venv / "bin/helper").write_text("#!/bin/sh\n")
    assert kinds(verified()) == [Kind.ORPHAN_FILE]


@pytest.mark.parametrize(
    ("script", "old", "new"),
    [
        ("demo-run", "import sys", "import sys, demo.deep"),
        ("demo-run", "from demo import main", "from demo import other"),
        ("demo-run", "sys.exit(main())", "sys.exit(main(1))"),
        ("demo-gui", "C.m()", "C.n()"),
        ("demo-python", "print('script')", "print('evil')"),
    ],
)
def test_a_script_that_does_something_else_is_told(
    verified: Verified, venv: Path, script: str, old: str, new: str
) -> None:
    path = venv / "bin" / script
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert kinds(verified()) == [Kind.SCRIPT_DIFFERS]


@pytest.mark.parametrize("script", ["demo-run", "demo-python"])
@pytest.mark.parametrize("shebang", ["#!/tmp/evil/bin/python\n", "#!/bin/sh\n", "#!/usr/bin/env python3 -X evil\n", ""])
def test_a_script_that_another_program_runs_is_told(verified: Verified, venv: Path, script: str, shebang: str) -> None:
    path = venv / "bin" / script
    body = path.read_text().partition("\n")[2]
    path.write_text(shebang + body)
    assert kinds(verified()) == [Kind.SCRIPT_DIFFERS]


def test_a_script_in_another_encoding_is_not_read_as_the_template(verified: Verified, venv: Path) -> None:
    path = venv / "bin/demo-run"
    first, _, body = path.read_text().partition("\n")
    path.write_text(f"{first}\n# -*- coding: utf-7 -*-\n{body}")
    assert kinds(verified()) == [Kind.SCRIPT_DIFFERS]


def forge(source: Path, code: str) -> Path:
    """A .pyc that the interpreter takes for the compiled source: its time and size are right."""
    made = compile(code, str(source), "exec")
    status = source.stat()
    header = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(status.st_mtime), status.st_size)
    path = Path(importlib.util.cache_from_source(str(source)))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(header + marshal.dumps(made))
    return path


def test_a_forged_pyc_runs_and_is_told(verified: Verified, site: Path, venv: Path) -> None:
    forge(site / "demo_pure.py", "pure = 'forged'\n")
    command = [str(venv / "bin/python"), "-c", "import demo_pure; print(demo_pure.pure)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout == "forged\n"
    assert kinds(verified()) == [Kind.FORGED_BYTECODE]


@pytest.mark.parametrize("content", [b"", b"\0" * 16, importlib.util.MAGIC_NUMBER + b"\0" * 12 + b"not marshal"])
def test_a_pyc_of_nonsense_is_told(verified: Verified, site: Path, content: bytes) -> None:
    path = Path(importlib.util.cache_from_source(str(site / "demo_pure.py")))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    assert kinds(verified())[0] in {Kind.FORGED_BYTECODE, Kind.UNJUDGED_BYTECODE}


def test_a_pyc_of_another_interpreter_is_undecided(verified: Verified, site: Path) -> None:
    (site / "__pycache__").mkdir(exist_ok=True)
    (site / "__pycache__/demo_pure.cpython-39.pyc").write_bytes(b"")
    evidence = verified()
    assert kinds(evidence) == [Kind.UNJUDGED_BYTECODE]
    assert evidence.verdict is Verdict.UNDECIDED


def test_judged_bytecode_is_remembered_by_content_only(verified: Verified, site: Path, tmp_path: Path) -> None:
    forge(site / "demo_pure.py", "pure = True\n")
    remembering = Expectations(memory=tmp_path / "memory")
    assert verified(remembering).violations == ()
    assert verified(remembering).violations == ()
    forge(site / "demo_pure.py", "pure = False\n")
    assert kinds(verified(remembering)) == [Kind.FORGED_BYTECODE]


def test_the_same_version_with_other_content_is_told(verified: Verified, release: Release) -> None:
    def changed(project: str, version: str) -> tuple[Publication, ...]:
        return tuple(
            replace(
                found,
                members=replace(
                    found.members,
                    files=tuple(
                        (scheme, path, "0" * 64 if path == "demo/__init__.py" else sha256)
                        for scheme, path, sha256 in found.members.files
                    ),
                ),
            )
            for found in release(project, version)
        )

    assert Kind.CONTENT_DIFFERS in kinds(verified(known=changed))


def test_a_distribution_of_nobody_is_told_once(verified: Verified, site: Path) -> None:
    info = site / "other-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 2.0\n")
    (info / "RECORD").write_text("other.py,,\nother-2.0.dist-info/METADATA,,\nother-2.0.dist-info/RECORD,,\n")
    (site / "other.py").write_text("")
    assert kinds(verified()) == [Kind.NOT_IN_CATALOGUE]


def test_startup_code_of_a_distribution_of_nobody_is_told_apart(verified: Verified, site: Path) -> None:
    info = site / "other-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 2.0\n")
    (info / "RECORD").write_text("other.pth,,\n")
    (site / "other.pth").write_text("import other\n")
    assert set(kinds(verified())) == {Kind.NOT_IN_CATALOGUE, Kind.STARTUP_CODE}


def test_a_refused_version_tells_the_reason(verified: Verified, release: Release) -> None:
    def refused(project: str, version: str) -> tuple[Publication, ...]:
        return tuple(
            replace(found, entry=replace(found.entry, verdict=Verdict.REFUSED, reasons=("calls home",)))
            for found in release(project, version)
        )

    problems = [found.problem for found in verified(known=refused).violations if found.kind is Kind.NOT_ADMITTED]
    assert problems == [f"{name} 1.0 is not admitted: calls home" for name in ("demo", "twin-a", "twin-b")]


@pytest.mark.parametrize("name", ["old-1.0.egg-info", "linked.egg-link"])
def test_a_legacy_install_is_told(verified: Verified, site: Path, name: str) -> None:
    (site / name).write_text("")
    assert kinds(verified()) == [Kind.LEGACY_INSTALL]


@pytest.mark.parametrize("metadata", ["", "Name: demo\n", "\0\0", "Name: \nVersion: 1\n"])
def test_metadata_that_names_nobody_is_told(verified: Verified, site: Path, metadata: str) -> None:
    info = site / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(metadata)
    assert Kind.BROKEN_METADATA in kinds(verified())


def test_a_direct_url_past_the_index_is_told(verified: Verified, site: Path) -> None:
    direct = site / "demo-1.0.dist-info/direct_url.json"
    direct.write_text('{"url": "https://elsewhere.example/demo.whl", "archive_info": {}}')
    assert kinds(verified()) == [Kind.DIRECT_URL]
    direct.write_text('{"url": "https://mirror.internal/demo.whl", "archive_info": {}}')
    assert verified(Expectations(index_host="mirror.internal")).violations == ()
    direct.write_text('{"url": "https://mirror.internal.evil.example/demo.whl"}')
    assert kinds(verified(Expectations(index_host="mirror.internal"))) == [Kind.DIRECT_URL]


def test_a_local_project_is_listed_and_not_compared(verified: Verified, site: Path) -> None:
    info = site / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Mine\nVersion: 1.0\n")
    (info / "RECORD").write_text("mine-1.0.dist-info/METADATA,,\n")
    evidence = verified(Expectations(local=frozenset({"mine"})))
    assert evidence.violations == ()
    assert evidence.notices[0].startswith("mine 1.0: local on purpose")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{folder}\n", []),
        ("import __editable___mine_1_0_finder; __editable___mine_1_0_finder.install()\n", []),
        ("{folder}\nimport os\n", [Kind.STARTUP_CODE]),
        ("import __editable___a_finder; __editable___a_finder.install(), exec('1')\n", [Kind.STARTUP_CODE]),
        ("/nowhere\n", [Kind.STARTUP_CODE]),
    ],
)
def test_an_editable_install_that_is_local_on_purpose_only_leads_to_its_sources(
    verified: Verified, site: Path, tmp_path: Path, content: str, found: list[Kind]
) -> None:
    info = site / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: mine\nVersion: 1.0\n")
    (info / "RECORD").write_text("_mine.pth,,\n__editable___mine_1_0_finder.py,,\n")
    (site / "_mine.pth").write_text(content.format(folder=tmp_path))
    (site / "__editable___mine_1_0_finder.py").write_text("")
    assert kinds(verified(Expectations(local=frozenset({"mine"})))) == found


def test_an_interpreter_that_is_a_script_is_told(verified: Verified, venv: Path) -> None:
    interpreter = venv / "bin/python3"
    interpreter.unlink()
    interpreter.write_text('#!/bin/sh\nexec /usr/bin/python3 -X evil "$@"\n')
    assert kinds(verified()) == [Kind.INTERPRETER]


def test_start_up_code_in_the_standard_library_is_told(release: Release, tmp_path: Path) -> None:
    site = tmp_path / "usr/lib/python3.11/site-packages"
    site.mkdir(parents=True)
    (site.parent / "os.py").write_text("")
    assert verify_environment(find_environment(tmp_path), release, Expectations()).violations == ()
    (site.parent / "sitecustomize.py").write_text("")
    evidence = verify_environment(find_environment(tmp_path), release, Expectations())
    assert [(item.kind, item.file) for item in evidence.violations] == [
        (Kind.STARTUP_CODE, "usr/lib/python3.11/sitecustomize.py")
    ]


def test_a_module_that_comes_before_the_admitted_one_is_told(verified: Verified, site: Path) -> None:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (site / f"demo_pure{suffix}").write_bytes(b"\x7fELF")
    (site / "twin_a").mkdir()
    (site / "twin_a/__init__.py").write_text("")
    assert kinds(verified()) == [Kind.ORPHAN_FILE, Kind.ORPHAN_FILE]


def test_a_link_in_the_place_of_a_file_is_judged_by_where_it_leads(
    verified: Verified, site: Path, tmp_path: Path
) -> None:
    module = site / "demo_pure.py"
    module.rename(tmp_path / "same.py")
    module.symlink_to(tmp_path / "same.py")  # uv links so with --link-mode symlink
    assert verified().violations == ()
    (tmp_path / "same.py").write_text("pure = False\n")
    assert Kind.CONTENT_DIFFERS in kinds(verified())


def test_a_pyc_that_is_never_checked_is_compared_too(verified: Verified, site: Path) -> None:
    cached = Path(importlib.util.cache_from_source(str(site / "demo_pure.py")))
    cached.parent.mkdir(exist_ok=True)
    forged = marshal.dumps(compile("pure = 'forged'", str(site / "demo_pure.py"), "exec"))
    unchecked = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    cached.write_bytes(unchecked + forged)
    assert kinds(verified()) == [Kind.FORGED_BYTECODE]
    honest = marshal.dumps(compile((site / "demo_pure.py").read_text(), str(site / "demo_pure.py"), "exec"))
    cached.write_bytes(unchecked + honest)
    assert verified().violations == ()


def test_two_empty_files_that_were_swapped_for_others_are_told(verified: Verified, site: Path) -> None:
    (site / "twin_a.py").write_text("import os\n")
    (site / "shared/__init__.py").write_text("")
    differing = {item.file for item in verified().violations if item.kind is Kind.CONTENT_DIFFERS}
    assert {path.rpartition("site-packages/")[2] for path in differing} == {"twin_a.py", "shared/__init__.py"}


@pytest.mark.parametrize("option", ["--target", "--prefix"])
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_folders_that_installers_fill_are_environments(
    wheelhouse: Path, release: Release, tmp_path: Path, installer: str, option: str
) -> None:
    install_into(installer, tmp_path / "made", wheelhouse, option)
    evidence = verify_environment(find_environment(tmp_path / "made"), release, Expectations())
    assert evidence.violations == ()


def test_system_packages_let_in_are_told(verified: Verified, venv: Path) -> None:
    cfg = venv / "pyvenv.cfg"
    cfg.write_text(cfg.read_text().replace("= false", "= true"))
    assert kinds(verified()) == [Kind.SYSTEM_SITE]


def switched(release: Release) -> Release:
    switch = KillSwitch(name="DEMO_OFF", value="1", basis=Basis.KNOWN, source="waiver")

    def found(project: str, version: str) -> tuple[Publication, ...]:
        return tuple(
            replace(item, entry=replace(item.entry, kill_switches=(switch,) if project == "demo" else ()))
            for item in release(project, version)
        )

    return found


@pytest.mark.parametrize("variables", [{}, {"DEMO_OFF": "0"}, {"demo_off": "1"}])
def test_a_kill_switch_that_is_not_set_is_told(verified: Verified, release: Release, variables: dict[str, str]) -> None:
    evidence = verified(Expectations(variables=variables), known=switched(release))
    assert kinds(evidence) == [Kind.KILL_SWITCH]
    assert "DEMO_OFF=1" in evidence.violations[0].problem


def test_a_kill_switch_that_is_set_is_in_order(verified: Verified, release: Release) -> None:
    assert verified(Expectations(variables={"DEMO_OFF": "1"}), known=switched(release)).violations == ()


def test_verifying_writes_nothing_into_the_environment(verified: Verified, venv: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in venv.rglob("*")}
    verified()
    assert {path: path.lstat().st_mtime_ns for path in venv.rglob("*")} == before


def test_a_folder_without_python_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no Python environment"):
        find_environment(tmp_path)
    with pytest.raises(UsageError, match="is no folder"):
        find_environment(tmp_path / "nothing")


class TestWheelhouse:
    def lookup(self, wheelhouse: Path, release: Release) -> Callable[[str], Publication | None]:
        known = {
            item.entry.sha256: item
            for path in wheelhouse.glob("*.whl")
            for item in release(path.name.split("-")[0].replace("_", "-"), "1.0")
        }
        return known.get

    def test_admitted_files_are_admitted(self, wheelhouse: Path, release: Release) -> None:
        evidence = verify_wheelhouse(wheelhouse, self.lookup(wheelhouse, release))
        assert (evidence.verdict, len(evidence.judged)) == (Verdict.ADMITTED, 3)

    def test_other_content_and_other_names_are_told(self, wheelhouse: Path, release: Release, tmp_path: Path) -> None:
        shutil.copy(wheelhouse / "demo-1.0-py3-none-any.whl", tmp_path / "other-1.0-py3-none-any.whl")
        (tmp_path / "evil-1.0-py3-none-any.whl").write_bytes(b"evil")
        (tmp_path / "notes.txt").write_text("")
        evidence = verify_wheelhouse(tmp_path, self.lookup(wheelhouse, release))
        assert {violation.kind for violation in evidence.violations} == {Kind.CONTENT_DIFFERS, Kind.NOT_IN_CATALOGUE}
        assert evidence.notices == ("notes.txt: is no distribution file",)
