"""Evidence → findings: merged by host and file, with what makes it happen and which switches turn it off."""

from noegress.finding import Basis, Category, Confidence, Finding, KillSwitch, Place, When
from noegress.scan.program.built_switches import switch_value
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

SWITCHED = frozenset(
    {
        Category.TELEMETRY,
        Category.UPDATE_CHECK,
        Category.SELF_UPDATE,
        Category.REMOTE_CODE,
        Category.MODEL_DOWNLOAD,
        Category.HOSTED_EMBEDDING,
    }
)
MEDIUM, HIGH = 0.5, 0.75


def findings_of(rule: Rule, scene: Scene, pieces: list[Evidence]) -> list[Finding]:
    """One finding for each host and file; the weightiest evidence speaks, and what is on goes before what is off."""
    best: dict[tuple[str, str], Evidence] = {}
    for piece in pieces:
        if piece.on and piece.module is not None and not scene.graph.is_for_users(piece.module, piece.scope):
            piece.on = False
        if piece.on and rule.category in SWITCHED and piece.module is not None:
            is_named = rule.category is Category.MODEL_DOWNLOAD
            piece.on = not scene.opt_in.is_asked_for(piece.module, piece.scope, piece.guard, is_named=is_named)
        key = (piece.host, piece.path)
        held = best.get(key)
        if held is None or (piece.on, piece.weight) > (held.on, held.weight):
            best[key] = piece
    named = {path for host, path in best if host}
    return [_finding(rule, scene, piece) for (host, path), piece in best.items() if host or path not in named]


def _finding(rule: Rule, scene: Scene, piece: Evidence) -> Finding:
    when = piece.when or (scene.graph.when(piece.module, piece.scope) if piece.module is not None else When.FIRST_USE)
    switches = _switches(rule, scene, piece) if rule.category in SWITCHED else ()
    return Finding(
        rule=rule.id,
        category=rule.category,
        severity=rule.severity,
        confidence=confidence(piece.weight),
        host=piece.host,
        place=Place(file=piece.path, line=piece.line),
        when=when,
        default_on=piece.on,
        kill_switches=switches,
        message=piece.message,
        remedy=piece.remedy or _remedy(switches),
        constant=piece.constant,
    )


def _remedy(switches: tuple[KillSwitch, ...]) -> str:
    if not switches:
        return "Keep the package out, or waive it with a reason and a last day: no switch was found."
    if switches[0].basis is Basis.KNOWN:
        return f"Set {switches[0]} in every process, or keep the package out."
    return f"Observe a run with and without {switches[0]} to make that switch known, or keep the package out."


def confidence(weight: float) -> Confidence:
    """The word for a weight."""
    return Confidence.HIGH if weight >= HIGH else Confidence.MEDIUM if weight >= MEDIUM else Confidence.LOW


def _switches(rule: Rule, scene: Scene, piece: Evidence) -> tuple[KillSwitch, ...]:
    known = list(scene.vendors.known_switches(scene.name, scene.version, rule.category, piece.path))
    if known:
        return tuple({switch.name: switch for switch in known}.values())  # what a source says needs no guess beside it
    if piece.library:
        known += scene.vendors.library_switches(piece.library, rule.category)
    inferred: list[KillSwitch] = []
    if piece.module is not None:
        near = f"{piece.host} {piece.path}"
        inferred = scene.switches.deciding(
            piece.module, piece.scope, piece.guard, rule.category, on=piece.on and not known, near=near
        )
    elif piece.on and not piece.variables:
        inferred = scene.switches.themed(rule.category, piece.host)
    inferred += [
        KillSwitch(name=name, value=switch_value(name), basis=Basis.INFERRED, source=f"{piece.path}:{piece.line}")
        for name in piece.variables
    ]
    best: dict[str, KillSwitch] = {}
    for switch in (*known, *inferred):
        best.setdefault(switch.name, switch)
    return tuple(list(best.values())[: max(3, len(known))])


def told_once(findings: list[Finding]) -> list[Finding]:
    """The same host in the same file is told once under a category, not again as a mere service, nor as data where it is run."""
    best: dict[tuple[Category, str, str], Finding] = {}
    for finding in findings:
        key = (finding.category, finding.host, finding.place.file)
        held = best.get(key)
        if held is None or _rank(finding) >= _rank(held):
            best[key] = finding
    taken = {(host, file) for category, host, file in best if category is not Category.HOSTED_SERVICE and host}
    run = {
        (host, file)
        for (category, host, file), f in best.items()
        if category in (Category.REMOTE_CODE, Category.SELF_UPDATE) and host and f.default_on
    }
    lesser = {Category.HOSTED_SERVICE: taken, Category.MODEL_DOWNLOAD: run}
    return [f for (category, host, file), f in best.items() if (host, file) not in lesser.get(category, ())]


def _rank(finding: Finding) -> tuple[bool, int]:
    return finding.default_on, list(Confidence).index(finding.confidence)
