"""The custody log as auditors take it: JSON, CSV, or a page to print."""

import csv
import io
import json
from collections.abc import Iterable
from html import escape

from noegress.catalogue.entry import write_time
from noegress.custody.log import Record

Placed = tuple[str, Record]
"""A record, and the log that holds it: its numbers count there."""
_COLUMNS = ("log", "seq", "time", "actor", "action", "name", "sha256", "policy", "evidence", "note")
_STYLE = (
    "body{font:10pt sans-serif}table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:2pt 4pt;"
    "text-align:left;vertical-align:top}td.digest{font-family:monospace;word-break:break-all;font-size:7pt}"
    "td:nth-child(3){white-space:nowrap}"
    "thead{display:table-header-group}@page{size:A4 landscape;margin:12mm}"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def row_of(record: Record) -> dict[str, str | int]:
    """A record as plain values."""
    event = record.event
    return {
        "seq": record.sequence,
        "time": write_time(event.time),
        "actor": event.actor,
        "action": event.action.value,
        "name": event.name,
        "sha256": event.sha256,
        "policy": event.policy,
        "evidence": event.evidence,
        "note": event.note,
    }


def _placed(item: Placed) -> dict[str, str | int]:
    log, record = item
    return {"log": log, **row_of(record)}


def json_document(records: Iterable[Placed]) -> str:
    """Every record as an object."""
    return json.dumps({"format": 1, "records": [_placed(item) for item in records]}, indent=1) + "\n"


def csv_document(records: Iterable[Placed]) -> str:
    """Cells that a spreadsheet would take for a formula are quoted as text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    for item in records:
        cells = [str(value) for value in _placed(item).values()]
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return buffer.getvalue()


def html_document(records: Iterable[Placed], *, title: str, head: str) -> str:
    """One self-contained page that prints; ``head`` says which size and root it is about."""
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{escape(head)}</p>",
        f"<table><thead><tr>{''.join(f'<th>{column}</th>' for column in _COLUMNS)}</tr></thead><tbody>",
    ]
    for item in records:
        cells = _placed(item)
        digests = {"sha256", "policy", "evidence"}
        lines.append(
            "<tr>"
            + "".join(
                f'<td class="digest">{escape(str(value))}</td>' if key in digests else f"<td>{escape(str(value))}</td>"
                for key, value in cells.items()
            )
            + "</tr>"
        )
    lines.append("</tbody></table></body></html>")
    return "\n".join(lines) + "\n"
