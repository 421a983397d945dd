"""Checks real sdists, read from their archives into a temporary folder: every violation on them is to be explained.

python tools/check_sdists.py DIR     # a folder of *.tar.gz, for example from pip download --no-binary :all:
"""

import sys
import tarfile
import tempfile
from pathlib import Path

from noegress.policy import FoundPolicy, parse_policy
from noegress.surfaces import Machine, Report, gate

MIRROR = "https://mirror.internal/root/curated/+simple/"
POLICY = f'format = 1\n[index]\nurl = "{MIRROR}"\n'


def check(sdist: Path) -> Report:
    """The report on one sdist, on a machine that is shut."""
    found = FoundPolicy(policy=parse_policy(POLICY), path=Path("noegress.toml"))
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (root,) = Path(folder).iterdir()
        nowhere = Path(folder) / "nowhere"
        environ = {"PIP_INDEX_URL": MIRROR, "UV_DEFAULT_INDEX": MIRROR}
        return gate(root, found, Machine(environ=environ, home=nowhere, root=nowhere))


def main(folder: Path) -> int:
    """Print every violation; 2 where the folder holds no sdist."""
    sdists = sorted(folder.glob("*.tar.gz"))
    count = 0
    for sdist in sdists:
        report = check(sdist)
        count += len(report.violations)
        print(f"{sdist.name}: {len(report.violations)} violations, {len(report.passed_over)} files of test data")
        for violation in report.violations:
            print(f"  {violation.weight.value:<8}{violation.surface:<14}{violation.place}: {violation.text}")
    print(f"{len(sdists)} sdists, {count} violations")
    return 0 if sdists else 2


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
