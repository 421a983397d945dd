"""The literal variables of a script, so that an index that is named once and used later is seen."""

import re
from dataclasses import dataclass, field
from itertools import product

_REFERENCE = re.compile(
    r"\$\{\{\s*(?:env|inputs|matrix|parameters|variables)\.(?P<expression>[\w.-]+)\s*\}\}"
    r"|\{\{\s*\.?(?P<template>\w+)\s*\}\}"
    r"|\$\((?P<make>\w+)\)"
    r"|\$\{(?P<brace>\w+)(?:\[[@*0-9]+\])?(?::?[-=+](?P<default>[^{}]*))?\}"
    r"|\$env:(?P<power>\w+)"
    r"|\$(?P<plain>[A-Za-z_]\w*)"
    r"|%(?P<batch>\w+)%",
    re.IGNORECASE,
)
_VARIANTS = 8
"""Readings of one line; a variable that is set in two branches has two values."""
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Literals:
    """Values by name, as far as a file writes them out."""

    _values: dict[str, list[str]] = field(default_factory=dict)

    def note(self, name: str, value: str) -> None:
        """Remember an assignment; one that refers to itself tells nothing new."""
        known = self._values.setdefault(name, [])
        if value and value not in known and len(known) < _VARIANTS:
            known.append(value)

    def readings(self, text: str) -> list[str]:
        """The text with every known variable replaced, once for each combination of values; itself where none is."""
        found = [text]
        for _ in range(_ROUNDS):
            following = list(dict.fromkeys(reading for each in found for reading in self._replaced(each)))[:_VARIANTS]
            if following == found:
                break
            found = following
        return found

    def _replaced(self, text: str) -> list[str]:
        references = list(dict.fromkeys(found[0] for found in _REFERENCE.finditer(text)))
        choices = [(whole, self._choices(whole)) for whole in references]
        combinations = product(*(values[:_VARIANTS] for _, values in choices[:_VARIANTS]))
        readings = []
        for combination in combinations:
            chosen = dict(zip(references, combination, strict=False))
            readings.append(_REFERENCE.sub(lambda found, chosen=chosen: chosen.get(found[0], found[0]), text))  # type: ignore[misc]
            if len(readings) == _VARIANTS:
                break
        return readings

    def _choices(self, whole: str) -> list[str]:
        found = _REFERENCE.fullmatch(whole)
        if found is None:
            return [whole]
        groups = {kind: name for kind, name in found.groupdict().items() if name and kind != "default"}
        known = [value for name in groups.values() for value in self._values.get(name.rpartition(".")[2], [])]
        known = [value for value in known if whole not in value]
        if found["default"]:
            known.append(found["default"].strip("\"'"))
        return list(dict.fromkeys(known)) or [whole]
