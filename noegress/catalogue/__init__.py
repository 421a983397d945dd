"""The catalogue: the signed list of what was decided about every file (TUF, in the shape of PEP 458).

The values are here; ``noegress.catalogue.repository`` (the mirror's side), ``noegress.catalogue.client`` and
``noegress.catalogue.keys`` need the extra ``noegress[catalogue]``.
"""

from noegress.catalogue.entry import CatalogueEntry, Publication
from noegress.catalogue.members import EntryPoint, Members, MembersError, Scheme, members_of

__all__ = ["CatalogueEntry", "EntryPoint", "Members", "MembersError", "Publication", "Scheme", "members_of"]
