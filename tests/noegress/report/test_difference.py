import json
from collections.abc import Callable
from typing import Any

import pytest

from noegress.finding import Category, Place
from noegress.report import Report
from noegress.report.difference import Difference, json_difference, text_difference

Make = Callable[..., Report]


def test_a_call_that_only_moved_is_not_new(make_report: Make, result: Any, finding: Any) -> None:
    old = result(findings=(finding(),), egress=("t.acme.io",))
    new = result(version="1.1", findings=(finding(place=Place(file="acme/moved.py", line=9)),), egress=("t.acme.io",))
    difference = Difference(report=make_report(old, new))
    assert difference.exit_status == 0
    assert "no finding is new" in text_difference(difference)


def test_a_new_refused_call_is_told_and_gives_1(make_report: Make, result: Any, finding: Any) -> None:
    difference = Difference(
        report=make_report(result(egress=("old.acme.io",)), result(findings=(finding(),), egress=("t.acme.io",)))
    )
    assert difference.exit_status == 1
    text = text_difference(difference)
    assert "  + t.acme.io\n  - old.acme.io\n" in text
    assert "  + telemetry\n" in text
    assert "  + refused: telemetry to t.acme.io" in text
    document = json.loads(json_difference(difference))
    assert document["destinations"] == {"new": ["t.acme.io"], "gone": ["old.acme.io"]}
    assert [item["rule"] for item in document["findings"]["new"]] == ["telemetry-sdk"]


def test_a_call_that_turns_on_by_default_is_new(make_report: Make, result: Any, finding: Any) -> None:
    old, new = (result(findings=(finding(default_on=on),)) for on in (False, True))
    assert Difference(report=make_report(old, new)).exit_status == 1
    assert Difference(report=make_report(new, old)).exit_status == 0


@pytest.mark.parametrize("category", [Category.CDN_ASSET, Category.HOSTED_SERVICE])
def test_a_new_call_that_the_policy_lets_pass_gives_0(
    make_report: Make, result: Any, finding: Any, category: Category
) -> None:
    difference = Difference(report=make_report(result(), result(findings=(finding(category=category),))))
    assert difference.exit_status == 0
    assert difference.added


def test_a_new_file_that_was_not_read_to_its_end_gives_3(make_report: Make, result: Any) -> None:
    assert Difference(report=make_report(result(), result(undecided=("cut",)))).exit_status == 3
