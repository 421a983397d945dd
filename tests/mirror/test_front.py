"""What a real server answers: pages by their specifications, and nothing of a file that is not admitted."""

import gzip
import hashlib
import json
import re
from typing import Any

import pytest
from mirror_lab import SIMPLE_JSON, Index, Published, Served, build_wheel

BROKEN: dict[str, Any] = {"record_of": "RECORD tells another content"}


@pytest.fixture(scope="module")
def clean(shared_index: Index) -> Published:
    return shared_index.publish("front-clean", "1.0", files={"front_clean/data.txt": "x" * 200_000})


@pytest.fixture(scope="module")
def refused(shared_index: Index, mirror: Served) -> Published:
    """A wheel whose RECORD lies, beside an older one in order, asked for once."""
    shared_index.publish("front-refused", "1.0")
    published = shared_index.publish("front-refused", "2.0", **BROKEN)
    mirror.page("front-refused")
    return published


@pytest.fixture(scope="module")
def admitted(clean: Published, mirror: Served) -> str:
    """The path of a file that was admitted because it was asked for."""
    mirror.page("front-clean")
    path = mirror.file_path(clean.content, clean.filename)
    assert mirror.get(path).status == 200
    return path


def test_a_candidate_is_listed_with_the_fields_of_its_specifications(clean: Published, mirror: Served) -> None:
    page = mirror.page("front-clean")
    assert page["meta"]["api-version"] == "1.4"
    assert page["versions"] == ["1.0"]
    (file,) = page["files"]
    assert file["hashes"] == {"sha256": hashlib.sha256(clean.content).hexdigest()}
    assert file["size"] == len(clean.content)
    assert file["upload-time"] == "2020-01-01T00:00:00.000000Z"
    assert file["yanked"] is False
    assert "core-metadata" not in file


def test_a_candidate_has_metadata_where_a_digest_tells_it_from_a_refusal(mirror: Served, shared_index: Index) -> None:
    """pdm takes the text of a refusal for metadata where none is told, and locks the release without dependencies."""
    published = shared_index.publish("front-digest", "1.0", told={"core-metadata": {"sha256": "a" * 64}})
    (file,) = mirror.page("front-digest")["files"]
    assert file["core-metadata"] == {"sha256": "a" * 64}
    assert mirror.get(mirror.file_path(published.content, published.filename)).status == 200
    (file,) = mirror.page("front-digest")["files"]
    assert file["core-metadata"]["sha256"] not in (None, "a" * 64)


def test_an_admitted_file_tells_the_true_digest_of_its_metadata(admitted: str, mirror: Served) -> None:
    (file,) = mirror.page("front-clean")["files"]
    metadata = mirror.get(f"{admitted}.metadata")
    assert metadata.body.startswith(b"Metadata-Version: 2.4\nName: front-clean\n")
    assert file["core-metadata"] == {"sha256": hashlib.sha256(metadata.body).hexdigest()}
    assert "dist-info-metadata" not in file  # PEP 714: pip 22.3 to 23.0 fail at it


def test_html_and_json_tell_the_same(admitted: str, mirror: Served) -> None:
    got = mirror.get("/root/curated/+simple/front-clean/")
    (file,) = mirror.page("front-clean")["files"]
    text = got.body.decode()
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    assert f'#sha256={file["hashes"]["sha256"]}"' in text
    assert f'data-core-metadata="sha256={file["core-metadata"]["sha256"]}"' in text
    assert 'name="pypi:repository-version"' in text
    assert 'data-requires-python="&gt;=3.8"' in text


@pytest.mark.parametrize("asked", ["Front_Clean/", "front.clean/", "front-clean", "FRONT-CLEAN"])
def test_another_spelling_of_a_name_is_sent_to_the_normal_one(asked: str, clean: Published, mirror: Served) -> None:
    got = mirror.get(f"/root/curated/+simple/{asked}", follow=False)
    assert (got.status, got.headers["location"]) == (301, "/root/curated/%2Bsimple/front-clean/")


