"""Writes the policy for the other doors, one module a target."""
