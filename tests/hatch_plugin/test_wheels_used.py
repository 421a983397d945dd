"""What a build was given is held against the catalogue before anything is built, in real builds."""

import hashlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from noegress.catalogue import CatalogueEntry, Publication, members_of
from noegress.catalogue.keys import generate_keys
from noegress.catalogue.repository import CatalogueRepository
from noegress.verdict import Verdict
from tests.hatch_plugin.conftest import (
    Bench,
    Indexes,
    Quiet,
    helper,
    publish,
    repacked,
    wheel_bytes,
    with_requirements,
)
from tests.hatch_plugin.test_front_ends import FRONT_ENDS, is_refused

PAGE = "root/curated/+simple/lab-helper/index.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """An index with a catalogue beside it."""

    folder: Path
    url: str
    repository: CatalogueRepository

    def serve(self, wheel: tuple[str, bytes]) -> None:
        """Put another lab-helper on the index, as whoever holds it could; the catalogue does not know it."""
        for path in (self.folder / PAGE, *self.folder.glob("root/curated/+f/lab_helper*")):
            path.unlink(missing_ok=True)
        publish(self.folder, *wheel)


def publication_of(path: Path) -> Publication:
    name, version, _, _ = parse_wheel_filename(path.name)
    entry = CatalogueEntry(
        filename=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size=path.stat().st_size,
        project=name,
        version=str(version),
        verdict=Verdict.ADMITTED,
        decided=datetime.now(UTC),
    )
    return Publication(entry=entry, members=members_of(path))


@pytest.fixture(scope="module")
def signed(indexes: Indexes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    folder = tmp_path_factory.mktemp("signed")
    for wheel in sorted(tmp_path_factory.getbasetemp().glob("good*/root/curated/+f/*.whl")):
        publish(folder, wheel.name, wheel.read_bytes())
    for name in with_requirements("tuf", "securesystemslib", "cryptography", "urllib3"):
        if not any((folder / "root/curated/+f").glob(f"{name.replace('-', '_')}-*")):
            publish(folder, *repacked(name))
    keys = generate_keys(tmp_path_factory.mktemp("keys"))
    repository = CatalogueRepository.create(folder / "catalogue", keys, bins=2)
    repository.publish([publication_of(path) for path in sorted((folder / "root/curated/+f").glob("*.whl"))])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Signed(folder=folder, url=f"http://127.0.0.1:{server.server_address[1]}/", repository=repository)
        server.shutdown()


@pytest.fixture
def checked(bench: Bench, signed: Signed) -> Bench:
    """A project that builds from the index with the catalogue, lab-helper 1.0 as admitted on it."""
    signed.serve(helper("1.0", "good"))
    good = f"{signed.url}root/curated/+simple/"
    made = replace(bench, indexes=replace(bench.indexes, good=good))
    text = (made.project / "pyproject.toml").read_text().replace('"hatch-noegress"', '"hatch-noegress[catalogue]"')
    made.write("pyproject.toml", text)
    catalogue = f'url = "{signed.url}catalogue/"\nroot-sha256 = "{signed.repository.root_sha256}"\n'
    made.write("noegress.toml", f'format = 1\n[index]\nurl = "{good}"\n[catalogue]\n{catalogue}')
    return made


@pytest.mark.parametrize("front_end", ["pip", "uv"])
def test_a_build_from_admitted_wheels_passes(checked: Bench, front_end: str) -> None:
    done = checked.run(*FRONT_ENDS[front_end])
    assert done.returncode == 0, done.stdout
    assert "not compared" not in done.stdout


@pytest.mark.parametrize("front_end", ["build", "uv"])
def test_other_content_on_the_mirror_itself_is_refused(checked: Bench, signed: Signed, front_end: str) -> None:
    signed.serve(helper("1.0", "evil"))
    done = checked.run(*FRONT_ENDS[front_end])
    is_refused(
        done, checked, "not what was admitted: 1 violation", "lab-helper: lab_helper.py", "fix: install it again"
    )


def test_a_wheel_that_brings_start_up_code_along_is_refused(checked: Bench, signed: Signed) -> None:
    files = {"lab_helper.py": b"WORD = 'good'\n", "lab_helper.pth": b"import lab_helper\n"}
    signed.serve(("lab_helper-1.0-py3-none-any.whl", wheel_bytes("lab-helper", "1.0", files)))
    is_refused(checked.run(*FRONT_ENDS["uv"]), checked, "lab_helper.pth", "runs at every start")


def test_a_version_that_nobody_admitted_is_refused(checked: Bench, signed: Signed) -> None:
    signed.serve(helper("2.0", "good"))
    is_refused(checked.run(*FRONT_ENDS["uv"]), checked, "no wheel of lab-helper 2.0 is in the catalogue")


def test_a_catalogue_that_is_stale_or_away_is_undecided_and_refused(checked: Bench, signed: Signed) -> None:
    signed.repository.refresh(now=datetime.now(UTC) - timedelta(hours=100))
    try:
        is_refused(checked.run(*FRONT_ENDS["uv"]), checked, "last signed 100 hours ago", "fix: ")
    finally:
        signed.repository.refresh()
    text = (checked.project / "noegress.toml").read_text()
    checked.write("noegress.toml", text.replace("/catalogue/", "/nowhere/"))
    is_refused(checked.run(*FRONT_ENDS["uv"]), checked, "nowhere", "fix: ")


def test_without_the_extra_it_is_said_that_nothing_was_compared(checked: Bench) -> None:
    text = (checked.project / "pyproject.toml").read_text().replace("[catalogue]", "")
    checked.write("pyproject.toml", text)
    done = checked.run(sys.executable, "-m", "build", "--wheel", "--outdir", "../out")
    assert done.returncode == 0, done.stdout
    assert "not compared with the catalogue" in done.stdout
    assert "fix: require hatch-noegress[catalogue]" in done.stdout
