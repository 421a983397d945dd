"""``noegress verify``: holds what is installed, or what lies in a wheelhouse, against the signed catalogue."""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from noegress.cli.command import Command, add_policy_option, policy_of
from noegress.errors import UsageError
from noegress.evidence import Evidence, Expectations, find_environment, verify_environment, verify_wheelhouse
from noegress.evidence.switches import read_guard_switches, read_variables
from noegress.policy import FoundPolicy
from noegress.report.text import printable

_SHOWN = 40
"""Violations that are printed one by one; --format json has them all."""
_GUARD_POLICY = "etc/noegress/guard.json"


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--environment", type=Path, metavar="DIR", help="a venv, a site-packages folder or the root of an image"
    )
    parser.add_argument("--wheelhouse", type=Path, metavar="DIR", help="a folder of wheels and sdists")
    parser.add_argument("--guard-policy", type=Path, metavar="FILE", help="the guard policy that sets kill switches")
    parser.add_argument("--variables", type=Path, metavar="FILE", help="NAME=value lines that its processes run with")
    parser.add_argument(
        "--local", action="append", default=[], metavar="NAME", help="a project that is installed from a folder"
    )
    parser.add_argument(
        "--own", action="append", default=[], type=Path, metavar="DIR", help="a folder of the application"
    )
    parser.add_argument("--python", type=Path, metavar="FILE", help="the interpreter that a venv has to run")
    parser.add_argument("--released", action="store_true", help="only files of a signed release count as admitted")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    add_policy_option(parser)


def _run(args: Namespace) -> int:
    from noegress.catalogue.client import Catalogue  # noqa: PLC0415  # python-tuf is an extra

    found = policy_of(args)
    if args.wheelhouse is None and args.environment is None:
        args.environment = Path(sys.prefix)
    catalogue = Catalogue.of_policy(found.policy, released_only=args.released)
    results = []
    if args.wheelhouse is not None:
        results.append(verify_wheelhouse(args.wheelhouse, catalogue.file))
    if args.environment is not None:
        expectations = _expectations(args, found)
        results.append(verify_environment(find_environment(args.environment), catalogue.release, expectations))
    is_self_check = args.environment is not None and _is_inside(args.environment)
    document = {
        "format": 1,
        "kind": "self-check" if is_self_check else "evidence",
        "policy": str(found),
        "catalogue": {"url": found.policy.catalogue.url, "signed": catalogue.signed.isoformat()},
        "targets": [_document(result) for result in results],
    }
    if args.format == "json":
        print(json.dumps(document, indent=2))
    else:
        _print(results, is_self_check=is_self_check)
    statuses = {result.verdict.exit_status for result in results}
    return 1 if 1 in statuses else max(statuses)


def _expectations(args: Namespace, found: FoundPolicy) -> Expectations:
    if args.python is not None and not args.python.is_file():
        raise UsageError(f"--python {args.python} is no file", fix="name the interpreter that the venv has to run")
    for folder in args.own:
        if not (args.environment / folder).is_dir():
            fix = f"name a folder below {args.environment}, where the application lies"
            raise UsageError(f"--own {folder} is no folder of the environment", fix=fix)
    guard = args.guard_policy
    if guard is None and (args.environment / _GUARD_POLICY).is_file():
        guard = args.environment / _GUARD_POLICY
    elif guard is None and Path("/", _GUARD_POLICY).is_file():
        guard = Path("/", _GUARD_POLICY)
    variables = read_guard_switches(guard) if guard is not None else {}
    if args.variables is not None:
        variables = variables | read_variables(args.variables)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Expectations(
        variables=variables,
        index_host=urlsplit(found.policy.index.url or "").netloc,
        local=frozenset(canonicalize_name(name) for name in args.local),
        own=tuple(args.own),
        interpreter=args.python,
        memory=Path(cache) / "noegress",
    )


def _is_inside(environment: Path) -> bool:
    """Whether the judge runs from what it judges: then hostile code there may have changed the judge (contract 10)."""
    if not environment.is_dir():
        raise UsageError(f"{environment} is no folder", fix="name a venv, a site-packages folder or an image's root")
    return Path(sys.prefix).resolve().is_relative_to(environment.resolve())


def _document(result: Evidence) -> dict[str, object]:
    return {
        "target": result.target,
        "verdict": result.verdict.value,
        "files": result.files,
        "bytes": result.bytes,
        "judged": [
            {
                "project": item.project,
                "version": item.version,
                "filename": item.entry.filename if item.entry else None,
                "sha256": item.entry.sha256 if item.entry else None,
            }
            for item in result.judged
        ],
        "violations": [
            {
                "kind": violation.kind.value,
                "verdict": violation.verdict.value,
                "project": violation.project,
                "file": violation.file,
                "problem": violation.problem,
                "fix": violation.fix,
            }
            for violation in result.violations
        ],
        "notices": list(result.notices),
    }


def _print(results: list[Evidence], *, is_self_check: bool) -> None:
    for result in results:
        for violation in result.violations[:_SHOWN]:
            place = ": ".join(part for part in (violation.project, violation.file) if part)
            print(f"{printable(place)}: {printable(violation.problem)} [{violation.kind}]\n  fix: {violation.fix}")
        if len(result.violations) > _SHOWN:
            print(f"… and {len(result.violations) - _SHOWN} more; --format json has them all")
        for notice in result.notices:
            print(f"note: {printable(notice)}")
        told = f"{len(result.judged)} distributions, {result.files} files, {result.bytes / 1e6:.1f} MB"
        print(f"{result.target}: {result.verdict}: {told}, {len(result.violations)} violations")
    if is_self_check:
        print("note: a self-check: it ran from what it judged; run it from another environment to have evidence")


COMMAND = Command(
    name="verify", summary="hold what is installed against the signed catalogue", configure=_configure, run=_run
)
