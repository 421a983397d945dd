"""Which surface judges which file of a project: the one table to add a format to."""

import re
from pathlib import Path

from noegress.surfaces.installers.conda import conda_file_violations, is_conda_file
from noegress.surfaces.installers.pip import pip_file_violations
from noegress.surfaces.installers.requirements import is_requirements_file, requirements_violations
from noegress.surfaces.installers.uv import uv_file_violations
from noegress.surfaces.judging.inspection import Judge
from noegress.surfaces.locks.pdm_lock import pdm_lock_violations
from noegress.surfaces.locks.poetry_lock import poetry_lock_violations
from noegress.surfaces.locks.pylock import NAME as PYLOCK
from noegress.surfaces.locks.pylock import pylock_violations
from noegress.surfaces.locks.uv_lock import uv_lock_violations
from noegress.surfaces.scripts.build_code import build_code_violations, is_build_code
from noegress.surfaces.scripts.manifests import is_manifest, manifest_violations
from noegress.surfaces.scripts.notebook import is_notebook, notebook_violations
from noegress.surfaces.scripts.pipelines import is_pipeline, pipeline_violations
from noegress.surfaces.scripts.python_calls import is_task_file, python_violations
from noegress.surfaces.scripts.script_text import is_template, template_violations
from noegress.surfaces.scripts.scripts import is_script, script_violations
from noegress.surfaces.scripts.starlark import build_file_violations, is_build_file
from noegress.surfaces.tools.apptainer import is_container_definition
from noegress.surfaces.tools.buildout import buildout_violations, is_buildout_file
from noegress.surfaces.tools.cibuildwheel import cibuildwheel_file_violations, is_cibuildwheel_file
from noegress.surfaces.tools.cmake import cmake_violations, is_cmake_file
from noegress.surfaces.tools.hatch import hatch_file_violations
from noegress.surfaces.tools.meson import is_meson_file, meson_violations
from noegress.surfaces.tools.option_tables import FILES as OPTION_FILES
from noegress.surfaces.tools.option_tables import option_file_violations
from noegress.surfaces.tools.pdm import CONFIGURATION, pdm_configuration_violations
from noegress.surfaces.tools.pipenv import pipfile_lock_violations, pipfile_violations
from noegress.surfaces.tools.pixi import LOCKS, conda_lock_violations, pixi_file_violations
from noegress.surfaces.tools.pyproject import pyproject_violations
from noegress.surfaces.tools.script_metadata import is_python_script, script_metadata_violations
from noegress.surfaces.tools.setuptools import setup_cfg_violations, setup_py_violations
from noegress.surfaces.tools.task_tables import FILES as TASK_FILES
from noegress.surfaces.tools.task_tables import task_file_violations
from noegress.surfaces.tools.tox import tox_ini_violations, tox_toml_violations

_SCRIPT_FOLDERS = ("scripts", "tools", "ci", ".ci", "bin", "dev", "hack", "build_tools", "devtools", ".github")
_SCRIPT_LOCK = re.compile(r".*\.py\.lock")
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
    ".pydistutils.cfg": setup_cfg_violations,
    "pydistutils.cfg": setup_cfg_violations,
    "distutils.cfg": setup_cfg_violations,
    "pip.conf": pip_file_violations,
    "pip.ini": pip_file_violations,
    "pixi.toml": pixi_file_violations,
    **dict.fromkeys(CONFIGURATION, pdm_configuration_violations),
    **dict.fromkeys(TASK_FILES, task_file_violations),
    **dict.fromkeys(OPTION_FILES, option_file_violations),
}
ONLY_CHECKED: tuple[Judge, ...] = (
    script_violations,
    script_metadata_violations,
    conda_file_violations,
    requirements_violations,
    tox_ini_violations,
    tox_toml_violations,
    pipeline_violations,
    manifest_violations,
    python_violations,
    task_file_violations,
    option_file_violations,
    build_file_violations,
    pixi_file_violations,
    conda_lock_violations,
    buildout_violations,
    cmake_violations,
    meson_violations,
    build_code_violations,
    notebook_violations,
    template_violations,
    cibuildwheel_file_violations,
)
"""What a build of the project reads none of."""


_LOCKS = frozenset(
    {uv_lock_violations, poetry_lock_violations, pdm_lock_violations, pipfile_lock_violations, pylock_violations}
) | {requirements_violations}


def is_lock(path: Path) -> bool:
    """Whether a file, by its name, pins what is installed by digest."""
    name = path.name
    is_named = _BY_NAME.get(name) in _LOCKS or PYLOCK.fullmatch(name) or _SCRIPT_LOCK.fullmatch(name)
    return bool(is_named) or is_requirements_file(path)


def judges_of(path: Path, directory: Path) -> tuple[Judge, ...]:
    """The surfaces that a file below ``directory`` is of."""
    if not path.is_file():
        return ()
    if path.name in _BY_NAME:
        return (_BY_NAME[path.name],)
    if PYLOCK.fullmatch(path.name):
        return (pylock_violations,)
    if path.suffix in (".py", ".pyw") or is_task_file(path):
        return _of_python(path, directory)
    if _SCRIPT_LOCK.fullmatch(path.name):
        return (uv_lock_violations,)
    if LOCKS.fullmatch(path.name):
        return (conda_lock_violations,)
    if is_cibuildwheel_file(path):
        return (cibuildwheel_file_violations,)
    if is_build_file(path):
        return (build_file_violations,)
    if is_requirements_file(path):
        return (requirements_violations,)
    return _of_text(path, directory)


def _of_python(path: Path, directory: Path) -> tuple[Judge, ...]:
    found: list[Judge] = [script_metadata_violations]
    if path.name == "setup.py":
        found.append(setup_py_violations)
    if (is_task_file(path) and _is_at_the_top(path, directory)) or _is_a_developers(path):
        found.append(python_violations)
    if is_build_code(path, directory):
        found.append(build_code_violations)
    return tuple(found)


def _of_text(path: Path, directory: Path) -> tuple[Judge, ...]:
    if is_pipeline(path, directory):
        return (pipeline_violations,)
    if is_conda_file(path):
        return (conda_file_violations, manifest_violations)
    if is_manifest(path):
        return (manifest_violations,)
    if is_meson_file(path, directory):
        return (meson_violations,)
    if is_buildout_file(path):
        return (buildout_violations,)
    if is_cmake_file(path, directory):
        return (script_violations, cmake_violations)
    if is_notebook(path):
        return (notebook_violations,)
    if is_template(path):
        return (template_violations,)
    if is_script(path) or is_container_definition(path):
        return (script_violations,)
    return (script_metadata_violations,) if not path.suffix and is_python_script(path) else ()


def _is_a_developers(path: Path) -> bool:
    """Whether a Python file lies among the scripts that people and pipelines start, and is no module of a package."""
    return path.parent.name.lower() in _SCRIPT_FOLDERS and not (path.parent / "__init__.py").is_file()


def _is_at_the_top(path: Path, directory: Path) -> bool:
    """Whether a file lies beside a project's definition, where tools run it, and is no module of a package."""
    return path.parent == directory or any((path.parent / name).is_file() for name in ("pyproject.toml", "setup.cfg"))
