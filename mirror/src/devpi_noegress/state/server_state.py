"""devpi's server as this mirror has it: one minor that was tested, its folder made and opened, with nothing to mirror.

Beside ``stage`` the one module that speaks devpi's language.
"""

import logging
import os
import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from devpi_server.config import MyArgumentParser, get_pluginmanager, parseoptions
from devpi_server.main import (
    DATABASE_VERSION,
    Fatal,
    _pypi_ixconfig_default,
    init_default_indexes,
    set_state_version,
    xom_from_config,
)

from devpi_noegress.errors import FolderError, MirrorError

TESTED_MINOR = (6, 20)
INDEX = "root/curated"
_DATABASE = ".sqlite"
_SECRET = "secret"  # noqa: S105 - a file name; devpi signs login tokens with what is in it
# devpi stretches its secret for five seconds at every start; ours has 384 random bits, which nobody guesses
_PLAIN_DERIVATION = ("--argon2-memory-cost", "8", "--argon2-parallelism", "1", "--argon2-time-cost", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replication:
    """Where a replica's stage comes from."""

    primary: str
    """The address of the primary mirror."""
    secret: Path
    """The primary's secret of devpi, by which it knows its replicas."""


def default_upstream() -> str:
    """The index that devpi mirrors unless told otherwise."""
    return str(_pypi_ixconfig_default["mirror_url"])


def check_devpi() -> None:
    """Refuse a devpi-server of another minor than the one that was tested."""
    found = version("devpi-server")
    if tuple(int(part) for part in found.split(".")[:2]) != TESTED_MINOR:
        wanted = ".".join(map(str, TESTED_MINOR))
        raise MirrorError(
            f"devpi-server {found} is installed; this mirror was tested with {wanted} and serves with no other",
            fix=f"pip install 'devpi-server=={wanted}.*'",
        )


def create_state(folder: Path, *, root_password: str) -> None:
    """Make the server state: root with this password, no mirror index, one stage without bases."""
    check_devpi()
    folder.mkdir()
    secret = folder / _SECRET
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(48))
    config = parseoptions(
        get_pluginmanager(),
        ["devpi-init", "--serverdir", os.fspath(folder), "--no-root-pypi", f"--root-passwd={root_password}"],
        parser=_init_parser(),
    )
    set_state_version(config, DATABASE_VERSION)
    xom = xom_from_config(config, init=True)
    init_default_indexes(xom)
    with xom.keyfs.write_transaction():
        xom.model.get_user("root").create_stage("curated", type="stage", bases=(), volatile=False)


def create_replica(folder: Path, replication: Replication) -> None:
    """Make the server state of a replica; it fills itself from the primary once it is served."""
    check_devpi()
    folder.mkdir()
    options = ["--serverdir", os.fspath(folder), "--role=replica", f"--primary-url={replication.primary}"]
    config = parseoptions(get_pluginmanager(), ["devpi-init", *options, "--no-root-pypi"], parser=_init_parser())
    set_state_version(config, DATABASE_VERSION)
    xom_from_config(config, init=True)


def open_state(folder: Path, replication: Replication | None) -> Any:
    """Devpi's server over this folder, not yet serving."""
    check_devpi()
    _roll_back(folder / _DATABASE)
    secret = folder / _SECRET if replication is None else replication.secret
    options = ["--serverdir", os.fspath(folder), "--secretfile", os.fspath(secret)]
    options += ["--restrict-modify", "root", *_PLAIN_DERIVATION]
    if replication is None:  # its changes are given to those alone who know the secret
        options += ["--offline-mode", "--role", "primary"]
    else:
        options += ["--primary-url", replication.primary]
    try:
        return xom_from_config(parseoptions(get_pluginmanager(), ["devpi-server", *options]))
    except Fatal as error:
        raise FolderError(f"{folder}: {error}", fix="make a new mirror with noegress mirror init") from error


def _roll_back(database: Path) -> None:
    """Undo what a crash cut short: devpi opens its database for reading first, and that cannot do it."""
    if database.exists():
        with closing(sqlite3.connect(database)) as opened:
            opened.execute("select count(*) from sqlite_master").fetchone()


def quiet_logs(level: int) -> None:
    """Keep devpi's own log to what matters."""
    for name in ("devpi_server", "devpi", "waitress"):
        logging.getLogger(name).setLevel(level)


def _init_parser() -> Any:
    parser = MyArgumentParser(add_help=False, pluginmanager=get_pluginmanager())
    parser.add_configfile_option()
    parser.add_logging_options()
    parser.add_role_option()
    parser.add_primary_url_option()
    parser.add_storage_options()
    parser.add_init_options()
    return parser
