"""Holds what is installed in a build environment against the signed catalogue, before anything is built.

A self-check and no evidence: it runs after the installer, in the environment that it looks at. A child does it, without
``.pth`` files, ``sitecustomize`` and variables of Python, and with these folders alone on its path.
"""

import os
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName, canonicalize_name

from hatch_noegress.policy_of_build import policy_of_build
from noegress.errors import NoegressError
from noegress.policy import FoundPolicy

if TYPE_CHECKING:
    from noegress.evidence.violation import Violation

_CHILD = (
    "import os, sys; sys.path[:0] = sys.argv[2].split(os.pathsep); "
    "from hatch_noegress.wheels_used import main; sys.exit(main(*sys.argv[1:]))"
)
_SITES = frozenset({"site-packages", "dist-packages"})
_SHOWN = 5
_NOT_COMPARED = (
    "noegress: what this build was given was not compared with the catalogue\n"
    "    fix: require hatch-noegress[catalogue] instead of hatch-noegress\n"
)


def check_wheels(root: Path, found: FoundPolicy) -> str:
    """What is wrong with the build environment, as a message; empty where all of it is as admitted.

    Nothing is compared where the policy names no catalogue, and in hatch's own process, whose environment is hatch's;
    where the extra is missing, that is said.
    """
    if found.policy.catalogue.url is None or "hatch" in sys.modules:
        return ""
    if find_spec("tuf") is None:
        sys.stderr.write(_NOT_COMPARED)
        return ""
    paths = (Path(path) for path in dict.fromkeys(sys.path))
    sites = [str(path) for path in paths if path.name in _SITES and any(path.glob("*.dist-info"))]
    command = [sys.executable, "-I", "-S", "-B", "-c", _CHILD, str(root), os.pathsep.join(sites)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    return done.stdout or f"\nnoegress: build refused: the self-check ended with {done.returncode}\n{done.stderr}"


def main(root: str, sites: str) -> int:
    """Judge the sites and print a message where something is not as admitted; run in the child."""
    from noegress.catalogue.client import Catalogue  # noqa: PLC0415  # python-tuf is an extra
    from noegress.evidence import Expectations, Kind, find_environment, verify_environment  # noqa: PLC0415

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "noegress")
    own = own_name(Path(root))
    expectations = Expectations(local=frozenset({own} if own else ()), memory=cache)
    try:
        catalogue = Catalogue.of_policy(policy_of_build(Path(root)).policy)
        judged = [
            verify_environment(find_environment(Path(site)), catalogue.release, expectations)
            for site in sites.split(os.pathsep)
        ]
    except NoegressError as error:
        sys.stdout.write(f"\nnoegress: build refused: {error.problem}\n    fix: {error.fix}\n")
        return 3
    # what lies around the sites is the front end's own: uv keeps the answers of hooks there
    violations = [
        violation
        for evidence in judged
        for violation in evidence.violations
        if violation.kind is not Kind.ORPHAN_FILE or not violation.file.startswith(os.pardir)
    ]
    sys.stdout.write(_message(violations))
    return 1 if violations else 0


def _message(violations: list["Violation"]) -> str:
    if not violations:
        return ""
    count = f"{len(violations)} violation{'s' if len(violations) > 1 else ''}"
    lines = ["", f"noegress: build refused: the build environment is not what was admitted: {count}", ""]
    for violation in violations[:_SHOWN]:
        place = ": ".join(part for part in (violation.project, violation.file) if part)
        lines += [f"  {ascii(place)[1:-1]}: {ascii(violation.problem)[1:-1]}", f"      fix: {violation.fix}"]
    if len(violations) > _SHOWN:
        lines.append(f"  … and {len(violations) - _SHOWN} more")
    return "\n".join([*lines, ""])


def own_name(root: Path) -> NormalizedName | None:
    """The project that is built: without build isolation it is installed from its folder."""
    try:
        name = tomllib.loads((root / "pyproject.toml").read_text("utf-8-sig"))["project"]["name"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError):
        return None
    return canonicalize_name(name) if isinstance(name, str) else None