def test_a_page_is_sent_again_only_when_it_changed(admitted: str, mirror: Served, shared_index: Index) -> None:
    path = "/root/curated/+simple/front-clean/"
    first = mirror.get(path, Accept=SIMPLE_JSON)
    assert int(first.headers["content-length"]) == len(first.body)
    again = mirror.get(path, Accept=SIMPLE_JSON, If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert mirror.get(path, If_None_Match=first.headers["etag"]).status == 200


def test_a_page_is_compressed_for_those_who_read_it(clean: Published, mirror: Served) -> None:
    path = "/root/curated/+simple/front-clean/"
    plain = mirror.get(path, Accept=SIMPLE_JSON)
    zipped = mirror.get(path, Accept=SIMPLE_JSON, Accept_Encoding="gzip")
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == plain.body
    assert zipped.headers["etag"] != plain.headers["etag"]


def test_pip_compile_learns_digests_without_files(clean: Published, mirror: Served) -> None:
    document = mirror.get("/root/curated/+simple/front-clean/json").json()
    assert document["releases"]["1.0"][0]["digests"]["sha256"] == hashlib.sha256(clean.content).hexdigest()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-3", slice(0, 4)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=0-99999999", slice(None)),
    ],
)
def test_a_range_of_a_file(asked: str, expected: slice, admitted: str, clean: Published, mirror: Served) -> None:
    got = mirror.get(admitted, Range=asked)
    assert got.status == 206
    assert got.body == clean.content[expected]
    assert int(got.headers["content-length"]) == len(got.body)


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=5-2"])
def test_a_range_outside_is_refused(asked: str, admitted: str, mirror: Served) -> None:
    assert mirror.get(admitted, Range=asked).status == 416


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=-", "pages=1-2", "bytes=a-b"])
def test_what_is_no_single_range_gets_the_whole(asked: str, admitted: str, clean: Published, mirror: Served) -> None:
    got = mirror.get(admitted, Range=asked)
    assert (got.status, got.body) == (200, clean.content)


def test_a_file_has_an_etag_and_a_length_and_answers_to_head(admitted: str, clean: Published, mirror: Served) -> None:
    head = mirror.get(admitted, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) == len(clean.content)
    assert mirror.get(admitted, If_None_Match=head.headers["etag"]).status == 304
    assert mirror.get(admitted, Range="bytes=0-0", If_Range='"another"').status == 200


def forms(path: str) -> list[str]:
    """The ways to write a file's address that were tried on devpi."""
    relative = path.removeprefix("/root/curated/+f/")
    return [
        path,
        f"{path}.metadata",
        path.replace("+", "%2B"),
        path.replace("/", "//"),
        path.replace("/", "%2F"),
        f"//{path}",
        f"/./{path}",
        f"/root/curated/../curated/+f/{relative}",
        f"/root/curated/%2e%2e/curated/+f/{relative}",
        f"/root/curated/+f/./{relative}",
        f"/root/curated/+f//{relative}",
        f"/root/curated/+f/{relative}/",
        f"/root/curated/+e/{relative}",
        f"/root/curated/+f/{relative}?x=1",
        f"{path}#sha256=1",
        f"/root/curated/+F/{relative}",
        f"/ROOT/curated/+f/{relative}",
        f"/+files/root/curated/+f/{relative}",
    ]


@pytest.mark.parametrize("number", range(18))
def test_no_route_gives_a_byte_of_a_refused_file(number: int, refused: Published, mirror: Served) -> None:
    path = forms(mirror.file_path(refused.content, refused.filename))[number]
    for accept in ("*/*", SIMPLE_JSON, "text/html"):
        got = mirror.get(path, Accept=accept, X_Accel="1", X_Forwarded_For="127.0.0.1")
        assert got.status in (400, 403, 404), path
        assert refused.content[:4] not in got.body
        assert b"Metadata-Version" not in got.body


