"""People with tokens and roles against a real server: what each may do, and what the audit log says of it."""

import getpass
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from mirror_lab import BIN, Got, Index, Served, make_mirror, noegress, run, serving

ROLES = ("reader", "requester", "approver", "admin")
LEAST = {
    "status": "reader",
    "explain": "reader",
    "request": "requester",
    "requests": "requester",
    "admit": "approver",
    "admit-set": "approver",
    "approve": "approver",
    "decline": "approver",
    "history": "approver",
    "rescan": "approver",
    "restore": "approver",
    "revoke": "approver",
    "waive": "approver",
    "access-add": "admin",
    "access-list": "admin",
    "access-remove": "admin",
    "reload": "admin",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Index]:
    made = Index()
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(upstream: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    policy = "[admission]\non-demand = true\non-demand-from = []\n"
    folder = make_mirror(tmp_path_factory.mktemp("access") / "dir", upstream.url, policy)
    with serving(folder) as served:
        yield served


@pytest.fixture(scope="module")
def tokens(served: Served) -> dict[str, str]:
    made = {}
    for role in ROLES:
        done = served.command("access", "add", f"the-{role}", "--role", role)
        assert done.returncode == 0, done.stderr
        made[role] = done.stdout.strip()
    return made


def do(served: Served, verb: str, token: str, arguments: Any = None, **headers: str) -> Got:
    host, port = served.url.removeprefix("http://").split(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    told = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    connection.request("POST", f"/+noegress/do/{verb}", json.dumps(arguments or {}), told)
    response = connection.getresponse()
    got = Got(status=response.status, reason=response.reason, headers=dict(response.getheaders()), body=response.read())
    connection.close()
    return got


def remote(served: Served, token: str, *arguments: str) -> Any:
    return run(BIN / "noegress", "mirror", *arguments, "--server", served.url, NOEGRESS_MIRROR_TOKEN=token)


@pytest.mark.parametrize("verb", LEAST)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_it_is_for(served: Served, tokens: dict[str, str], verb: str, role: str) -> None:
    # what it cannot do it is told before its arguments are looked at: these are never right
    got = do(served, verb, tokens[role], {"target": "no such thing !", "name": "no such name !", "number": "x"})
    is_allowed = ROLES.index(role) >= ROLES.index(LEAST[verb])
    assert got.status == (200 if is_allowed else 403), got.body


def test_every_operation_from_afar_has_a_row() -> None:
    told = (
        "import json; from devpi_noegress.operations.table import OPERATIONS\n"
        "print(json.dumps({verb: item.role for verb, item in OPERATIONS.items() if not item.is_local}))"
    )
    assert json.loads(run(BIN / "python", "-W", "ignore", "-c", told).stdout) == LEAST


@pytest.mark.parametrize("verb", LEAST)
def test_without_a_token_nothing_is_done(served: Served, verb: str) -> None:
    assert served.get(f"/+noegress/do/{verb}", method="POST").status == 401
    assert do(served, verb, "noegress_wrong").status in (401, 429)


@pytest.mark.parametrize("verb", ["advisories", "", "admit/../status", "__init__", "nothing"])
def test_what_reads_the_machines_files_is_not_for_afar(served: Served, tokens: dict[str, str], verb: str) -> None:
    assert do(served, verb, tokens["admin"], {"archive": "/etc/passwd"}).status == 404


def test_local_files_are_not_admitted_from_afar_and_that_is_said(
    served: Served, tokens: dict[str, str], tmp_path: Path
) -> None:
    got = do(served, "admit", tokens["admin"], {"targets": [], "files": ["/etc/passwd"]})
    assert (got.status, b"on the mirror's own machine" in got.body) == (400, True)
    assert b"nothing to admit" in do(served, "admit", tokens["admin"], {"targets": []}).body
    (tmp_path / "acme_x-1.0-py3-none-any.whl").write_bytes(b"")
    done = remote(served, tokens["admin"], "admit", f"{tmp_path}/")
    assert (done.returncode, "are not sent to a server" in done.stderr) == (2, True)


def test_a_browser_changes_nothing_by_what_it_sends_by_itself(served: Served, tokens: dict[str, str]) -> None:
    import base64

    basic = base64.b64encode(f"__token__:{tokens['admin']}".encode()).decode()
    assert do(served, "reload", "", Authorization=f"Basic {basic}").status == 401
    assert do(served, "reload", tokens["admin"], **{"Content-Type": "text/plain"}).status == 415
    assert served.get("/+noegress/do/reload", Authorization=f"Bearer {tokens['admin']}").status == 405


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "7"])
def test_arguments_are_an_object(served: Served, tokens: dict[str, str], body: str) -> None:
    assert do(served, "status", tokens["admin"], json.loads(body) or [1]).status == 400


def test_a_denied_attempt_and_every_change_is_in_the_log_with_its_name(served: Served, tokens: dict[str, str]) -> None:
    assert do(served, "waive", tokens["reader"]).status == 403
    assert served.command("revoke", "never-heard-of", "--reason", "x").returncode == 2
    history = served.command("history", "--last", "500").stdout
    assert "the-reader waive (denied)" in history
    assert f"{getpass.getuser()} access add the-admin: admin" in history
    assert f"{getpass.getuser()} revoke (failed)" in history
    assert tokens["admin"] not in history


