from typing import TYPE_CHECKING

from acme import tool

if TYPE_CHECKING:
    from acme import never
