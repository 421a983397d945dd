"""The arrows between the parts, as a table; every import of the tree is read and held against it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = {
    "noegress": ROOT / "noegress",
    "devpi_noegress": ROOT / "mirror/src/devpi_noegress",
    "hatch_noegress": ROOT / "hatch_plugin/src/hatch_noegress",
    "noegress_guard": ROOT / "sitecustomize_guard/src/noegress_guard",
}
GUARD = PARTS["noegress_guard"]
GUARD_FILES = [path for path in GUARD.rglob("*.py") if path.stem not in {"__init__", "sitecustomize"}]
# part → parts of ours that it may import
ARROWS: dict[str, set[str]] = {
    "noegress": set(),
    "devpi_noegress": {"noegress"},
    "hatch_noegress": {"noegress"},
    "noegress_guard": set(),
}
# inside a part, from the ground up: a room imports only what stands above its own line
CORE_FLOORS = [
    {"errors"},
    {"inventory", "toml_positions"},
    {"destination"},
    {"finding"},
    {"policy"},
    {"verdict"},
    {"artifact"},
    {"rules", "scan", "surfaces", "catalogue"},
    {"approval"},
    {"ceremony"},
    {"download", "evidence"},
    {"export", "report", "bundle", "custody", "run", "suggest"},
    {"cli"},
]
# inside two rooms of the core; what stands beside these, the engine and the gate, imports them all
INNER_FLOORS = {
    "scan": ["facts", "hidden", "readers", "program", "scene"],
    "surfaces": ["syntax", "judging", "locks", "installers", "scripts", "tools"],
}
MIRROR_FLOORS = [
    {"errors", "files", "limits", "measures"},
    {"upstream"},
    {"state"},
    {"http", "plugin"},
    {"people", "advisories"},
    {"admission"},
    {"mirror"},
    {"sets"},
    {"operations"},
    {"pages"},
    {"doors", "replicas"},
    {"server"},
    {"cli"},
]
FLOORS = {"noegress": CORE_FLOORS, "devpi_noegress": MIRROR_FLOORS}
# the one module of each member that speaks its host's language
HOSTS = {"devpi_server": "devpi_noegress", "hatchling": "hatch_noegress", "hatch": "hatch_noegress"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides an arrow"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _hosts(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_only_the_parts_that_the_table_allows(part: str) -> None:
    for path in PARTS[part].rglob("*.py"):
        reached = {name.partition(".")[0] for name in imports(path)} & set(PARTS)
        assert reached <= ARROWS[part] | {part}, path


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_spoken_to_by_its_own_member_only(host: str) -> None:
    for part, folder in PARTS.items():
        speakers = [path for path in folder.rglob("*.py") if host in _hosts(path)]
        assert not speakers or part == HOSTS[host], speakers


def test_devpi_is_spoken_to_by_two_modules() -> None:
    speakers = {path.name for path in PARTS["devpi_noegress"].rglob("*.py") if "devpi_server" in _hosts(path)}
    assert speakers == {"server_state.py", "stage.py"}


@pytest.mark.parametrize("part", FLOORS)
def test_a_part_is_built_in_floors(part: str) -> None:
    floor_of = {room: level for level, rooms in enumerate(FLOORS[part]) for room in rooms}
    for path in PARTS[part].rglob("*.py"):
        room = path.relative_to(PARTS[part]).parts[0].removesuffix(".py")
        if room.startswith("__"):
            continue
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == part and len(parts) > 1 and parts[1] != room and not parts[1].startswith("__"):
                assert floor_of[parts[1]] <= floor_of[room], f"{path} imports {name}, which stands above it"


@pytest.mark.parametrize("part", FLOORS)
def test_every_room_has_a_floor(part: str) -> None:
    rooms = {path.name.removesuffix(".py") for path in PARTS[part].iterdir() if not path.name.startswith("_")}
    assert rooms - {"py.typed"} <= set().union(*FLOORS[part])


def test_the_modules_of_the_guard_import_each_other_in_no_circle() -> None:
    """What is imported only for types counts as well; the package itself, which holds the constants, does not."""
    files = {".".join(("noegress_guard", *path.relative_to(GUARD).with_suffix("").parts)): path for path in GUARD_FILES}
    above = {name: imports(path) & set(files) for name, path in files.items()}
    while free := [name for name, reached in above.items() if not reached & set(above)]:
        for name in free:
            del above[name]
    assert above == {}


@pytest.mark.parametrize("room", INNER_FLOORS)
def test_a_room_of_many_modules_is_built_in_floors(room: str) -> None:
    folder, floors = PARTS["noegress"] / room, INNER_FLOORS[room]
    assert {path.name for path in folder.iterdir() if path.is_dir()} - {"__pycache__"} == set(floors)
    for level, floor in enumerate(floors):
        for path in (folder / floor).glob("*.py"):
            reached = {name.split(".")[2] for name in imports(path) if name.startswith(f"noegress.{room}.")}
            assert reached <= set(floors[: level + 1]), path
