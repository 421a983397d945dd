"""The inventory of an environment: every file is explained by a wheel, an installer or the interpreter, or it is told.

A venv and a folder that ``--prefix`` or ``--target`` filled are taken whole. Of the prefix that an interpreter lives in
itself only the site-packages are: nobody knows here what else belongs there.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from noegress.evidence.by_products import is_lock, is_seed
from noegress.evidence.bytecode import Compiled, compiled_of
from noegress.evidence.environment import Environment, Site
from noegress.evidence.surroundings import Surroundings
from noegress.evidence.tree import Item, items_below, unsafe
from noegress.evidence.violation import Kind, Violation, orphan

_STARTUP = re.compile(r".*\.(pth|start)|(site|user)customize\.(py|so|pyd|pyc)|(site|user)customize\..*\.(so|pyd)")
_STARTUP_PACKAGES = {"sitecustomize", "usercustomize"}
_PTH_BYTES = 1 << 20
_FINDER = re.compile(r"import (__editable___\w+_finder); \1\.install\(\)\s*")
_LIBRARY = re.compile(r"python3\.\d+t?")
_ZIP = re.compile(r"python3\d+t?\.zip")

Judge = Callable[[Item], Violation | None]
"""The judgement on a file that no wheel accounts for; None where something else does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Who accounts for which files."""

    owned: frozenset[str]
    """Paths that an admitted wheel and its installer account for."""
    excused: frozenset[str] = frozenset()
    """Files of distributions that are violations as a whole already: told one by one where they run at start-up."""
    own: tuple[str, ...] = ()
    """Folders of the application itself, which the one who asks names."""


@dataclass(slots=True)
class Inventory:
    """What the files of an environment are."""

    violations: list[Violation] = field(default_factory=list)
    compiled: list[Compiled] = field(default_factory=list)
    """Compiled modules whose source is accounted for: still to be judged."""
    own: int = 0
    """Files of the application itself."""
    shared: int = 0
    """Files whose content can be reached from outside too: hard links, as uv makes them from its cache, and links."""

    def take(self, folder: str, left_out: frozenset[str], owner: int, accounts: Accounts, judge: Judge) -> None:
        """Look at every file below a folder."""
        for item in items_below(folder, left_out):
            if is_lock(folder, item.path):
                continue
            self.violations += unsafe(item, owner)
            if item.is_folder or item.is_special:
                continue
            if item.path in accounts.owned:
                self.shared += item.is_link or item.status.st_nlink > 1
                continue
            module = compiled_of(item.path)
            if module is not None and module.source in accounts.owned and not item.is_link:
                self.compiled.append(module)
                continue
            is_excused = item.path in accounts.excused or (module is not None and module.source in accounts.excused)
            violation = judge(item)
            if violation is not None and not (is_excused and violation.kind is not Kind.STARTUP_CODE):
                self.violations.append(violation)


def take_inventory(environment: Environment, accounts: Accounts) -> Inventory:
    """Look at every file of the sites, and of the prefixes that are known whole."""
    inventory = Inventory()
    for site in environment.sites:
        inventory.take(site.path, frozenset(), _owner(site), accounts, _site_judge(site))
        inventory.violations += _beside(site)
    prefixes = {site.prefix: site for site in environment.sites if environment.is_whole(site)}
    for prefix, site in prefixes.items():
        left_out = {each.path for each in environment.sites} | {each for each in prefixes if each != prefix}
        surroundings = Surroundings(environment, site, accounts.own)
        inventory.take(prefix, frozenset(left_out), _owner(site), accounts, surroundings.judge)
        inventory.own += surroundings.own_files
    return inventory


def leads_only_to_sources(path: str) -> bool:
    """Whether a ``.pth`` file only names folders, or calls the finder of an editable install by setuptools."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read(_PTH_BYTES).splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return all(
        not line.strip() or line.startswith("#") or _FINDER.fullmatch(line) or os.path.isdir(line.strip())
        for line in lines
    )


def _site_judge(site: Site) -> Judge:
    def judge(item: Item) -> Violation | None:
        if is_seed(site.path, item.path):
            return None
        first, _, rest = os.path.relpath(item.path, site.path).partition(os.sep)
        is_startup = (not rest and _STARTUP.fullmatch(first) is not None) or first in _STARTUP_PACKAGES
        return orphan(item.path, is_startup=is_startup)

    return judge


def _owner(site: Site) -> int:
    return os.stat(site.prefix).st_uid


def _beside(site: Site) -> Iterator[Violation]:
    """Start-up code in the standard library of an interpreter that is no venv, and an archive in place of it."""
    library = os.path.dirname(site.path)
    if site.is_venv or not _LIBRARY.fullmatch(os.path.basename(library)):
        return
    for name in sorted(os.listdir(library)):
        if _STARTUP.fullmatch(name) or name in _STARTUP_PACKAGES:
            yield orphan(os.path.join(library, name), is_startup=True)
    for name in sorted(os.listdir(os.path.dirname(library))):
        path = os.path.join(os.path.dirname(library), name)
        if _ZIP.fullmatch(name) and not stat.S_ISDIR(os.lstat(path).st_mode):
            yield orphan(path, is_startup=True)
