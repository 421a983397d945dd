"""Named tuples without the `typing` module, which takes longer to load than this whole package."""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:

    class _Maker(type):
        """Turns the annotations of a class into the fields of a named tuple, as `typing.NamedTuple` does."""

        def __new__(cls: type, name: str, bases: tuple[type, ...], space: dict[str, object]) -> type:
            if not bases:
                return type.__new__(cls, name, bases, space)
            fields = space.get("__annotations__", {})
            defaults = [space.pop(field) for field in fields if field in space]
            base = namedtuple(name, fields, defaults=defaults, module=space["__module__"])  # noqa: PYI024 -- see above
            return type(name, (base,), {**space, "__slots__": ()})

    class Record(metaclass=_Maker):
        """Base of records: subclasses are tuples whose fields are their annotations."""


__all__ = ["Record"]
