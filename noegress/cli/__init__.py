"""The ``noegress`` command: parses, calls one function of the core, hands the result to a reporter."""

from noegress.cli.command import Command
from noegress.cli.main import main

__all__ = ["Command", "main"]
