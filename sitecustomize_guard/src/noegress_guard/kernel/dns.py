"""DNS messages (RFC 1035), as much as a broker of addresses needs: parsed strictly, written anew, never forwarded."""

from __future__ import annotations

import struct

from noegress_guard.kernel.record import Record

A, AAAA = 1, 28
_IN = 1
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
_HEADER = struct.Struct("!HHHHHH")
_MAX_POINTERS = 64
_MAX_NAME = 255


class Question(Record):
    """What a program asked for."""

    id: int
    name: str
    """The labels as they came, joined by dots, or "" if one of them cannot be told apart from two."""
    kind: int
    section: bytes
    """The question as it was written, for the answer to repeat."""


class Answers(Record):
    """What an upstream server answered."""

    code: int
    truncated: bool
    addresses: tuple[bytes, ...]
    seconds: int
    """The shortest time to live on the way to the addresses."""


def parse_question(message: bytes) -> Question:
    """Read a query of one question; ValueError for everything else."""
    if len(message) < _HEADER.size:
        raise ValueError("shorter than a header")
    identity, flags, questions, answers, authority, _ = _HEADER.unpack_from(message)
    if flags & 0xF800 or questions != 1 or answers or authority:
        raise ValueError("not a query of one question")
    labels, end = _labels(message, _HEADER.size, pointers=False)
    if len(message) < end + 4:
        raise ValueError("the question ends early")
    kind, family = struct.unpack_from("!HH", message, end)
    if family != _IN:
        raise ValueError("not of class IN")
    # a dot or a byte outside ASCII inside a label would read as a different name
    clean = all(label.isascii() and b"." not in label for label in labels)
    name = b".".join(labels).decode("ascii") if clean else ""
    return Question(identity, name, kind, message[_HEADER.size : end + 4])


def answer(question: Question, code: int, addresses: tuple[bytes, ...] = (), seconds: int = 0) -> bytes:
    """Write the answer to a question: addresses of its own name, and nothing else."""
    size = 4 if question.kind == A else 16
    records = b"".join(
        struct.pack("!HHHIH", 0xC00C, question.kind, _IN, seconds, size) + packed
        for packed in addresses
        if len(packed) == size
    )
    count = len(records) // (12 + size)
    return _HEADER.pack(question.id, 0x8180 | code, 1, count, 0, 0) + question.section + records


def query(identity: int, name: str, kind: int) -> bytes:
    """Write a query: canonical, without options, so that it carries no more than name and type."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
    return _HEADER.pack(identity, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, _IN)


def parse_answers(message: bytes, sent: bytes) -> Answers:
    """Read what a server answered to a query; ValueError if it is no answer to it."""
    if len(message) < _HEADER.size:
        raise ValueError("shorter than a header")
    identity, flags, questions, count, _, _ = _HEADER.unpack_from(message)
    if identity != sent[0] << 8 | sent[1] or not flags & 0x8000 or questions != 1:
        raise ValueError("not an answer")
    question = sent[_HEADER.size :]
    if message[_HEADER.size : _HEADER.size + len(question)].lower() != question.lower():
        raise ValueError("an answer to another question")
    wanted = struct.unpack_from("!H", question, len(question) - 4)[0]
    at = _HEADER.size + len(question)
    addresses, shortest = [], 86400
    for _ in range(count):
        _, at = _labels(message, at, pointers=True)
        if len(message) < at + 10:
            raise ValueError("a record ends early")
        kind, family, seconds, size = struct.unpack_from("!HHIH", message, at)
        at += 10
        if len(message) < at + size:
            raise ValueError("a record ends early")
        if family == _IN and kind in {wanted, 5}:  # CNAMEs on the way lead to the addresses of the same answer
            shortest = min(shortest, seconds & 0x7FFFFFFF)
        if (family, kind, size) == (_IN, wanted, {A: 4, AAAA: 16}.get(wanted)):
            addresses.append(message[at : at + size])
        at += size
    return Answers(flags & 0xF, bool(flags & 0x200), tuple(dict.fromkeys(addresses)), shortest)


def _labels(message: bytes, at: int, *, pointers: bool) -> tuple[list[bytes], int]:
    """Return the labels of a name and where what follows it begins."""
    labels: list[bytes] = []
    end = 0
    for _ in range(_MAX_POINTERS + 128):
        if at >= len(message):
            raise ValueError("a name ends early")
        length = message[at]
        if length >= 0xC0 and pointers and at + 1 < len(message):
            end = end or at + 2
            at = (length & 0x3F) << 8 | message[at + 1]
        elif length > 63:
            raise ValueError("a label of a kind that is not known")
        elif length == 0:
            if sum(map(len, labels)) + len(labels) + 1 > _MAX_NAME:
                break
            return labels, end or at + 1
        else:
            if at + 1 + length > len(message):
                raise ValueError("a label ends early")
            labels.append(message[at + 1 : at + 1 + length])
            at += 1 + length
    raise ValueError("a name without end")
