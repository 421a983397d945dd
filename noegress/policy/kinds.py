"""The kinds of value a policy setting can have: each parses a TOML value and writes its own JSON Schema."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

Json = dict[str, Any]


@dataclass(slots=True)
class Report:
    """Collects every problem of one reading, so that none hides behind the first."""

    add: Callable[[tuple[str | int, ...], str, str], None]
    """Called with the key path, the problem and the fix."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the document while it is read."""

    path: tuple[str | int, ...]
    report: Report

    def child(self, key: str | int) -> "Spot":
        return Spot((*self.path, key), self.report)

    def refuse(self, problem: str, fix: str) -> None:
        self.report.add(self.path, f"{self} {problem}", fix)

    def __str__(self) -> str:
        names = [f"[{part}]" if isinstance(part, int) else part for part in self.path]
        return ".".join(names).replace(".[", "[") or "the policy"


class Kind(Generic[T]):
    """Parses one value; a problem is reported at its spot and the result is then never used."""

    def parse(self, value: object, spot: Spot) -> T:
        raise NotImplementedError

    def schema(self) -> Json:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Text(Kind[str]):
    """A string that ``check`` accepts; ``check`` raises ``ValueError`` with what must be."""

    must_be: str = "a non-empty string"
    check: Callable[[str], object] | None = None
    example: str = "text"
    pattern: str | None = None

    def parse(self, value: object, spot: Spot) -> str:
        if not isinstance(value, str) or not value or (self.pattern and not re.fullmatch(self.pattern, value)):
            spot.refuse(f"must be {self.must_be}, not {value!r}", f'for example "{self.example}"')
            return ""
        if self.check is not None:
            try:
                self.check(value)
            except ValueError as error:
                spot.refuse(f"must be {self.must_be}: {error}", f'for example "{self.example}"')
        return value

    def schema(self) -> Json:
        pattern = {"pattern": f"^(?:{self.pattern})$"} if self.pattern else {}
        return {"type": "string", "minLength": 1, "examples": [self.example], **pattern}


@dataclass(frozen=True, slots=True)
class Parsed(Kind[T]):
    """A string that ``parse_text`` turns into a value; it raises ``ValueError`` with problem and fix in its text."""

    parse_text: Callable[[str], T]
    must_be: str
    example: str

    def parse(self, value: object, spot: Spot) -> T:
        fix = f'for example "{self.example}"'
        if not isinstance(value, str):
            spot.refuse(f"must be {self.must_be}, not {value!r}", fix)
            return cast("T", None)
        try:
            return self.parse_text(value)
        except ValueError as error:
            problem = getattr(error, "problem", str(error))
            spot.refuse(f"must be {self.must_be}: {problem}", getattr(error, "fix", fix))
            return cast("T", None)

    def schema(self) -> Json:
        return {"type": "string", "minLength": 1, "examples": [self.example]}


@dataclass(frozen=True, slots=True)
class Flag(Kind[bool]):
    """True or false."""

    def parse(self, value: object, spot: Spot) -> bool:
        if not isinstance(value, bool):
            spot.refuse(f"must be true or false, not {value!r}", "write true or false without quotes")
            return False
        return value

    def schema(self) -> Json:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Whole(Kind[int]):
    """A whole number within bounds."""

    unit: str
    low: int = 0
    high: int = 1_000_000

    def parse(self, value: object, spot: Spot) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            bounds = f"a whole number of {self.unit} from {self.low} to {self.high}"
            if self.low == self.high:
                bounds = f"{self.low}, the only {self.unit} there is"
            spot.refuse(f"must be {bounds}, not {value!r}", "write the number without quotes")
            return self.low
        return value

    def schema(self) -> Json:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Day(Kind[date]):
    """A TOML local date."""

    def parse(self, value: object, spot: Spot) -> date:
        if not isinstance(value, date) or isinstance(value, datetime):
            spot.refuse(f"must be a date, not {value!r}", "write it without quotes, as 2027-03-01")
            return date.min
        return value

    def schema(self) -> Json:
        return {"type": "string", "format": "date"}


