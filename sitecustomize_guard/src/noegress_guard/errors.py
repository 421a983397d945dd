"""What the guard raises; the one module of the Python layer that everybody shares."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class EgressRefused(PermissionError):  # noqa: N818 -- reads as what happened, like ConnectionRefusedError
    """A connection, datagram or lookup that the guard policy does not allow."""

    noegress: "dict[str, Any]"
    """The event that was recorded for it (format 1)."""


class PolicyError(Exception):
    """A policy that cannot be enforced; the message leads with the file and ends with the fix."""