def test_somebody_asks_and_somebody_else_decides(served: Served, tokens: dict[str, str], upstream: Index) -> None:
    upstream.publish("wished", "1.0")
    asked = remote(served, tokens["approver"], "request", "Wished==1.0", "--reason", "the new report")
    assert asked.returncode == 0, asked.stderr
    number = asked.stdout.split()[1]
    assert "the new report" in remote(served, tokens["requester"], "requests").stdout
    assert b"the new report" in served.get("/+noegress/").body
    own = remote(served, tokens["approver"], "approve", number)
    assert own.returncode == 2
    assert "is your own" in own.stderr
    assert served.notice("wished").status == 403
    done = remote(served, tokens["admin"], "approve", number)
    assert done.returncode == 0, done.stderr
    assert f"request {number} was approved" in done.stdout
    assert served.page("wished")["versions"] == ["1.0"]
    assert "the-admin approve" in served.command("history").stdout
    assert "is approved by the-admin" in remote(served, tokens["admin"], "decline", number, "--reason", "no").stderr


def test_a_request_that_is_refused_stays_open(served: Served, tokens: dict[str, str], upstream: Index) -> None:
    upstream.publish("wished-badly", "1.0", record_of="a lie")
    number = remote(served, tokens["requester"], "request", "wished-badly", "--reason", "x").stdout.split()[1]
    done = remote(served, tokens["approver"], "approve", number)
    assert done.returncode == 1
    assert f"request {number} stays open" in done.stdout
    again = remote(served, tokens["requester"], "request", "wished-badly", "--reason", "x")
    assert again.stdout.split()[1] == number
    assert remote(served, tokens["approver"], "decline", number, "--reason", "it lies").returncode == 0
    assert "declined by the-approver: it lies" in remote(served, tokens["requester"], "requests", "--all").stdout


def test_a_set_is_admitted_from_afar_with_the_files_of_ones_own_machine(
    served: Served, tokens: dict[str, str], upstream: Index, tmp_path: Path
) -> None:
    upstream.publish("afar-base", "1.0")
    upstream.publish("afar-app", "1.0", requires=["afar-base"])
    (tmp_path / "requirements.txt").write_text("afar-app\n")
    done = remote(served, tokens["approver"], "admit", "-r", str(tmp_path / "requirements.txt"))
    assert done.returncode == 0, done.stderr
    assert "the set is complete" in done.stdout
    assert served.page("afar-base")["versions"] == ["1.0"]


def test_a_token_that_was_taken_back_is_nobodys_with_the_next_request(served: Served) -> None:
    token = served.command("access", "add", "gone", "--role", "admin").stdout.strip()
    assert do(served, "status", token).status == 200
    assert served.command("access", "remove", "gone").returncode == 0
    assert do(served, "status", token).status == 401


def test_a_requesters_pip_has_the_upstream_asked_and_a_readers_has_not(
    served: Served, tokens: dict[str, str], upstream: Index, tmp_path: Path
) -> None:
    upstream.publish("asked-by-token", "1.0")
    for role, expected in (("", 1), ("reader", 1), ("requester", 0)):
        user = f"__token__:{tokens[role]}@" if role else ""
        index = served.index.replace("http://", f"http://{user}")
        done = run(
            BIN / "python", "-m", "pip", "install", "--no-cache-dir", "--target", tmp_path / role, "asked-by-token",
            PIP_INDEX_URL=index,
        )  # fmt: skip
        assert done.returncode == expected, done.stderr
        assert "/simple/asked-by-token/" not in upstream.asked or role == "requester"


def test_a_command_does_not_send_a_token_in_the_clear(tokens: dict[str, str]) -> None:
    done = run(
        BIN / "noegress", "mirror", "status", "--server", "http://192.0.2.1:3141", NOEGRESS_MIRROR_TOKEN=tokens["admin"]
    )
    assert done.returncode == 2
    assert "in the clear" in done.stderr


def test_a_server_without_a_token_is_said(served: Served) -> None:
    done = noegress("mirror", "status", "--server", served.url)
    assert done.returncode == 2
    assert "NOEGRESS_MIRROR_TOKEN" in done.stderr


def test_a_closed_mirror_shows_nothing_without_a_token(index: Index, tmp_path: Path) -> None:
    index.publish("closed", "1.0")
    folder = make_mirror(tmp_path / "dir", index.url, "")
    with (folder / "mirror.toml").open("a") as settings:
        settings.write('readers = "authenticated"\n')
    assert noegress("mirror", "admit", "closed", "--dir", folder).returncode == 0
    token = noegress("mirror", "access", "add", "ci", "--role", "reader", "--dir", folder).stdout.strip()
    with serving(folder) as served:
        open_to_all = ["/+noegress/health"]
        closed = ["/root/curated/+simple/", "/root/curated/+simple/closed/", "/root/curated/+simple/closed/json"]
        closed += ["/+noegress/", "/+noegress/project/closed", "/+noegress/catalogue/metadata/1.root.json"]
        closed += [
            "/+noegress/metrics",
            "/+noegress/osv/v1/vulns/X",
            served.file_path(index.projects["closed"][0].content, "closed-1.0-py3-none-any.whl"),
        ]
        assert [served.get(path).status for path in open_to_all] == [200]
        assert {served.get(path).status for path in closed} == {401}
        assert served.get(closed[1]).headers["www-authenticate"].startswith("Basic ")
        assert served.get(closed[1], Authorization=f"Bearer {token}").status == 200
        index_url = served.index.replace("http://", f"http://ci:{token}@")
        done = run(
            BIN / "python", "-m", "pip", "install", "--no-cache-dir", "--target", tmp_path / "out", "closed",
            PIP_INDEX_URL=index_url,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        uv = run(
            BIN / "uv", "pip", "install", "--target", tmp_path / "uv", "closed", "--no-cache",
            UV_DEFAULT_INDEX=index_url,
        )  # fmt: skip
        assert uv.returncode == 0, uv.stderr
