"""Kill switches as variables: lines for ``--env-file``, instructions for a container file, or a ConfigMap."""

import json

from noegress.errors import UsageError
from noegress.export.target import Export
from noegress.export.yaml_text import Value, yaml_text

SUMMARY = "kill switches as NAME=value lines, as ENV instructions (--form dockerfile) or as a ConfigMap"


def env(export: Export) -> str:
    """``NAME=value`` lines, as ``docker run --env-file`` and ``EnvironmentFile=`` take them."""
    for name, value in export.switches.items():
        if "\n" in value or "\r" in value:
            raise UsageError(f"{name} holds a line break", fix="use --form configmap")
    return "".join(f"{name}={value}\n" for name, value in sorted(export.switches.items()))


def dockerfile(export: Export) -> str:
    """``ENV`` instructions."""
    quoted = {name: json.dumps(value).replace("$", "\\$") for name, value in export.switches.items()}
    return "".join(f"ENV {name}={value}\n" for name, value in sorted(quoted.items()))


def configmap(export: Export) -> str:
    """A ConfigMap for ``envFrom``."""
    data: dict[str, Value] = dict(sorted(export.switches.items()))
    return yaml_text({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "noegress-env"}, "data": data})


FORMS = {"lines": env, "dockerfile": dockerfile, "configmap": configmap}
