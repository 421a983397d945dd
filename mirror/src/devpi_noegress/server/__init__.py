"""Runs a mirror: its doors wired before devpi, its control socket, its upkeep, and the nginx before it."""
