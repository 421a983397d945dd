"""From one mirror to another across a gap: what the first admitted and released, the second takes and judges anew."""

import base64
import hashlib
import json
import shutil
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from mirror_lab import Index, build_wheel, make_mirror, noegress, send, serving

POLICY = "\n[admission]\ncooldown-days = 0\n"
NOWHERE = "http://127.0.0.1:9/simple/"


def told(*arguments: str | Path, status: int = 0) -> str:
    done = noegress(*arguments)
    assert done.returncode == status, done.stderr
    return done.stdout


def carried_over(tmp_path: Path) -> Path:
    """Release what the outside admitted, export it, and import it inside; gives the folder of the inside."""
    outside = tmp_path / "outside"
    keys = outside / "keys"
    signing = ("--catalogue", outside / "catalogue", "--online", keys / "online.pem")
    told("bundle", "release", *signing, "--to", tmp_path / "release.json")
    told("sign", tmp_path / "release.json", "--key", keys / "release/operator.pem")
    told("keys", "install", tmp_path / "release.json", *signing, "--log", outside / "custody.jsonl")
    files = ("--files", outside / "devpi", "--log", outside / "custody.jsonl", "--carrier", "dana")
    told("bundle", "export", *signing, *files, "--to", tmp_path / "disk")
    root = next(line for line in told("bundle", "inspect", tmp_path / "disk").splitlines() if "root " in line)
    policy = tmp_path / "inside.toml"
    policy.write_text(f'format = 1\n[catalogue]\nroot-sha256 = "{root.rpartition("root ")[2]}"\n')
    told("bundle", "import", tmp_path / "disk", "--into", tmp_path / "store", "--policy", policy)
    return tmp_path / "store"


@pytest.fixture(scope="module")
def arrived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What arrived inside from an outside that admitted one wheel and refused another; its index is gone by then."""
    tmp_path, index = tmp_path_factory.mktemp("gap"), Index()
    outside = make_mirror(tmp_path / "outside", index.url, POLICY)
    index.publish("across", "1.0")
    index.publish("evil", "1.0", record_of="a lie")
    told("mirror", "admit", "--dir", outside, "across", "evil", status=1)
    store = carried_over(tmp_path)
    index.close()
    return store


@pytest.fixture
def store(arrived: Path, tmp_path: Path) -> Path:
    """A copy that may be spoiled."""
    return Path(shutil.copytree(arrived, tmp_path / "store", symlinks=True))


def test_the_inside_serves_what_a_bundle_brought(arrived: Path, tmp_path: Path) -> None:
    store = arrived
    inside = make_mirror(tmp_path / "inside", NOWHERE, POLICY)
    assert "across-1.0-py3-none-any.whl: admitted" in told("mirror", "take", store, "--dir", inside)
    assert "across-1.0-py3-none-any.whl: admitted" in told("mirror", "take", store, "--dir", inside)
    assert "across-1.0-py3-none-any.whl" in told("mirror", "explain", "across", "--dir", inside)
    log = told("log", "prove", store / "current/wheels/across-1.0-py3-none-any.whl", "--into", store)
    for step in ("fetched by mirror", "scanned by mirror", "admitted by mirror", "released by operator", "exported by"):
        assert step in log
    records = [
        json.loads(line)["action"] for line in (arrived.parent / "outside/custody.jsonl").read_text().splitlines()
    ]
    assert records.count("refused") == 1


def provenance_of(filename: str, sha256: str) -> bytes:
    statement = json.dumps({"subject": [{"name": filename, "digest": {"sha256": sha256}}]}).encode()
    attestation = {"envelope": {"statement": base64.b64encode(statement).decode()}}
    return json.dumps({"version": 1, "attestation_bundles": [{"attestations": [attestation]}]}).encode()


def test_what_the_publisher_said_travels_along(index: Index, tmp_path: Path) -> None:
    """A policy that wants a provenance can be kept inside too, where no upstream answers."""
    wanting = POLICY + 'provenance = ["attested"]\n'
    published = index.publish("attested", "1.0", told={"provenance": f"{index.address}/provenance"})
    document = provenance_of(published.filename, hashlib.sha256(published.content).hexdigest())
    index.answers["/provenance"] = lambda request: send(request, document)
    outside = make_mirror(tmp_path / "outside", index.url, wanting)
    told("mirror", "admit", "--dir", outside, "attested")
    store = carried_over(tmp_path)
    index.close()
    (kept,) = (store / "current/provenance").iterdir()
    assert kept.read_bytes() == document

    inside = make_mirror(tmp_path / "inside", NOWHERE, wanting)
    assert f"{published.filename}: admitted" in told("mirror", "take", store, "--dir", inside)
    with serving(inside) as served:
        (entry,) = served.page("attested")["files"]
        assert served.get(urlsplit(urljoin(f"{served.url}/", entry["provenance"])).path).body == document

    kept.unlink()
    kept.write_bytes(provenance_of(published.filename, "0" * 64))
    other = make_mirror(tmp_path / "other", NOWHERE, wanting)
    assert "provenance" in told("mirror", "take", store, "--dir", other, status=1)


def test_the_policy_of_the_inside_counts(store: Path, tmp_path: Path) -> None:
    inside = make_mirror(tmp_path / "inside", NOWHERE, POLICY + 'deny = ["across"]\n')
    assert "across" in told("mirror", "take", store, "--dir", inside, status=1)


def test_bytes_that_changed_in_the_store_are_not_taken(store: Path, tmp_path: Path) -> None:
    path = store / "current/wheels/across-1.0-py3-none-any.whl"
    content = build_wheel("across", "1.0", files={"across/evil.py": "x = 1\n"})[1]
    path.unlink()
    path.write_bytes(content)
    inside = make_mirror(tmp_path / "inside", NOWHERE, POLICY)
    assert "undecided" in told("mirror", "take", store, "--dir", inside, status=3)


def test_a_folder_without_an_import_is_told(tmp_path: Path) -> None:
    inside = make_mirror(tmp_path / "inside", NOWHERE, POLICY)
    done = noegress("mirror", "take", tmp_path / "nothing", "--dir", inside)
    assert done.returncode != 0
    assert "nothing was imported into" in done.stderr


def test_a_mirror_of_several_people_asks_for_approvals(tmp_path: Path) -> None:
    owners = ("--owner", "alice", "--owner", "bob")
    told("mirror", "init", tmp_path / "m", "--upstream", NOWHERE, "--keys", tmp_path / "keys", *owners)
    listed = told("keys", "list", "--catalogue", tmp_path / "m/catalogue")
    for role in ("root: 2", "targets: 2", "release: 2", "requester: 1", "approver: 1"):
        assert f"{role} of alice, bob" in listed
