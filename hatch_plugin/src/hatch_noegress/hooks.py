"""The one module that speaks hatchling's language: its hooks call the gate as early as they exist.

Both are gates in ``__init__``: a metadata hook's ``update`` is not called for static metadata, a build hook can be
switched off from the environment, and ``__init__`` of a build hook already runs when build requirements are asked for.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface
from hatchling.plugin import hookimpl

from hatch_noegress.build_gate import check_build, cut_network
from hatch_noegress.refused import refused

# keys of a build hook's table that hatchling itself reads
_HATCHLING_KEYS = frozenset({"dependencies", "enable-by-default", "require-runtime-dependencies"}) | {
    "require-runtime-features"
}


class NoegressBuildHook(BuildHookInterface[Any]):
    """``[tool.hatch.build.hooks.noegress]``."""

    PLUGIN_NAME = "noegress"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _refuse_options("tool.hatch.build.hooks.noegress", self.config, known=_HATCHLING_KEYS)
        self.policy = check_build(Path(self.root))

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        if reason := cut_network():
            self.app.display_warning(reason)
        if self.target_name == "sdist" and self.policy is not None:
            # the wheel is built from the unpacked sdist, which has to find the same policy
            build_data["force_include"][str(self.policy)] = self.policy.name


class NoegressMetadataHook(MetadataHookInterface):
    """``[tool.hatch.metadata.hooks.noegress]``; no environment variable switches it off."""

    PLUGIN_NAME = "noegress"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _refuse_options("tool.hatch.metadata.hooks.noegress", self.config)
        check_build(Path(self.root))

    def update(self, metadata: dict[str, Any]) -> None:  # noqa: ARG002 - the metadata stays as it is
        check_build(Path(self.root))


@hookimpl
def hatch_register_build_hook() -> type[NoegressBuildHook]:
    """Hatchling asks for the build hook."""
    return NoegressBuildHook


@hookimpl
def hatch_register_metadata_hook() -> type[NoegressMetadataHook]:
    """Hatchling asks for the metadata hook."""
    return NoegressMetadataHook


@hookimpl
def hatch_register_environment_collector() -> type[Any]:
    """Hatch asks for the environment collector; it is there when hatch is, which a build environment is not."""
    from hatch_noegress.environments import NoegressEnvironmentCollector  # noqa: PLC0415

    return NoegressEnvironmentCollector


@hookimpl
def hatch_register_environment() -> type[Any]:
    """Hatch asks for the environment type."""
    from hatch_noegress.environments import GuardedEnvironment  # noqa: PLC0415

    return GuardedEnvironment


def _refuse_options(table: str, config: dict[str, Any], *, known: frozenset[str] = frozenset()) -> None:
    """The tables take no option: what is allowed is the policy's business, never the project's."""
    unknown = sorted(set(config) - known)
    if unknown:
        raise refused(
            f"\nnoegress: build refused: pyproject.toml: [{table}] {unknown[0]} is not an option\n"
            "    fix: remove it; the policy (noegress.toml) holds every setting\n"
        )
