"""What an upgrade would newly call: two judged files, compared by what they do and not by where."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from noegress.finding import Category
from noegress.report.interface import Judged, Report
from noegress.report.json_format import finding_fields, switch_fields
from noegress.report.text import headline, joined, place
from noegress.verdict import Judgement, Verdict

_Key = tuple[str, str, str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """From an old file to a new one; ``report`` holds both, in this order."""

    report: Report

    @property
    def old(self) -> Judged:
        return self.report.artifacts[0]

    @property
    def new(self) -> Judged:
        return self.report.artifacts[1]

    @property
    def added(self) -> tuple[Judgement, ...]:
        """The findings that only the new file has."""
        return _only(self.new, self.old)

    @property
    def gone(self) -> tuple[Judgement, ...]:
        """The findings that only the old file has."""
        return _only(self.old, self.new)

    @property
    def exit_status(self) -> int:
        """1 if something new is refused by the policy, else 3 if the new file cannot be told completely, else 0."""
        if any(judgement.verdict is Verdict.REFUSED for judgement in self.added):
            return 1
        is_unclear = self.new.decision.undecided or any(item.verdict is Verdict.UNDECIDED for item in self.added)
        return 3 if is_unclear else 0


def _only(these: Judged, others: Judged) -> tuple[Judgement, ...]:
    known = {_key(judgement) for judgement in others.decision.judgements}
    return tuple({_key(item): item for item in these.decision.judgements if _key(item) not in known}.values())


def _key(judgement: Judgement) -> _Key:
    finding = judgement.finding
    subject = finding.message if finding.category is Category.INTEGRITY else finding.host
    # a call that was off by default and is on now is a new one
    return finding.rule, finding.category.value, subject, finding.default_on


def _destinations(difference: Difference) -> tuple[list[str], list[str]]:
    return _new_and_gone(difference.old.result.egress, difference.new.result.egress)


def _categories(difference: Difference) -> tuple[list[str], list[str]]:
    return _new_and_gone(*(_on(item) for item in (difference.old, difference.new)))


def _on(item: Judged) -> set[str]:
    return {judgement.finding.category.value for judgement in item.decision.judgements if judgement.finding.default_on}


def _new_and_gone(old: Iterable[str], new: Iterable[str]) -> tuple[list[str], list[str]]:
    before, after = set(old), set(new)
    return sorted(after - before), sorted(before - after)


def json_difference(difference: Difference) -> str:
    """One JSON object, with the findings and switches in the form of the scan's own report."""
    old, new = difference.old, difference.new
    before, after = ({str(switch) for switch in item.kill_switches} for item in (old, new))
    document = {
        "format": 1,
        "rules_digest": difference.report.rules_digest,
        "policy_digest": difference.report.policy_digest,
        "policy": difference.report.policy,
        "old": _file(old),
        "new": _file(new),
        "destinations": dict(zip(("new", "gone"), _destinations(difference), strict=True)),
        "categories": dict(zip(("new", "gone"), _categories(difference), strict=True)),
        "kill_switches": {
            "new": [switch_fields(switch) for switch in new.kill_switches if str(switch) not in before],
            "gone": [switch_fields(switch) for switch in old.kill_switches if str(switch) not in after],
        },
        "findings": {
            "new": [finding_fields(judgement) for judgement in difference.added],
            "gone": [finding_fields(judgement) for judgement in difference.gone],
        },
    }
    return json.dumps(document, indent=2) + "\n"


def _file(item: Judged) -> dict[str, str]:
    subject = item.result.subject
    return {
        "filename": subject.filename,
        "sha256": subject.sha256,
        "name": subject.name,
        "version": subject.version,
        "verdict": item.decision.verdict.value,
    }


def text_difference(difference: Difference) -> str:
    """Plain lines: what is new with ``+``, what is gone with ``-``."""
    old, new = difference.old, difference.new
    lines = [f"{item.result.subject.filename}: {item.decision.verdict}" for item in (old, new)]
    switches = _new_and_gone(*(map(str, item.kill_switches) for item in (old, new)))
    for title, (added, gone) in (
        ("destinations", _destinations(difference)),
        ("categories on by default", _categories(difference)),
        ("kill switches", switches),
    ):
        if added or gone:
            lines += [f"{title}:", *(f"  + {text}" for text in added), *(f"  - {text}" for text in gone)]
    lines += ["findings:"] if difference.added or difference.gone else ["no finding is new, and none is gone"]
    for judgement in difference.added:
        lines.append(f"  + {judgement.verdict}: {headline(judgement.finding)}")
        lines.append(f"      at {place(judgement.finding)}: {judgement.finding.message}")
        lines.append(f"      remedy: {judgement.finding.remedy}")
    lines += [f"  - {headline(judgement.finding)}" for judgement in difference.gone]
    lines += [f"undecided: {sentence}" for sentence in new.decision.undecided]
    return joined(lines)
