"""How a mirror is reached from outside."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What is between clients and the mirror."""

    url: str = ""
    """Where clients find it, where that is not where it listens."""
    proxies: tuple[str, ...] = ()
    """Addresses of proxies that are believed about where a request comes from."""
    accelerated: str = ""
    """The internal location from which nginx sends files (X-Accel-Redirect); empty: the mirror sends them itself."""
