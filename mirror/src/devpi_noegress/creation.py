"""Makes the folder of a new mirror."""

import json
import secrets
from pathlib import Path

from devpi_noegress import stage
from devpi_noegress.errors import FolderError
from devpi_noegress.folder import SETTINGS, Folder, parse_upstream
from noegress.errors import UsageError

_POLICY = "noegress.toml"
_DEFAULT_POLICY = """\
# What may enter this mirror; noegress policy schema describes every setting.
format = 1

[admission]
on-demand = false    # true: ask the upstream for what is not known yet
"""


def create_folder(path: Path, *, upstream: str | None, policy: Path | None) -> Folder:
    """Make a mirror's folder with a devpi server state inside; an existing empty folder will do.

    Its settings are written last: an interrupted one is no mirror.
    """
    address = parse_upstream(upstream or stage.default_upstream())
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FolderError(f"{path} exists and is not an empty folder", fix="name a folder that does not exist yet")
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
        if policy is None:
            (folder.path / _POLICY).write_text(_DEFAULT_POLICY)
        text = {"upstream": address, "policy": str(policy.resolve()) if policy else _POLICY}
        lines = ["format = 1", *(f"{key} = {json.dumps(value)}" for key, value in text.items())]
        (folder.path / SETTINGS).write_text("\n".join(lines) + "\n")
    return folder
