"""Every file that somebody hands over, changed in one thing each time: a clear word and nothing changed.

``ROUNDS=2000 pytest tests/noegress/cli/test_hostile_files.py`` looks longer.
"""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mutation_lab import changed, variants

from noegress.bundle.manifest import PAYLOAD_TYPE
from noegress.bundle.opened import opened_bundle
from noegress.bundle.stream import END, header_of, padded
from noegress.catalogue import CatalogueEntry, Publication
from noegress.catalogue._tuf import Envelope
from noegress.catalogue.keys import generate_keys, load_signer
from noegress.catalogue.repository import CatalogueRepository
from noegress.cli import main
from noegress.custody import Action, CustodyLog, Event
from noegress.verdict import Verdict

ROUNDS = int(os.environ.get("ROUNDS", "25"))
CATALOGUE = "--catalogue mirror/catalogue"
ONLINE = "--online mirror/keys/online.pem"


@dataclass(frozen=True)
class Stage:
    """Both sides of a gap, and one of each file that travels between people."""

    folder: Path

    def state(self) -> dict[str, str]:
        """What counts: all of the mirror, and of the inside what is current."""
        roots = [Path("mirror"), Path("inside/current").resolve()]
        files = [path for root in roots for path in root.rglob("*") if path.is_file()]
        files.append(Path("inside/custody.jsonl"))
        # an export signs the timestamp anew before it looks at the rest; what it names is compared
        counting = [path for path in files if "lock" not in path.name and path.name != "timestamp.json"]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in counting}


def run(line: str) -> tuple[int, str]:
    """The exit status of a command, and what it said."""
    said = io.StringIO()
    with redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")), redirect_stderr(said):
        status = main(line.split())
    return status, said.getvalue()


def done(line: str) -> None:
    status, said = run(line)
    assert status == 0, said


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    before = Path.cwd()
    os.chdir(folder)
    try:
        build()
    finally:
        os.chdir(before)
    return folder


def build() -> None:
    keys = generate_keys(Path("mirror/keys"), owners=("alice", "bob", "carol"))
    repository = CatalogueRepository.create(Path("mirror/catalogue"), keys, bins=2)
    log, files = CustodyLog(Path("mirror/log/custody.jsonl")), Path("mirror/files")
    files.mkdir()
    content = b"no wheel, and nobody looks into it here"
    name, sha256 = "demo-1.0.tar.gz", hashlib.sha256(content).hexdigest()
    (files / name).write_bytes(content)
    now = datetime.now(UTC)
    entry = CatalogueEntry(
        filename=name, sha256=sha256, size=len(content), project="demo", version="1.0",  # type: ignore[arg-type]
        verdict=Verdict.ADMITTED, decided=now,
    )  # fmt: skip
    repository.publish([Publication(entry=entry)])
    log.append([Event(time=now, actor="mirror", action=Action.ADMITTED, sha256=sha256, name=name)])
    Path("noegress.toml").write_text(
        f'format = 1\n[catalogue]\nroot-sha256 = "{repository.root_sha256}"\nmax-age = 720\n'
    )
    done(f"approve request {CATALOGUE} --reason needed --key mirror/keys/requester/alice.pem --to dossier.json")
    done(f"approve evidence dossier.json {CATALOGUE} {ONLINE}")
    done("approve sign dossier.json --key mirror/keys/approver/bob.pem")
    done(f"approve file dossier.json {CATALOGUE} --log mirror/log/custody.jsonl")
    done(f"bundle release {CATALOGUE} {ONLINE} --to release.json")
    for owner in ("alice", "bob"):
        done(f"sign release.json --key mirror/keys/release/{owner}.pem")
    done(f"keys install release.json {CATALOGUE} {ONLINE} --log mirror/log/custody.jsonl")
    done("log checkpoint --log mirror/log/custody.jsonl --origin outside --to point.json")
    for owner in ("alice", "bob"):
        done(f"sign point.json --key mirror/keys/release/{owner}.pem")
    export = f"bundle export {CATALOGUE} --files mirror/files {ONLINE} --log mirror/log/custody.jsonl"
    done(f"{export} --checkpoint point.json --to disk --volume-size 8K")
    done("bundle import disk --into inside --no-rescan")
    done("log receipt --into inside --origin cellar --to receipt.json")
    for owner in ("alice", "bob"):
        done(f"sign receipt.json --key mirror/keys/release/{owner}.pem")
    done(f"bundle release {CATALOGUE} {ONLINE} --to release.json")
    done(f"keys rotate {CATALOGUE} --to renewal.json")
    for owner in ("alice", "bob"):
        done(f"sign release.json --key mirror/keys/release/{owner}.pem")
        for role in ("root", "targets", "release"):
            done(f"sign renewal.json --key mirror/keys/{role}/{owner}.pem")
    shutil.copy("mirror/keys/release/carol.pem.pub", "carol.pub")
    shutil.copy("mirror/log/custody.jsonl", "copy.jsonl")


