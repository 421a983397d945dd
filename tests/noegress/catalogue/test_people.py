"""The roles of a catalogue are held by people, and its targets delegate what a catalogue delegates, nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from noegress.catalogue._tuf import DelegatedRole, Key, Root, SSlibKey, Targets
from noegress.catalogue.keys import OWNER, CatalogueKeys, generate_key
from noegress.catalogue.people import HoldersError, check_people
from noegress.catalogue.repository import CatalogueRepository

Edit = Callable[[Root, Targets, CatalogueKeys], None]


def roles_of(targets: Targets) -> dict[str, DelegatedRole]:
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    return targets.delegations.roles


def added(targets: Targets, name: str, key: Key) -> None:
    targets.add_key(key, name)


def renamed(key: Key, owner: str, keyid: str | None = None) -> Key:
    assert isinstance(key, SSlibKey)
    return SSlibKey(keyid or key.keyid, key.keytype, key.scheme, key.keyval, {OWNER: owner})


def another_role(_root: Root, targets: Targets, _keys: CatalogueKeys) -> None:
    """Whoever signs this speaks for every file beside the bins."""
    fresh = DelegatedRole("extra", list(roles_of(targets)["release"].keyids), 1, terminating=False, paths=["members/*"])
    roles_of(targets)["extra"] = fresh


def wider(_root: Root, targets: Targets, _keys: CatalogueKeys) -> None:
    roles_of(targets)["release"].paths = ["*"]


def open_end(_root: Root, targets: Targets, _keys: CatalogueKeys) -> None:
    roles_of(targets)["release"].terminating = False


def lost(_root: Root, targets: Targets, _keys: CatalogueKeys) -> None:
    del roles_of(targets)["release"]


def nobody(_root: Root, targets: Targets, _keys: CatalogueKeys) -> None:
    roles_of(targets)["approver"].keyids = []


def lacking(_root: Root, targets: Targets, _keys: CatalogueKeys) -> None:
    assert targets.delegations is not None
    del targets.delegations.keys[roles_of(targets)["approver"].keyids[0]]


def online_releases(_root: Root, targets: Targets, keys: CatalogueKeys) -> None:
    added(targets, "release", keys.online)


def one_key_of_two(_root: Root, targets: Targets, keys: CatalogueKeys) -> None:
    """Alice's requester key under another id and name, as an approver."""
    assert keys.requester is not None
    added(targets, "approver", renamed(keys.requester.keys[0], "zoe", keyid="0" * 64))


def steers_the_terminal(_root: Root, targets: Targets, keys: CatalogueKeys) -> None:
    assert keys.requester is not None
    key = keys.requester.keys[0]
    assert targets.delegations is not None
    targets.delegations.keys[key.keyid] = renamed(key, "alice\x1b[2J")


def no_root_keys(root: Root, _targets: Targets, _keys: CatalogueKeys) -> None:
    root.roles["root"].keyids = []


EDITS: dict[str, tuple[Edit, str]] = {
    "another role": (another_role, "delegate to 'extra'"),
    "wider paths": (wider, "role release speaks for other paths"),
    "a search that goes on": (open_end, "role release speaks for other paths"),
    "no releasers": (lost, "delegate no release"),
    "an approver who is nobody": (nobody, "role approver counts for nothing: a threshold of 1 with 0 keys"),
    "a key that is lacking": (lacking, "role approver counts for nothing: the key"),
    "the mirror as a releaser": (online_releases, "online key also holds the role release"),
    "one key of two people": (one_key_of_two, "alice and zoe hold the same key"),
    "an owner who steers the terminal": (steers_the_terminal, "cannot name the owner of a key"),
    "a root of nobody": (no_root_keys, "role root counts for nothing"),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_is_no_catalogue_is_told(repository: CatalogueRepository, keys: CatalogueKeys, name: str) -> None:
    state = repository.state
    root, targets = state.root().signed, state.role("targets", state.snapshot()).signed
    check_people(root, targets)
    edit, told = EDITS[name]
    edit(root, targets, keys)
    with pytest.raises(HoldersError, match=told):
        check_people(root, targets)


def test_one_person_may_hold_one_key_in_several_roles(
    repository: CatalogueRepository, keys: CatalogueKeys, tmp_path: Path
) -> None:
    state = repository.state
    targets = state.role("targets", state.snapshot()).signed
    dave = generate_key(tmp_path / "dave.pem", owner="dave").public_key
    for role in ("requester", "approver", "release"):
        added(targets, role, dave)
    check_people(state.root().signed, targets)
    assert keys.approver is not None
