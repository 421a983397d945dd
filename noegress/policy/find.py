"""Finds the policy that holds, and lets a project's own file only narrow an anchor (contract 4)."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from noegress.errors import PolicyError, PolicyProblem, UsageError
from noegress.policy.model import Action, Policy
from noegress.policy.read import read_policy
from noegress.toml_positions import line_of, toml_positions

MACHINE_POLICY = Path("/etc/noegress.toml")
_SOFTNESS = (Action.REFUSE, Action.SWITCH_OFF, Action.WARN, Action.ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPolicy:
    """The policy in force and the files that decided."""

    policy: Policy
    path: Path
    """The file that decides: the anchor if there is one."""
    narrowed_by: Path | None = None
    """A lower file that narrows the anchor."""

    def __str__(self) -> str:
        return f"{self.path}" + (f", narrowed by {self.narrowed_by}" if self.narrowed_by else "")


def find_policy(
    explicit: Path | None = None,
    *,
    start: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    machine: Path = MACHINE_POLICY,
) -> FoundPolicy | None:
    """The policy for work in ``start``; None where no file is named and none is found.

    Order: ``/etc/noegress.toml``, ``NOEGRESS_POLICY``, ``explicit`` (``--policy``), ``noegress.toml`` upward from
    ``start``, ``[tool.noegress]``. Raises ``PolicyError`` for a file that cannot be used or that widens its anchor.
    """
    named = environ.get("NOEGRESS_POLICY")
    if named == "":
        raise UsageError("NOEGRESS_POLICY is empty", fix="name a policy file in it, or unset it")
    anchor = machine if machine.exists() else Path(named) if named else None
    lower = explicit or _search(start or Path.cwd())
    if anchor is None:
        return None if lower is None else FoundPolicy(policy=read_policy(lower), path=lower)
    policy = read_policy(anchor)
    if lower is None or _is_same(anchor, lower):
        return FoundPolicy(policy=policy, path=anchor)
    return FoundPolicy(policy=_narrow(policy, anchor, lower), path=anchor, narrowed_by=lower)


def _search(start: Path) -> Path | None:
    folders = (start.resolve(), *start.resolve().parents)
    for folder in folders:
        if (folder / "noegress.toml").is_file():
            return folder / "noegress.toml"
    return next((folder / "pyproject.toml" for folder in folders if _has_tables(folder / "pyproject.toml")), None)


def _has_tables(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = PolicyProblem(file=str(path), line=0, problem=f"is not TOML: {error}", fix="mend the syntax")
        raise PolicyError((problem,)) from error
    tool = document.get("tool", {})
    return isinstance(tool, dict) and "noegress" in tool


def _is_same(first: Path, second: Path) -> bool:
    return second.exists() and first.exists() and first.samefile(second)


def _narrow(anchor: Policy, anchor_path: Path, lower_path: Path) -> Policy:
    """The anchor, narrowed by a lower file; every attempt to widen it is a problem with its line."""
    lower = read_policy(lower_path)
    text = lower_path.read_text("utf-8")
    inside = ("tool", "noegress") if lower_path.name == "pyproject.toml" else ()
    positions, document = toml_positions(text), _document(text, inside)
    problems: list[PolicyProblem] = []

    def widens(path: tuple[str | int, ...], what: str) -> None:
        problem = f"{what}, which {anchor_path} does not allow"
        fix = f"remove it, or have {anchor_path} changed by its owner"
        problems.append(
            PolicyProblem(file=str(lower_path), line=line_of(positions, (*inside, *path)), problem=problem, fix=fix)
        )

    for index, destination in enumerate(lower.egress.allow):
        if not any(allowed.covers(destination) for allowed in anchor.egress.allow):
            widens(("egress", "allow", index), f"adds the destination {destination}")
    for index, name in enumerate(lower.egress.private_names):
        if name not in anchor.egress.private_names:
            widens(("egress", "private-names", index), f"adds the private name {name}")
    for index, waiver in enumerate(lower.waiver):
        if waiver not in anchor.waiver:
            widens(("waiver", index), f"adds a waiver for {waiver.project}")
    for path, what in _softer_settings(anchor, lower, document):
        widens(path, what)
    if problems:
        raise PolicyError(tuple(problems))
    return _intersection(anchor, lower, document)


def _softer_settings(anchor: Policy, lower: Policy, document: dict[str, object]) -> list[tuple[tuple[str, ...], str]]:
    """The settings that the lower file writes and that are softer than the anchor's."""
    wide: list[tuple[tuple[str, ...], str]] = []
    categories = _table(document, "admission", "categories")
    for key in categories:
        ours, theirs = (getattr(policy.admission.categories, key.replace("-", "_")) for policy in (anchor, lower))
        if _SOFTNESS.index(theirs) > _SOFTNESS.index(ours):
            wide.append((("admission", "categories", key), f"softens {key} from {ours} to {theirs}"))
    comparisons = {
        ("index", "url"): anchor.index.url is not None and lower.index.url != anchor.index.url,
        ("index", "ca"): anchor.index.ca is not None and lower.index.ca != anchor.index.ca,
        ("catalogue", "url"): anchor.catalogue.url is not None and lower.catalogue.url != anchor.catalogue.url,
        ("catalogue", "root-sha256"): lower.catalogue.root_sha256 != anchor.catalogue.root_sha256,
        ("catalogue", "max-age"): lower.catalogue.max_age > anchor.catalogue.max_age,
        ("admission", "formats"): not set(lower.admission.formats) <= set(anchor.admission.formats),
        ("admission", "cooldown-days"): lower.admission.cooldown_days < anchor.admission.cooldown_days,
        ("admission", "on-demand"): lower.admission.on_demand and not anchor.admission.on_demand,
        ("admission", "on-demand-from"): not set(lower.admission.on_demand_from)
        <= set(anchor.admission.on_demand_from),
        ("admission", "private"): not set(anchor.admission.private) <= set(lower.admission.private),
        ("admission", "allow"): _is_wider_list(anchor.admission.allow, lower.admission.allow),
        ("admission", "deny"): not set(anchor.admission.deny) <= set(lower.admission.deny),
        ("admission", "deny-sha256"): not set(anchor.admission.deny_sha256) <= set(lower.admission.deny_sha256),
        ("admission", "yanked"): lower.admission.yanked and not anchor.admission.yanked,
        ("admission", "refused-status"): not set(anchor.admission.refused_status)
        <= set(lower.admission.refused_status),
        ("admission", "licences"): _is_wider_list(anchor.admission.licences, lower.admission.licences),
        ("admission", "provenance"): not set(anchor.admission.provenance) <= set(lower.admission.provenance),
        ("admission", "advisories"): lower.admission.advisories == "off" and anchor.admission.advisories != "off",
        ("admission", "advisory-max-age"): lower.admission.advisory_max_age > anchor.admission.advisory_max_age,
        ("admission", "ignored-advisories"): not set(lower.admission.ignored_advisories)
        <= set(anchor.admission.ignored_advisories),
        ("guard", "allow-observe"): lower.guard.allow_observe and not anchor.guard.allow_observe,
        ("guard", "allow-python-only"): lower.guard.allow_python_only and not anchor.guard.allow_python_only,
    }
    for (table, key), is_wider in comparisons.items():
        if is_wider and key in _table(document, table):
            wide.append(((table, key), f"widens [{table}] {key}"))
    return wide


