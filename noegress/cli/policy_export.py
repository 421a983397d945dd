"""The targets of ``noegress policy export``, and ``noegress policy explain``."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from noegress.cli.command import add_policy_option, policy_of
from noegress.destination import parse_destination
from noegress.errors import UsageError
from noegress.export import cilium, env, installers, kubernetes, nftables, systemd
from noegress.export.explain import explain
from noegress.export.guard import guard_policy
from noegress.export.switches import switches_of, waived_switches
from noegress.export.target import Export, Target
from noegress.policy import FoundPolicy


def _guard(export: Export) -> str:
    return json.dumps(guard_policy(export.found, export.switches), indent=2) + "\n"


_TARGETS: dict[str, tuple[Target, str]] = {
    "guard": (_guard, "the guard's policy, JSON"),
    "kubernetes": (kubernetes.kubernetes, kubernetes.SUMMARY),
    "cilium": (cilium.cilium, cilium.SUMMARY),
    "nftables": (nftables.nftables, nftables.SUMMARY),
    "systemd": (systemd.systemd, systemd.SUMMARY),
    "env": (env.env, env.SUMMARY),
    "pip": (installers.pip, installers.PIP_SUMMARY),
    "uv": (installers.uv, installers.UV_SUMMARY),
    "docker": (installers.docker, installers.DOCKER_SUMMARY),
}


def configure_export(parser: ArgumentParser) -> None:
    """Add the arguments of ``export``."""
    told = "; ".join(f"{name}: {summary}" for name, (_, summary) in _TARGETS.items())
    parser.add_argument("target", choices=list(_TARGETS), metavar="TARGET", help=told)
    parser.add_argument(
        "--environment",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="with guard, env and systemd: also the kill switches of what is installed there (may be repeated)",
    )
    parser.add_argument("--form", choices=list(env.FORMS), default="lines", help="with env: how to write the variables")
    add_policy_option(parser)


def run_export(args: Namespace) -> int:
    """Print one target."""
    found = policy_of(args)
    target = env.FORMS[args.form] if args.target == "env" else _TARGETS[args.target][0]
    print(target(Export(found=found, switches=_switches(found, args.environment))), end="")
    return 0


def configure_explain(parser: ArgumentParser) -> None:
    """Add the arguments of ``explain``."""
    parser.add_argument("destination", metavar="DEST", help="HOST:PORT, CIDR:PORT, udp://HOST:PORT or unix:/PATH")
    add_policy_option(parser)


def run_explain(args: Namespace) -> int:
    """Print every door's answer; 0 if the guard lets it through, else 1."""
    found = policy_of(args)
    answers = list(explain(found, parse_destination(args.destination)))
    for answer in answers:
        print(f"{answer.door:<12}{'open' if answer.is_open else 'shut':<6}{answer.reason}")
    return 0 if answers[0].is_open else 1


def _switches(found: FoundPolicy, environments: list[Path]) -> dict[str, str]:
    switches = waived_switches(found.policy)
    if environments:
        try:
            from noegress.catalogue.client import Catalogue  # noqa: PLC0415 - python-tuf is an extra
        except ImportError as error:
            problem = f"the catalogue cannot be read: {error}"
            raise UsageError(problem, fix="pip install 'noegress[catalogue]'") from error
        switches |= switches_of(environments, Catalogue.of_policy(found.policy).release)
    return switches
