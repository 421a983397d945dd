"""conda: channels and the pip section of environment files, and .condarc at every level."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.installers.requirements import line_violations
from noegress.surfaces.judging.files import is_file
from noegress.surfaces.judging.inspection import ENVIRONMENT, Inspection, Origin
from noegress.surfaces.judging.places import Place, place_violations, variable_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.syntax.document import UnreadableError, read_text
from noegress.surfaces.syntax.yaml_document import Scalar, read_yaml

SURFACE = "conda"
_CHANNELS = (
    "channels",
    "default_channels",
    "channel_alias",
    "allowlist_channels",
    "custom_channels",
    "mirrored_channels",
)
_NAME = re.compile(r"(.*[-_.])?(environment|conda)([-_.].*)?\.ya?ml|env\.ya?ml|\.?condarc", re.IGNORECASE)
_FOLDERS = ("envs", "environments", "conda", "environment")


def is_conda_file(path: Path) -> bool:
    """Whether a file is named like an environment or a configuration of conda, or is kept with them."""
    is_kept = path.parent.name.lower() in _FOLDERS and path.suffix in (".yml", ".yaml")
    return is_kept or _NAME.fullmatch(path.name) is not None


def conda_machine_violations(inspection: Inspection) -> Iterator[Violation]:
    """Conda's variables and the configuration of the user and of the machine."""
    machine = inspection.machine
    for name, value in machine.variables("CONDA_"):
        yield from variable_violations(inspection, name, value, Origin(file=ENVIRONMENT))
    places = [machine.root / "etc/conda", machine.home, machine.home / ".conda", machine.config_home() / "conda"]
    for path in (folder / name for folder in places for name in (".condarc", "condarc")):
        if is_file(path) and not inspection.holds(path):
            yield from conda_file_violations(inspection, path)


def conda_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The channels of a file, and what its pip section installs from elsewhere."""
    try:
        text = read_text(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    scalars = read_yaml(text)
    if not {scalar.path[0] for scalar in scalars if scalar.path} & {"dependencies", *_CHANNELS}:
        return  # some other YAML file with such a name
    for scalar in scalars:
        yield from _judge(inspection, scalar, Origin(file=path, line=scalar.line))


def _judge(inspection: Inspection, scalar: Scalar, origin: Origin) -> Iterator[Violation]:
    section, value = scalar.path[0] if scalar.path else "", scalar.value
    channel = ""
    if section in _CHANNELS:
        channel = value
    elif section == "dependencies" and "pip" in scalar.path[1:]:
        for line in value.splitlines():
            base = origin.file.parent if isinstance(origin.file, Path) else inspection.directory
            yield from line_violations(inspection, line, origin, base=base, surface=SURFACE)
    elif section == "dependencies" and "::" in value:
        channel = value.partition("::")[0].strip("\"'")
    if channel:
        yield from place_violations(inspection, Place.CHANNEL, channel, origin, written="channel ", surface=SURFACE)
