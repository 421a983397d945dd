"""Properties: whatever is damaged or missing, only that is written, sent or asked for again."""

import hashlib
import io
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noegress.bundle import BundleError
from noegress.bundle.export import FileStore, Journey, manifest_of, plan_export
from noegress.bundle.intake import import_bundle
from noegress.bundle.manifest import Part
from noegress.bundle.store import ImportedStore
from noegress.bundle.stream import BundleStream
from noegress.bundle.volumes import volume_names, write_volumes

Outside = Any  # the class of conftest; test modules do not import each other

QUICK = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMBERS = itertools.count()  # a name is admitted once, in whichever example
DAMAGE = ("missing", "cut", "flipped", "zeros", "longer")


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "flipped":
        place = len(content) // 3
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    elif how == "longer":
        path.write_bytes(content + b"x")
    else:
        path.write_bytes(bytes(len(content)))


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in volume_names(folder)}


def refusal(bundle: Path, store: ImportedStore, outside: Outside) -> str:
    """What an import says against a bundle; empty where it takes it."""
    try:
        import_bundle(bundle, store, outside.terms())
    except BundleError as error:
        return str(error)
    return ""


@pytest.fixture
def spoilt(bundle: Path, tmp_path: Path) -> Iterator[Any]:
    """A copy of the bundle with some damaged volumes; and which they are."""
    count = len(list(volume_names(bundle)))

    def made(hits: dict[int, str]) -> tuple[Path, set[str]]:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(bundle, copy)
        chosen = {f"bundle.{number % count:05d}": how for number, how in hits.items()}
        for name, how in chosen.items():
            damage(copy / name, how)
        return copy, set(chosen)

    return made  # type: ignore[return-value]


hits = st.dictionaries(st.integers(0, 30), st.sampled_from(DAMAGE), min_size=1, max_size=4)


@QUICK
@given(hits=hits)
def test_an_export_writes_again_what_is_damaged_and_nothing_else(
    outside: Outside, bundle: Path, spoilt: Any, hits: dict[int, str]
) -> None:
    before = digests(bundle)
    copy, names = spoilt(hits)
    kept = {name: (copy / name).stat().st_mtime_ns for name in before if name not in names}
    outside.export(copy)
    assert digests(copy) == before
    assert {name: (copy / name).stat().st_mtime_ns for name in kept} == kept


@QUICK
@given(hits=hits)
def test_an_import_names_what_is_damaged_and_needs_that_alone_again(
    outside: Outside, bundle: Path, spoilt: Any, tmp_path: Path, hits: dict[int, str]
) -> None:
    copy, names = spoilt(hits)
    store = ImportedStore(tmp_path / "inside")
    shutil.rmtree(store.path, ignore_errors=True)
    others = set(volume_names(bundle)) - names
    for _ in range(len(names) + 2):
        told = refusal(copy, store, outside)
        if not told:
            break
        asked = {name for name in names if name in told}
        assert asked  # something that is damaged is named
        assert not {name for name in others if name in told}  # and nothing that is whole
        assert store.current is None
        for name in asked:
            shutil.copy(bundle / name, copy / name)
    assert store.current is not None
    assert len(list((store.current / "wheels").iterdir())) == 2


@pytest.mark.usefixtures("bundle")
@settings(QUICK, max_examples=5)
@given(steps=st.lists(st.sampled_from(["admit", "withdraw", "skip"]), min_size=1, max_size=4))
def test_increments_in_a_row_bring_what_complete_bundles_bring(
    outside: Outside, tmp_path: Path, steps: list[str]
) -> None:
    """Whatever was released in between: the chain of increments ends in the same files as one complete bundle."""
    work = tmp_path / "work"
    shutil.rmtree(work, ignore_errors=True)
    chain = ImportedStore(work / "chain")
    last = outside.export(work / "start")
    import_bundle(last, chain, outside.terms())
    for number, step in enumerate(steps):
        admitted = outside.repository.entries()
        if step == "admit":
            outside.admit(f"more{next(NUMBERS)}", "1.0")
        elif step == "withdraw" and len(admitted) > 1:
            outside.repository.withdraw([admitted[0].entry.sha256])
        outside.release()
        increment = outside.export(work / f"i{number}", journey=Journey(base=manifest_of(last)))
        carried = sum(part.size for part in manifest_of(increment).carried if part.path.startswith("files/"))
        assert carried == 0 or step == "admit"
        import_bundle(increment, chain, outside.terms())
        last = increment
    whole = ImportedStore(work / "whole")
    import_bundle(outside.export(work / "complete"), whole, outside.terms())
    for store in (chain, whole):
        assert store.current is not None
    wheels = [{path.name: path.read_bytes() for path in (s.current / "wheels").iterdir()} for s in (chain, whole)]  # type: ignore[operator]
    assert wheels[0] == wheels[1]


def test_a_part_over_many_volumes_is_read_once(outside: Outside, tmp_path: Path) -> None:
    """A model is larger than a volume; reading it anew for each would cost its square."""
    outside.admit("big", "1.0", size=400_000)
    outside.release()
    read = [0]
    plan = plan_export(outside.repository, FileStore(outside.files), tmp_path / "b", outside.online, Journey())

    class Counted(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            piece = super().read(-1 if size is None else size)
            read[0] += len(piece)
            return piece

    def opened(part: Part) -> BinaryIO:
        if part.path.startswith("files/"):
            return cast("BinaryIO", Counted(plan.files[part.sha256]))
        return plan.open(part)

    stream = BundleStream(plan.envelope, plan.manifest.carried, opened)
    write_volumes(stream, plan.envelope, tmp_path / "b", size=8192)
    sizes = sum(part.size for part in plan.manifest.carried if part.path.startswith("files/"))
    assert sizes > 400_000
    assert read[0] == sizes


def test_a_file_that_changed_is_found_where_it_ends_and_nothing_of_it_is_kept(
    outside: Outside, store: ImportedStore, tmp_path: Path
) -> None:
    outside.admit("big", "1.0", size=100_000)
    outside.release()
    path = outside.files / "big-1.0-py3-none-any.whl"
    good = path.read_bytes()
    path.write_bytes(b"!" + good[1:])
    with pytest.raises(BundleError, match="is not what the catalogue lists"):
        outside.export(tmp_path / "b")
    assert not (tmp_path / "b/index.json").exists()
    path.write_bytes(good)
    import_bundle(outside.export(tmp_path / "b"), store, outside.terms())


def test_one_volume_is_not_made_again_from_a_file_that_changed(outside: Outside, tmp_path: Path) -> None:
    outside.admit("big", "1.0", size=100_000)
    outside.release()
    bundle = outside.export(tmp_path / "b")
    middle = bundle / list(volume_names(bundle))[-4]
    middle.write_bytes(b"damaged")
    path = outside.files / "big-1.0-py3-none-any.whl"
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2] + b"!" * (len(good) - len(good) // 2))
    with pytest.raises(BundleError, match=r"comes out otherwise|is not what the catalogue lists"):
        outside.export(bundle)
