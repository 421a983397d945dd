"""A Kubernetes NetworkPolicy: egress by address for every pod of its namespace (``networking.k8s.io/v1``)."""

from noegress.destination import Destination
from noegress.export.target import Export, heading, networks
from noegress.export.yaml_text import Value, yaml_text

SUMMARY = "NetworkPolicy for the pods of a namespace; addresses only"


def kubernetes(export: Export) -> str:
    """The manifest; raises ``UnenforceableError`` for a host name."""
    rules: list[Value] = [
        {"to": [{"ipBlock": {"cidr": str(network)}}], "ports": [_port(destination)]}
        for network, destination in networks(export, "a NetworkPolicy", alternative="export cilium instead")
    ]
    document: Value = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "noegress-egress"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": rules},
    }
    return "\n".join([*heading(export, "egress of every pod of the namespace it is applied to"), yaml_text(document)])


def _port(destination: Destination) -> Value:
    port: dict[str, Value] = {"protocol": destination.transport.value.upper()}
    if (destination.low, destination.high) != (0, 65535):
        port["port"] = destination.low
        if destination.high != destination.low:
            port["endPort"] = destination.high
    return port
