"""Ceremonies: what several people sign to change a catalogue, a release or other keys, and how it comes into force."""

from noegress.ceremony.ceremony import Ceremony, CeremonyError

__all__ = ["Ceremony", "CeremonyError"]
