"""``revoke``, ``restore``, ``rescan``, ``waive`` and ``history``."""

import threading
from collections.abc import Iterator

import pytest
from mirror_lab import Index, Served, make_mirror, serving

TELEMETRY = """
import posthog

posthog.project_api_key = "phc_0123456789"
posthog.host = "https://telemetry.acme-vendor.dev"
posthog.capture("anonymous", "imported")
"""
POLICY = "[admission]\non-demand = true\n"


@pytest.fixture(scope="module")
def own(shared_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose policy these tests change."""
    with serving(make_mirror(tmp_path_factory.mktemp("changes") / "dir", shared_index.url, POLICY)) as served:
        yield served


def admitted(served: Served, index: Index, name: str) -> str:
    published = index.publish(name, "1.0")
    served.page(name)
    path = served.file_path(published.content, published.filename)
    assert served.get(path).status == 200
    return path


def test_a_revoked_file_is_gone_with_the_next_request(own: Served, shared_index: Index) -> None:
    path = admitted(own, shared_index, "change-revoked")
    done = own.command("revoke", "change-revoked==1.0", "--reason", "stolen key")
    assert done.stdout == "change_revoked-1.0-py3-none-any.whl: revoked\n"
    for asked in (path, f"{path}.metadata"):
        got = own.get(asked)
        assert got.status == 403
        assert "revoked: stolen key" in got.reason
    assert not list((own.folder / "devpi" / "+files").rglob("change_revoked*"))


def test_a_revocation_is_never_stale_under_load(own: Served, shared_index: Index) -> None:
    path = admitted(own, shared_index, "change-loaded")
    revoked, stop = threading.Event(), threading.Event()
    stale: list[int] = []

    def ask() -> None:
        while not stop.is_set():
            was_revoked = revoked.is_set()
            status = own.get(path).status
            if was_revoked and status != 403:
                stale.append(status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert own.command("revoke", "change-loaded", "--reason", "test").returncode == 0
    revoked.set()
    for _ in range(30):
        assert own.get(path).status == 403
    stop.set()
    for thread in threads:
        thread.join()
    assert stale == []


def test_a_revoked_file_is_not_admitted_again_until_it_is_restored(own: Served, shared_index: Index) -> None:
    path = admitted(own, shared_index, "change-restored")
    own.command("revoke", "change-restored", "--reason", "looked wrong")
    assert own.command("admit", "change-restored==1.0").returncode == 1
    assert own.get(path).status == 403
    assert own.command("restore", "change-restored", "--reason", "looked again").returncode == 0
    assert own.get(path).status == 200


def test_what_is_not_known_cannot_be_revoked(own: Served) -> None:
    done = own.command("revoke", "never-heard-of-it", "--reason", "x")
    assert done.returncode == 2
    assert 'deny = ["never-heard-of-it"]' in done.stderr


def test_a_version_that_is_not_known_cannot_be_revoked(own: Served, shared_index: Index) -> None:
    path = admitted(own, shared_index, "change-versions")
    done = own.command("revoke", "change-versions==9", "--reason", "mistyped")
    assert (done.returncode, "no file of change-versions ==9 is known" in done.stderr) == (2, True)
    assert 'deny = ["change-versions==9"]' in done.stderr
    assert own.get(path).status == 200
    assert own.command("rescan", "change-versoins").returncode == 2


def test_a_rescan_tells_what_it_judged(own: Served, shared_index: Index) -> None:
    path = admitted(own, shared_index, "change-rescanned")
    done = own.command("rescan", "change-rescanned")
    assert (done.returncode, done.stdout) == (0, "1 files judged anew, 0 to look at\n")
    assert own.get(path).status == 200


def test_a_waiver_admits_what_was_refused_and_its_end_refuses_it(own: Served, shared_index: Index) -> None:
    published = shared_index.publish("change-waived", "1.0", files={"change_waived/__init__.py": TELEMETRY})
    own.page("change-waived")
    path = own.file_path(published.content, published.filename)
    refused = own.get(path)
    assert refused.status == 403
    assert "telemetry" in refused.reason
    waived = own.command(
        "waive",
        "change-waived",
        "--category=telemetry",
        "--versions=>=1,<2",
        "--kill-switch=NO_CHECK=1",
        '--reason=blocked "there" anyway',
        "--expires=2999-12-31",
    )
    assert waived.returncode == 0, waived.stderr
    assert own.get(path).status == 200
    assert "NO_CHECK=1" in own.command("explain", "change-waived==1.0").stdout
    text = (own.folder / "noegress.toml").read_text()
    (own.folder / "noegress.toml").write_text(text.replace("2999-12-31", "2020-12-31"))
    assert own.command("reload").returncode == 0
    again = own.get(path)
    assert (again.status, "waiver ran out" in again.reason) == (403, True)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("--expires=soon", "is no day"),
        ("--versions=banana", "versions"),
        ("--kill-switch=NOTHING", "is not NAME=VALUE"),
    ],
)
def test_a_waiver_with_an_error_changes_nothing(own: Served, changed: str, said: str) -> None:
    before = (own.folder / "noegress.toml").read_text()
    good = ["--category=telemetry", "--reason=x"]
    good += [option for option in ("--versions=>=1", "--expires=2999-01-01") if option.split("=")[0] not in changed]
    done = own.command("waive", "demo", *good, changed)
    assert done.returncode == 2
    assert said in done.stderr
    assert (own.folder / "noegress.toml").read_text() == before


def test_every_change_is_in_the_audit_log(own: Served, shared_index: Index) -> None:
    admitted(own, shared_index, "change-logged")
    own.command("revoke", "change-logged", "--reason", "for the log")
    last = own.command("history", "--last", "1").stdout
    assert "revoke change-logged: revoked: for the log" in last
