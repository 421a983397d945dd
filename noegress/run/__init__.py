"""Runs an installer with the mirror as its only index and its only network."""

from noegress.run.build_constraints import build_constraint_variables
from noegress.run.network import IsolationError, run_isolated

__all__ = ["IsolationError", "build_constraint_variables", "run_isolated"]
