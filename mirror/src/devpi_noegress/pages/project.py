"""The page of a project or a release: what was decided, why, what else there is, and how to ask."""

from collections import Counter
from collections.abc import Iterator
from html import escape
from urllib.parse import quote

from packaging.utils import NormalizedName

from devpi_noegress.admission.judge import scan_of
from devpi_noegress.files import ON_THE_WAY, Record, State, version_key
from devpi_noegress.mirror import Mirror
from devpi_noegress.pages.dashboard import waivers
from devpi_noegress.pages.frame import marked, page, table
from noegress.finding import Finding

_ROWS = 200  # of a project's files; the newest
_OTHERS = 10  # admitted versions that are offered instead


def project_page(mirror: Mirror, name: NormalizedName, version: str | None) -> str:
    """The page; also for a project that is not known, which tells how to ask."""
    project = mirror.store.projects.get(name)
    records = list(project.files.values()) if project is not None else []
    title = f"{name} {version}" if version else name
    if version is None:
        return page(title, [*_overview(mirror, name, records), *_end(mirror, name, version)])
    chosen = [record for record in records if record.file.version == version]
    return page(title, [*_release(mirror, name, chosen, records), *_end(mirror, name, version)])


def _overview(mirror: Mirror, name: NormalizedName, records: list[Record]) -> Iterator[str]:
    if not records:
        yield f'<p class="said undecided">{escape(mirror.why_absent(name))}</p>'
        return
    decided = [record for record in records if record.state not in ON_THE_WAY]
    yield f"<p>{len(records)} files are known, {len(decided)} of them decided.</p>"
    if not decided:
        yield from _standing(mirror, records)
        return
    decided.sort(key=_order, reverse=True)
    rows = ((_link(record), marked(record.state), escape(record.reason or record.kill_switches)) for record in decided)
    yield table(("File", "State", "Why, or the switches to set"), list(rows)[:_ROWS])


def _release(mirror: Mirror, name: NormalizedName, chosen: list[Record], records: list[Record]) -> Iterator[str]:
    decided = sorted((record for record in chosen if record.state not in ON_THE_WAY), key=_order)
    if not chosen:
        yield '<p class="said undecided">No such release is known here.</p>'
    elif not decided:
        yield from _standing(mirror, chosen)
    for record in decided:
        yield from _record(mirror, record)
    others = {record.file.version for record in records if record.state is State.ADMITTED}
    if others - {record.file.version for record in chosen}:
        listed = sorted(others, key=version_key, reverse=True)[:_OTHERS]
        links = ", ".join(f'<a href="/+noegress/project/{name}/{quote(other)}">{escape(other)}</a>' for other in listed)
        yield f"<h2>Versions that are admitted</h2><p>{links}</p>"


def _standing(mirror: Mirror, records: list[Record]) -> Iterator[str]:
    """What stands against files that were not fetched."""
    found = Counter(item.reason for record in records for item in mirror.admissions.objections(record.file))
    for reason, count in found.most_common(5):
        yield f'<p class="said refused">{escape(reason)} ({count} files)</p>'
    if not found:
        yield '<p class="said undecided">Not judged yet: nobody who may has asked for it.</p>'


def _record(mirror: Mirror, record: Record) -> Iterator[str]:
    file = record.file
    yield f"<h2>{escape(file.filename)}: {marked(record.state)}</h2>"
    if record.reason:
        yield f'<p class="said {record.state.value}">{escape(record.reason)}</p>'
    scan = scan_of(mirror.store.evidence(file.path))
    if scan is not None and scan.findings:
        yield "<h3>Findings</h3>"
        yield table(("What", "Where", "When", "What to do"), map(_finding, scan.findings))
    yield from _switches(record, scan.findings if scan is not None else ())
    if scan is not None and scan.egress:
        yield f"<p>Declares these destinations: <code>{escape(', '.join(scan.egress))}</code></p>"
    uploaded = f", uploaded on {file.upload_time:%Y-%m-%d %H:%M} UTC" if file.upload_time else ""
    yield f"<p><code>sha256 {file.sha256}</code>{uploaded}</p>"


def _switches(record: Record, findings: tuple[Finding, ...]) -> Iterator[str]:
    if record.state is State.ADMITTED and record.kill_switches:
        yield (
            "<p>Admitted on condition that these are set wherever it runs: "
            f"<code>{escape(record.kill_switches)}</code>. "
            "<code>noegress policy export env</code> writes them, the guard sets them.</p>"
        )
    elif switches := sorted({finding.kill_switch for finding in findings if finding.kill_switch}):
        yield f"<p>Switches that it has: <code>{escape(', '.join(switches))}</code></p>"


def _finding(finding: Finding) -> tuple[str, str, str, str]:
    host = f" to {finding.host}" if finding.host else ""
    default = "on by default" if finding.default_on else "off by default"
    return (
        f"<strong>{escape(finding.category)}</strong>{escape(f'{host}: {finding.message}')}",
        f"<code>{escape(finding.place.file)}:{finding.place.line}</code>",
        escape(f"{finding.when}, {default}, {finding.confidence} confidence"),
        escape(finding.remedy),
    )


def _end(mirror: Mirror, name: NormalizedName, version: str | None) -> Iterator[str]:
    target = escape(f"{name}=={version}" if version else name)
    yield f"<h2>Waivers</h2>{waivers(mirror, name)}<h2>How to ask</h2>"
    if mirror.contact:
        yield f"<p>Ask {escape(mirror.contact)}; tell them what you need it for, and for how long.</p>"
    else:
        yield "<p>Ask the mirror's operators; tell them what you need it for, and for how long.</p>"
    yield "<p>With a requester's token in <code>NOEGRESS_MIRROR_TOKEN</code>:</p>"
    yield f"<pre>noegress mirror request {target} --server {escape(mirror.url)} --reason '…'</pre>"
    yield "<p>An operator sees the evidence, admits, or writes an exception that runs out, with:</p>"
    yield (
        f"<pre>noegress mirror explain {target}\nnoegress mirror admit {target}\n"
        f"noegress mirror waive {escape(name)} --versions … --category … --reason … --expires …</pre>"
    )


def _link(record: Record) -> str:
    file = record.file
    return f'<a href="/+noegress/project/{file.project}/{quote(file.version)}">{escape(file.filename)}</a>'


def _order(record: Record) -> tuple[object, ...]:
    return version_key(record.file.version), record.file.filename
