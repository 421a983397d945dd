"""An nftables table for the output of a machine or of a container's network namespace; load it with ``nft -f``."""

from noegress.destination import Destination, Network
from noegress.export.target import Export, heading, networks

SUMMARY = "nftables table for the output of a machine or a network namespace; addresses only"


def nftables(export: Export) -> str:
    """The ruleset; loading it twice replaces it. Raises ``UnenforceableError`` for a host name."""
    found = networks(export, "nftables", alternative="send it through a proxy whose address is allowed")
    rules = [_rule(network, destination) for network, destination in found]
    lines = [
        *heading(export, "output of this machine or network namespace; loopback stays open, it does not leave"),
        "table inet noegress",
        "delete table inet noegress",
        "table inet noegress {",
        "    chain output {",
        "        type filter hook output priority filter; policy drop;",
        '        oifname "lo" accept',
        "        ct state established,related accept",
        *(f"        {rule}" for rule in rules),
        "        counter reject with icmpx type admin-prohibited",
        "    }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _rule(network: Network, destination: Destination) -> str:
    family, transport = "ip6" if network.version == 6 else "ip", destination.transport.value
    address = f"{family} daddr {network}"
    if (destination.low, destination.high) == (0, 65535):
        return f"{address} meta l4proto {transport} accept"
    ports = f"{destination.low}" if destination.low == destination.high else f"{destination.low}-{destination.high}"
    return f"{address} {transport} dport {ports} accept"
