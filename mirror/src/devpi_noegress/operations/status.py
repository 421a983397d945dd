"""Tells how a mirror stands: what it holds, under which policy, and what an operator should look at."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from devpi_noegress.mirror import Mirror
from noegress.policy.model import Advisories

_NOTICE = timedelta(days=14)


def status(mirror: Mirror) -> Iterator[str]:
    """Lines for a person."""
    admission = mirror.policy.admission
    states = Counter(record.state for record in mirror.store.files.values())
    yield f"folder     {mirror.folder.path}"
    yield f"upstream   {mirror.upstream.url}"
    yield f"policy     {mirror.policy_in_force.found} ({mirror.policy_in_force.digest[:16]}…)"
    yield f"mode       {'on demand' if admission.on_demand else 'curated: only admitted files are listed'}"
    yield f"files      {', '.join(f'{count} {state}' for state, count in sorted(states.items())) or 'none yet'}"
    yield f"projects   {len(mirror.store.projects)}"
    yield f"catalogue  root-sha256 = {mirror.catalogue.root_sha256}"
    yield f"in flight  {mirror.admissions.in_flight}"
    yield f"disk       {mirror.stage.free_bytes() >> 20} MiB free"
    yield f"advisories {advisories_line(mirror)}"
    today = datetime.now(UTC).date()
    for waiver in mirror.policy.waiver:
        if waiver.expires <= today + _NOTICE:
            ran = "ran out" if waiver.expires < today else "runs out"
            yield f"waiver     {waiver.category} for {waiver.project} {ran} on {waiver.expires}"


def advisories_line(mirror: Mirror) -> str:
    """What is known about vulnerabilities, how old it is, and whether it decides."""
    info, admission = mirror.advisories.info, mirror.policy.admission
    told = "none imported" if info is None else f"{info.records} of {info.newest:%Y-%m-%d}"
    if admission.advisories is Advisories.OFF:
        return f"{told}; off: known vulnerabilities do not decide"
    if info is None:
        return f"{told}; required: every file from the upstream is undecided"
    age = (datetime.now(UTC) - info.newest).days
    return f"{told}; required, {age} days old" + (", too old: files are undecided" * (age > admission.advisory_max_age))
