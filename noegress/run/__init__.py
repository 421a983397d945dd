"""Runs an installer with the mirror as its only index and its only network."""