def test_a_refusal_says_why_in_the_status_line_and_as_problem_details(refused: Published, mirror: Served) -> None:
    path = mirror.file_path(refused.content, refused.filename)
    for asked in (path, f"{path}.metadata"):
        got = mirror.get(asked)
        assert got.status == 403
        assert got.reason.startswith(f"Blocked by noegress: {refused.filename}: ")
        assert got.headers["content-type"] == "application/problem+json"
        assert got.headers["cache-control"] == "no-store"
        assert got.json()["detail"] in got.reason
        page = f"{mirror.url}/+noegress/project/front-refused/2.0"
        assert got.reason.endswith(f"; see {page}")
        assert got.json()["instance"] == page


def test_a_refused_version_stays_listed_as_yanked_with_the_reason(refused: Published, mirror: Served) -> None:
    mirror.get(mirror.file_path(refused.content, refused.filename))
    yanked = {file["filename"]: file["yanked"] for file in mirror.page("front-refused")["files"]}
    assert yanked["front_refused-1.0-py3-none-any.whl"] is False
    assert str(yanked[refused.filename]).startswith("Blocked by noegress: ")
    assert not [file for file in mirror.page("front-refused")["files"] if file["yanked"] and "core-metadata" in file]


def test_a_file_that_is_not_known_is_refused(mirror: Served) -> None:
    filename, content = build_wheel("never-seen", "1.0")
    assert mirror.get(mirror.file_path(content, filename)).status == 403


@pytest.mark.parametrize(
    "name", ["acme-secret", "ACME_Secret", "noegress", "Hatch.Noegress", "devpi-noegress", "noegress-guard"]
)
def test_a_private_name_never_reaches_the_upstream(name: str, mirror: Served, shared_index: Index) -> None:
    shared_index.publish(name, "9.9")
    got = mirror.notice(name)
    assert got.status == 403
    assert "is private and never comes from upstream" in got.reason
    asked = {re.sub("[-_.]+", "-", path).lower() for path in shared_index.asked}
    assert not [path for path in asked if re.search("/(acme|(hatch-|devpi-)?noegress)", path)]


def test_a_denied_project_is_listed_with_one_entry_that_explains_itself(mirror: Served, shared_index: Index) -> None:
    published = shared_index.publish("denied-thing", "1.0")
    (file,) = mirror.page("denied-thing")["files"]
    assert file["yanked"] is False
    got = mirror.get(mirror.file_path(published.content, published.filename))
    assert (got.status, "the policy denies denied-*" in got.reason) == (403, True)
    assert f"/files/{published.filename}" not in shared_index.asked


def test_a_name_that_lies_in_its_metadata_is_refused(mirror: Served, shared_index: Index) -> None:
    published = shared_index.publish("front-liar", "1.0", told_name="front-victim")
    mirror.page("front-liar")
    got = mirror.get(mirror.file_path(published.content, published.filename))
    assert got.status == 403
    assert "front-victim" in got.reason


@pytest.mark.parametrize("path", ["../x", "a%2Fb", "%00", "a" * 300, "%E2%82%AC", "-", ".."])
def test_what_is_no_project_name_is_not_found(path: str, mirror: Served) -> None:
    assert mirror.get(f"/root/curated/+simple/{path}/").status in (400, 403, 404)


def test_what_could_carry_data_in_a_name_is_not_asked_for_upstream(mirror: Served, shared_index: Index) -> None:
    assert mirror.get(f"/root/curated/+simple/{'b' * 128}/").status == 404
    assert mirror.get(f"/root/curated/+simple/{'b' * 129}/").status == 404
    assert [len(path) for path in shared_index.asked if "bbb" in path] == [len("/simple//") + 128]


def test_the_list_of_projects_names_admitted_ones_only(admitted: str, mirror: Served) -> None:
    got = mirror.get("/root/curated/+simple/", Accept=SIMPLE_JSON)
    names = [project["name"] for project in json.loads(got.body)["projects"]]
    assert "front-clean" in names
    assert "front-refused" not in names


@pytest.mark.parametrize("path", ["/root/curated/+simple", "/+noegress"])
def test_an_address_without_its_slash_is_sent_to_the_one_with_it(path: str, mirror: Served) -> None:
    """Relative links on the page would lead elsewhere."""
    got = mirror.get(path, follow=False)
    assert (got.status, got.headers["location"].replace("%2B", "+")) == (301, f"{path}/")
