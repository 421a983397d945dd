"""What a rule is: one file with one class, whose docstring is its page and whose ``check`` yields evidence."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Severity
from noegress.scan.scene.scene import Evidence, Scene


class Rule(ABC):
    """One way in which a file calls out."""

    id: ClassVar[str]
    """Kebab-case, the name of the problem; never reused, never changed in meaning."""
    category: ClassVar[Category]
    severity: ClassVar[Severity]
    since: ClassVar[str]
    """The version of noegress that had it first."""

    @abstractmethod
    def check(self, scene: Scene) -> Iterator[Evidence]:
        """Everything that speaks for this way out; several pieces about one host and file are merged, the weightiest first."""