@dataclass(frozen=True, slots=True)
class Choice(Kind[E]):
    """One of the members of an enumeration."""

    members: type[E]

    def parse(self, value: object, spot: Spot) -> E:
        names = [member.value for member in self.members]
        if value not in names:
            near = get_close_matches(str(value), names, n=1, cutoff=0.5)
            spot.refuse(f"must be one of {', '.join(names)}, not {value!r}", f'write "{(near or names)[0]}"')
            return next(iter(self.members))
        return self.members(value)

    def schema(self) -> Json:
        return {"enum": [member.value for member in self.members]}


@dataclass(frozen=True, slots=True)
class Many(Kind[tuple[T, ...]]):
    """An array of one kind."""

    of: Kind[T]
    is_unique: bool = True

    def parse(self, value: object, spot: Spot) -> tuple[T, ...]:
        if not isinstance(value, list):
            spot.refuse(
                f"must be an array, not {value!r}", f"write [{value!r}]" if isinstance(value, str) else "write [ … ]"
            )
            return ()
        items = tuple(self.of.parse(item, spot.child(index)) for index, item in enumerate(value))
        for index, item in enumerate(value):
            if self.is_unique and item in value[:index]:
                spot.child(index).refuse(f"repeats {item!r}", "leave one of them out")
        return items

    def schema(self) -> Json:
        return {"type": "array", "items": self.of.schema(), "uniqueItems": self.is_unique}


@dataclass(frozen=True, slots=True)
class Variables(Kind[tuple[tuple[str, str], ...]]):
    """Environment variables and their values."""

    def parse(self, value: object, spot: Spot) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict) or not value:
            spot.refuse(f"must be a table of variables, not {value!r}", 'write { NAME = "value" }')
            return ()
        for name, text in value.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or not isinstance(text, str) or "\0" in text:
                spot.child(name).refuse("must be an environment variable with a string", 'write { NAME = "value" }')
        return tuple(sorted((name, str(text)) for name, text in value.items()))

    def schema(self) -> Json:
        names = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
        return {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "propertyNames": names,
            "minProperties": 1,
        }


@dataclass(frozen=True, slots=True)
class Table(Kind[T]):
    """A table that becomes a dataclass whose fields are made with ``setting``."""

    model: type[T]

    def parse(self, value: object, spot: Spot) -> T:
        if not isinstance(value, dict):
            spot.refuse(f"must be a table, not {value!r}", "write it as [table] with KEY = VALUE lines")
            return cast("T", None)
        known = {key_of(item.name): item for item in fields(self.model)}  # type: ignore[arg-type]
        _refuse_unknown(value, tuple(known), spot)
        values: dict[str, object] = {}
        for key, item in known.items():
            if key in value:
                values[item.name] = item.metadata["kind"].parse(value[key], spot.child(key))
            elif item.default is MISSING and item.default_factory is MISSING:
                spot.refuse(f"lacks {key}", f"add {key}: {item.metadata['doc']}")
                values[item.name] = None
        made = self.model(**values)
        complaint = getattr(made, "complaint", None)
        if complaint is not None and None not in values.values() and (said := complaint()):
            spot.refuse(*said)
        return made

    def schema(self) -> Json:
        properties: Json = {}
        required = []
        for item in fields(self.model):  # type: ignore[arg-type]
            properties[key_of(item.name)] = {**item.metadata["kind"].schema(), "description": item.metadata["doc"]}
            if item.default is MISSING and item.default_factory is MISSING:
                required.append(key_of(item.name))
        return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def setting(kind: Kind[T], doc: str, *, default: Any = MISSING) -> Any:
    """A dataclass field that a policy file sets; without a default it is required."""
    metadata: Mapping[str, object] = {"kind": kind, "doc": doc}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def section(model: type[T], doc: str) -> Any:
    """A dataclass field that is a table of its own; absent, it is the table's defaults."""
    return field(default_factory=model, metadata={"kind": Table(model), "doc": doc})


def key_of(name: str) -> str:
    """The TOML key of a field: kebab-case."""
    return name.replace("_", "-")


def _refuse_unknown(value: Mapping[str, object], known: tuple[str, ...], spot: Spot) -> None:
    for key in value:
        if key in known:
            continue
        near = get_close_matches(key.replace("_", "-"), known, n=1, cutoff=0.0)
        fix = f"write {near[0]}" if near else "remove it"
        spot.child(key).refuse(f"is not a setting; the nearest is {near[0]}" if near else "is not a setting", fix)
