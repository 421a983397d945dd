"""A curated PyPI mirror on devpi-server that lists and serves admitted files only."""

__version__ = "0.1.0"
