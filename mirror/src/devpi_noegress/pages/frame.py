"""What all pages for people share: the frame, tables and words; no script, and nothing from elsewhere."""

from collections.abc import Iterable
from html import escape

from devpi_noegress.files import State

CONTENT_SECURITY = (
    "Content-Security-Policy",
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
)
SAFE = (CONTENT_SECURITY, ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
_STYLE = """
:root { color-scheme: light dark; --line: #d9d9d9; --soft: #f4f4f2; --good: #14652f; --bad: #a11212; --open: #7a5200; }
@media (prefers-color-scheme: dark) {
:root { --line: #444; --soft: #262626; --good: #6fcf8f; --bad: #ff8d86; --open: #e9b949; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 0 1rem 3rem;
overflow-wrap: anywhere; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline; justify-content: space-between;
border-bottom: 1px solid var(--line); padding: .75rem 0; margin-bottom: 1.5rem; }
header a { font-weight: 600; } input { font: inherit; padding: .1rem .4rem; max-width: 14rem; }
button { font: inherit; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2rem; overflow-wrap: anywhere; }
.said { background: var(--soft); border-left: .25rem solid var(--line); padding: .75rem 1rem; overflow-wrap: anywhere; }
.said.refused, .said.revoked { border-color: var(--bad); } .said.undecided { border-color: var(--open); }
.said.admitted { border-color: var(--good); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .75rem .35rem 0;
vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
@media (max-width: 40rem) { table { display: block; overflow-x: auto; } }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { background: var(--soft); padding: .6rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-size: .9em; } .mark { font-weight: 600; } .mark.admitted { color: var(--good); }
.mark.refused, .mark.revoked { color: var(--bad); } .mark.undecided { color: var(--open); }
"""
_LOOK_UP = (
    '<form action="/+noegress/project" method="get"><label>Look up a project: '
    '<input name="name" required maxlength="214" spellcheck="false"></label> <button>Go</button></form>'
)


def page(title: str, lines: Iterable[str]) -> str:
    """A whole page; ``lines`` are markup."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - noegress mirror</title><style>{_STYLE}</style>"
    )
    start = f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>'
    header = f'<header><a href="/+noegress/">noegress mirror</a>{_LOOK_UP}</header>'
    return "\n".join((start, header, f"<main><h1>{escape(title)}</h1>", *lines, "</main></body></html>\n"))


def table(heads: tuple[str, ...], rows: Iterable[tuple[object, ...]], *, numbers: tuple[int, ...] = ()) -> str:
    """A table; cells are markup, the columns in ``numbers`` stand to the right."""
    kinds = [' class="number"' if column in numbers else "" for column in range(len(heads))]
    head = "".join(f'<th scope="col"{kind}>{name}</th>' for name, kind in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def marked(state: State) -> str:
    """The word for a state, in its colour."""
    return f'<span class="mark {state.value}">{state.value}</span>'
