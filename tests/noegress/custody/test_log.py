"""Attacks on the log are changes of its file; a checkpoint that somebody kept tells every one of them."""

import base64
import json
import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noegress.catalogue._tuf import Envelope, Signer
from noegress.catalogue.keys import generate_key
from noegress.custody import Action, CustodyError, CustodyLog, Event
from noegress.custody.checkpoint import Checkpoint, check_log, checkpoint_of, sign_checkpoint, verify_checkpoint


def event(number: int, **changes: str) -> Event:
    fields = {"actor": "alice", "sha256": f"{number:064x}", "name": f"demo-{number}.whl", **changes}
    return Event(time=datetime(2026, 11, 24, tzinfo=UTC), action=Action.FETCHED, **fields)


@pytest.fixture
def log(tmp_path: Path) -> CustodyLog:
    log = CustodyLog(tmp_path / "log" / "custody.jsonl")
    log.append(event(number) for number in range(5))
    return log


@pytest.fixture
def signers(tmp_path: Path) -> list[Signer]:
    return [generate_key(tmp_path / f"{owner}.pem", owner=owner) for owner in ("alice", "bob", "carol")]


def test_what_was_appended_is_read_in_order(log: CustodyLog) -> None:
    log.append([event(5)])
    assert [record.event for record in log.records()] == [event(number) for number in range(6)]
    assert [record.sequence for record in log.records()] == list(range(6))


def test_a_log_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert list(CustodyLog(tmp_path / "nothing").records()) == []


@pytest.mark.parametrize("at", range(5))
def test_a_changed_record_is_told(log: CustodyLog, at: int) -> None:
    lines = log.path.read_bytes().splitlines(keepends=True)
    document = json.loads(lines[at])
    document["actor"] = "mallory"
    lines[at] = json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    kept = checkpoint_of(log, "lab")
    log.path.write_bytes(b"".join(lines))
    with pytest.raises(CustodyError):
        check_log(log, kept)


@pytest.mark.parametrize("gone", [slice(0, 1), slice(2, 3), slice(4, 5), slice(0, 5)])
def test_a_removed_record_is_told(log: CustodyLog, gone: slice) -> None:
    kept = checkpoint_of(log, "lab")
    lines = log.path.read_bytes().splitlines(keepends=True)
    del lines[gone]
    log.path.write_bytes(b"".join(lines))
    with pytest.raises(CustodyError):
        check_log(log, kept)


def test_a_log_that_was_written_anew_as_a_whole_is_told_by_the_checkpoint_alone(log: CustodyLog) -> None:
    kept = checkpoint_of(log, "lab")
    log.path.unlink()
    log.append(event(number, actor="mallory") for number in range(6))
    assert len(list(log.records())) == 6
    with pytest.raises(CustodyError, match="rewritten"):
        check_log(log, kept)


def test_a_log_that_grew_is_in_order(log: CustodyLog) -> None:
    kept = checkpoint_of(log, "lab")
    log.append(event(number) for number in range(5, 40))
    check_log(log, kept)


def test_a_record_that_a_crash_cut_off_never_counted(log: CustodyLog) -> None:
    kept = checkpoint_of(log, "lab")
    with log.path.open("ab") as file:
        file.write(b'{"seq": 5, "prev"')
    with pytest.raises(CustodyError, match="cut off"):
        list(log.records())
    log.append([event(5)])
    check_log(log, kept)
    assert len(list(log.records())) == 6


def _append(path: Path, start: int) -> None:
    for number in range(start, start + 10):
        CustodyLog(path).append([event(number)])


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "custody.jsonl"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append, args=(path, start)) for start in (0, 100)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(list(CustodyLog(path).records())) == 20


def test_a_checkpoint_counts_with_a_threshold_of_people(log: CustodyLog, signers: list[Signer]) -> None:
    keys = [signer.public_key for signer in signers]
    one = sign_checkpoint(checkpoint_of(log, "lab"), signers[:1])
    with pytest.raises(CustodyError, match="signed by 1 people of whom 2"):
        verify_checkpoint(one, keys, 2)
    two = sign_checkpoint(checkpoint_of(log, "lab"), signers[1:2], one)
    checkpoint, owners = verify_checkpoint(two, keys, 2)
    assert (checkpoint, owners) == (checkpoint_of(log, "lab"), ("alice", "bob"))


