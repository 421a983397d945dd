import pytest
from packaging.version import Version

from noegress.errors import PolicyError
from noegress.policy import parse_policy
from noegress.policy.selection import Selection


def selection(text: str) -> Selection:
    return parse_policy(f'format = 1\n[admission]\ndeny = ["{text}"]').admission.deny[0]


@pytest.mark.parametrize(
    ("text", "project", "version", "expected"),
    [
        ("numpy", "NumPy", "1.0", True),
        ("numpy>=2", "numpy", "2.0", True),
        ("numpy>=2", "numpy", "1.26", False),
        ("numpy>=2", "numpy", "3.0a1", True),
        ("acme_*", "acme-core", "1.0", True),
        ("acme-*<2", "acme-core", "2.0", False),
        ("acme-*", "acme", "1.0", False),
        ("*", "anything", "1.0", True),
    ],
)
def test_a_selection_names_projects_and_versions(text: str, project: str, version: str, expected: object) -> None:
    assert selection(text).matches(project, Version(version)) is expected


def test_specifiers_do_not_select_a_version_that_cannot_be_parsed() -> None:
    assert not selection("numpy>=2").matches("numpy", None)
    assert selection("numpy").matches("numpy", None)


@pytest.mark.parametrize("text", ["", ">=2", "numpy>2.x.y", "num py", "-numpy"])
def test_what_is_no_selection_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(PolicyError) as refused:
        selection(text)
    assert refused.value.problems[0].line == 3
