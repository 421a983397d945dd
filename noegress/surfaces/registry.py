"""Which surface judges which file of a project: the one table to add a format to."""

from collections.abc import Callable, Iterator
from pathlib import Path

from noegress.surfaces.conda import conda_file_violations, is_conda_file
from noegress.surfaces.hatch import hatch_file_violations
from noegress.surfaces.inspection import Inspection
from noegress.surfaces.nox import noxfile_violations
from noegress.surfaces.pdm import CONFIGURATION, pdm_configuration_violations
from noegress.surfaces.pdm_lock import pdm_lock_violations
from noegress.surfaces.pip import pip_file_violations
from noegress.surfaces.pipenv import pipfile_lock_violations, pipfile_violations
from noegress.surfaces.poetry_lock import poetry_lock_violations
from noegress.surfaces.pylock import NAME as PYLOCK
from noegress.surfaces.pylock import pylock_violations
from noegress.surfaces.pyproject import pyproject_violations
from noegress.surfaces.requirements import is_requirements_file, requirements_violations
from noegress.surfaces.script_metadata import script_metadata_violations
from noegress.surfaces.scripts import is_script, script_violations
from noegress.surfaces.setuptools import setup_cfg_violations, setup_py_violations
from noegress.surfaces.tox import tox_ini_violations, tox_toml_violations
from noegress.surfaces.uv import uv_file_violations
from noegress.surfaces.uv_lock import uv_lock_violations
from noegress.surfaces.violation import Violation

Judge = Callable[[Inspection, Path], Iterator[Violation]]

_BY_NAME: dict[str, Judge] = {
    "pyproject.toml": pyproject_violations,
    "uv.toml": uv_file_violations,
    "uv.lock": uv_lock_violations,
    "poetry.lock": poetry_lock_violations,
    "pdm.lock": pdm_lock_violations,
    "Pipfile": pipfile_violations,
    "Pipfile.lock": pipfile_lock_violations,
    "hatch.toml": hatch_file_violations,
    "tox.ini": tox_ini_violations,
    "tox.toml": tox_toml_violations,
    "setup.cfg": setup_cfg_violations,
    "setup.py": setup_py_violations,
    "noxfile.py": noxfile_violations,
    "pip.conf": pip_file_violations,
    "pip.ini": pip_file_violations,
    **dict.fromkeys(CONFIGURATION, pdm_configuration_violations),
}
ONLY_CHECKED: tuple[Judge, ...] = (
    script_violations,
    script_metadata_violations,
    conda_file_violations,
    requirements_violations,
    tox_ini_violations,
    tox_toml_violations,
    noxfile_violations,
)
"""What a build of the project reads none of."""


def judges_of(path: Path, directory: Path) -> tuple[Judge, ...]:
    """The surfaces that a file below ``directory`` is of."""
    if not path.is_file():
        return ()
    if path.name in _BY_NAME:
        return (_BY_NAME[path.name],)
    if PYLOCK.fullmatch(path.name):
        return (pylock_violations,)
    if path.suffix == ".py":
        return (script_metadata_violations,)
    if is_requirements_file(path):
        return (requirements_violations,)
    if is_conda_file(path):
        return (conda_file_violations,)
    return (script_violations,) if is_script(path, directory) else ()
