"""A systemd drop-in that lets a service reach addresses only (``IPAddressAllow=``); it does not see ports."""

from noegress.export.target import Export, heading, networks

SUMMARY = "drop-in for a systemd service; addresses only, every port of them"


def systemd(export: Export) -> str:
    """The drop-in; raises ``UnenforceableError`` for a host name."""
    found = list(networks(export, "systemd", alternative="send it through a proxy whose address is allowed"))
    lines = [*heading(export, "/etc/systemd/system/NAME.service.d/noegress.conf")]
    lines += [
        f"# systemd does not see ports: {destination} opens every port there"
        for _, destination in found
        if (destination.low, destination.high) != (0, 65535)
    ]
    lines += ["[Service]", "IPAddressDeny=any"]
    lines += [f"IPAddressAllow={network}" for network in dict.fromkeys(network for network, _ in found)]
    # raw and packet sockets would pass by the filter of addresses
    lines += ["RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "CapabilityBoundingSet=~CAP_NET_RAW CAP_NET_ADMIN"]
    lines += [f'Environment="{name}={_escaped(value)}"' for name, value in sorted(export.switches.items())]
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
