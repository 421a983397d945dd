"""Programs and steps that set an index by themselves: logins of hosted registries, tools of a version manager."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.syntax.yaml_document import Scalar

_STEP = re.compile(r"PipAuthenticate@\d+", re.IGNORECASE)
_STEP_INPUTS = ("artifactFeeds", "pythonDownloadServiceConnections")
_JFROG = re.compile(r"(pip|pipenv|poetry|uv)(-config|c)?")
_CODE_ARTIFACT = ("aws", "codeartifact", "login")
_BACKEND = "pipx:"
_SHORT = re.compile(r"[\w.-]+/[\w.-]+(\.git)?")  # mise reads owner/name as a repository of GitHub


def login_violations(
    inspection: Inspection, words: Sequence[str], origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """A command or a step after which an installer resolves from the registry of a service."""
    named = ""
    if tuple(words[:3]) == _CODE_ARTIFACT and _tool(words) in ("pip", "uv", "poetry"):
        named = "a repository of CodeArtifact"
    elif words[0] in ("jf", "jfrog") and any(_JFROG.fullmatch(word) for word in words[1:3]):
        named = "a repository of Artifactory"
    if named:
        yield _login(inspection, named, origin, " ".join(words), surface)


def step_violations(inspection: Inspection, path: Path, scalars: list[Scalar], *, surface: str) -> Iterator[Violation]:
    """Steps of Azure Pipelines that make feeds the index; without a feed they set none."""
    fed = {scalar.path[:-2] for scalar in scalars if scalar.key in _STEP_INPUTS and scalar.value.strip()}
    for scalar in scalars:
        if scalar.key == "task" and _STEP.fullmatch(scalar.value) and scalar.path[:-1] in fed:
            origin = Origin(file=path, line=scalar.line, weight=Weight.WARNING)
            yield _login(inspection, "a feed of Azure Artifacts", origin, scalar.value, surface)


def backend_violations(inspection: Inspection, tool: str, origin: Origin, *, surface: str) -> Iterator[Violation]:
    """A tool of mise that pipx installs: ``pipx:NAME`` is a project, an address or a repository is none."""
    if tool.startswith(_BACKEND):
        name = tool.removeprefix(_BACKEND).partition("@")[0]
        url = f"git+https://github.com/{name}" if _SHORT.fullmatch(name) else tool.removeprefix(_BACKEND)
        yield from inspection.reference(surface, origin, url, text=tool)


def _login(inspection: Inspection, named: str, origin: Origin, text: str, surface: str) -> Violation:
    return inspection.violation(
        surface,
        origin,
        text=text,
        allows=f"{named} to be installed from: it becomes the index",
        fix=f"leave it out, and set PIP_INDEX_URL to {inspection.mirror.url}",
    )


def _tool(words: Sequence[str]) -> str:
    """The value of ``--tool``."""
    text = " ".join(words)
    found = re.search(r"--tool[= ](\S+)", text)
    return found[1] if found else ""
