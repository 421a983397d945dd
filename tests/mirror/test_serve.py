"""Starting and ending a server, and what is said when that cannot be."""

import signal
import socket
import sqlite3
from pathlib import Path

import pytest
from mirror_lab import Index, make_mirror, noegress, serving, start


def test_init_makes_a_folder_and_says_what_is_in_it(tmp_path: Path) -> None:
    made = noegress("mirror", "init", tmp_path / "dir", "--upstream", "https://index.example/simple/")
    assert made.returncode == 0
    assert "https://index.example/simple/" in made.stdout
    assert "advisories are not imported" in made.stdout
    assert (tmp_path / "dir" / "mirror.toml").is_file()
    assert (tmp_path / "dir" / "noegress.toml").is_file()
    assert len((tmp_path / "dir" / "root-password").read_text().strip()) > 30


def test_the_upstream_is_devpis_own_default_unless_told(tmp_path: Path) -> None:
    made = noegress("mirror", "init", tmp_path / "dir")
    assert made.returncode == 0
    assert "upstream   https://" in made.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("init", "{dir}", "--upstream", "ftp://index.example/"), "is not the URL of a simple index"),
        (("init", "{dir}", "--policy", "{dir}/none.toml"), "no such policy file"),
        (("init", "{full}"), "is not an empty folder"),
        (("init",), "which mirror?"),
        (("serve", "{dir}"), "does not exist"),
        (("serve", "{full}"), "is not the folder of a mirror"),
        (("status", "--dir", "{dir}"), "does not exist"),
        (("admit", "--dir", "{dir}", "six"), "does not exist"),
    ],
)
def test_a_folder_that_will_not_do_is_named(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    places = {"dir": tmp_path / "dir", "full": tmp_path / "full"}
    done = noegress("mirror", *(argument.format(**places) for argument in arguments))
    assert done.returncode == 2
    assert said in done.stderr
    assert "fix: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dir").exists()


def test_a_broken_policy_is_reported_with_its_line(folder: Path) -> None:
    (folder / "noegress.toml").write_text("format = 1\n[admission]\ncooldwn-days = 3\n")
    done = noegress("mirror", "serve", folder, "--port", "0")
    assert done.returncode == 2
    assert (
        f"{folder}/noegress.toml:3: admission.cooldwn-days is not a setting; the nearest is cooldown-days"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_named(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = noegress("mirror", "serve", folder, "--port", str(port))
    assert done.returncode == 2
    assert f"127.0.0.1:{port} is in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_named(folder: Path, host: str) -> None:
    done = noegress("mirror", "serve", folder, "--port", "0", "--host", host)
    assert done.returncode == 2
    assert f"cannot listen on {host}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_server_on_one_folder_is_refused(folder: Path) -> None:
    with serving(folder) as served:
        done = noegress("mirror", "serve", folder, "--port", "0")
        assert done.returncode == 2
        assert f"is in use by another noegress mirror (process {served.process.pid})" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(folder: Path, number: signal.Signals) -> None:
    with serving(folder) as served:
        served.process.send_signal(number)
        assert served.process.wait(20) == 0
        assert not (folder / "control.sock").exists()
        assert "Traceback" not in served.log.read_text()


def test_it_starts_again_after_being_killed_and_has_lost_nothing(index: Index, folder: Path) -> None:
    published = index.publish("demo", "1.0")
    first = start(folder)
    path = first.file_path(published.content, published.filename)
    first.page("demo")
    assert first.get(path).status == 200
    first.kill()
    first.process.stdout.close()  # type: ignore[union-attr]
    index.projects.clear()
    with serving(folder) as second:
        assert second.get(path).body == published.content
        assert second.command("status").returncode == 0


def test_what_was_on_its_way_into_the_stage_is_not_served_after_a_crash(index: Index, folder: Path) -> None:
    published = index.publish("demo", "1.0")
    with serving(folder) as served:
        path = served.file_path(published.content, published.filename)
        served.page("demo")
        assert served.get(path).status == 200
    with sqlite3.connect(folder / "admission.sqlite") as database:
        database.execute("update file set state='storing'")
    database.close()
    orphan = next((folder / "devpi" / "+files").rglob("*.whl")).with_name("x.whl-0123456789abcdef-tmp")
    orphan.touch()
    with serving(folder) as served:
        assert not orphan.exists()
        assert "core-metadata" not in served.page("demo")["files"][0]
        assert served.get(path).body == published.content


def test_bytes_that_the_disk_lost_are_not_admitted_any_more(index: Index, folder: Path) -> None:
    published = index.publish("demo", "1.0")
    with serving(folder) as served:
        path = served.file_path(published.content, published.filename)
        served.page("demo")
        assert served.get(path).status == 200
    next((folder / "devpi" / "+files").rglob("*.whl")).write_bytes(published.content[:-1])
    index.close()
    with serving(folder) as served:
        assert served.get(path).status == 504


def test_a_folder_with_a_mirror_index_in_devpi_is_not_served(folder: Path) -> None:
    add = (
        "import sys; from devpi_noegress.state.stage import Stage; from pathlib import Path\n"
        "stage = Stage(Path(sys.argv[1]))\n"
        "with stage._xom.keyfs.write_transaction():\n"
        "    stage._xom.model.get_user('root').create_stage('pypi', type='mirror', mirror_url='http://127.0.0.1:1/')\n"
    )
    from mirror_lab import BIN, run

    made = run(BIN / "python", "-W", "ignore", "-c", add, folder / "devpi")
    assert made.returncode == 0, made.stderr
    done = noegress("mirror", "serve", folder, "--port", "0")
    assert done.returncode == 2
    assert "there are other indexes: root/pypi" in done.stderr


def test_curated_is_the_default_and_explains_what_it_does_not_have(index: Index, tmp_path: Path) -> None:
    index.publish("demo", "1.0")
    folder = make_mirror(tmp_path / "dir", index.url, "")
    with serving(folder) as served:
        got = served.notice("demo")
        assert got.status == 403
        assert "noegress mirror admit demo" in got.reason
        assert got.reason.endswith(f"; see {served.url}/+noegress/project/demo")
    assert index.asked == []


def test_a_requester_outside_the_networks_starts_no_admission(index: Index, tmp_path: Path) -> None:
    index.publish("demo", "1.0")
    policy = "[admission]\non-demand = true\non-demand-from = ['192.0.2.0/24']\n"
    with serving(make_mirror(tmp_path / "dir", index.url, policy)) as served:
        assert served.notice("demo").status == 403
    assert index.asked == []
