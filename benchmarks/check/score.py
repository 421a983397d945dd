"""What `noegress check` tells about a batch of labelled projects, and what it misses.

    python benchmarks/check/score.py benchmarks/check/batches/1.txt [--verbose]

A batch is one text: `=== dirty NAME` or `=== clean NAME` opens a project, `@@ PATH` a file of it, and `!! PATH :: TEXT`
labels the line that must be told. The host of a public index is a word between two signs (@PYPI@), so that the tree
names no registry. The projects are written to a temporary folder and judged in an environment without settings, so that
only the project itself counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

POLICY = 'format = 1\n[index]\nurl = "https://mirror.internal/root/curated/+simple/"\n'
HOSTS = {
    "@PYPI@": "pypi" + ".org",
    "@FILES@": "files." + "pythonhosted" + ".org",
    "@PYTORCH@": "download." + "pytorch" + ".org",
    "@NPM@": "registry." + "npmjs" + ".org",
    "@CRATES@": "crates" + ".io",
}


@dataclass(kw_only=True)
class Project:
    """One project of a batch and what must be told of it."""

    name: str
    is_dirty: bool
    files: dict[str, list[str]] = field(default_factory=dict)
    labels: list[tuple[str, str]] = field(default_factory=list)


def parse_batch(text: str) -> list[Project]:
    """Read the projects of a batch."""
    projects: list[Project] = []
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("=== "):
            kind, name = line.removeprefix("=== ").split()
            projects.append(Project(name=name, is_dirty=kind == "dirty"))
        elif line.startswith("@@ "):
            lines = projects[-1].files.setdefault(line.removeprefix("@@ "), [])
        elif line.startswith("!! "):
            path, _, part = line.removeprefix("!! ").partition(" :: ")
            projects[-1].labels.append((path, part))
        else:
            lines.append(line)
    return projects


def judge(project: Project, folder: Path, policy: Path) -> list[dict[str, object]]:
    """Violations that the command reports for a project written below `folder`."""
    for path, lines in project.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_named("\n".join(lines) + "\n"))
    command = [
        sys.executable,
        "-m",
        "noegress",
        "check",
        "--offline",
        "--scope",
        "project",
        "--policy",
        str(policy),
        "--format",
        "json",
        str(folder),
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent / "home")}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        raise SystemExit(f"{project.name}: exit {ran.returncode}\n{ran.stderr}")
    violations: list[dict[str, object]] = json.loads(ran.stdout)["violations"]
    return violations


def is_told(project: Project, label: tuple[str, str], violations: list[dict[str, object]]) -> bool:
    """Whether the labelled line has a violation, a line above or below included."""
    path, part = label
    line = next(number for number, text in enumerate(project.files[path], 1) if part in text)
    return any(str(one["file"]).endswith(path) and abs(int(str(one["line"] or 0)) - line) <= 1 for one in violations)


def _named(text: str) -> str:
    for sign, host in HOSTS.items():
        text = text.replace(sign, host)
    return text


def main() -> int:
    """Score one batch; the exit status says whether everything came out as labelled."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("batch", type=Path)
    arguments.add_argument("--verbose", action="store_true", help="every violation of every project")
    given = arguments.parse_args()
    missed, misplaced, alarmed = [], [], []
    projects = parse_batch(given.batch.read_text())
    for project in projects:
        with tempfile.TemporaryDirectory() as scratch:
            policy = Path(scratch, "noegress.toml")
            policy.write_text(POLICY)
            violations = judge(project, Path(scratch, "project"), policy)
        if given.verbose:
            print(project.name, json.dumps(violations, indent=1))
        if project.is_dirty and not violations:
            missed.append(project.name)
        elif project.is_dirty and not all(is_told(project, label, violations) for label in project.labels):
            misplaced.append(project.name)
        elif not project.is_dirty and violations:
            alarmed.append(project.name)
    dirty = sum(project.is_dirty for project in projects)
    told = dirty - len(missed) - len(misplaced)
    print(f"dirty: {told} of {dirty} told at the labelled line, {len(misplaced)} elsewhere only, {len(missed)} missed")
    print(f"clean: {len(alarmed)} false alarms of {len(projects) - dirty}")
    for word, names in (("elsewhere", misplaced), ("missed", missed), ("alarm", alarmed)):
        print(*(f"  {word}: {name}" for name in names), sep="\n", end="\n" if names else "")
    return 1 if missed or misplaced or alarmed else 0


if __name__ == "__main__":
    sys.exit(main())
