"""Code that could not be read as what it is: each piece is told, and what a user could run leaves the file undecided."""

from collections.abc import Iterator

from noegress.finding import Category, Confidence, Finding, Place, Severity, When
from noegress.scan.facts.facts import Facts
from noegress.scan.hidden.carried import HIDDEN
from noegress.scan.program.module import module_name
from noegress.scan.readers.reading import OVERFLOW, TOO_LONG, UNCHECKED
from noegress.scan.scene.scene import Scene

SOURCE_RULE, HIDDEN_RULE, BYTECODE_RULE = "unreadable-source", "hidden-code", "sourceless-bytecode"
MEANINGS = {
    SOURCE_RULE: "a Python source does not parse",
    HIDDEN_RULE: "code is executed that cannot be read",
    BYTECODE_RULE: "bytecode runs that no source explains",
    "rule-crashed": "a rule failed at the file, so what it looks for is not known",
}
"""What is found wrong with code as code; ``INTEGRITY_RULES`` has what is wrong with a file as a file."""


_NEVER_RUN = {"python2": "it is Python 2", "template": "it is a template"}


def unread(scene: Scene) -> list[Finding]:
    """A source that is loaded by something leaves the file undecided; a template, a fixture or Python 2 is only told."""
    found: list[Finding] = []
    for path, facts in scene.files.items():
        if facts.problem and facts.reader in ("broken", "startup", "python"):
            found.append(_unparsed(scene, path, facts.problem))
        if facts.reader == "bytecode":
            found += _bytecode(scene, path, facts)
        found += _hidden(scene, path, facts)
    return found


def _unparsed(scene: Scene, path: str, problem: str) -> Finding:
    # what was too much for this interpreter may be little to the one that runs it, whoever imports it there
    is_loaded = scene.graph.is_loaded_path(path) or problem.startswith((OVERFLOW, TOO_LONG))
    serious = problem not in _NEVER_RUN and _is_importable(scene, path) and is_loaded
    why = _NEVER_RUN.get(problem, problem)
    return _finding(
        SOURCE_RULE,
        path,
        0,
        f"{path} cannot be parsed ({why}), so only the addresses in its text are known.",
        serious=serious,
    )


def _hidden(scene: Scene, path: str, facts: Facts) -> Iterator[Finding]:
    for mark in facts.marks:
        if mark.startswith(HIDDEN):
            line, why = mark.removeprefix(HIDDEN).split(":", 1)
            is_run = path in scene.program.active_paths and scene.graph.is_loaded_path(path)
            serious = is_run or (facts.reader == "pickle" and path not in scene.program.aside)
            message = f"{path} {why}, so what that code does is not known."
            yield _finding(HIDDEN_RULE, path, int(line), message, serious=serious)


def _bytecode(scene: Scene, path: str, facts: Facts) -> Iterator[Finding]:
    """Bytecode that runs although no source of the file says what it does; a cache beside its source is told."""
    folder, _, name = path.rpartition("/")
    is_cache = folder.rpartition("/")[2] == "__pycache__"
    parent = folder.removesuffix("__pycache__")
    source = f"{parent}{name.partition('.')[0]}.py" if is_cache else path.removesuffix("c")
    is_checked = UNCHECKED not in facts.marks
    if source not in scene.files:
        if not is_cache:  # PEP 3147: a cache without its source is never imported
            yield _finding(
                BYTECODE_RULE,
                path,
                0,
                f"{path} is bytecode without a source, so what it does is not known.",
                serious=True,
            )
    elif is_cache:
        message = f"{path} is bytecode that runs in place of {source}, whatever that source says."
        cached = f"{path} is the bytecode cache of {source}, which an installer makes itself."
        yield _finding(BYTECODE_RULE, path, 0, cached if is_checked else message, serious=not is_checked)


def _finding(rule: str, path: str, line: int, message: str, *, serious: bool) -> Finding:
    return Finding(
        rule=rule,
        category=Category.INTEGRITY,
        severity=Severity.MEDIUM if serious else Severity.LOW,
        confidence=Confidence.HIGH,
        host="",
        place=Place(file=path, line=line),
        when=When.IMPORT,
        default_on=True,
        message=message,
        remedy="Read the file by hand, and admit the release by its digest if it is sound."
        if serious
        else "Nothing to do: no Python that the package runs loads this file.",
    )


def _is_importable(scene: Scene, path: str) -> bool:
    name, _ = module_name(path)
    if path.endswith((".pth", ".start")):
        return True
    return (
        path.endswith((".py", ".pyw"))
        and path not in scene.program.aside
        and all(part.isidentifier() for part in name.split("."))
    )
