"""What the plugin adds to a build: the same project built by hatchling with and without it, in turn."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
LIMIT_MS = 300
MIRROR = "https://mirror.internal/root/curated/+simple/"
BUILD_SYSTEM = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
PROJECT = f'{BUILD_SYSTEM}[project]\nname = "example"\nversion = "1"\n'
HOOKS = "[tool.hatch.metadata.hooks.noegress]\n[tool.hatch.build.hooks.noegress]\n"


def build(project: Path) -> float:
    """Seconds for one wheel, from the start of the interpreter to its end."""
    environ = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": MIRROR, "UV_NO_CONFIG": "1"}
    environ |= {"UV_DEFAULT_INDEX": MIRROR, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    start = time.perf_counter()
    subprocess.run(command, cwd=project, env=environ, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> int:
    """Print the fastest of each; 1 where the difference is above the limit."""
    with tempfile.TemporaryDirectory() as folder:
        projects = {"without": Path(folder) / "without", "with": Path(folder) / "with"}
        for name, project in projects.items():
            (project / "example").mkdir(parents=True)
            (project / "example/__init__.py").touch()
            (project / "pyproject.toml").write_text(PROJECT + (HOOKS if name == "with" else ""))
            (project / "noegress.toml").write_text(f'format = 1\n[index]\nurl = "{MIRROR}"\n')
        times: dict[str, list[float]] = {name: [] for name in projects}
        for _ in range(ROUNDS):
            for name, project in projects.items():
                times[name].append(build(project))
    # the fastest of each: what else runs on the machine only ever adds
    best = {name: min(found) * 1000 for name, found in times.items()}
    added = best["with"] - best["without"]
    print(f"without {best['without']:.0f} ms, with {best['with']:.0f} ms: the plugin adds {added:.0f} ms")
    return 0 if added <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
