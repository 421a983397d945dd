"""Why nothing of a project can be had: what stands against the files of the newest release that was asked for."""

from collections.abc import Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from devpi_noegress.admission.choice import Environment, fits
from devpi_noegress.errors import ObstacleError
from devpi_noegress.files import ON_THE_WAY, Record, State, version_key
from devpi_noegress.mirror import Mirror
from noegress.errors import UsageError
from noegress.verdict import Verdict

_OPEN = "not judged yet"
_TOLD = 3  # reasons; files of one release mostly share theirs


def obstacle(
    mirror: Mirror, name: NormalizedName, specifier: SpecifierSet, stated: Sequence[Environment] = ()
) -> ObstacleError | UsageError:
    """What keeps a known project's releases out, in words; refused only where nothing about it is unknown."""
    project = mirror.store.projects.get(name)
    versions = {record.file.version for record in project.files.values()} if project is not None else set()
    allowed = set(specifier.filter(versions, prereleases=True))
    if project is None or not versions:
        return ObstacleError(f"{name} is not known here", fix=f"noegress mirror admit {name}", is_refused=False)
    if not allowed:
        newest = max(versions, key=version_key)
        fix = f"name another version; the newest is {newest}"
        return UsageError(f"{name} has no release {specifier}", fix=fix)
    newest = max(allowed, key=version_key)
    reasons: dict[str, list[str]] = {}
    files = [record for record in project.files.values() if record.file.version == newest]
    found = {record.file.filename: _against(mirror, record, stated) for record in sorted(files, key=_order)}
    for filename, (_verdict, reason) in found.items():
        reasons.setdefault(reason, []).append(filename)
    told = [f"{names[0]}{_more(len(names) - 1)}: {reason}" for reason, names in list(reasons.items())[:_TOLD]]
    is_open = any(reason == _OPEN for _, reason in found.values())
    return ObstacleError(
        "; ".join(told),
        fix=f"noegress mirror admit {name}=={newest}" if is_open else "name another version, or change the policy",
        is_refused=all(verdict is Verdict.REFUSED for verdict, _ in found.values()),
    )


def _against(mirror: Mirror, record: Record, stated: Sequence[Environment]) -> tuple[Verdict, str]:
    if record.state is State.ADMITTED:
        return Verdict.REFUSED, f"admitted, but not for {_places(stated)}"
    if record.state not in ON_THE_WAY:
        verdict = Verdict.UNDECIDED if record.state is State.UNDECIDED else Verdict.REFUSED
        return verdict, verdict_of(record)
    if found := mirror.admissions.objections(record.file):
        is_undecided = any(item.verdict is Verdict.UNDECIDED for item in found)
        verdict = Verdict.UNDECIDED if is_undecided else Verdict.REFUSED
        return verdict, f"{verdict}: {'; '.join(item.reason for item in found)}"
    if stated and not any(fits(record, place) for place in stated):
        return Verdict.REFUSED, f"not for {_places(stated)}"
    return Verdict.UNDECIDED, _OPEN


def verdict_of(record: Record) -> str:
    """The state with its reason, which for a revocation says so itself."""
    reason = record.reason.removeprefix(f"{record.state}: ")
    return f"{record.state}: {reason}" if reason else str(record.state)


def _places(stated: Sequence[Environment]) -> str:
    return " and ".join(map(str, stated))


def _more(count: int) -> str:
    return f" and {count} more" if count else ""


def _order(record: Record) -> tuple[bool, str]:
    return not record.file.filename.endswith(".whl"), record.file.filename
