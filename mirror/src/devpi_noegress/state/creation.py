"""Makes the folder of a new mirror."""

import json
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from devpi_noegress.errors import FolderError
from devpi_noegress.state import stage
from devpi_noegress.state.folder import SETTINGS, Folder, parse_upstream
from devpi_noegress.state.server_state import default_upstream
from noegress.catalogue.keys import generate_keys
from noegress.catalogue.repository import CatalogueRepository
from noegress.errors import UsageError

_POLICY = "noegress.toml"
_OWNERS = ("operator",)
_BINS = 256  # of the catalogue; fixed for its life, and good for 60 000 files
_DEFAULT_POLICY = """\
# What may enter this mirror; noegress policy schema describes every setting.
format = 1

[admission]
on-demand = false    # true: ask the upstream for what is not known yet
"""


def create_folder(
    path: Path,
    *,
    upstream: str | None,
    policy: Path | None,
    keys: Path | None = None,
    owners: Sequence[str] | None = None,
) -> Folder:
    """Make a mirror's folder with a devpi server state and an empty catalogue; an existing empty folder will do.

    The catalogue's signing keys are made in ``keys``, a set for each owner; the online one is copied into the folder.

    Its settings are written last: an interrupted one is no mirror.
    """
    address = parse_upstream(upstream or default_upstream())
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FolderError(f"{path} exists and is not an empty folder", fix="name a folder that does not exist yet")
    if keys is not None and keys.exists() and (not keys.is_dir() or any(keys.iterdir())):
        raise UsageError(f"{keys} exists and is not an empty folder", fix="name a folder for new keys")
    if policy is not None and not policy.is_file():
        raise UsageError(f"{policy}: no such policy file", fix="name one that exists, or leave --policy out")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise FolderError(f"{path} cannot be made: {error.strerror}", fix="name a folder you may write to") from error
    folder = Folder(path.resolve())
    password = secrets.token_hex(32)  # hexadecimal: no reader of options takes it for one
    with folder.lock():
        folder.root_password.touch(mode=0o600)
        folder.root_password.write_text(f"{password}\n")
        stage.create(folder.devpi, root_password=password)
        create_catalogue(folder, keys or folder.path / "keys", tuple(owners or _OWNERS))
        if policy is None:
            (folder.path / _POLICY).write_text(_DEFAULT_POLICY)
        text = {"upstream": address, "policy": str(policy.resolve()) if policy else _POLICY}
        lines = ["format = 1", *(f"{key} = {json.dumps(value)}" for key, value in text.items())]
        (folder.path / SETTINGS).write_text("\n".join(lines) + "\n")
    return folder


def create_catalogue(folder: Folder, keys: Path, owners: tuple[str, ...]) -> None:
    """Make signing keys and an empty catalogue."""
    made = generate_keys(keys, owners=owners)
    for name in ("online.pem", "online.pem.pub"):
        copy = folder.online_key.with_name(name)
        copy.touch(mode=0o600)
        shutil.copyfile(keys / name, copy)
    CatalogueRepository.create(folder.catalogue, made, bins=_BINS)