def _is_wider_list(ours: tuple[object, ...], theirs: tuple[object, ...]) -> bool:
    """For the lists whose emptiness means everything."""
    return bool(ours) and (not theirs or not set(theirs) <= set(ours))


def _intersection(anchor: Policy, lower: Policy, document: dict[str, object]) -> Policy:
    """What both allow: a setting that the lower file writes is the narrower one by now, the others are the anchor's."""
    sections = {}
    for name in ("index", "catalogue", "egress", "admission", "guard"):
        ours, theirs = getattr(anchor, name), getattr(lower, name)
        written = {key.replace("-", "_") for key in _table(document, name)} - {"categories"}
        sections[name] = replace(ours, **{field: getattr(theirs, field) for field in written})
    written = {key.replace("-", "_") for key in _table(document, "admission", "categories")}
    softened = {field: getattr(lower.admission.categories, field) for field in written}
    sections["admission"] = replace(sections["admission"], categories=replace(anchor.admission.categories, **softened))
    return replace(anchor, **sections)


def _document(text: str, inside: tuple[str, ...]) -> dict[str, object]:
    return _table(tomllib.loads(text), *inside)


def _table(document: Mapping[str, object], *keys: str) -> dict[str, object]:
    found: object = document
    for key in keys:
        found = found.get(key, {}) if isinstance(found, Mapping) else {}
    return dict(found) if isinstance(found, Mapping) else {}
