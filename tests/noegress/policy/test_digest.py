"""What evidence names a policy by: all of it, or what of it decides about one project."""

import pytest
from packaging.utils import canonicalize_name

from noegress.policy import parse_policy
from noegress.policy.digest import DecisivePolicy, policy_digest

BASE = "format = 1\n[admission]\ncooldown-days = 7\n"
WAIVER = """
[[waiver]]
project = "{project}"
versions = ">=1"
category = "telemetry"
reason = "seen"
expires = 2999-01-01
"""


def digests(text: str) -> tuple[str, str]:
    policy = parse_policy(text)
    return policy_digest(policy), DecisivePolicy(policy).digest(canonicalize_name("demo"))


@pytest.mark.parametrize(
    "elsewhere",
    [
        '[egress]\nallow = ["db.internal:5432"]\n',
        '[index]\nurl = "https://mirror.internal/root/curated/+simple/"\n',
        "[catalogue]\nmax-age = 5\n",
        "[guard]\nallow-observe = true\n",
        WAIVER.format(project="other"),
    ],
)
def test_what_decides_about_a_project_is_the_same_after_an_edit_elsewhere(elsewhere: str) -> None:
    before, after = digests(BASE), digests(BASE + elsewhere)
    assert after[0] != before[0]
    assert after[1] == before[1]


@pytest.mark.parametrize(
    "changed",
    [
        BASE.replace("7", "8"),
        BASE + '[admission.categories]\ntelemetry = "refuse"\n',
        BASE + WAIVER.format(project="demo"),
        BASE + WAIVER.format(project="Demo").replace(">=1", ">=2"),
    ],
)
def test_what_decides_about_a_project_is_another_after_an_edit_of_it(changed: str) -> None:
    assert digests(changed)[1] != digests(BASE)[1]


def test_each_edit_of_a_waiver_counts() -> None:
    texts = [WAIVER.format(project="demo"), WAIVER.format(project="demo").replace("2999", "2998")]
    assert len({digests(BASE + text)[1] for text in (*texts, "".join(texts))}) == 3
