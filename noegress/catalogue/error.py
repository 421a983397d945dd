"""What goes wrong with a catalogue for those who ask it."""

from noegress.errors import NoegressError


class CatalogueUndecidedError(NoegressError):
    """The catalogue cannot be believed now: unreachable, stale, expired, rolled back, or under another root."""

    exit_status = 3
