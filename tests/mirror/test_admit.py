"""``admit``, ``explain``, ``status`` and ``reload``, with a server and without one: the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror_lab import Index, Served, build_wheel, make_mirror, noegress, serving

POLICY = '[admission]\nprivate = ["acme-*"]\n'


@pytest.fixture(scope="module")
def curated(shared_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that admits only what it is told to."""
    with serving(make_mirror(tmp_path_factory.mktemp("curated") / "dir", shared_index.url, POLICY)) as served:
        yield served


def local_wheel(folder: Path, name: str, version: str, **wheel: str) -> Path:
    filename, content = build_wheel(name, version, **wheel)  # type: ignore[arg-type]
    path = folder / filename
    path.write_bytes(content)
    return path


def test_a_release_is_admitted_ahead_of_time(curated: Served, shared_index: Index) -> None:
    published = shared_index.publish("admit-one", "1.0")
    shared_index.publish("admit-one", "2.0")
    done = curated.command("admit", "admit-one==1.0")
    assert (done.returncode, done.stdout) == (0, "admit_one-1.0-py3-none-any.whl: admitted\n")
    assert [file["filename"] for file in curated.page("admit-one")["files"]] == [published.filename]
    assert curated.get(curated.file_path(published.content, published.filename)).status == 200


def test_without_a_version_the_newest_that_may_enter_is_admitted(curated: Served, shared_index: Index) -> None:
    shared_index.publish("admit-new", "1.0")
    shared_index.publish("admit-new", "2.0")
    shared_index.publish("admit-new", "3.0", told={"upload-time": "2999-01-01T00:00:00.000000Z"})
    shared_index.publish("admit-new", "4.0rc1")
    assert curated.command("admit", "admit-new").stdout == "admit_new-2.0-py3-none-any.whl: admitted\n"


def test_a_refused_release_ends_with_1_and_explains_itself(curated: Served, shared_index: Index) -> None:
    published = shared_index.publish("admit-bad", "1.0", record_of="a lie")
    done = curated.command("admit", "admit-bad")
    assert done.returncode == 1
    assert f"{published.filename}: refused: " in done.stdout
    (entry,) = curated.page("admit-bad")["files"]
    assert entry["yanked"] is False
    assert curated.get(curated.file_path(published.content, published.filename)).status == 403
    explained = curated.command("explain", "admit-bad")
    assert explained.returncode == 1
    assert "RECORD" in explained.stdout
    assert "fetched" in explained.stdout


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no-such-project", "the upstream has no project no-such-project"),
        ("admit-known==9", "has no release"),
        ("not a name", "is no project"),
        ("demo @ https://index.example/demo.whl", "names a URL"),
        ("acme-hidden", "is private and never comes from upstream"),
        ("noegress", "is private and never comes from upstream"),
        ("missing-1.0-py3-none-any.whl", "no such file"),
    ],
)
def test_what_cannot_be_admitted_is_said(curated: Served, shared_index: Index, target: str, said: str) -> None:
    shared_index.publish("admit-known", "1.0")
    done = curated.command("admit", target)
    assert done.returncode == 2
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_local_wheel_of_a_private_project_is_admitted(curated: Served, tmp_path: Path) -> None:
    path = local_wheel(tmp_path, "acme-core", "1.0")
    assert curated.command("admit", path).returncode == 0
    (file,) = curated.page("acme-core")["files"]
    assert file["upload-time"].startswith("2")
    assert curated.get(curated.file_path(path.read_bytes(), path.name)).body == path.read_bytes()
    installed = curated.pip("install", "--target", tmp_path / "out", "acme-core")
    assert installed.returncode == 0, installed.stderr


@pytest.mark.parametrize("name", ["noegress", "hatch-noegress", "devpi-noegress", "noegress-guard"])
def test_our_own_names_are_admitted_from_local_files(curated: Served, tmp_path: Path, name: str) -> None:
    assert curated.command("admit", local_wheel(tmp_path, name, "0.0.1")).returncode == 0


