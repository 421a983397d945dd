"""DNS messages: whatever comes, it is read or it is a ValueError."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.kernel import dns

NAMES = st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20), min_size=1, max_size=5)


@given(NAMES, st.sampled_from([dns.A, dns.AAAA]), st.integers(0, 65535))
def test_a_query_reads_back(labels: list[str], kind: int, identity: int) -> None:
    question = dns.parse_question(dns.query(identity, ".".join(labels), kind))
    assert (question.id, question.name, question.kind) == (identity, ".".join(labels), kind)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_question_or_a_value_error(message: bytes) -> None:
    try:
        question = dns.parse_question(message)
    except ValueError:
        return
    assert message[12:].startswith(question.section)


@given(st.binary(max_size=300))
def test_any_bytes_after_an_answer_s_header_are_read_or_a_value_error(rest: bytes) -> None:
    sent = dns.query(7, "a.example", dns.A)
    header = struct.pack("!HHHHHH", 7, 0x8180, 1, 3, 0, 0)
    try:
        answers = dns.parse_answers(header + sent[12:] + rest, sent)
    except ValueError:
        return
    assert all(len(packed) == 4 for packed in answers.addresses)


@given(st.lists(st.binary(min_size=4, max_size=4), max_size=5, unique=True), st.integers(0, 10**6))
def test_an_answer_of_ours_reads_back(addresses: list[bytes], seconds: int) -> None:
    sent = dns.query(9, "a.example", dns.A)
    reply = dns.answer(dns.parse_question(sent), dns.NOERROR, tuple(addresses), seconds)
    answers = dns.parse_answers(reply, sent)
    assert answers.addresses == tuple(addresses)
    assert answers.seconds == (min(seconds, 86400) if addresses else 86400)


def test_a_name_that_points_at_itself_ends() -> None:
    sent = dns.query(7, "a.example", dns.A)
    loop = struct.pack("!HHHHHH", 7, 0x8180, 1, 1, 0, 0) + sent[12:] + struct.pack("!H", 0xC000 | len(sent))
    with pytest.raises(ValueError, match="without end"):
        dns.parse_answers(loop, sent)


@pytest.mark.parametrize("identity", [8, 0])
def test_an_answer_to_another_question_is_refused(identity: int) -> None:
    sent = dns.query(7, "a.example", dns.A)
    other = dns.query(identity, "b.example", dns.A)
    with pytest.raises(ValueError, match=r"not an answer|another question"):
        dns.parse_answers(dns.answer(dns.parse_question(other), dns.NOERROR), sent)


QUERY = bytes.fromhex("1234 0100 0001 0000 0000 0000 01 61 02 6263 00 0001 0001".replace(" ", ""))
"""Recursive, one question: `a.bc`, A, IN."""
POINTER, RECORD = b"\xc0\x0c", struct.Struct("!HHIH")


def reply(*records: bytes, head: str = "1234 8180 0001", count: int | None = None) -> bytes:
    number = len(records) if count is None else count
    return bytes.fromhex(head.replace(" ", "")) + struct.pack("!HHH", number, 0, 0) + QUERY[12:] + b"".join(records)


def record(kind: int, seconds: int, data: bytes, *, family: int = 1) -> bytes:
    return POINTER + RECORD.pack(kind, family, seconds, len(data)) + data


def test_a_query_and_an_answer_are_these_bytes() -> None:
    assert dns.query(0x1234, "a.bc", dns.A) == QUERY
    assert dns.query(0xFEDC, "a.bc", dns.AAAA) == b"\xfe\xdc" + QUERY[2:-4] + b"\x00\x1c\x00\x01"
    question = dns.parse_question(QUERY)
    assert (question.id, question.name, question.kind, question.section) == (0x1234, "a.bc", 1, QUERY[12:])
    with_option = QUERY[:10] + b"\0\1" + QUERY[12:] + bytes(11)
    assert dns.parse_question(with_option).section == QUERY[12:]
    with_a_code = QUERY[:2] + b"\x01\x0f" + QUERY[4:]  # which says something in answers alone
    assert dns.parse_question(with_a_code).name == "a.bc"
    one, other = b"\x01\x02\x03\x04", b"\x05\x06\x07\x08"
    mixed = dns.answer(question, dns.NOERROR, (one, bytes(16), other), 77)
    assert mixed == reply(record(1, 77, one), record(1, 77, other))
    assert dns.answer(question, dns.NXDOMAIN) == reply(head="1234 8183 0001")
    assert dns.answer(question, dns.SERVFAIL) == reply(head="1234 8182 0001")


@pytest.mark.parametrize(
    "message",
    [
        QUERY[:11],
        QUERY[:-1],
        QUERY[:2] + b"\x81\x00" + QUERY[4:],  # an answer
        QUERY[:2] + b"\x09\x00" + QUERY[4:],  # another operation
        *(QUERY[:at] + b"\0\2" + QUERY[at + 2 :] for at in (4, 6, 8)),
        QUERY[:-1] + b"\3",  # another class
        QUERY[:12] + b"\xc0\x0c" + QUERY[-4:],  # a pointer
        QUERY[:12] + b"\x40" + bytes(64) + QUERY[-4:],
        QUERY[:12] + (b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0" + QUERY[-4:],  # 256 bytes
    ],
)
def test_what_is_no_question_is_a_value_error(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        dns.parse_question(message)


def test_a_name_of_255_bytes_is_read() -> None:
    labels = ["a" * 63] * 3 + ["b" * 61]
    assert dns.parse_question(dns.query(1, ".".join(labels), dns.A)).name == ".".join(labels)


def test_an_answer_is_read_with_its_shortest_time() -> None:
    alias, other = record(5, 20, b"\xc0\x0c"), record(16, 1, b"x")
    found = dns.parse_answers(
        reply(
            alias, other, record(1, 30, b"\1\2\3\4"), record(28, 2, bytes(16)), record(1, 3, b"\5\6\7\x08", family=3)
        ),
        QUERY,
    )
    assert found == dns.Answers(dns.NOERROR, False, (b"\1\2\3\4",), 20)
    assert dns.parse_answers(reply(head="1234 8383 0001"), QUERY) == dns.Answers(dns.NXDOMAIN, True, (), 86400)


@pytest.mark.parametrize(
    "message",
    [
        reply()[:11],
        reply(head="1235 8180 0001"),
        reply(head="0034 8180 0001"),
        reply(head="1234 0180 0001"),
        reply(head="1234 8180 0002"),
        reply(count=1),
        reply(record(1, 1, bytes(4))[:-1]),
        reply(record(1, 1, bytes(4))[:11]),
        reply(b"\x05ab", count=1),
        reply(b"\xc0", count=1),
        reply(b"\x05abcd", count=1),
        reply(record(1, 1, bytes(4)), b"\x01a\xc0", count=2),
    ],
)
def test_what_is_no_answer_is_a_value_error(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        dns.parse_answers(message, QUERY)


@pytest.mark.parametrize(("kind", "size"), [(dns.A, 4), (dns.AAAA, 16)])
def test_an_answer_holds_the_addresses_of_its_kind(kind: int, size: int) -> None:
    asked = dns.query(7, "a.example", kind)
    addresses = (b"\1" * size, b"\2" * size)
    written = dns.answer(dns.parse_question(asked), dns.NOERROR, (*addresses, b"\3" * 5), 60)
    assert dns.parse_answers(written, asked) == dns.Answers(dns.NOERROR, False, addresses, 60)


def test_a_pointer_leads_anywhere_in_the_message() -> None:
    before = len(QUERY) + len(POINTER) + RECORD.size
    data = b"\xbf" * (0x120 - before) + b"\0" + b"\xbf" * 80  # no label begins with 0xbf
    far = reply(record(16, 9, data), b"\xc1\x20" + RECORD.pack(1, 1, 8, 4) + b"\1\2\3\4")
    assert dns.parse_answers(far, QUERY).addresses == (b"\1\2\3\4",)


@pytest.mark.parametrize("label", [b"a.b", b"\xff", b"a\x80"])
def test_a_label_that_would_read_as_another_name_takes_the_name_away(label: bytes) -> None:
    message = QUERY[:12] + b"\1x" + bytes([len(label)]) + label + b"\1y" + QUERY[-5:]
    assert dns.parse_question(message).name == ""
