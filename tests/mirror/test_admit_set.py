"""``admit -r``: a set is complete for every stated environment, or the command fails."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from devpi_noegress.admission.choice import environments
from devpi_noegress.sets.requirement_files import parse_requirements
from mirror_lab import Index, Published, Served, build_wheel, make_mirror, serving

from noegress.errors import UsageError


@pytest.fixture(scope="module")
def curated(shared_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(make_mirror(tmp_path_factory.mktemp("sets") / "dir", shared_index.url, "")) as served:
        yield served


@pytest.fixture(scope="module")
def application(shared_index: Index) -> dict[str, Published]:
    """An application whose newest base is refused and which needs something only on Windows."""
    publish = shared_index.publish
    return {
        "base1": publish("set-base", "1.0"),
        "base2": publish("set-base", "2.0", record_of="a lie"),
        "extra": publish("set-extra", "1.0", requires=["set-base<3"]),
        "windows": publish("set-windows", "1.0"),
        "app": publish(
            "set-app",
            "1.0",
            requires=["set-base", "set-extra; extra == 'more'", "set-windows; sys_platform == 'win32'"],
            headers=["Provides-Extra: more"],
        ),
    }


def listed(served: Served, *names: str) -> list[str]:
    return [name for name in names if served.page(name)["versions"] != ["0+not.admitted"]]


def test_a_set_is_closed_over_its_dependencies_past_what_is_refused(
    curated: Served, application: dict[str, Published], tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("# the application\nset-app[more] >= 1 \\\n    # with more\n")
    done = curated.command("admit", "-r", tmp_path / "requirements.txt")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "set_base-2.0-py3-none-any.whl: refused" in done.stdout
    assert "set_base-1.0-py3-none-any.whl: admitted" in done.stdout
    assert "the set is complete" in done.stdout
    assert listed(curated, "set-app", "set-base", "set-extra", "set-windows") == ["set-app", "set-base", "set-extra"]
    installed = curated.pip("install", "--target", tmp_path / "out", "set-app[more]")
    assert installed.returncode == 0, installed.stderr


def test_a_set_for_another_platform_has_what_is_needed_there(
    curated: Served, application: dict[str, Published]
) -> None:
    done = curated.command("admit", "-r", "/dev/null", "set-app", "--platform", "win_amd64", "--python", "3.12")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "set_windows-1.0-py3-none-any.whl: admitted" in done.stdout


def test_files_of_one_release_in_two_spellings_are_one_release(curated: Served, shared_index: Index) -> None:
    shared_index.publish("set-spelled", "1.0.0")
    filename, content = build_wheel("set-spelled", "1.0")
    shared_index.publish_file("set-spelled", filename.replace("none-any", "none-win_amd64"), content)
    done = curated.command("admit", "-r", "/dev/null", "set-spelled")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "set_spelled-1.0.0-py3-none-any.whl: admitted" in done.stdout


def test_an_incomplete_set_fails_and_names_what_stands_in_the_way(
    curated: Served, shared_index: Index, tmp_path: Path
) -> None:
    shared_index.publish("set-hopeless", "1.0", requires=["set-broken>=1"])
    shared_index.publish("set-broken", "1.0", record_of="a lie")
    (tmp_path / "requirements.txt").write_text("set-hopeless\n")
    done = curated.command("admit", "-r", tmp_path / "requirements.txt")
    assert done.returncode == 1
    assert "set-broken>=1 (wanted by set-hopeless 1.0)" in done.stdout
    assert "the set is NOT complete" in done.stdout


def test_a_lock_is_taken_as_it_stands(curated: Served, shared_index: Index, tmp_path: Path) -> None:
    pinned = shared_index.publish("set-locked", "1.0")
    shared_index.publish("set-locked", "2.0")
    sha256 = hashlib.sha256(pinned.content).hexdigest()
    (tmp_path / "pylock.toml").write_text(
        f'lock-version = "1.0"\n[[packages]]\nname = "set-locked"\nversion = "1.0"\n'
        f'[[packages.wheels]]\nname = "{pinned.filename}"\nhashes = {{ sha256 = "{sha256}" }}\n'
        '[[packages]]\nname = "own"\n[packages.directory]\npath = "."\n'
    )
    done = curated.command("admit", "-r", tmp_path / "pylock.toml")
    assert (done.returncode, "set_locked-1.0-py3-none-any.whl: admitted" in done.stdout) == (0, True), done.stderr
    assert "set_locked-2.0" not in done.stdout


def test_a_lock_with_another_digest_is_incomplete(curated: Served, shared_index: Index, tmp_path: Path) -> None:
    shared_index.publish("set-other", "1.0")
    lines = (
        "version = 1",
        "[[package]]",
        'name = "set-other"',
        'version = "1.0"',
        'source = { registry = "https://index.example" }',
        f'wheels = [{{ url = "https://index.example/x.whl", hash = "sha256:{"0" * 64}" }}]',
    )
    (tmp_path / "uv.lock").write_text("\n".join(lines))
    done = curated.command("admit", "-r", tmp_path / "uv.lock")
    assert done.returncode == 1
    assert "set-other==1.0 has no file here" in done.stdout


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("requirements.txt", "six\n\n--index-url https://elsewhere.example/\n", "requirements.txt:3: --index-url"),
        ("requirements.txt", "-r other.txt\n", "requirements.txt:1: -r"),
        ("requirements.txt", "six ==\n", "requirements.txt:1: "),
        ("requirements.txt", "six @ https://elsewhere.example/six.whl\n", "six comes from a URL"),
        ("pylock.toml", "not toml", "is no pylock.toml or uv.lock"),
        ("pylock.toml", 'lock-version = "1.0"\n', "is no pylock.toml or uv.lock"),
        (
            "pylock.toml",
            'lock-version = "1.0"\n[[packages]]\nname = "x"\nversion = "1"\nvcs = { url = "https://x.example" }\n',
            "x does not come from an index",
        ),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=said):
        parse_requirements(tmp_path / name, (tmp_path / name).read_text())


def test_hashes_and_continued_lines_are_read(tmp_path: Path) -> None:
    hashes = " \\\n    ".join(f"--hash=sha256:{letter * 64}" for letter in "ab")
    (tmp_path / "requirements.txt").write_text(f"six==1.16.0 {hashes}\nother ; python_version < '4'  # why\n")
    found = parse_requirements(tmp_path / "requirements.txt", (tmp_path / "requirements.txt").read_text())
    assert [str(item.requirement) for item in found.wanted] == ["six==1.16.0", 'other; python_version < "4"']
    assert found.wanted[0].sha256s == {"a" * 64, "b" * 64}


def test_a_newer_glibc_takes_what_was_built_for_an_older_one() -> None:
    (place,) = environments(["3.12"], ["manylinux_2_28_x86_64"])
    tags = {str(tag) for tag in place.tags}
    assert {"cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux2014_x86_64", "py3-none-any"} <= tags
    assert "cp312-cp312-manylinux_2_34_x86_64" not in tags
    assert place.markers["platform_machine"] == "x86_64"


@pytest.mark.parametrize(("python", "platform"), [("three", ""), ("2.7", ""), ("3.12", "amiga")])
def test_an_environment_that_is_not_known_is_said(python: str, platform: str) -> None:
    with pytest.raises(UsageError):
        environments([python], [platform] if platform else [])
