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
