"""The environment that makes the mirror the only index for every tool, whatever the machine is configured to."""

import os
from collections.abc import Mapping

from noegress.policy import Policy
from noegress.surfaces.judging.places import Place, place_of_variable

_FILES = ("PIP_CONFIG_FILE", "UV_CONFIG_FILE", "PIP_TRUSTED_HOST")
_SWITCHES = ("HATCH_BUILD_NO_HOOKS", "HATCH_BUILD_HOOKS_ONLY", "UV_NO_INDEX", "PIP_NO_INDEX", "PIP_ISOLATED")


def mirror_variables(policy: Policy) -> dict[str, str]:
    """What to set: the mirror for pip, uv, pdm and pipenv, and no configuration file beside it."""
    mirror = policy.index.url or ""
    variables = {
        "PIP_INDEX_URL": mirror,
        "PIP_CONFIG_FILE": os.devnull,
        "UV_DEFAULT_INDEX": mirror,
        "UV_NO_CONFIG": "1",
        "PDM_PYPI_URL": mirror,
        "PIPENV_PYPI_MIRROR": mirror,
        "POETRY_PYPI_MIRROR_URL": mirror,
    }
    if policy.index.ca:
        variables |= {"PIP_CERT": policy.index.ca, "SSL_CERT_FILE": policy.index.ca}
    return variables


def is_scrubbed(name: str) -> bool:
    """Whether a variable has to go: it names a place, a configuration file, or skips the gate."""
    found = place_of_variable(name)
    # a constraint or a requirement by path narrows; one that is remote is refused by the gate
    is_place = found is not None and found[1] is not Place.REFERENCE
    return is_place or name in _FILES or name in _SWITCHES


def forced_environment(environ: Mapping[str, str], policy: Policy) -> dict[str, str]:
    """``environ`` with the mirror as the only index."""
    return {name: value for name, value in environ.items() if not is_scrubbed(name)} | mirror_variables(policy)


def emptied_variables(policy: Policy) -> dict[str, str]:
    """The same for tools that can set variables and not unset them: what names another place is set to nothing."""
    names = ("PIP_EXTRA_INDEX_URL", "PIP_PYPI_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST", "UV_INDEX", "UV_INDEX_URL")
    more = ("UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
    return dict.fromkeys((*names, *more), "") | mirror_variables(policy)
