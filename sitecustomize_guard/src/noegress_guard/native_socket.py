"""The `_socket` that C code made, told apart from what Python code can put in its place.

Whoever answers for it in `sys.modules`, or from a folder of `sys.path`, could say of any socket that it is none.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_METHOD: Final[Any] = type(str.join)
_FUNCTION: Final[Any] = type(len)
_MODULE: Final = type(sys)
_FUNCTIONS: Final = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")
_parts_of: Final = type.__dict__["__mro__"].__get__  # past what a metaclass says
_space_of: Final = type.__dict__["__dict__"].__get__


def native_type(kind: type) -> Any:
    """Return the socket type of C code that a type is or derives from, None if there is none."""
    for part in _parts_of(kind):
        method = _space_of(part).get("getsockopt")
        if type(method) is _METHOD and method.__objclass__ is part:
            return part
    return None


def copy_of(module: Any) -> Any:
    """Return a copy of `_socket` that nobody else has; ImportError if it is not what C code made."""
    if type(module) is _MODULE:
        space = dict(vars(module))
        kind = space.get("socket")
        functions = [space.get(name) for name in _FUNCTIONS]
        if isinstance(kind, type) and native_type(kind) is kind and all(map(_is_native, functions, _FUNCTIONS)):
            copy = _MODULE("_socket")
            vars(copy).update(space)
            return copy
    raise ImportError("noegress-guard: the module _socket is not that of the standard library", name="_socket")


def _is_native(function: Any, name: str) -> bool:
    return type(function) is _FUNCTION and function.__name__ == name and type(function.__self__) is _MODULE
