"""Members that could not be read as what they are: each is told, and what a user could run leaves the file undecided."""

from noegress.finding import Category, Confidence, Finding, Place, Severity, When
from noegress.scan.program import is_aside, module_name
from noegress.scan.scene import Scene

RULE = "unreadable-source"


def unread(scene: Scene) -> list[Finding]:
    """A source that is loaded by something leaves the file undecided; a template, a fixture or Python 2 is only told."""
    found = []
    for path, facts in scene.files.items():
        if facts.problem and facts.reader in ("broken", "startup", "python"):
            found.append(_finding(scene, path, facts.problem))
    return found


def _finding(scene: Scene, path: str, problem: str) -> Finding:
    serious = problem != "python2" and _is_importable(path) and scene.graph.is_loaded_path(path)
    why = "it is Python 2" if problem == "python2" else problem
    return Finding(
        rule=RULE,
        category=Category.INTEGRITY,
        severity=Severity.MEDIUM if serious else Severity.LOW,
        confidence=Confidence.HIGH,
        host="",
        place=Place(file=path, line=0),
        when=When.IMPORT,
        default_on=True,
        message=f"{path} cannot be parsed ({why}), so only the addresses in its text are known.",
        remedy="Read the file by hand, and admit the release by its digest if it is sound."
        if serious
        else "Nothing to do: no Python that the package runs loads this file.",
    )


def _is_importable(path: str) -> bool:
    name, _ = module_name(path)
    if path.endswith((".pth", ".start")):
        return True
    return path.endswith(".py") and not is_aside(path) and all(part.isidentifier() for part in name.split("."))
