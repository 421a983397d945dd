"""Evidence as JSON and back: a decision can be made anew under another policy without the file's bytes."""

import types
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from devpi_noegress.admission.audit_facts import Facts
from noegress.scan import ScanResult

T = TypeVar("T")


def to_json(value: object) -> Any:
    """Plain JSON values for frozen dataclasses, tuples and string enumerations."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def read_scan(document: object) -> ScanResult:
    """A scan's result from its evidence; raises ``ValueError`` where another version of noegress wrote it."""
    return _read_as(ScanResult, document)


def read_facts(document: object) -> Facts:
    """An audit's facts from its evidence; raises ``ValueError`` where another version of noegress wrote them."""
    return _read_as(Facts, document)


def _read_as(kind: type[T], document: object) -> T:
    try:
        result = _read(kind, document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"the evidence was written in another form: {error}") from error
    assert isinstance(result, kind)  # noqa: S101 - what _read makes of a dataclass
    return result


def _read(kind: Any, document: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (option for option in get_args(kind) if option is not type(None))
        return None if document is None else _read(inner, document)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in document)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        known = [item.name for item in fields(kind)]
        return kind(**{name: _read(hints[name], document[name]) for name in known if name in document})  # type: ignore[operator]
    if kind is datetime:
        return datetime.fromisoformat(document)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(document)
    return document
