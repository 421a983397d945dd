"""The effective default index: where nothing sets it, pip and uv resolve from PyPI, and that is a violation."""

from collections.abc import Iterator

from noegress.surfaces.installers.pip import pip_default
from noegress.surfaces.installers.uv import uv_default
from noegress.surfaces.judging.inspection import ENVIRONMENT, Inspection, Origin
from noegress.surfaces.judging.violation import Violation

_VARIABLES = {"pip": "PIP_INDEX_URL", "uv": "UV_DEFAULT_INDEX"}


def default_index_violations(inspection: Inspection) -> Iterator[Violation]:
    """One violation that names every installer without a default index (contract 13)."""
    found = {"pip": pip_default(inspection), "uv": uv_default(inspection)}
    missing = [tool for tool, default in found.items() if inspection.reads(tool) and default is None]
    if missing:
        settings = " ".join(f"{_VARIABLES[tool]}={inspection.mirror.url}" for tool in missing)
        verb = "has" if len(missing) == 1 else "have"
        yield inspection.violation(
            "default-index",
            Origin(file=ENVIRONMENT),
            text=f"{' and '.join(missing)} {verb} no default index",
            allows="everything to be resolved from PyPI",
            fix=f"export {settings}",
        )
