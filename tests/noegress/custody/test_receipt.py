"""Receipts: what the outside learns when a log was cut, rewritten or told in two ways on either side of the gap."""

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noegress.catalogue._tuf import Envelope, Signer
from noegress.catalogue.keys import RoleKeys, generate_key
from noegress.custody import Action, CustodyError, CustodyLog, Event
from noegress.custody.checkpoint import PAYLOAD_TYPE
from noegress.custody.receipt import Receipt, Taken, read_receipt, take_receipt, write_receipt
from noegress.errors import NoegressError, UsageError


def event(name: str) -> Event:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return Event(
        time=datetime(2026, 11, 25, tzinfo=UTC), actor="mirror", action=Action.ADMITTED, sha256=sha256, name=name
    )


class Gap:
    """Both sides: a log outside, its copy that arrived inside, the log of the inside, and two people with keys."""

    def __init__(self, folder: Path) -> None:
        self.outside = CustodyLog(folder / "outside" / "custody.jsonl")
        self.inside = folder / "inside"
        self.signers = [generate_key(folder / f"{owner}.pem", owner=owner) for owner in ("alice", "bob")]
        self.holders = RoleKeys(keys=tuple(signer.public_key for signer in self.signers), threshold=2)
        self.folder = folder
        self.outside.append([event("a"), event("b")])
        self.arrive()
        self.own.append([event("bundle 1")])

    @property
    def own(self) -> CustodyLog:
        return CustodyLog(self.inside / "custody.jsonl")

    def arrive(self) -> None:
        copy = self.inside / "current" / "custody" / "log.jsonl"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.outside.path, copy)

    def receipt(self, signers: list[Signer] | None = None, *, origin: str = "cellar") -> Receipt:
        receipt = write_receipt(self.inside, origin)
        for signer in self.signers if signers is None else signers:
            receipt = receipt.signed(signer)
        path = self.folder / "receipt.json"
        path.write_bytes(receipt.to_bytes())
        return read_receipt(path)

    def take(self, receipt: Receipt, *, unsigned: bool = False) -> Taken:
        kept = self.folder / "outside" / "receipts"
        return take_receipt(receipt, self.outside, self.holders, kept=kept, unsigned=unsigned)


@pytest.fixture
def gap(tmp_path: Path) -> Gap:
    return Gap(tmp_path)


def test_both_logs_grow_and_every_receipt_is_taken(gap: Gap) -> None:
    first = gap.take(gap.receipt())
    assert (first.inside.size, first.outside and first.outside.size, first.before) == (1, 2, None)
    assert first.signers == ("alice", "bob")
    lost = gap.receipt()
    for number in range(5):
        gap.outside.append([event(f"c{number}")])
        gap.own.append([event(f"bundle {number}"), event(f"file {number}")])
        gap.receipt()  # written and lost on the way
    second = gap.take(gap.receipt())  # the outside's log went on meanwhile, and the proof leads from the first
    assert (second.inside.size, second.before and second.before.size) == (11, 1)
    assert gap.take(gap.receipt()).before == second.inside
    with pytest.raises(CustodyError, match="or the receipt is an old one"):
        gap.take(lost)


def test_an_outside_that_tells_its_log_in_two_ways_is_found_out(gap: Gap) -> None:
    """A mirror that showed the inside one log and keeps another: a fork, which no single reader can see."""
    fork = CustodyLog(gap.folder / "fork.jsonl")
    fork.append([event("a"), event("somebody else's")])
    shutil.copy(fork.path, gap.inside / "current" / "custody" / "log.jsonl")
    with pytest.raises(CustodyError, match="the first 2 records are not those that were signed: it was rewritten"):
        gap.take(gap.receipt())


