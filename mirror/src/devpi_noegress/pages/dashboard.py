"""The dashboard: how the mirror stands, for everybody who may read it."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape

from packaging.utils import NormalizedName

from devpi_noegress.admission.judge import scan_of
from devpi_noegress.files import ON_THE_WAY, Record, State
from devpi_noegress.mirror import Mirror
from devpi_noegress.operations.status import advisories_line
from devpi_noegress.pages.frame import marked, page, table

_NOTICE = timedelta(days=14)
_LATEST = 20  # rows of a table of what happened last
_COUNTED = 2000  # refused files whose evidence is read for the counts by category
_STATES = {
    State.ADMITTED: "listed and served",
    State.REFUSED: "judged, and kept out",
    State.UNDECIDED: "could not be judged, and kept out",
    State.REVOKED: "taken back by an operator",
    State.KNOWN: "listed by the upstream, not judged",
}


def dashboard(mirror: Mirror) -> str:
    """The page."""
    return page("How this mirror stands", _lines(mirror))


def _lines(mirror: Mirror) -> Iterator[str]:
    records = list(mirror.store.files.values())
    states = Counter(record.state for record in records)
    mode = "on demand: what is asked for is judged at once" if mirror.policy.admission.on_demand else "curated"
    yield f"<p>Mode: {mode}. Clients install from <code>{escape(mirror.url)}/root/curated/+simple/</code></p>"
    yield "<h2>Files</h2>"
    rows = ((marked(state), said, states[state]) for state, said in _STATES.items())
    yield table(("State", "Meaning", "Files"), rows, numbers=(2,))
    if categories := _refused_categories(mirror, records):
        yield "<h2>Refused, by category</h2>"
        yield table(
            ("Category", "Files"), ((escape(name), count) for name, count in categories.most_common()), numbers=(1,)
        )
    yield from _waiting(mirror, records)
    yield f"<h2>Advisories</h2><p>{escape(advisories_line(mirror))}</p>"
    yield f"<h2>Waivers</h2>{waivers(mirror, None)}"
    rows_ = (
        (f"{item.at:%Y-%m-%d %H:%M} UTC", escape(item.action), escape(item.subject))
        for item in mirror.audit.last(_LATEST)
    )
    yield f"<h2>Latest changes</h2>{table(('When', 'What', 'About'), rows_)}"


def _waiting(mirror: Mirror, records: list[Record]) -> Iterator[str]:
    on_the_way = sum(record.state in ON_THE_WAY and record.state is not State.KNOWN for record in records)
    yield f"<h2>Waiting</h2><p>{mirror.admissions.in_flight} files are being judged now, {on_the_way} were begun.</p>"
    if requests := mirror.requests.open():
        rows = (
            (item.id, _linked(item.target), escape(item.reason), f"{item.at:%Y-%m-%d %H:%M} UTC")
            for item in requests[:_LATEST]
        )
        yield f"<p>{len(requests)} requests wait for an approver.</p>"
        yield table(("Request", "For", "Reason", "Since"), rows, numbers=(0,))
    if missed := mirror.missed.latest(_LATEST):
        yield "<p>Asked for lately, and not here:</p>"
        rows_ = ((_linked(miss.name), miss.times, f"{miss.last:%Y-%m-%d %H:%M} UTC") for miss in missed)
        yield table(("Project", "Times", "Last"), rows_, numbers=(1,))


def _linked(target: str) -> str:
    name = target.partition("=")[0]
    return f'<a href="/+noegress/project/{escape(name)}">{escape(target)}</a>'


def _refused_categories(mirror: Mirror, records: list[Record]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for record in [item for item in records if item.state is State.REFUSED][:_COUNTED]:
        scan = scan_of(mirror.store.evidence(record.file.path))
        found = {finding.category.value for finding in scan.findings} if scan is not None else set()
        counted.update(found & set(record.reason.replace(";", " ").replace(",", " ").split()) or {"another gate"})
    return counted


def waivers(mirror: Mirror, name: NormalizedName | None) -> str:
    """The exceptions for one project or all of them, those that end soon marked."""
    today = datetime.now(UTC).date()
    rows = []
    for waiver in sorted(mirror.policy.waiver, key=lambda waiver: waiver.expires):
        if name in (None, waiver.project):
            ends = f"ran out on {waiver.expires}" if waiver.expires < today else f"until {waiver.expires}"
            soon = " (soon)" if today <= waiver.expires <= today + _NOTICE else ""
            about = str(waiver.versions) if waiver.versions is not None else f"sha256 {waiver.sha256}"
            cells = (f"{waiver.project} {about}", waiver.category.value, waiver.reason, f"{ends}{soon}")
            rows.append(tuple(map(escape, cells)))
    return table(("For", "Category", "Reason", "Holds"), rows) if rows else "<p>None.</p>"
