from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from noegress.finding import Basis, Category, Confidence, Finding, KillSwitch, Place, Severity, When
from noegress.policy import Action, Admission, Categories, Policy, Waiver
from noegress.policy.model import WaivedCategory
from noegress.verdict import Decision, Subject, Verdict, decide

TODAY = date(2026, 11, 24)
SUBJECT = Subject(filename="demo-5.1-py3-none-any.whl", sha256="a" * 64, name="Demo", version="5.1")
KNOWN = KillSwitch(name="DEMO_OFF", value="1", basis=Basis.KNOWN, source="its manual")
INFERRED = replace(KNOWN, basis=Basis.INFERRED)
FINDING = Finding(
    rule="analytics-sdk",
    category=Category.TELEMETRY,
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    host="collect.example",
    place=Place(file="demo/track.py", line=3),
    when=When.IMPORT,
    default_on=True,
    message="sends usage data",
    remedy="set the switch",
)
WAIVER = Waiver(
    project="demo",
    versions=SpecifierSet(">=5,<6"),
    category=WaivedCategory.TELEMETRY,
    reason="seen blocked",
    expires=date(2026, 12, 1),
)


def policy(action: Action = Action.SWITCH_OFF, *waivers: Waiver) -> Policy:
    categories = Categories(telemetry=action, startup_code=action)
    return Policy(format=1, admission=Admission(categories=categories), waiver=waivers)


def judged(finding: Finding, rules: Policy, subject: Subject = SUBJECT) -> Decision:
    return decide(subject, (finding,), rules, today=TODAY)


def test_a_file_without_findings_is_admitted() -> None:
    assert decide(SUBJECT, (), policy(), today=TODAY).verdict is Verdict.ADMITTED


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        (Action.REFUSE, Verdict.REFUSED),
        (Action.SWITCH_OFF, Verdict.REFUSED),
        (Action.WARN, Verdict.ADMITTED),
        (Action.ALLOW, Verdict.ADMITTED),
    ],
)
def test_a_finding_without_a_switch_is_judged_by_the_action(action: Action, verdict: Verdict) -> None:
    assert judged(FINDING, policy(action)).verdict is verdict


def test_a_known_switch_admits_and_is_carried() -> None:
    decision = judged(replace(FINDING, kill_switches=(KNOWN,)), policy())
    assert decision.verdict is Verdict.ADMITTED
    assert decision.kill_switches == (KNOWN,)


def test_an_inferred_switch_is_a_suggestion_only() -> None:
    decision = judged(replace(FINDING, kill_switches=(INFERRED,)), policy())
    assert decision.verdict is Verdict.REFUSED
    assert "no known switch" in decision.reasons[0]


def test_a_switch_does_not_help_where_the_policy_refuses() -> None:
    assert judged(replace(FINDING, kill_switches=(KNOWN,)), policy(Action.REFUSE)).verdict is Verdict.REFUSED


@pytest.mark.parametrize("softer", [{"default_on": False}, {"confidence": Confidence.LOW}])
def test_what_is_off_by_default_or_unsure_is_only_shown(softer: dict[str, object]) -> None:
    assert judged(replace(FINDING, **softer), policy(Action.REFUSE)).verdict is Verdict.ADMITTED  # type: ignore[arg-type]


def test_one_refused_finding_refuses_the_file_before_undecided_is_asked() -> None:
    decision = decide(SUBJECT, (FINDING,), policy(Action.REFUSE), today=TODAY, undecided=("not read to its end",))
    assert decision.verdict is Verdict.REFUSED
    assert "not read to its end" in decision.reasons


def test_what_could_not_be_told_is_undecided() -> None:
    decision = decide(SUBJECT, (), policy(), today=TODAY, undecided=("not read to its end",))
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.verdict.exit_status == 3


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [(Severity.HIGH, Verdict.REFUSED), (Severity.MEDIUM, Verdict.UNDECIDED), (Severity.LOW, Verdict.ADMITTED)],
)
def test_a_broken_file_is_judged_whatever_the_policy_says(severity: Severity, verdict: Verdict) -> None:
    broken = replace(FINDING, category=Category.INTEGRITY, severity=severity, default_on=False)
    assert judged(broken, policy(Action.ALLOW)).verdict is verdict


def test_a_waiver_admits_and_its_switch_becomes_known() -> None:
    waiver = replace(WAIVER, kill_switch=(("DEMO_ANALYTICS", "False"),))
    decision = judged(FINDING, policy(Action.REFUSE, waiver))
    assert decision.verdict is Verdict.ADMITTED
    assert [str(switch) for switch in decision.kill_switches] == ["DEMO_ANALYTICS=False"]


@pytest.mark.parametrize(
    "waiver",
    [
        replace(WAIVER, project="other"),
        replace(WAIVER, versions=SpecifierSet("<5")),
        replace(WAIVER, versions=None, sha256="b" * 64),
        replace(WAIVER, category=WaivedCategory.UPDATE_CHECK),
    ],
)
def test_a_waiver_for_something_else_does_nothing(waiver: Waiver) -> None:
    assert judged(FINDING, policy(Action.REFUSE, waiver)).verdict is Verdict.REFUSED


def test_a_waiver_for_the_very_file_admits_it() -> None:
    waiver = replace(WAIVER, versions=None, sha256="a" * 64)
    assert judged(FINDING, policy(Action.REFUSE, waiver)).verdict is Verdict.ADMITTED


def test_a_waiver_holds_on_its_last_day_and_no_longer() -> None:
    assert judged(FINDING, policy(Action.REFUSE, replace(WAIVER, expires=TODAY))).verdict is Verdict.ADMITTED
    late = judged(FINDING, policy(Action.REFUSE, replace(WAIVER, expires=date(2026, 11, 23))))
    assert late.verdict is Verdict.REFUSED
    assert "ran out on 2026-11-23" in late.reasons[0]


def test_a_file_without_a_version_is_not_waived_by_version() -> None:
    assert judged(FINDING, policy(Action.REFUSE, WAIVER), replace(SUBJECT, version="")).verdict is Verdict.REFUSED


FINDINGS = st.builds(
    replace,
    st.just(FINDING),
    category=st.sampled_from(list(Category)),
    severity=st.sampled_from(list(Severity)),
    confidence=st.sampled_from(list(Confidence)),
    default_on=st.booleans(),
    kill_switches=st.sampled_from([(), (KNOWN,), (INFERRED,)]),
)
STRICTNESS = [Action.ALLOW, Action.WARN, Action.SWITCH_OFF, Action.REFUSE]
SEVERITY_OF = {Verdict.ADMITTED: 0, Verdict.UNDECIDED: 1, Verdict.REFUSED: 2}


@given(st.lists(FINDINGS, max_size=4), st.sampled_from(STRICTNESS), st.sampled_from(STRICTNESS))
def test_a_stricter_policy_never_allows_more(findings: list[Finding], first: Action, second: Action) -> None:
    soft, strict = sorted((first, second), key=STRICTNESS.index)
    verdicts = [decide(SUBJECT, tuple(findings), policy(action), today=TODAY).verdict for action in (soft, strict)]
    assert SEVERITY_OF[verdicts[0]] <= SEVERITY_OF[verdicts[1]]


@given(st.lists(FINDINGS, max_size=4), st.randoms())
def test_the_order_of_findings_never_matters(findings: list[Finding], random: object) -> None:
    before = decide(SUBJECT, tuple(findings), policy(), today=TODAY).verdict
    random.shuffle(findings)  # type: ignore[attr-defined]
    assert decide(SUBJECT, tuple(findings), policy(), today=TODAY).verdict is before