def test_an_outside_log_that_was_cut_is_found_out(gap: Gap) -> None:
    receipt = gap.receipt()
    gap.outside.path.write_bytes(gap.outside.path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(CustodyError, match="has 1 records and had 2: it was cut"):
        gap.take(receipt)


def test_an_inside_log_that_was_rewritten_is_found_out(gap: Gap) -> None:
    gap.own.append([event("bundle 2")])
    gap.take(gap.receipt())
    gap.own.path.unlink()
    gap.own.append([event("another"), event("bundle 2"), event("bundle 3")])
    with pytest.raises(CustodyError, match="does not begin with the 2 records that it had: it was rewritten"):
        gap.take(gap.receipt())


@pytest.mark.parametrize("forgets", [False, True])
def test_an_inside_log_that_was_cut_is_found_out(gap: Gap, *, forgets: bool) -> None:
    gap.own.append([event("bundle 2")])
    gap.take(gap.receipt())
    gap.own.path.write_bytes(gap.own.path.read_bytes().splitlines(keepends=True)[0])
    if forgets:
        (gap.inside / "receipts.json").unlink()
    with pytest.raises(CustodyError, match="it was cut"):
        gap.take(gap.receipt())


def test_too_few_people_make_no_receipt(gap: Gap, tmp_path: Path) -> None:
    for signers in ([], gap.signers[:1], [gap.signers[0], generate_key(tmp_path / "m.pem", owner="bob")]):
        with pytest.raises(CustodyError, match="people of whom 2 are needed"):
            gap.take(gap.receipt(signers))
    assert gap.take(gap.receipt([]), unsigned=True).signers == ()


def test_signatures_hold_for_both_halves(gap: Gap) -> None:
    """The halves of two receipts put together: nobody signed that."""
    old = gap.receipt()
    gap.own.append([event("bundle 2")])
    gap.outside.append([event("c")])
    gap.arrive()
    new = gap.receipt([])
    for mixed in (
        Receipt(inside=old.inside, outside=new.outside, proofs=new.proofs),
        Receipt(inside=new.inside, outside=old.outside, proofs=new.proofs),
    ):
        with pytest.raises(CustodyError, match="signed by 0 people"):
            gap.take(mixed)


def test_two_insides_are_kept_apart(gap: Gap) -> None:
    gap.take(gap.receipt())
    gap.own.path.unlink()
    (gap.inside / "receipts.json").unlink()
    gap.own.append([event("of another inside")])
    assert gap.take(gap.receipt(origin="attic")).before is None


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"[" * 100_000, b"{}", b'{"format": 2}', b'{"format": true}', b'{"format":1,"inside":5}'],
)
def test_what_is_no_receipt_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(NoegressError, match="is no receipt"):
        read_receipt(tmp_path / "r.json")


@pytest.mark.parametrize(("kind", "text"), [(PAYLOAD_TYPE, b"no checkpoint"), ("text/plain", b"cellar\n0\n\n")])
def test_a_receipt_of_something_else_is_told(gap: Gap, kind: str, text: bytes) -> None:
    receipt = Receipt(inside=Envelope(text, kind, {}), outside=None, proofs={})
    with pytest.raises(CustodyError, match="the receipt"):
        gap.take(receipt, unsigned=True)


def test_a_folder_that_is_no_inside_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        write_receipt(tmp_path, "cellar")
    (tmp_path / "custody.jsonl").touch()
    (tmp_path / "receipts.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(CustodyError, match=r"receipts\.json cannot be read"):
        write_receipt(tmp_path, "cellar")


@pytest.mark.parametrize("side", ["inside", "outside"])
def test_a_statement_in_the_place_of_a_checkpoint_is_not_there_to_be_signed(gap: Gap, side: str) -> None:
    """Else whoever writes a receipt would get a release holder's signature under an approval."""
    path = gap.folder / "receipt.json"
    document = json.loads(write_receipt(gap.inside, "cellar").to_bytes())
    document[side] = Envelope(b'{"_type":"approval"}', "application/vnd.in-toto+json", {}).to_dict()
    path.write_text(json.dumps(document))
    with pytest.raises(
        CustodyError, match=r"receipt\.json is no checkpoint: it was signed as application/vnd\.in-toto"
    ):
        read_receipt(path)
