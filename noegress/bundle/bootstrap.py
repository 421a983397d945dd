"""The bootstrap: what an inside without anything but Python starts from, under one fingerprint.

``lock.txt`` names noegress and its mirror with everything they need, by hash; ``guard.txt`` the guard, which is for
images and not for the machine that runs the mirror; ``noegress.toml`` pins the root of the catalogue.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import parse_wheel_filename

from noegress import __version__
from noegress.bundle import installer
from noegress.bundle.manifest import BundleError
from noegress.errors import UsageError

_WANTED = (f"noegress[catalogue,check]=={__version__}", f"devpi-noegress=={__version__}", "pip")
_GUARD = "noegress-guard"
_README = """\
Compare the fingerprint with the one that you were told over another channel:

    sha256sum {sums}

Then, with Python {python} and nothing else:

    python3 install.py /opt/noegress --fingerprint FINGERPRINT
    /opt/noegress/bin/noegress bundle import BUNDLE --into STORE --policy noegress.toml

guard.txt is the lock of the guard: pip install --no-index --require-hashes --find-links wheels -r guard.txt
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """What was written."""

    fingerprint: str
    """The digest of ``SHA256SUMS``; the one thing that has to be told over another channel."""
    wheels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the wheels come from, and for which machine."""

    own: Path | None
    """A folder with the wheels of noegress itself; else they come from the index too."""
    index: str | None
    """None: the one that pip is configured with."""
    python: str | None
    platforms: tuple[str, ...] = ()


def write_bootstrap(folder: Path, root_sha256: str, source: Source) -> Bootstrap:
    """Write the bootstrap into a folder that is new or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty", fix="name a new folder for the bootstrap")
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    _download(wheels, _WANTED, source)
    named = {path.name for path in wheels.iterdir()}
    _download(wheels, (f"{_GUARD}=={__version__}",), source)
    guard = [path for path in wheels.iterdir() if path.name not in named]
    (folder / "lock.txt").write_text(_lock(wheels / name for name in named))
    (folder / "guard.txt").write_text(_lock(guard))
    (folder / "noegress.toml").write_text(
        f'format = 1\n\n[catalogue]\nroot-sha256 = "{root_sha256}"\nmax-age = 720    # hours; it travels\n'
    )
    shutil.copyfile(installer.__file__, folder / "install.py")
    python = source.python or ".".join(map(str, sys.version_info[:2]))
    (folder / "README").write_text(_README.format(sums=installer.SUMS, python=python))
    content = "".join(
        f"{installer.sha256_of(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    (folder / installer.SUMS).write_text(content)
    fingerprint = hashlib.sha256(content.encode()).hexdigest()
    return Bootstrap(fingerprint=fingerprint, wheels=len(named) + len(guard))


def _download(folder: Path, wanted: Iterable[str], source: Source) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    command += ["--only-binary", ":all:", "--dest", str(folder)]
    environment = dict(os.environ)
    if source.index is not None:
        environment |= {"PIP_CONFIG_FILE": os.devnull}
        environment = {name: value for name, value in environment.items() if not name.startswith("PIP_EXTRA")}
        command += ["--index-url", source.index]
    if source.own is not None:
        command += ["--find-links", str(source.own)]
    if source.python is not None:
        command += ["--python-version", source.python]
    for platform in source.platforms:
        command += ["--platform", platform]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise BundleError(
            f"the wheels of the bootstrap cannot be had: {done.stderr.strip() or done.stdout.strip()}",
            fix="name an index that has them with --index-url, and the wheels of noegress with --own",
        )


def _lock(wheels: Iterable[Path]) -> str:
    """Requirements with hashes, in the order of their names."""
    lines = []
    for path in wheels:
        name, version, _, _ = parse_wheel_filename(path.name)
        lines.append(f"{name}=={version} --hash=sha256:{installer.sha256_of(path)}\n")
    return "".join(sorted(lines))