@pytest.fixture
def stage(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.delenv("NOEGRESS_POLICY", raising=False)
    folder = tmp_path / "stage"
    shutil.copytree(built, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    return Stage(folder)


COMMANDS: dict[str, tuple[str, str]] = {
    "sign a release": ("release.json", "sign {} --key mirror/keys/release/carol.pem"),
    "sign other keys": ("renewal.json", "sign {} --key mirror/keys/root/carol.pem"),
    "sign a checkpoint": ("point.json", "sign {} --key mirror/keys/release/carol.pem"),
    "sign a receipt": ("receipt.json", "sign {} --key mirror/keys/release/carol.pem"),
    "install a release": ("release.json", f"keys install {{}} {CATALOGUE} {ONLINE} --log mirror/log/custody.jsonl"),
    "install other keys": ("renewal.json", f"keys install {{}} {CATALOGUE} {ONLINE}"),
    "take a public key": (
        "carol.pub",
        f"keys rotate {CATALOGUE} --role approver --remove carol --add {{}} --to other.json",
    ),
    "add evidence": ("dossier.json", f"approve evidence {{}} {CATALOGUE} {ONLINE}"),
    "show a dossier": ("dossier.json", f"approve show {{}} {CATALOGUE}"),
    "approve": ("dossier.json", "approve sign {} --key mirror/keys/approver/carol.pem"),
    "file a dossier": ("dossier.json", f"approve file {{}} {CATALOGUE} --log mirror/log/custody.jsonl"),
    "verify a checkpoint": ("point.json", f"log verify --log copy.jsonl {CATALOGUE} --checkpoint {{}}"),
    "take a receipt": ("receipt.json", f"log take {{}} --log copy.jsonl {CATALOGUE} --keep kept"),
    "inspect an index": ("disk/index.json", "bundle inspect disk --into inside"),
    "import an index": ("disk/index.json", "bundle import disk --into inside --no-rescan"),
    "export beside a plan": (
        "disk/plan/manifest.json",
        f"bundle export {CATALOGUE} --files mirror/files {ONLINE} --to disk --volume-size 8K",
    ),
    "export after an index": (
        "disk/index.json",
        f"bundle export {CATALOGUE} --files mirror/files {ONLINE} --to next --since disk --volume-size 8K",
    ),
}


def attempt(stage: Stage, line: str, before: dict[str, str]) -> None:
    """Run a command on a hostile file; where it succeeds the change did no harm, and the stage is set anew."""
    status, said = run(line)
    assert status in {0, 1, 2, 3}, said
    if status:
        assert "fix:" in said, said
        assert "\x1b" not in said
        assert stage.state() == before, line
    elif stage.state() != before:
        for name in ("mirror", "inside"):
            shutil.rmtree(name)
            shutil.copytree(stage.folder.parent / "kept" / name, name, symlinks=True)


@pytest.fixture
def kept(stage: Stage) -> None:
    shutil.copytree(stage.folder, stage.folder.parent / "kept", symlinks=True)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.usefixtures("kept")
def test_a_hostile_file_is_told_and_changes_nothing(stage: Stage, name: str) -> None:
    file, command = COMMANDS[name]
    place, before = Path(file), stage.state()
    for content in variants(place.read_bytes(), ROUNDS):
        place.write_bytes(content)
        attempt(stage, command.format(file), before)
        if Path("kept").exists():
            shutil.rmtree("kept")


LOGS = {
    "verify": "log verify --log copy.jsonl",
    "show": "log show --log copy.jsonl",
    "prove": "log prove --log copy.jsonl " + "0" * 64,
    "export": "log export --log copy.jsonl --format csv",
    "checkpoint": "log checkpoint --log copy.jsonl --origin x --to other.json",
    "install into": f"keys install release.json {CATALOGUE} {ONLINE} --log copy.jsonl",
}


@pytest.mark.parametrize("name", LOGS)
@pytest.mark.usefixtures("kept")
def test_a_hostile_line_of_a_log_is_told(stage: Stage, name: str) -> None:
    lines, before = Path("copy.jsonl").read_bytes().splitlines(keepends=True), stage.state()
    for seed, line in enumerate(variants(lines[-1], ROUNDS)):
        number = Random(seed).randrange(len(lines))
        Path("copy.jsonl").write_bytes(
            b"".join((*lines[:number], line.replace(b"\n", b""), b"\n", *lines[number + 1 :]))
        )
        attempt(stage, LOGS[name], before)


def stolen(stage: Stage, rng: Random) -> bytes:
    """The bundle as one stream, one of its parts changed, all digests right, by whoever has the online key."""
    online = load_signer(Path("mirror/keys/online.pem"))
    with opened_bundle(stage.folder.parent / "kept/disk") as bundle:
        document: dict[str, Any] = json.loads(bundle.manifest.to_bytes())
        contents = {extent.part.path: b"".join(bundle.read(extent)) for extent in bundle.extents()}
    chosen = rng.choice([path for path in sorted(contents) if path.endswith(".json")])
    edited = json.dumps(changed(json.loads(contents[chosen]), rng)).encode()
    contents[chosen] = edited
    rows: list[list[Any]] = [
        [path, len(content), hashlib.sha256(content).hexdigest(), True] for path, content in contents.items()
    ]
    document["parts"] = [row if not row[0].startswith("files/") else [f"files/{row[2]}", *row[1:]] for row in rows]
    envelope = Envelope(json.dumps(document, sort_keys=True, separators=(",", ":")).encode(), PAYLOAD_TYPE, {})
    envelope.sign(online)
    return b"".join(_stream(json.dumps(envelope.to_dict()).encode(), contents))


def _stream(manifest: bytes, contents: dict[str, bytes]) -> Iterator[bytes]:
    for path, content in {"manifest.json": manifest, **contents}.items():
        yield header_of(path, len(content)) + content + b"\0" * (padded(len(content)) - len(content))
    yield END


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("line", ["bundle inspect stolen --into inside", "bundle import stolen --into {} --no-rescan"])
def test_a_hostile_part_by_whoever_has_the_online_key(stage: Stage, line: str) -> None:
    before = stage.state()
    for seed in range(ROUNDS):
        Path("stolen").write_bytes(stolen(stage, Random(seed)))
        for into in ("inside", "empty"):
            attempt(stage, line.format(into), before)
        shutil.rmtree("empty", ignore_errors=True)


CATALOGUES = {
    "keys list": f"keys list {CATALOGUE}",
    "keys rotate": f"keys rotate {CATALOGUE} --to other.json",
    "approve list": f"approve list {CATALOGUE}",
    "approve request": f"approve request {CATALOGUE} --reason x --key mirror/keys/requester/alice.pem --to other.json",
    "release": f"bundle release {CATALOGUE} {ONLINE} --to other.json",
    "install": f"keys install renewal.json {CATALOGUE} {ONLINE}",
    "export": f"bundle export {CATALOGUE} --files mirror/files {ONLINE} --to next",
    "verify": "verify --environment site",
}


@pytest.mark.parametrize("name", CATALOGUES)
@pytest.mark.usefixtures("kept")
def test_a_hostile_catalogue_is_told(stage: Stage, name: str) -> None:
    """Somebody who is on the mirror, or between it and whoever asks it, changes one of its files."""
    policy = Path("noegress.toml")
    policy.write_text(f'{policy.read_text()}url = "{Path("mirror/catalogue").resolve().as_uri()}/"\n')
    Path("site").mkdir()
    for seed in range(ROUNDS):
        rng = Random(seed)
        chosen = rng.choice(sorted(Path("mirror/catalogue").rglob("*.json")))
        content = chosen.read_bytes()
        chosen.write_bytes(json.dumps(changed(json.loads(content), rng)).encode())
        attempt(stage, CATALOGUES[name], stage.state())
        for made in ("next", "cache"):
            shutil.rmtree(made, ignore_errors=True)
        if chosen.exists():
            chosen.write_bytes(content)
