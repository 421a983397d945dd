"""hatch's environments: every one is given the mirror as its only index, and sources of its own are refused."""

from pathlib import Path
from typing import Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface
from hatch.env.virtual import VirtualEnvironment
from hatch.utils.structures import EnvVars

from hatch_noegress.build_gate import check_project
from hatch_noegress.policy_of_build import policy_of_build
from noegress.surfaces.forced import emptied_variables
from noegress.surfaces.installers.options import PIP, read_options
from noegress.surfaces.judging.places import PIP as PLACES


class NoegressEnvironmentCollector(EnvironmentCollectorInterface):
    """``[tool.hatch.env.collectors.noegress]``: sees hatch's own environments too (hatch-build, hatch-test …)."""

    PLUGIN_NAME = "noegress"

    def finalize_environments(self, config: dict[str, dict[str, Any]]) -> None:
        """Refuse what a project asks for besides the mirror, then force the mirror on all of them."""
        found = check_project(Path(self.root))
        for environment in config.values():
            # variables of an environment win over those of the process, and are exported to whatever it runs
            environment.setdefault("env-vars", {}).update(emptied_variables(found.policy))


class GuardedEnvironment(VirtualEnvironment):
    """``type = "guarded"``: a virtual environment that takes no installer option that names another place."""

    PLUGIN_NAME = "guarded"

    def get_env_vars(self) -> EnvVars:
        """The environment's own variables, the mirror's last."""
        forced = emptied_variables(policy_of_build(Path(self.root)).policy)
        return EnvVars({**self.env_vars, **forced}, self.env_include, self.env_exclude)

    def construct_pip_install_command(self, args: list[str]) -> list[str]:
        """The command of an installation, refused if it names another place."""
        for name, value in read_options(args, PIP):
            if name in PLACES and name not in ("requirement", "constraint", "editable"):
                raise SystemExit(f"noegress: refused: --{name} {value}: the mirror is the only index")
        command: list[str] = super().construct_pip_install_command(args)
        return command
