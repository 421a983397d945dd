"""Which URLs are the mirror, as the front ends resolve them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noegress.surfaces.judging.mirror import Mirror, parse_mirror, redacted

MIRROR = parse_mirror("https://mirror.internal/root/curated/+simple/")


@pytest.mark.parametrize(
    "url",
    [
        "https://mirror.internal/root/curated/+simple/",
        "https://mirror.internal/root/curated/+simple",
        "HTTPS://Mirror.INTERNAL:443/root/curated/+simple/",
        "https://mirror.internal./root/curated/+simple/",
        "https://user:p%40ss@mirror.internal/root/curated/+simple/",
        "https://mirror.internal/root/other/../curated/./+simple/",
        "https://mirror.internal/root/curated/%2Bsimple/",
        "https://mirror.internal/root/curated/+simple/six/",
        "https://mirror.internal/root/curated/+f/abc/123/six-1.0-py3-none-any.whl#sha256=00",
    ],
)
def test_other_spellings_of_the_mirror_are_the_mirror(url: str) -> None:
    assert MIRROR.covers(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://mirror.internal/root/curated/+simple/",
        "https://mirror.internal:8443/root/curated/+simple/",
        "https://mirror.internal.evil.example/root/curated/+simple/",
        "https://mirror.internal@evil.example/root/curated/+simple/",
        "https://mirror.internal:443@evil.example/root/curated/+simple/",
        "https://evil.example/https://mirror.internal/root/curated/+simple/",
        "https://mirror.internal\\@evil.example/root/curated/+simple/",
        "https://evil.example\\@mirror.internal/root/curated/+simple/",
        "https://mirror.internal%2eevil.example/root/curated/+simple/",
        "https://evil.example#@mirror.internal/root/curated/+simple/",
        "https://mirror.internal/root/curated/+simple/../../public/+simple/",
        "https://mirror.internal/root/curated/+simple/%2e%2e/%2E%2E/public/+simple/",
        "https://mirror.internal/root/curated/+simple%2f..%2f..%2fpublic/",
        "https://mirror.internal/root/curated/+simple-but-not-quite/",
        "https://mirror.internal/root/curated/",
        "https://mirror.internal/root/curated/+files/x.whl",
        "https://mirror.internal/root/public/+simple/",
        "https://mirror.internal/",
        "https:mirror.internal/root/curated/+simple/",
        "https:///mirror.internal/root/curated/+simple/",
        "//mirror.internal/root/curated/+simple/",
        "\\\\mirror.internal\\root\\curated\\+simple",
        "file:///root/curated/+simple/",
        "/root/curated/+simple/",
        "git+https://mirror.internal/root/curated/+simple/",
        "https://mirror.internal/root/curated/+simple/?index=other",
        "https://mirror.\u0456nternal/root/curated/+simple/",
        "https://mirror.internal:99999/root/curated/+simple/",
        "https://[mirror.internal]/root/curated/+simple/",
        "https://mirror.inte\trnal/root/curated/+simple/",
        "",
    ],
)
def test_what_resolves_elsewhere_is_not_the_mirror(url: str) -> None:
    assert not MIRROR.covers(url)


@pytest.mark.parametrize(
    ("mirror", "url", "is_covered"),
    [
        ("http://127.0.0.1:3141/root/curated/+simple/", "http://127.0.0.1:3141/root/curated/+simple", True),
        ("http://127.0.0.1:3141/root/curated/+simple/", "http://localhost:3141/root/curated/+simple/", False),
        ("http://[::1]:3141/root/curated/+simple/", "http://[0:0:0:0:0:0:0:1]:3141/root/curated/+simple/", True),
        ("http://[fe80::1]/a/+simple/", "http://[fe80::1%25eth0]/a/+simple/", False),
        ("https://b\u00fccher.example/a/+simple/", "https://xn--bcher-kva.example/a/+simple/", True),
        ("https://strasse.example/a/+simple/", "https://stra\u00dfe.example/a/+simple/", False),
        ("https://files.example/simple/", "https://files.example/simple/six/", True),
        ("https://files.example/simple/", "https://files.example/packages/six.whl", False),
    ],
)
def test_addresses_names_and_plain_mirrors(mirror: str, url: str, is_covered: bool) -> None:  # noqa: FBT001
    assert parse_mirror(mirror).covers(url) is is_covered


@given(st.text(alphabet="mir.nteal:/@\\%2e#?+simpl[]\u0456\t", max_size=60))
def test_no_text_makes_the_comparison_fail_or_reach_another_host(text: str) -> None:
    url = f"https://evil.example/{text}"
    assert not MIRROR.covers(url)
    MIRROR.covers(text)


@given(st.lists(st.sampled_from(["..", ".", "%2e%2e", "six", "+f", ""]), max_size=8))
def test_a_path_that_climbs_above_the_index_is_not_the_mirror(segments: list[str]) -> None:
    climbed = "/".join([*segments, *([".."] * (len(segments) + 2)), "public"])
    assert not MIRROR.covers(f"https://mirror.internal/root/curated/+simple/{climbed}")


def test_a_mirror_that_tools_would_read_differently_cannot_be_named() -> None:
    with pytest.raises(ValueError, match="read differently"):
        parse_mirror("https://mirror.internal\\x/+simple/")


def test_passwords_are_left_out_of_what_is_shown() -> None:
    assert redacted("--index https://me:secret@host/x y") == "--index https://…@host/x y"


def test_a_trusted_host_is_compared_by_its_machine() -> None:
    mirror: Mirror = MIRROR
    assert mirror.has_host("MIRROR.internal:443")
    assert not mirror.has_host("mirror.internal.evil.example")
