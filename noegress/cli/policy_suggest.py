"""``noegress policy suggest``: a proposal from an observed run, as TOML with its reasons in comments."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from packaging.utils import canonicalize_name

from noegress.cli.command import today
from noegress.errors import UsageError
from noegress.inventory import Observed, read_inventory
from noegress.suggest import Suggestion, suggest

_WAIVER_DAYS = 90


def configure_suggest(parser: ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="what noegress-guard run --observe wrote")
    parser.add_argument(
        "--with-switch",
        nargs=2,
        metavar=("NAME=VALUE", "REPORT"),
        help="a second observed run, with this switch set: what it no longer tries becomes a proposal",
    )


def run_suggest(args: Namespace) -> int:
    """Print the proposal."""
    run = read_inventory(args.report)
    switch, second = "", None
    if args.with_switch:
        switch, second = args.with_switch[0], read_inventory(Path(args.with_switch[1]))
        if not switch.partition("=")[0] or "=" not in switch:
            raise UsageError(f"{switch!r} is no switch", fix="write NAME=VALUE, as it was set in the second run")
    suggestion = suggest(run, with_switch=second)
    print(f"# proposed from {args.report.name}: {' '.join(run.command)}")
    print("# A proposal: read every line before it goes into noegress.toml.")
    if run.left_out:
        print(f"# {run.left_out} attempts found no room in the report: what they tried is not known.")
    for line in (*_allow(suggestion), *_blocked(suggestion), *_switches(suggestion), *_pair(suggestion, switch)):
        print(line)
    return 0


def _allow(suggestion: Suggestion) -> Iterator[str]:
    yield "\n[egress]"
    yield "allow = ["
    for observed in suggestion.allow:
        yield f"    {json.dumps(observed.destination)},  # {_who(observed)}"
    yield "]"


def _blocked(suggestion: Suggestion) -> Iterator[str]:
    if suggestion.blocked:
        yield "\n# would stay blocked:"
    for left in suggestion.blocked:
        yield f"#   {_plain(left.observed.destination)}: {left.reason}; {_who(left.observed)}"


def _switches(suggestion: Suggestion) -> Iterator[str]:
    if suggestion.switches:
        yield "\n# switches that are known for the distributions that called; set them in the environment:"
    for project, switch in suggestion.switches:
        yield f"#   {switch}  ({project}; {switch.source})"


def _pair(suggestion: Suggestion, switch: str) -> Iterator[str]:
    """A waiver for what the second run no longer tried; commented, since a person makes a switch known."""
    if not switch:
        return
    if not suggestion.silenced:
        yield f"\n# {switch} made no difference: everything was tried in both runs"
        return
    name, _, value = switch.partition("=")
    places = ", ".join(_plain(observed.destination) for observed in suggestion.silenced)
    projects = sorted(
        {
            canonicalize_name(named[-1])  # the outermost distribution: the one that chose to call
            for observed in suggestion.silenced
            for origin in observed.origins
            if (named := [item.name for item in origin.distributions if not item.name.startswith("<")])
        }
    )
    yield f"\n# with {switch} set, this was not tried any more: {places}"
    for project in projects:
        yield "# [[waiver]]"
        yield f"# project = {json.dumps(project)}"
        yield '# versions = "…"'
        yield '# category = "telemetry"'
        yield f"# kill-switch = {{ {name} = {json.dumps(value)} }}"
        yield f'# reason = "observed with and without the switch: {places}"'
        yield f"# expires = {today() + timedelta(days=_WAIVER_DAYS)}"


def _who(observed: Observed) -> str:
    times = "once" if observed.count == 1 else f"{observed.count} times"
    first = f", {observed.origins[0]}" if observed.origins else ""
    more = f" and {len(observed.origins) - 1} more" if len(observed.origins) > 1 else ""
    return _plain(f"{times}{first}{more}")


def _plain(text: str) -> str:
    """Text of an observed process, fit for a comment: it must not begin a line of its own."""
    return "".join(character if character.isprintable() else "?" for character in text)
