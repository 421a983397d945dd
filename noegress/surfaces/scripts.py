"""Container files, Makefiles, CI definitions and shell scripts: text until somebody runs them, so of weight warning."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.commands import is_unknown, text_violations
from noegress.surfaces.document import UnreadableError, read_text
from noegress.surfaces.inspection import Inspection, Origin
from noegress.surfaces.places import variable_violations
from noegress.surfaces.violation import Violation, Weight

SURFACE = "script"
_NAMES = re.compile(
    r"(.*[.-])?(dockerfile|containerfile)([.-].*)?|(gnu)?makefile|.*\.mk|\.?justfile|taskfile\.ya?ml|jenkinsfile(\..*)?|"
    r".*\.(sh|bash|zsh|ps1|bat|cmd)|\.gitlab-ci.*\.ya?ml|\.travis\.ya?ml|azure-pipelines.*\.ya?ml|"
    r"bitbucket-pipelines\.ya?ml|\.?appveyor\.ya?ml|cloudbuild\.ya?ml|buildspec.*\.ya?ml|\.?readthedocs\.ya?ml|"
    r"\.cirrus\.ya?ml|\.drone\.ya?ml|(docker-)?compose.*\.ya?ml|devcontainer\.json|\.pre-commit-config\.ya?ml|\.env(\..*)?|"
    r"\.envrc|\.woodpecker.*\.ya?ml",
    re.IGNORECASE,
)
_FOLDERS = (".github", ".circleci", ".gitlab", ".buildkite", ".woodpecker", ".azure-pipelines")
_INSTALLERS = re.compile(r"\b(pip[0-9.]*|pipx|uvx?|poetry|pdm|pipenv|conda|mamba|micromamba)\b")
_VARIABLE = re.compile(r"^[\s\-\"']*([A-Za-z]+_[A-Za-z0-9_]+)[\"']?\s*:\s*(?:[|>][+-]?\s*)?[\"']?([^\"'#,]+)")
_POWERSHELL = re.compile(r"\$env:(\w+)\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
_KEY = re.compile(r"^\s*(?:-\s+)?(?:[\"']?[A-Za-z_][\w .-]*[\"']?\s*:\s+)?(?:-\s+)?")
_QUOTED = re.compile(r"^([\"'])(.*)\1,?$")
_DEPENDENCY = re.compile(r"^\s*-\s*[\"']?(--?(?:extra-index-url|index-url|find-links|i|f)[= ].+?)[\"']?\s*$")


def is_script(path: Path, directory: Path) -> bool:
    """Whether a file is one in which people write down how a build is run."""
    folders = path.relative_to(directory).parts[:-1]
    is_pipeline = path.suffix in (".yml", ".yaml") and any(folder in _FOLDERS for folder in folders)
    return is_pipeline or _NAMES.fullmatch(path.name) is not None


def script_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The installers that a script runs with another place, and the variables that it sets for them."""
    try:
        text = read_text(path)
    except UnreadableError:
        return  # no tool of ours reads it: a script in another encoding is no statement about an index
    for number, line in _joined(text):
        origin = Origin(file=path, line=number, weight=Weight.WARNING)
        variable = _VARIABLE.match(line) or _POWERSHELL.search(line)
        if variable and not is_unknown(variable[2]):
            yield from variable_violations(inspection, variable[1], variable[2].strip(), origin, surface=SURFACE)
        if option := _DEPENDENCY.match(line):
            yield from text_violations(inspection, f"pip install {option[1]}", origin, surface=SURFACE)
        elif _INSTALLERS.search(line) or "=" in line or "ENV " in line:
            yield from text_violations(inspection, _command(line, path), origin, surface=SURFACE)


def _command(line: str, path: Path) -> str:
    """The command on a line: without the key of a YAML mapping or the quotes around the whole."""
    if path.suffix not in (".yml", ".yaml", ".json"):
        return line.strip()
    bare = line[len(found[0]) :] if (found := _KEY.match(line)) else line
    quoted = _QUOTED.match(bare.strip())
    return quoted[2] if quoted else bare.strip()


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with the first number of each; a trailing backslash, and options at the start of a line, continue one."""
    joined, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare.startswith(("#", "//")):
            continue
        if joined and (joined.endswith(("\\", "`", "^")) or (bare.startswith("--") and _INSTALLERS.search(joined))):
            joined = joined.rstrip("\\`^") + " " + bare
            continue
        if joined:
            yield start, joined.rstrip("\\`^")
        joined, start = line.rstrip(), number
    if joined:
        yield start, joined.rstrip("\\`^")
