"""One entry on the page of a project that is not here: no file, its 403 tells the person who asked why (ADR 24).

pip and uv show nothing of a project page that is not found; a version called ``0+not.admitted`` reaches the screen.
"""

import hashlib

from packaging.utils import NormalizedName

from devpi_noegress.files import IndexFile, Record, State
from devpi_noegress.pages.listing import Entry, Listing
from devpi_noegress.state.store import Project

VERSION = "0+not.admitted"
_NOTHING = hashlib.sha256(b"").hexdigest()
_ENDING = f"-{VERSION}-py3-none-any.whl"


def notice_page(name: NormalizedName) -> tuple[Project, Listing]:
    """The page of a project that is not here."""
    filename = f"{name.replace('-', '_')}{_ENDING}"
    file = IndexFile(project=name, version=VERSION, filename=filename, sha256=_NOTHING, url="")
    record = Record(file=file, state=State.KNOWN)
    return Project(name=name, files={file.path: record}), Listing(
        entries=(Entry(record=record, yanked=None, is_refused=True),)
    )


def noticed_project(path: str) -> NormalizedName | None:
    """The project whose notice an address is, below ``+f/``; None for every other address."""
    filename = path.rpartition("/")[2]
    if not filename.endswith(_ENDING):
        return None
    name = NormalizedName(filename.removesuffix(_ENDING).replace("_", "-"))
    (known,) = notice_page(name)[0].files
    return name if known == path else None