def test_a_folder_of_wheels_is_admitted(curated: Served, tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    done = curated.command("admit", folder)
    assert (done.returncode, "holds no wheel and no sdist" in done.stderr) == (2, True)
    for number in range(2):
        local_wheel(folder, "acme-dist", f"1.{number}")
    (folder / "notes.txt").write_text("not for the mirror")
    done = curated.command("admit", f"{folder}/")
    assert done.stdout.splitlines() == [f"acme_dist-1.{number}-py3-none-any.whl: admitted" for number in range(2)]
    assert curated.command("admit", tmp_path / "no-such-folder").returncode == 2


def test_a_local_wheel_is_scanned_like_any_other(curated: Served, tmp_path: Path) -> None:
    path = local_wheel(tmp_path, "acme-broken", "1.0", record_of="a lie")
    done = curated.command("admit", path)
    assert done.returncode == 1
    assert curated.get(curated.file_path(path.read_bytes(), path.name)).status == 403


def test_a_local_wheel_of_a_public_project_is_refused(curated: Served, tmp_path: Path) -> None:
    done = curated.command("admit", local_wheel(tmp_path, "admit-local", "1.0"))
    assert done.returncode == 2
    assert "is not a private project" in done.stdout
    assert "admit-local was not admitted" in curated.notice("admit-local").reason


def test_a_local_file_does_not_replace_an_admitted_one(curated: Served, tmp_path: Path) -> None:
    path = local_wheel(tmp_path, "acme-fixed", "1.0")
    before = path.read_bytes()
    assert curated.command("admit", path).returncode == 0
    filename, content = build_wheel("acme-fixed", "1.0", files={"acme_fixed/new.py": "x = 1\n"})
    path.write_bytes(content)
    done = curated.command("admit", path)
    assert done.returncode == 2
    assert "was admitted before" in done.stdout
    assert curated.get(curated.file_path(before, filename)).status == 200
    assert curated.get(curated.file_path(content, filename)).status == 403


@pytest.mark.parametrize("name", ["archive.zip", "x.whl", "acme_x-1.0-py3-none.whl"])
def test_a_file_that_is_no_distribution_is_said(curated: Served, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    done = curated.command("admit", tmp_path / name)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_truncated_wheel_is_refused_or_undecided_never_admitted(curated: Served, tmp_path: Path) -> None:
    path = local_wheel(tmp_path, "acme-cut", "1.0")
    path.write_bytes(path.read_bytes()[:-40])
    assert curated.command("admit", path).returncode in (1, 3)
    assert curated.get(curated.file_path(path.read_bytes(), path.name)).status == 403


def test_commands_do_the_same_without_a_server(shared_index: Index, tmp_path: Path) -> None:
    shared_index.publish("admit-direct", "1.0")
    folder = make_mirror(tmp_path / "dir", shared_index.url, POLICY)
    admitted = noegress("mirror", "admit", "--dir", folder, "admit-direct")
    assert (admitted.returncode, admitted.stdout) == (0, "admit_direct-1.0-py3-none-any.whl: admitted\n")
    told = noegress("mirror", "status", "--dir", folder)
    assert "files      1 admitted" in told.stdout
    with serving(folder) as served:
        assert [file["filename"] for file in served.page("admit-direct")["files"]] == [
            "admit_direct-1.0-py3-none-any.whl"
        ]


def test_another_policy_is_applied_to_what_was_admitted(index: Index, folder: Path) -> None:
    published = index.publish("demo", "1.0")
    with serving(folder) as served:
        path = served.file_path(published.content, published.filename)
        served.page("demo")
        assert served.get(path).status == 200
        text = (folder / "noegress.toml").read_text()
        (folder / "noegress.toml").write_text(text.replace('"denied-*"', '"denied-*", "demo"'))
        done = served.command("reload")
        assert "demo-1.0-py3-none-any.whl: admitted → refused: the policy denies demo" in done.stdout
        assert served.get(path).status == 403
        assert not list((folder / "devpi" / "+files").rglob("*.whl"))
        (folder / "noegress.toml").write_text(text)
        served.command("reload")
        assert served.get(path).status == 200


def test_a_policy_with_errors_does_not_replace_the_one_in_force(folder: Path) -> None:
    with serving(folder) as served:
        (folder / "noegress.toml").write_text("format = 2\n")
        done = served.command("reload")
        assert done.returncode == 2
        assert "format" in done.stderr
        assert served.command("status").returncode == 0
