"""The whole way of a file as people walk it: admitted, released by two of three, carried, imported, proved."""

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from noegress.catalogue import CatalogueEntry, Publication, members_of
from noegress.catalogue.keys import generate_keys, load_signer
from noegress.catalogue.repository import CatalogueRepository
from noegress.cli import main
from noegress.custody import Action, CustodyLog, Event
from noegress.finding import Basis, KillSwitch
from noegress.verdict import Verdict

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOEGRESS_POLICY", raising=False)
    return lambda line, **words: main([word.format(**words) for word in line.split()])


def record_hash(content: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()


def admit(repository: CatalogueRepository, log: CustodyLog, files: Path, name: str, requires: str = "") -> Path:
    path = files / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files.mkdir(exist_ok=True)
    members = {
        f"{name}.py": f"name = '{name}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        rows = [f"{member},{record_hash(content)},{len(content)}" for member, content in members.items()]
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = CatalogueEntry(
        filename=path.name,
        sha256=sha256,
        size=path.stat().st_size,
        project=canonicalize_name(name),
        version="1.0",
        verdict=Verdict.ADMITTED,
        decided=datetime.now(UTC),
    )
    repository.publish([Publication(entry=entry, members=members_of(path))])
    log.append([Event(time=datetime.now(UTC), actor="mirror", action=Action.ADMITTED, sha256=sha256, name=path.name)])
    return path


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror with two wheels, of which one needs the other."""
    folder = tmp_path / "mirror"
    keys = generate_keys(folder / "keys", owners=("alice", "bob", "carol"))
    repository = CatalogueRepository.create(folder / "catalogue", keys, bins=2)
    log = CustodyLog(folder / "log" / "custody.jsonl")
    admit(repository, log, folder / "files", "demo", "Requires-Dist: helper>=1\n")
    admit(repository, log, folder / "files", "helper")
    policy = f'format = 1\n[catalogue]\nroot-sha256 = "{repository.root_sha256}"\n'
    (tmp_path / "noegress.toml").write_text(policy)
    return folder


CATALOGUE = "--catalogue mirror/catalogue"


def approved(run: Run) -> None:
    assert run(f"approve request {CATALOGUE} --reason needed --key mirror/keys/requester/alice.pem --to d.json") == 0
    assert run(f"approve evidence d.json {CATALOGUE} --online mirror/keys/online.pem") == 0
    assert run("approve sign d.json --key mirror/keys/approver/bob.pem") == 0
    assert run(f"approve file d.json {CATALOGUE} --log mirror/log/custody.jsonl") == 0


def released(run: Run, *owners: str) -> None:
    approved(run)
    assert run("bundle release --catalogue mirror/catalogue --online mirror/keys/online.pem --to release.json") == 0
    for owner in owners:
        assert run("sign release.json --key mirror/keys/release/{owner}.pem", owner=owner) == 0


INSTALL = (
    "keys install release.json --catalogue mirror/catalogue --online mirror/keys/online.pem "
    "--log mirror/log/custody.jsonl"
)
EXPORT = (
    "bundle export --catalogue mirror/catalogue --files mirror/files --online mirror/keys/online.pem "
    "--log mirror/log/custody.jsonl --carrier dana"
)


def test_whoever_signs_sees_the_files_before(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released(run)
    document = json.loads(Path("release.json").read_bytes())
    document["purpose"] = "nothing but a new term\x1b[2J"
    Path("release.json").write_text(json.dumps(document))
    before = Path("release.json").read_bytes()
    capsys.readouterr()
    assert run("sign release.json") == 0
    out = capsys.readouterr().out
    assert "releases 2 files:" in out
    wheel = mirror / "files/demo-1.0-py3-none-any.whl"
    assert f"{wheel.name} sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" in out
    assert Path("release.json").read_bytes() == before
    assert run("sign release.json --key mirror/keys/release/alice.pem") == 0
    out = capsys.readouterr().out
    assert "releases 2 files:" in out
    assert "nothing but a new term\\x1b[2J: release, signed as alice" in out


def test_the_way_of_a_file(run: Run, mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released(run, "alice")
    assert run(INSTALL) == 1
    assert "signed by 1 people of whom 2 are needed" in capsys.readouterr().err
    assert run("sign release.json --key mirror/keys/release/carol.pem") == 0
    assert run(INSTALL) == 0
    assert run("log checkpoint --log mirror/log/custody.jsonl --origin outside --to point.json") == 0
    for owner in ("alice", "bob"):
        assert run("sign point.json --key mirror/keys/release/{owner}.pem", owner=owner) == 0
    verify = "log verify --log mirror/log/custody.jsonl --catalogue mirror/catalogue --checkpoint point.json"
    assert run(verify) == 0
    assert "signed by alice, bob: mirror/log/custody.jsonl begins with them" in capsys.readouterr().out
    assert run(EXPORT + " --checkpoint point.json --to disk --volume-size 8K") == 0

    assert run("bundle inspect disk --into inside") == 0
    out = capsys.readouterr().out
    assert "released by alice, carol (2 needed)" in out
    assert "approved by bob" in out
    assert "+ demo-1.0-py3-none-any.whl" in out

    assert run("bundle import disk --into inside") == 0
    assert "2 files, released by alice, carol" in capsys.readouterr().out
    assert run("log verify --into inside") == 0
    assert "signed by alice, bob: inside/current/custody/log.jsonl begins with them" in capsys.readouterr().out
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    command = [sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "install", "--quiet", "--no-index"]
    wheels = str(tmp_path / "inside/current/wheels")
    subprocess.run([*command, "--find-links", wheels, "demo"], check=True, env={"PIP_CONFIG_FILE": "/dev/null"})

    (installed,) = venv.glob("lib/python*/site-packages/demo.py")
    capsys.readouterr()
    assert run("log prove {file} --into inside", file=str(installed)) == 0
    out = capsys.readouterr().out
    assert "admitted by mirror" in out
    assert "imported by" in out
    assert run("log prove {file} --into inside --format json", file=str(installed)) == 0
    records = json.loads(capsys.readouterr().out)["records"]
    told = [(record["action"], record["actor"]) for record in records[:-1]]
    assert told == [
        ("admitted", "mirror"),
        ("requested", "alice"),
        ("approved", "bob"),
        ("released", "alice"),
        ("released", "carol"),
        ("exported", "dana"),
    ]
    assert records[-1]["action"] == "imported"


def test_a_release_with_a_hole_is_not_exported(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = CatalogueRepository.open(mirror / "catalogue", load_signer(mirror / "keys/online.pem"))
    repository.withdraw(p.entry.sha256 for p in repository.entries() if p.entry.project == "helper")
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    assert run(EXPORT + " --to disk") == 2
    err = capsys.readouterr().err
    assert "demo 1.0 needs helper>=1, and there is none" in err
    assert run(EXPORT + " --to disk --incomplete") == 0


def test_a_stream_is_carried_by_a_pipe(run: Run, mirror: Path, tmp_path: Path) -> None:
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    noegress = [sys.executable, "-m", "noegress"]
    stream = subprocess.run([*noegress, *EXPORT.split(), "--to", "-"], check=True, capture_output=True, cwd=tmp_path)
    command = [*noegress, "bundle", "import", "-", "--into", "inside"]
    done = subprocess.run(command, input=stream.stdout, check=True, capture_output=True, cwd=tmp_path)
    assert b"2 files" in done.stdout


def test_the_same_stream_twice_is_another_bundle(run: Run, mirror: Path, tmp_path: Path) -> None:
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    command = [sys.executable, "-m", "noegress", *EXPORT.split(), "--to", "-"]
    sent = [subprocess.run(command, check=True, capture_output=True, cwd=tmp_path).stdout for _ in range(2)]
    for number, content in enumerate(sent):
        (tmp_path / f"stream{number}").write_bytes(content)
        assert run("bundle import {name} --into inside", name=f"stream{number}") == 0


def test_keys_are_made_listed_and_replaced(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("keys generate dave.pem --owner dave --no-passphrase") == 0
    assert run("keys list --catalogue mirror/catalogue") == 0
    assert "release: 2 of alice, bob, carol; holds until" in capsys.readouterr().out
    revoke = "keys revoke --catalogue mirror/catalogue --role release --remove alice --add dave.pem.pub --to new.json"
    assert run(revoke) == 0
    for role in ("root", "targets", "release"):
        for owner in ("bob", "carol"):
            assert run("sign new.json --key mirror/keys/{role}/{owner}.pem", role=role, owner=owner) == 0
    assert run("sign new.json --key mirror/keys/release/alice.pem") == 1
    assert run("keys install new.json --catalogue mirror/catalogue --online mirror/keys/online.pem") == 0
    capsys.readouterr()
    assert run("keys list --catalogue mirror/catalogue") == 0
    assert "release: 2 of bob, carol, dave" in capsys.readouterr().out


def test_a_key_of_nobody_is_not_removed(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("keys revoke --catalogue mirror/catalogue --role root --remove mallory --to new.json") == 2
    assert "mallory holds no key of root" in capsys.readouterr().err


def test_a_passphrase_comes_from_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    assert run("keys generate a.pem --owner alice --passphrase-file secret") == 0
    assert b"ENCRYPTED" in (tmp_path / "a.pem").read_bytes()


@pytest.mark.parametrize("form", ["json", "csv", "html"])
def test_the_log_is_exported_for_auditors(
    run: Run, mirror: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two logs, each record tells which one holds it: both count from nought."""
    (mirror / "log/other.jsonl").write_bytes((mirror / "log/custody.jsonl").read_bytes())
    logs = "--log mirror/log/custody.jsonl --log mirror/log/other.jsonl"
    assert run(f"log export {logs} --format {{form}}", form=form) == 0
    told = capsys.readouterr().out
    assert "demo-1.0-py3-none-any.whl" in told
    rows = {"json": '"log": "{}"', "csv": "{},", "html": "<td>{}</td>"}[form]
    for name in ("custody", "other"):
        assert told.count(rows.format(f"mirror/log/{name}.jsonl")) == 2


def test_receipts_travel_back(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    assert run(f"{EXPORT} --to disk") == 0
    assert "travels without a checkpoint" in capsys.readouterr().err
    assert run("bundle import disk --into inside --no-rescan") == 0
    write = "log receipt --into inside --origin cellar --to receipt.json"
    take = f"log take receipt.json --log mirror/log/custody.jsonl {CATALOGUE}"
    assert run(write) == 0
    assert run(take) == 1
    assert "signed by 0 people of whom 2 are needed" in capsys.readouterr().err
    for owner in ("alice", "bob"):
        assert run("sign receipt.json --key mirror/keys/release/{owner}.pem", owner=owner) == 0
    assert run(take) == 0
    told = capsys.readouterr().out
    assert "begins with the 12 records that arrived inside, signed by alice, bob" in told
    assert "the log of cellar has 3 records, the first receipt; kept in mirror/log/receipts" in told
    log = mirror / "log/custody.jsonl"
    events = [record.event for record in CustodyLog(log).records()]
    log.unlink()
    CustodyLog(log).append([replace(events[0], actor="nobody"), *events[1:]])
    assert run(take) == 1
    assert "it was rewritten" in capsys.readouterr().err
    assert run("log take receipt.json --log nowhere --catalogue mirror/catalogue") == 2


def test_an_export_without_its_log_says_so(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    (mirror / "custody.jsonl").write_bytes((mirror / "log/custody.jsonl").read_bytes())
    without = EXPORT.replace("--log mirror/log/custody.jsonl", "")
    assert run(f"{without} --to disk") == 0
    said = capsys.readouterr().err
    assert "no custody log travels with it" in said
    assert "fix: --log mirror/custody.jsonl" in said


def test_a_file_that_no_log_knows_is_told(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("log prove {sha256} --log mirror/log/custody.jsonl", sha256="0" * 64) == 2
    assert "no log tells of" in capsys.readouterr().err


def test_a_changed_log_exits_1(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = mirror / "log/custody.jsonl"
    log.write_text(log.read_text().replace('"actor":"mirror"', '"actor":"nobody"', 1))
    assert run("log verify --log mirror/log/custody.jsonl") == 1
    assert "the log was changed" in capsys.readouterr().err


def test_a_request_is_shown_listed_and_refused(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = "approve request demo==1.0 --reason needed --key mirror/keys/requester/{owner}.pem --to d.json "
    assert run(ask + CATALOGUE, owner="alice") == 0
    assert run("approve sign d.json --key mirror/keys/approver/bob.pem") == 2
    assert "has no evidence yet" in capsys.readouterr().err
    assert run(f"approve evidence d.json {CATALOGUE} --online mirror/keys/online.pem") == 0
    capsys.readouterr()
    assert run("approve show d.json") == 0
    out = capsys.readouterr().out
    assert "needed" in out
    assert "demo-1.0-py3-none-any.whl" in out
    assert "PASSED" in out
    assert "helper" not in out
    assert run("approve sign d.json --key mirror/keys/approver/alice.pem") == 0
    assert run(f"approve file d.json {CATALOGUE}") == 1
    assert "nobody approves their own request" in capsys.readouterr().err
    assert run("approve sign d.json --key mirror/keys/approver/bob.pem") == 0
    assert run(f"approve file d.json {CATALOGUE}") == 0
    assert run(f"approve list {CATALOGUE} --statements statements.jsonl") == 0
    assert "asked for by alice, approved by bob: 1 files" in capsys.readouterr().out
    envelopes = [json.loads(line) for line in Path("statements.jsonl").read_text().splitlines()]
    assert {envelope["payloadType"] for envelope in envelopes} == {"application/vnd.in-toto+json"}
    assert run("approve sign d.json --key mirror/keys/approver/carol.pem --refuse flawed") == 0
    assert run(f"approve file d.json {CATALOGUE}") == 1
    assert "carol refused it: flawed" in capsys.readouterr().err
    assert run(f"approve list {CATALOGUE}") == 0
    assert "counts no more: carol refused it" in capsys.readouterr().out


def test_an_approver_sees_what_the_approval_is_about(
    run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = CatalogueRepository.open(mirror / "catalogue", load_signer(mirror / "keys/online.pem"))
    (demo,) = (item for item in repository.entries() if item.entry.project == "demo")
    switch = KillSwitch(name="DEMO_TELEMETRY", value="0", basis=Basis.KNOWN, source="mirror")
    entry = replace(demo.entry, egress=("t.example:443",), kill_switches=(switch,), uploaded=datetime.now(UTC))
    repository.publish([replace(demo, entry=entry)])
    ask = "approve request demo --reason needed --key mirror/keys/requester/alice.pem --to d.json "
    assert run(ask + CATALOGUE) == 0
    assert run(f"approve evidence d.json {CATALOGUE} --online mirror/keys/online.pem") == 0
    capsys.readouterr()
    assert run(f"approve show d.json {CATALOGUE}") == 0
    told = capsys.readouterr().out
    assert "connects to: t.example:443" in told
    assert "kill switches: DEMO_TELEMETRY=0" in told
    assert f"uploaded {datetime.now(UTC):%Y-%m-%d}" in told
    repository.publish([demo])
    assert run(f"approve show d.json {CATALOGUE}") == 0
    told = capsys.readouterr().out
    assert "not what the catalogue tells now: it was decided anew" in told
    assert "t.example" not in told


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("approve request nothing --reason x --key mirror/keys/requester/alice.pem --to d.json", "no admitted file"),
        ("approve request --reason x --key mirror/keys/approver/alice.pem --to d.json", "is no requester's key"),
    ],
)
def test_a_request_that_cannot_be_made_is_told(
    run: Run, mirror: Path, line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"{line} {CATALOGUE}") == 2
    assert said in capsys.readouterr().err


def test_what_nobody_approved_is_left_out_and_said(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle release --catalogue mirror/catalogue --online mirror/keys/online.pem --to release.json") == 0
    said = capsys.readouterr()
    assert "left out, for nobody approved them: " in said.err
    assert "of 0 files" in said.out


def test_what_was_decided_anew_is_left_out_and_said(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    repository = CatalogueRepository.open(mirror / "catalogue", load_signer(mirror / "keys/online.pem"))
    (demo,) = (item for item in repository.entries() if item.entry.project == "demo")
    repository.publish([replace(demo, entry=replace(demo.entry, policy_digest="cd" * 32))])
    assert run(f"{EXPORT} --to disk") == 1
    assert "1 released files were decided anew since" in capsys.readouterr().err
    assert run(f"approve list {CATALOGUE}") == 0
    listed = capsys.readouterr().out
    assert "demo-1.0-py3-none-any.whl: void, it was decided anew" in listed
    assert "helper-1.0-py3-none-any.whl\n" in listed
    assert run(f"approve file d.json {CATALOGUE}") == 0  # it counts for what was not decided anew
    assert "demo-1.0-py3-none-any.whl: void" in capsys.readouterr().out
    propose = f"bundle release {CATALOGUE} --online mirror/keys/online.pem --to release.json"
    assert run(propose) == 0
    said = capsys.readouterr()
    assert "left out, for they were decided anew since they were approved: demo-1.0" in said.err
    assert "fix: noegress approve request" in said.err
    assert "of 1 files" in said.out
    approved(run)  # asks for what is not approved, and that is the one file
    assert "d.json: 1 files" in capsys.readouterr().out
    assert run(propose) == 0
    assert "of 2 files" in capsys.readouterr().out


def test_a_layout_is_exported_and_imported(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    assert run(EXPORT + " --oci --to layout") == 0
    assert "as an OCI layout" in capsys.readouterr().out
    assert run("bundle import layout --into inside") == 0


def test_an_export_says_what_it_lacks(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bundle export --catalogue mirror/catalogue --to disk") == 2
    assert "--files is missing" in capsys.readouterr().err
    assert run("bundle export --catalogue nowhere --bootstrap boot") == 2
    assert "nowhere holds no catalogue" in capsys.readouterr().err


def test_a_catalogue_of_one_person_becomes_one_of_three(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys that people made on their own machines take the place of the first operator's."""
    CatalogueRepository.create(tmp_path / "c", generate_keys(tmp_path / "k"), bins=2)
    roles, people = ("root", "targets", "release", "requester", "approver"), ("alice", "bob", "carol")
    for role in roles:
        for owner in people:
            assert run("keys generate {role}-{owner}.pem --owner {owner} --no-passphrase", role=role, owner=owner) == 0
    online = "--catalogue c --online k/online.pem"
    for role in roles:
        added = " ".join(f"--add {role}-{owner}.pem.pub" for owner in people)
        old = "--remove operator --threshold 2" if role in {"root", "targets", "release"} else ""
        assert run(f"keys rotate --catalogue c --role {role} {old} {added} --to change.json") == 0
        for signing in ("root", "targets", "release"):
            for key in (f"k/{signing}/operator.pem", *(f"{signing}-{owner}.pem" for owner in people[:2])):
                run(f"sign change.json --key {key}")
        assert run(f"keys install change.json {online}") == 0
    capsys.readouterr()
    assert run("keys list --catalogue c") == 0
    out = capsys.readouterr().out
    for line in ("root: 2 of", "targets: 2 of", "release: 2 of", "requester: 1 of", "approver: 1 of"):
        assert f"{line} alice, bob, carol" in out
    assert "operator" not in out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("log prove nothing.py --into store", "nothing.py cannot be read: No such file"),
        (f"{EXPORT} --to disk2 --valid-days 0", "valid for 1 to 365 days"),
        ("sign note.json --key mirror/keys/release/alice.pem", "note.json: is no checkpoint"),
        ("bundle inspect nothing", "nothing cannot be read: No such file"),
    ],
)
def test_a_slip_of_the_operator_is_told(
    run: Run, mirror: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    assert run(f"{EXPORT} --to disk") == 0
    assert run("bundle import disk --into store --no-rescan") == 0
    envelope = {"payload": base64.b64encode(b"text").decode(), "payloadType": "x", "signatures": []}
    (mirror.parent / "note.json").write_text(json.dumps(envelope))
    assert run(line) == 2
    assert told in capsys.readouterr().err


def test_what_others_wrote_commands_no_terminal(run: Run, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reason with a line break would be a second line of the trail."""
    ask = f"approve request {CATALOGUE} --key mirror/keys/requester/alice.pem --to d.json --reason {{reason}}"
    assert run(ask, reason="needed\n2026-11-25 approved by bob\x1b[2K") == 0
    assert run(f"approve evidence d.json {CATALOGUE} --online mirror/keys/online.pem") == 0
    assert run("approve sign d.json --key mirror/keys/approver/carol.pem") == 0
    assert run(f"approve file d.json {CATALOGUE} --log mirror/log/custody.jsonl") == 0
    capsys.readouterr()
    wheel = "mirror/files/demo-1.0-py3-none-any.whl"
    for line in ("approve show d.json", "log show --log {log}", f"log prove {wheel} --log {{log}}"):
        assert run(line, log="mirror/log/custody.jsonl") == 0
        told = capsys.readouterr().out
        assert "needed\\n2026-11-25 approved by bob\\x1b[2K" in told
        assert "\x1b" not in told


def test_a_log_that_is_cut_or_rewritten_inside_shows(
    run: Run, mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the import nobody looks again: whoever is inside could take records away."""
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    assert run("log checkpoint --log mirror/log/custody.jsonl --origin outside --to point.json") == 0
    for owner in ("alice", "bob"):
        assert run("sign point.json --key mirror/keys/release/{owner}.pem", owner=owner) == 0
    assert run(EXPORT + " --checkpoint point.json --to disk") == 0
    assert run("bundle import disk --into inside --no-rescan") == 0
    log = tmp_path / "inside/current/custody/log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.unlink()
    log.write_bytes(b"".join(lines[:3]))
    assert run("log verify --into inside") == 1
    assert "has 3 records and had 10: it was cut" in capsys.readouterr().err
    other = CustodyLog(tmp_path / "other.jsonl")
    other.append(replace(record.event, actor="nobody") for record in CustodyLog(mirror / "log/custody.jsonl").records())
    log.write_bytes(other.path.read_bytes())
    assert run("log verify --into inside") == 1
    assert "it was rewritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (EXPORT + " --to noegress.toml", "noegress.toml"),
        (EXPORT + " --to mirror/files/demo-1.0-py3-none-any.whl/x", "demo-1.0-py3-none-any.whl"),
        (EXPORT + " --oci --to noegress.toml", "noegress.toml"),
        ("log checkpoint --log mirror/log/custody.jsonl --origin x --to noegress.toml/x", "noegress.toml"),
    ],
)
def test_a_place_that_cannot_be_written_is_told(
    run: Run, mirror: Path, line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirror.exists()
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    capsys.readouterr()
    assert run(line) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "fix:" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_output_that_is_full_is_told(run: Run, mirror: Path, tmp_path: Path) -> None:
    assert mirror.exists()
    released(run, "alice", "bob")
    assert run(INSTALL) == 0
    command = [sys.executable, "-m", "noegress", *f"{EXPORT} --to -".split()]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
