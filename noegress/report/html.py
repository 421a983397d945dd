"""A page that holds everything it needs: no script, no font, no image and no address is asked for when it is opened."""

from collections.abc import Iterable
from html import escape as _escape

from noegress import __version__
from noegress.finding import Basis
from noegress.report.interface import Judged, Report
from noegress.report.text import headline, place, printable, summary
from noegress.verdict import Judgement, Verdict

_ORDER = (Verdict.REFUSED, Verdict.UNDECIDED, Verdict.ADMITTED)
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --refused: #b3261e; --undecided: #9a6700; --admitted: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --refused: #ff8a80; --undecided: #e3b341; --admitted: #56d364; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
.verdict { font-weight: 600; margin-right: .5rem; }
.refused { color: var(--refused); } .undecided { color: var(--undecided); } .admitted { color: var(--admitted); }
article { border-top: 1px solid var(--line); margin-top: .6rem; padding-top: .6rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .3rem 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; table-layout: fixed; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
th, td, article, p { overflow-wrap: anywhere; }
th { opacity: .7; font-weight: 400; } th:nth-child(n+2) { width: 18%; }
details details { border: 0; padding: 0; }
footer { margin-top: 2rem; opacity: .7; font-size: 13px; overflow-wrap: anywhere; }
@media print { details { break-inside: avoid; } }
"""


def escape(text: str) -> str:
    """A foreign text as the content of an element, or of an attribute in quotes."""
    return _escape(printable(text))


def html_report(report: Report) -> str:
    """The whole report, refused files first and unfolded."""
    ordered = sorted(report.artifacts, key=lambda item: _ORDER.index(item.decision.verdict))
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>noegress scan</title><style>{_STYLE}</style></head><body>",
            f"<h1>noegress scan</h1><p>{escape(summary(report)[0])}</p>",
            *(_unread(report)),
            *(_environment(report) if report.is_environment else ()),
            *(_table(ordered) if len(ordered) > 1 else ()),
            *(_artifact(item) for item in ordered),
            f"<footer>noegress {__version__}",
            f"<br>rules <code>{escape(report.rules_digest)}</code>",
            f"<br>policy <code>{escape(report.policy_digest)}</code></footer></body></html>\n",
        )
    )


def _unread(report: Report) -> Iterable[str]:
    for item in report.unread:
        yield f'<p class="refused">{escape(item.problem)}<br>fix: {escape(item.fix)}</p>'


def _environment(report: Report) -> Iterable[str]:
    yield f"<h2>The environment calls</h2><p>{_codes(report.egress) or 'nothing that was found'}</p>"
    known = [switch for switch in report.kill_switches if switch.basis is Basis.KNOWN]
    inferred = [switch for switch in report.kill_switches if switch.basis is Basis.INFERRED]
    for title, switches in (("Its kill switches", known), ("Inferred switches, to be tried first", inferred)):
        if switches:
            yield f"<h2>{title}</h2><p>{_codes(f'ENV {switch}' for switch in switches)}</p>"


def _table(ordered: list[Judged]) -> Iterable[str]:
    """Every file in a line, the refused ones first."""
    yield "<table><thead><tr><th>file</th><th>verdict</th><th>findings</th><th>destinations</th></tr></thead><tbody>"
    for item in ordered:
        verdict = item.decision.verdict
        yield (
            f'<tr><td>{escape(item.result.subject.filename)}</td><td class="{verdict}">{verdict}</td>'
            f"<td>{len(item.decision.judgements)}</td><td>{len(item.result.egress)}</td></tr>"
        )
    yield "</tbody></table>"


def _artifact(item: Judged) -> str:
    verdict, subject = item.decision.verdict, item.result.subject
    is_hard = verdict is not Verdict.ADMITTED
    is_open = " open" if is_hard else ""
    judgements = sorted(item.decision.judgements, key=lambda judgement: _ORDER.index(judgement.verdict))
    told = {judgement.finding.message for judgement in judgements}
    return "".join(
        (
            f'<details{is_open}><summary><span class="verdict {verdict}">{verdict}</span>{escape(subject.filename)}',
            f" ({_count(judgements)})</summary>",
            _definitions({"sha256": _codes([subject.sha256]), "calls": _codes(item.result.egress)}),
            *(f'<p class="undecided">{escape(text)}</p>' for text in item.decision.undecided if text not in told),
            *(_judgement(judgement) for judgement in judgements if judgement.verdict is not Verdict.ADMITTED),
            *_admitted(
                [judgement for judgement in judgements if judgement.verdict is Verdict.ADMITTED], is_hard=is_hard
            ),
            "</details>",
        )
    )


def _admitted(judgements: list[Judgement], *, is_hard: bool) -> Iterable[str]:
    """What the policy admits; folded away where something else decides."""
    if is_hard and judgements:
        yield f"<details><summary>{_count(judgements)} that the policy admits</summary>"
    yield from map(_judgement, judgements)
    if is_hard and judgements:
        yield "</details>"


def _judgement(judgement: Judgement) -> str:
    finding = judgement.finding
    rows = {
        "where": _codes([place(finding)]),
        "what": escape(finding.message),
        "verdict": escape(judgement.reason),
        "switch": "<br>".join(
            f"<code>{escape(str(switch))}</code> ({switch.basis}, {escape(switch.source)})"
            for switch in finding.kill_switches
        ),
        "remedy": escape(finding.remedy),
        "rule": _codes([finding.rule]),
    }
    title = f'<span class="verdict {judgement.verdict}">{judgement.verdict}</span>{escape(headline(finding))}'
    return f"<article>{title}{_definitions(rows)}</article>"


def _definitions(rows: dict[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{key}</dt><dd>{value}</dd>" for key, value in rows.items() if value) + "</dl>"


def _codes(texts: Iterable[str]) -> str:
    return "<br>".join(f"<code>{escape(text)}</code>" for text in texts if text)


def _count(judgements: list[Judgement]) -> str:
    return "1 finding" if len(judgements) == 1 else f"{len(judgements)} findings"
