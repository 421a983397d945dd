"""Kill switches to set: those of the policy's waivers, and those with which installed files were admitted."""

from collections.abc import Callable, Iterable
from pathlib import Path

from noegress.catalogue import Publication
from noegress.errors import NoegressError
from noegress.evidence.environment import find_environment, installed_in
from noegress.policy import Policy
from noegress.verdict import Verdict

Releases = Callable[[str, str], Iterable[Publication]]


class NotAdmittedError(NoegressError):
    """Distributions of an environment that the catalogue does not admit: their switches are not known."""

    exit_status = 3


def waived_switches(policy: Policy) -> dict[str, str]:
    """The switches that waivers name."""
    return {name: value for waiver in policy.waiver for name, value in waiver.kill_switch}


def switches_of(environments: Iterable[Path], releases: Releases) -> dict[str, str]:
    """The switches of everything installed in the environments.

    Raises ``NotAdmittedError`` for what the catalogue does not admit, ``NoegressError`` where two files need
    different values of one variable.
    """
    switches: dict[str, tuple[str, str]] = {}
    unknown = []
    for environment in environments:
        for installed in (one for site in find_environment(environment).sites for one in installed_in(site)):
            name, version = installed.project, installed.version
            admitted = [p.entry for p in releases(name, version) if p.entry.verdict is Verdict.ADMITTED]
            if not admitted:
                unknown.append(f"{name}=={version}")
            for switch in (switch for entry in admitted for switch in entry.kill_switches):
                value, source = switches.setdefault(switch.name, (switch.value, name))
                if value != switch.value:
                    problem = f"{switch.name} must be {value!r} for {source} and {switch.value!r} for {name}"
                    raise NoegressError(problem, fix="admit them under one waiver with the value that suits both")
    if unknown:
        raise NotAdmittedError(
            f"not in the catalogue: {', '.join(sorted(unknown))}; their kill switches are not known",
            fix="have them admitted: noegress mirror admit NAME==VERSION",
        )
    return {name: value for name, (value, _) in switches.items()}
