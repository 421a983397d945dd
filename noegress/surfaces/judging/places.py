"""The settings that name a place to install from, whatever tool reads them and however they are written down."""

import re
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum

from noegress.surfaces.judging.inspection import COMMAND_LINE, ENVIRONMENT, Inspection, Origin
from noegress.surfaces.judging.violation import Violation

_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*=(.+)", re.DOTALL)


_NO_CHANNEL = "nodefaults"  # conda's word for: no channel besides those that are named


class Place(Enum):
    """What the value of a setting means."""

    DEFAULT = "the default index"
    EXTRA = "a further index, or a place of files"
    REFERENCE = "a requirement, or a file of requirements, that may be remote"
    HOST = "a host whose certificate is not checked"
    TORCH = "a switch that brings an index of its own"
    CHANNEL = "a conda channel"


PIP = {
    "index-url": Place.DEFAULT,
    "pypi-url": Place.DEFAULT,
    "extra-index-url": Place.EXTRA,
    "find-links": Place.EXTRA,
    "requirement": Place.REFERENCE,
    "constraint": Place.REFERENCE,
    "build-constraint": Place.REFERENCE,
    "editable": Place.REFERENCE,
    "trusted-host": Place.HOST,
}
"""Options of pip by their long names; its variables and its files use the same names."""
UV = {
    "default-index": Place.DEFAULT,
    "index-url": Place.DEFAULT,
    "index": Place.EXTRA,
    "extra-index-url": Place.EXTRA,
    "find-links": Place.EXTRA,
    "constraint": Place.REFERENCE,
    "constraints": Place.REFERENCE,
    "build-constraint": Place.REFERENCE,
    "build-constraints": Place.REFERENCE,
    "override": Place.REFERENCE,
    "overrides": Place.REFERENCE,
    "requirement": Place.REFERENCE,
    "requirements": Place.REFERENCE,
    "with": Place.REFERENCE,
    "with-requirements": Place.REFERENCE,
    "from": Place.REFERENCE,
    "editable": Place.REFERENCE,
    "with-editable": Place.REFERENCE,
    "insecure-host": Place.HOST,
    "allow-insecure-host": Place.HOST,
    "trusted-host": Place.HOST,
    "torch-backend": Place.TORCH,
    # where interpreters are fetched from
    "mirror": Place.EXTRA,
    "pypy-mirror": Place.EXTRA,
    "python-install-mirror": Place.EXTRA,
    "pypy-install-mirror": Place.EXTRA,
    "python-downloads-json-url": Place.EXTRA,
}
"""Options of uv by their long names; its variables use them too."""
_OTHER_VARIABLES = {  # of other tools, and of images whose entry point installs what they name
    "PDM_PYPI_URL": ("pdm", Place.DEFAULT),
    "POETRY_PYPI_MIRROR_URL": ("poetry", Place.DEFAULT),
    "PIPENV_PYPI_MIRROR": ("pipenv", Place.DEFAULT),
    "_PIP_ADDITIONAL_REQUIREMENTS": ("pip", Place.REFERENCE),
    "EXTRA_PIP_PACKAGES": ("pip", Place.REFERENCE),
    "CONDA_CHANNELS": ("conda", Place.CHANNEL),
    "CONDA_CHANNEL_ALIAS": ("conda", Place.CHANNEL),
}


def place_of_variable(name: str) -> tuple[str, Place] | None:
    """The tool that reads a variable and what its value means; None for a variable that names no place."""
    if name in _OTHER_VARIABLES:
        return _OTHER_VARIABLES[name]
    tool, _, option = name.partition("_")
    places = {"PIP": PIP, "UV": UV}.get(tool, {})
    key = option.replace("_", "-")
    # pip takes PIP_index_url as well, uv does not
    place = places.get(key.lower()) if tool == "PIP" or key.isupper() else None
    return (tool.lower(), place) if place else None


def variable_violations(
    inspection: Inspection, name: str, value: str, origin: Origin, *, surface: str = ""
) -> Iterator[Violation]:
    """What a variable would open in whatever process it is set for."""
    found = place_of_variable(name)
    if found is not None:
        tool, place = found
        written = f"{name}="
        yield from place_violations(inspection, place, value, origin, written=written, surface=surface or tool)


def place_violations(
    inspection: Inspection,
    place: Place,
    value: str,
    origin: Origin,
    *,
    written: str,
    surface: str,
) -> Iterator[Violation]:
    """What one setting opens besides the mirror; ``written`` is the setting up to its value, as it stands there."""
    separator = r"[\s,]+" if written in ("UV_FIND_LINKS=", "CONDA_CHANNELS=") else r"\s+"
    for part in [value] if place is Place.REFERENCE and " @ " in value else re.split(separator, value.strip()):
        if not part or (place is Place.CHANNEL and part == _NO_CHANNEL):
            continue
        text, fix = f"{written}{part}", _fix(inspection, place, origin, written)
        if place in (Place.DEFAULT, Place.EXTRA, Place.CHANNEL):
            url = _NAMED.fullmatch(part)
            found = inspection.index(surface, origin, url=url[1] if url else part, text=text, fix=fix)
            # an index of Python projects cannot stand in the place of a channel
            yield from (replace(one, address="") for one in found) if place is Place.CHANNEL else found
        elif place is Place.REFERENCE:
            yield from inspection.reference(surface, origin, part, text=text)
        elif place is Place.TORCH:
            allows = "torch and its family from an index of PyTorch's own"
            yield inspection.violation(surface, origin, text=text, allows=allows, fix=fix)
        elif inspection.mirror.scheme == "https" and (part == "*" or inspection.mirror.has_host(part)):
            allows = "anybody on the way to answer for the mirror: its certificate is not checked"
            yield inspection.violation(surface, origin, text=text, allows=allows, fix=fix)


def _fix(inspection: Inspection, place: Place, origin: Origin, written: str) -> str:
    if place is Place.DEFAULT:
        return f"set it to {inspection.mirror.url}"
    if place is Place.CHANNEL:
        return "leave the channel out, and install from the mirror with pip or uv"
    if place is Place.HOST:
        return "remove it, and name the mirror's authority (PIP_CERT, SSL_CERT_FILE)"
    if origin.file == ENVIRONMENT:
        return f"unset {written.rstrip('=')}"
    if origin.file == COMMAND_LINE:
        return "leave the option out"
    return "remove it: the mirror is the only index"