def test_two_keys_of_one_person_count_once(log: CustodyLog, signers: list[Signer], tmp_path: Path) -> None:
    second = generate_key(tmp_path / "again.pem", owner="alice")
    envelope = sign_checkpoint(checkpoint_of(log, "lab"), [signers[0], second])
    with pytest.raises(CustodyError, match="signed by 1 people"):
        verify_checkpoint(envelope, [signers[0].public_key, second.public_key], 2)


def test_a_stranger_does_not_count(log: CustodyLog, signers: list[Signer], tmp_path: Path) -> None:
    stranger = generate_key(tmp_path / "mallory.pem", owner="mallory")
    envelope = sign_checkpoint(checkpoint_of(log, "lab"), [signers[0], stranger])
    with pytest.raises(CustodyError, match="signed by 1 people"):
        verify_checkpoint(envelope, [signer.public_key for signer in signers], 2)


def test_an_edited_checkpoint_is_signed_by_nobody(log: CustodyLog, signers: list[Signer]) -> None:
    document = json.loads(sign_checkpoint(checkpoint_of(log, "lab"), signers))
    log.append([event(5)])
    other = json.loads(sign_checkpoint(checkpoint_of(log, "lab"), []))
    document["payload"] = other["payload"]
    with pytest.raises(CustodyError, match="signed by 0 people"):
        verify_checkpoint(json.dumps(document).encode(), [signer.public_key for signer in signers], 1)


def test_signatures_are_not_added_to_another_checkpoint(log: CustodyLog, signers: list[Signer]) -> None:
    old = sign_checkpoint(checkpoint_of(log, "lab"), signers[:1])
    log.append([event(5)])
    with pytest.raises(CustodyError, match="another checkpoint"):
        sign_checkpoint(checkpoint_of(log, "lab"), signers[1:], old)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"payload": "!", "payloadType": "", "signatures": []}'])
def test_what_is_no_envelope_is_told(content: bytes, signers: list[Signer]) -> None:
    with pytest.raises(CustodyError):
        verify_checkpoint(content, [signers[0].public_key], 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"actor":"alice"', b'"actor":"mallory","actor":"alice"'),
        (b'"seq":4', b'"seq":4.0'),
        (b'"seq":4', b'"seq":4,"also":1'),
        (b'"note":""', b'"note":null'),
        (b'"note":""', b'"note": ""'),
        (b'"actor":"alice"', b'"actor":"\\u0061lice"'),
        (b'"actor":"alice"', '"actor":"\u00e9"'.encode()),
        (b'"sha256":"0', b'"sha256":"X'),
    ],
)
def test_a_record_that_two_readers_would_read_as_two_things(log: CustodyLog, before: bytes, after: bytes) -> None:
    """The last record: no hash of a next one covers it yet."""
    lines = log.path.read_bytes().splitlines(keepends=True)
    assert before in lines[-1]
    log.path.write_bytes(b"".join([*lines[:-1], lines[-1].replace(before, after, 1)]))
    with pytest.raises(CustodyError, match=r"custody\.jsonl:5"):
        list(log.records())


def test_a_checkpoint_is_signed_as_one(log: CustodyLog, signers: list[Signer]) -> None:
    """What people signed for another purpose is no checkpoint, whatever it says."""
    keys = [signer.public_key for signer in signers]
    envelope = Envelope(checkpoint_of(log, "lab").text(), "text/plain", {})
    for signer in signers:
        envelope.sign(signer)
    with pytest.raises(CustodyError, match="was signed as text/plain"):
        verify_checkpoint(json.dumps(envelope.to_dict()).encode(), keys, 2)


def test_a_record_that_is_too_long_is_told(log: CustodyLog) -> None:
    with pytest.raises(CustodyError, match="are the most"):
        log.append([event(5, note="x" * 70_000)])
    assert len(list(log.records())) == 5


def test_a_step_that_is_logged_once_removes_a_torn_end_first(log: CustodyLog) -> None:
    before = [record.event for record in log.records()]
    with log.path.open("ab") as file:
        file.write(b'{"seq": 99')
    log.append_new(before)
    assert [record.event for record in log.records()] == before


def test_a_log_that_was_changed_is_told_before_anything_is_done(log: CustodyLog) -> None:
    log.path.write_bytes(log.path.read_bytes().replace(b"alice", b"alicf"))
    with pytest.raises(CustodyError):
        log.mend()


@pytest.mark.parametrize("size", ["-1", "+1", "01", "1_0", " 1", "\u0661"])
def test_a_size_has_one_spelling(size: str) -> None:
    root = base64.b64encode(bytes(32)).decode()
    with pytest.raises(ValueError, match="no checkpoint"):
        Checkpoint.read(f"lab\n{size}\n{root}\n".encode())
