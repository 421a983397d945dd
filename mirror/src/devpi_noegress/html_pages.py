"""Pages for people: the dashboard, a project, a refusal; without scripts, and with nothing from elsewhere."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from html import escape

from packaging.utils import NormalizedName

from devpi_noegress.files import Record, State, version_key
from devpi_noegress.judge import scan_of
from devpi_noegress.mirror import Mirror
from devpi_noegress.status import advisories_line
from noegress.finding import Finding

CONTENT_SECURITY = ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'")
_NOTICE = timedelta(days=14)
_LATEST = 20  # decisions on the dashboard
_COUNTED = 2000  # refused files whose evidence is read for the counts by category
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .75rem .35rem 0;
vertical-align: top; border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
code { font-size: .9em; } .admitted { color: #14652f; }
.refused, .revoked { color: #a11212; } .undecided { color: #7a5200; }
"""


def dashboard(mirror: Mirror) -> str:
    """How the mirror stands, for everybody who may read it."""
    records = list(mirror.store.files.values())
    states = Counter(record.state for record in records)
    lines = ["<h2>Files</h2>", _table(("State", "Files"), ((_state(state), states[state]) for state in State))]
    categories = _refused_categories(mirror, records)
    if categories:
        lines += ["<h2>Refused, by category</h2>", _table(("Category", "Files"), categories.most_common())]
    lines += ["<h2>Advisories</h2>", f"<p>{escape(advisories_line(mirror))}</p>"]
    lines += ["<h2>Waivers</h2>", _waivers(mirror, None)]
    events = mirror.store.events(last=_LATEST)
    rows = ((f"{item.at:%Y-%m-%d %H:%M} UTC", escape(item.action), escape(item.subject)) for item in events)
    lines += ["<h2>Latest changes</h2>", _table(("When", "What", "About"), rows)]
    return _page("The mirror", lines)


def project_page(mirror: Mirror, name: NormalizedName, version: str | None) -> str | None:
    """What was decided about a project, or one release of it; None where it is not known."""
    project = mirror.store.projects.get(name)
    if project is None:
        return None
    chosen = [record for record in project.files.values() if version in (None, record.file.version)]
    decided = [record for record in chosen if record.state is not State.KNOWN]
    decided.sort(key=lambda record: (version_key(record.file.version), record.file.filename), reverse=True)
    title = f"{name} {version}" if version else name
    lines = [f"<p>{len(chosen)} files are known, {len(decided)} of them decided.</p>"]
    for record in decided:
        lines += _record(mirror, record)
    if not decided:
        lines += [f"<p>{escape(why)}</p>" for why in _undecided(mirror, chosen)]
    lines += ["<h2>Waivers</h2>", _waivers(mirror, name), "<h2>How to ask</h2>", _asking(name, version)]
    return _page(title, lines)


def _record(mirror: Mirror, record: Record) -> Iterator[str]:
    yield f"<h2>{escape(record.file.filename)}: {_state(record.state)}</h2>"
    if record.reason:
        yield f"<p>{escape(record.reason)}</p>"
    if record.kill_switches:
        yield f"<p>Admitted with these switches set: <code>{escape(record.kill_switches)}</code></p>"
    scan = scan_of(mirror.store.evidence(record.file.path))
    if scan is not None and scan.findings:
        yield _table(("Finding", "Where", "When", "Remedy"), map(_finding, scan.findings))
    if scan is not None and scan.egress:
        yield f"<p>Declares these destinations: <code>{escape(', '.join(scan.egress))}</code></p>"
    yield f"<p><code>sha256 {record.file.sha256}</code></p>"


def _finding(finding: Finding) -> tuple[str, str, str, str]:
    host = f" to {finding.host}" if finding.host else ""
    default = "on by default" if finding.default_on else "off by default"
    switch = f" Switch: {finding.kill_switch}." if finding.kill_switch else ""
    return (
        escape(f"{finding.category}{host}: {finding.message}"),
        f"<code>{escape(finding.place.file)}:{finding.place.line}</code>",
        escape(f"{finding.when}, {default}, {finding.confidence} confidence"),
        escape(f"{finding.remedy}{switch}"),
    )


def _undecided(mirror: Mirror, records: list[Record]) -> list[str]:
    found = [item.reason for record in records for item in mirror.admissions.objections(record.file)]
    return [f"{reason} ({count} files)" for reason, count in Counter(found).most_common(5)]


def _refused_categories(mirror: Mirror, records: list[Record]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for record in [item for item in records if item.state is State.REFUSED][:_COUNTED]:
        scan = scan_of(mirror.store.evidence(record.file.path))
        found = {finding.category.value for finding in scan.findings} if scan is not None else set()
        counted.update(found & set(record.reason.replace(";", " ").replace(",", " ").split()) or {"another gate"})
    return counted


def _waivers(mirror: Mirror, name: NormalizedName | None) -> str:
    today = datetime.now(UTC).date()
    rows = []
    for waiver in mirror.policy.waiver:
        if name in (None, waiver.project):
            ends = f"ran out on {waiver.expires}" if waiver.expires < today else f"until {waiver.expires}"
            soon = " (soon)" if today <= waiver.expires <= today + _NOTICE else ""
            about = str(waiver.versions) if waiver.versions is not None else f"sha256 {waiver.sha256}"
            cells = (f"{waiver.project} {about}", waiver.category.value, waiver.reason, f"{ends}{soon}")
            rows.append(tuple(map(escape, cells)))
    return _table(("For", "Category", "Reason", "Holds"), rows) if rows else "<p>None.</p>"


def _asking(name: NormalizedName, version: str | None) -> str:
    target = f"{name}=={version}" if version else name
    return (
        f"<p>An operator of this mirror sees the evidence with <code>noegress mirror explain {escape(target)}</code>, "
        f"admits it with <code>noegress mirror admit {escape(target)}</code>, and writes an exception with "
        f"<code>noegress mirror waive {escape(name)}</code>. Tell them what you need it for, and for how long.</p>"
    )


def _state(state: State) -> str:
    return f'<span class="{state.value}">{state.value}</span>'


def _table(heads: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _page(title: str, lines: Iterable[str]) -> str:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    start = f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>'
    return "\n".join((start, *lines, "</body></html>\n"))
