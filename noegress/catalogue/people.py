"""Whether the roles of a catalogue are held by people: each once, under one name, and none of them by the mirror.

TUF counts key ids and lets anybody who may delegate delegate anything. Here the shape of a catalogue is fixed, so that
what people are asked to sign, and what a client believes, can hold nothing besides.
"""

from collections.abc import Mapping

from noegress.catalogue._tuf import DelegatedRole, Key, Role, Root, Targets
from noegress.catalogue.keys import RoleKeys, owner_of, person_of
from noegress.catalogue.public_key import public_number
from noegress.catalogue.roles import ADMITTED, DELEGATED_PATHS, RELEASE
from noegress.errors import UsageError

_ONLINE = ("timestamp", "snapshot")


class HoldersError(ValueError):
    """Roles that nobody, somebody twice, or the wrong one holds."""


def check_people(root: Root, targets: Targets) -> None:
    """Hold the roles of a catalogue against its shape; raises ``HoldersError``."""
    roles: list[tuple[str, Role, Mapping[str, Key]]] = [(name, role, root.keys) for name, role in root.roles.items()]
    delegations = targets.delegations
    if delegations is not None and delegations.roles is not None:
        for name, delegated in delegations.roles.items():
            _check_delegation(name, delegated)
            roles.append((name, delegated, delegations.keys))
    lacking = {ADMITTED, RELEASE} - {name for name, _, _ in roles}
    if lacking:
        raise HoldersError(f"its targets delegate no {min(lacking)}")
    _check_holders(root, roles)


def _check_holders(root: Root, roles: list[tuple[str, Role, Mapping[str, Key]]]) -> None:
    online = {public_number(root.keys[keyid]) for keyid in root.roles["timestamp"].keyids if keyid in root.keys}
    names: dict[str, str] = {}
    for name, role, keys in roles:
        try:
            holders = RoleKeys(keys=tuple(keys[keyid] for keyid in role.keyids), threshold=role.threshold)
        except KeyError as error:
            raise HoldersError(f"its role {name} counts for nothing: the key {error} is lacking") from error
        except UsageError as error:
            raise HoldersError(f"its role {name} counts for nothing: {error.problem}") from error
        if name in _ONLINE:
            continue
        for key in holders.keys:
            number = public_number(key)
            if number in online:
                raise HoldersError(f"its online key also holds the role {name}")
            known = names.setdefault(number, owner_of(key))
            if person_of(known) != person_of(owner_of(key)):
                raise HoldersError(f"{known} and {owner_of(key)} hold the same key")


def _check_delegation(name: str, role: DelegatedRole) -> None:
    if name not in DELEGATED_PATHS:
        raise HoldersError(f"its targets delegate to {name!r:.60}, which no catalogue does")
    if role.paths != list(DELEGATED_PATHS[name]) or not role.terminating:
        raise HoldersError(f"its role {name} speaks for other paths than {', '.join(DELEGATED_PATHS[name])}")
