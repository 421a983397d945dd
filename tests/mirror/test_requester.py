"""Who is behind a request, and what that lets them do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from devpi_noegress.http.answers import Answer
from devpi_noegress.people.access import Access, Role, token_of
from devpi_noegress.people.requester import Reception, Requester

from noegress.errors import NoegressError, UsageError
from noegress.policy import Admission, parse_policy

TODAY = datetime.now(UTC).date()


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path / "access.json")


def admission(text: str) -> Admission:
    return parse_policy(f"format = 1\n[admission]\n{text}\n").admission


def requester(reception: Reception, **environ: Any) -> Requester:
    found = reception.requester({"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", **environ})
    assert isinstance(found, Requester), found
    return found


def refusal(reception: Reception, **environ: Any) -> str:
    found = reception.requester({"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", **environ})
    assert isinstance(found, Answer)
    return found.status


def test_a_token_names_a_person_with_a_role_and_is_not_kept(access: Access, tmp_path: Path) -> None:
    token = access.add("ada", Role.APPROVER)
    assert token not in (tmp_path / "access.json").read_text()
    assert (tmp_path / "access.json").stat().st_mode & 0o777 == 0o600
    for known in (access, Access(tmp_path / "access.json")):
        person = known.person(token, today=TODAY)
        assert person is not None
        assert (person.name, person.role) == ("ada", Role.APPROVER)


@pytest.mark.parametrize("change", [str.upper, lambda token: token[:-1], lambda token: f"{token} ", lambda _token: ""])
def test_another_token_is_nobodys(access: Access, change: Any) -> None:
    token = access.add("ada", Role.ADMIN)
    assert access.person(change(token), today=TODAY) is None


def test_a_token_holds_until_its_last_day(access: Access) -> None:
    token = access.add("ada", Role.READER, expires=TODAY)
    assert access.person(token, today=TODAY) is not None
    assert access.person(token, today=TODAY + timedelta(days=1)) is None


def test_a_name_holds_one_token(access: Access) -> None:
    access.add("ada", Role.READER)
    with pytest.raises(UsageError, match="has a token already"):
        access.add("ada", Role.ADMIN)
    access.remove("ada")
    access.add("ada", Role.ADMIN)


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "../x", "x" * 65])
def test_a_name_is_plain(access: Access, name: str) -> None:
    with pytest.raises(UsageError, match="is no name"):
        access.add(name, Role.READER)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2, "people": []}', '{"format": 1, "people": [{}]}'])
def test_a_file_that_cannot_be_read_opens_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "access.json").write_text(text)
    with pytest.raises(NoegressError, match="cannot be read"):
        Access(tmp_path / "access.json")


def test_each_role_may_what_those_before_it_may() -> None:
    order = [Role.READER, Role.REQUESTER, Role.APPROVER, Role.ADMIN]
    assert [[role.covers(other) for other in order] for role in order] == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer noegress_abc", "noegress_abc"),
        ("bearer  noegress_abc ", "noegress_abc"),
        ("Basic X190b2tlbl9fOm5vZWdyZXNzX2FiYw==", "noegress_abc"),  # __token__:noegress_abc
        ("Basic X190b2tlbl9fOmFiYw==", None),
        ("Bearer a-replica-of-devpi", None),
        ("Basic !!!", None),
        ("Basic \xff\xfe", None),
        ("Basic /w==", None),
        ("Digest x", None),
        ("", None),
    ],
)
def test_where_a_token_stands(header: str, expected: str | None) -> None:
    assert token_of(header) == expected


def test_without_a_token_everybody_reads(access: Access) -> None:
    found = requester(Reception(access, is_closed=False))
    assert found.person is None
    assert not found.may(Role.READER)


def test_a_closed_mirror_wants_a_token(access: Access) -> None:
    reception = Reception(access, is_closed=True)
    token = access.add("ada", Role.READER)
    assert refusal(reception).startswith("401 ")
    assert requester(reception, HTTP_AUTHORIZATION=f"Bearer {token}").may(Role.READER)


def test_wrong_tokens_have_a_rate(access: Access) -> None:
    reception = Reception(access, is_closed=False)
    seen = [refusal(reception, HTTP_AUTHORIZATION="Bearer noegress_wrong")[:3] for _ in range(40)]
    assert seen[:30] == ["401"] * 30
    assert "429" in seen[30:]
    assert refusal(reception, REMOTE_ADDR="::1", HTTP_AUTHORIZATION="Bearer noegress_wrong").startswith("401")


@pytest.mark.parametrize(
    "environ",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"HTTP_VIA": "1.1 proxy"},
        {"REMOTE_ADDR": ""},
    ],
)
def test_a_token_in_the_clear_is_refused_even_a_right_one(access: Access, environ: dict[str, str]) -> None:
    token = access.add("ada", Role.ADMIN)
    status = refusal(Reception(access, is_closed=False), HTTP_AUTHORIZATION=f"Bearer {token}", **environ)
    assert status.startswith("403 noegress: a token came without TLS")


NEAR = admission("on-demand = true")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "192.0.2.7"}, False),
        ({"REMOTE_ADDR": "nonsense"}, False),
        ({"REMOTE_ADDR": ""}, False),
        # a proxy on this machine that is not named with --proxy: its clients are not near
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, False),
        ({"HTTP_FORWARDED": "for=127.0.0.1"}, False),
        ({"HTTP_X_REAL_IP": "127.0.0.1"}, False),
    ],
)
def test_whose_request_has_the_upstream_asked(access: Access, environ: dict[str, str], expected: bool) -> None:  # noqa: FBT001
    reception = Reception(access, is_closed=False)
    assert requester(reception, **environ).may_ask(NEAR) is expected
    assert not requester(reception, **environ).may_ask(admission("on-demand = false"))


@pytest.mark.parametrize(
    ("environ", "address", "expected"),
    [
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, "127.0.0.1", True),
        ({"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, "192.0.2.7", False),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1, 192.0.2.7"}, "192.0.2.7", False),
        ({}, "10.0.0.1", False),
        ({"HTTP_X_FORWARDED_FOR": ""}, "10.0.0.1", False),
    ],
)
def test_a_trusted_proxy_tells_the_last_hop_and_silence_is_nobody(
    access: Access,
    environ: dict[str, str],
    address: str,
    expected: bool,  # noqa: FBT001
) -> None:
    reception = Reception(access, is_closed=False, proxies=["10.0.0.1"])
    found = requester(reception, REMOTE_ADDR="10.0.0.1", **environ)
    near = admission('on-demand = true\non-demand-from = ["127.0.0.0/8", "10.0.0.0/8"]')
    assert (found.address, found.may_ask(near)) == (address, expected)


def test_a_requester_has_the_upstream_asked_from_anywhere_and_a_reader_has_not(access: Access) -> None:
    reception = Reception(access, is_closed=False)
    policy = admission("on-demand = true\non-demand-from = []")
    for role in Role:
        token = access.add(role, role)
        environ = {"REMOTE_ADDR": "192.0.2.7", "wsgi.url_scheme": "https", "HTTP_AUTHORIZATION": f"Bearer {token}"}
        assert requester(reception, **environ).may_ask(policy) is (role is not Role.READER)
