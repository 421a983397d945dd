"""The mirror as the only index: a pip.conf, a uv.toml, and the arguments of a container build."""

import json
import shlex

from noegress.errors import UsageError
from noegress.export.target import Export, heading

PIP_SUMMARY = "pip.conf that names the mirror alone"
UV_SUMMARY = "uv.toml that names the mirror alone"
DOCKER_SUMMARY = "--build-arg options that name the mirror for pip and uv in a container build"


def pip(export: Export) -> str:
    """A pip.conf; an option that is set to nothing would not hide the one of another file, so none is."""
    lines = [*heading(export, "/etc/pip.conf, or named by PIP_CONFIG_FILE"), "[global]", f"index-url = {_url(export)}"]
    if export.found.policy.index.ca:
        lines.append(f"cert = {export.found.policy.index.ca}")
    return "\n".join(lines) + "\n"


def uv(export: Export) -> str:
    """A uv.toml."""
    lines = heading(export, "/etc/uv/uv.toml, ~/.config/uv/uv.toml, or named by UV_CONFIG_FILE")
    if export.found.policy.index.ca:
        lines.append(f"# uv takes the authority of the mirror from SSL_CERT_FILE={export.found.policy.index.ca}")
    lines += ["[[index]]", 'name = "mirror"', f"url = {json.dumps(_url(export))}", "default = true"]
    return "\n".join(lines) + "\n"


def docker(export: Export) -> str:
    """Options for ``docker build`` and ``podman build``; the container file declares them with ARG."""
    variables = {"PIP_INDEX_URL": _url(export), "UV_DEFAULT_INDEX": _url(export)}
    return " ".join(f"--build-arg {shlex.quote(f'{name}={value}')}" for name, value in variables.items()) + "\n"


def _url(export: Export) -> str:
    url = export.found.policy.index.url
    if url is None:
        raise UsageError(
            f"{export.found}: no [index] url, so there is no mirror to name",
            fix='add [index] url = "https://MIRROR/root/curated/+simple/"',
        )
    return url
