"""A hatch plugin that fails a build closed when anything could resolve from elsewhere."""

__version__ = "0.1.0"
