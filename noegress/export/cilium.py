"""A CiliumNetworkPolicy: egress by name and by address, and the DNS rule that rules by name need (``cilium.io/v2``)."""

from noegress.destination import Destination, Transport
from noegress.export.target import Export, heading
from noegress.export.yaml_text import Value, yaml_text

SUMMARY = "CiliumNetworkPolicy with rules by name; needs Cilium 1.16 or later"
_DNS_POD: Value = {"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system", "k8s:k8s-app": "kube-dns"}}


def cilium(export: Export) -> str:
    """The manifest; names are matched by what the cluster's own DNS answered."""
    allowed = [entry for entry in export.found.policy.egress.allow if entry.transport is not Transport.UNIX]
    names = [_name(entry) for entry in allowed if entry.name is not None]
    rules: list[Value] = []
    if names:
        ports: Value = [{"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": list(_unique(names))}}]
        rules.append({"toEndpoints": [_DNS_POD], "toPorts": ports})
    for entry in allowed:
        to: dict[str, Value] = {"toCIDR": [str(entry.network)]} if entry.name is None else {"toFQDNs": [_name(entry)]}
        rules.append({**to, "toPorts": [{"ports": [_port(entry)]}]})
    document: Value = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "noegress-egress"},
        # an empty rule allows nothing and still switches the default to deny
        "spec": {"endpointSelector": {}, "enableDefaultDeny": {"egress": True}, "egress": rules or [{}]},
    }
    lines = heading(export, "egress of every pod of the namespace it is applied to")
    if any(entry.name is not None and entry.name.startswith("*.") for entry in allowed):
        lines.append("# *.SUFFIX reaches one label here: Cilium's * does not cross a dot; name deeper hosts one by one")
    return "\n".join([*lines, yaml_text(document)])


def _name(entry: Destination) -> Value:
    name = entry.name or ""
    return {"matchPattern": name} if name.startswith("*.") else {"matchName": name}


def _unique(names: list[Value]) -> list[Value]:
    return [name for index, name in enumerate(names) if name not in names[:index]]


def _port(entry: Destination) -> Value:
    # port 0 means every port
    port: dict[str, Value] = {"port": str(entry.low), "protocol": entry.transport.value.upper()}
    if entry.low != entry.high and entry.low:
        port["endPort"] = entry.high
    return port
