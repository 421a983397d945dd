"""Bundles: what was released, carried across the gap; verified as a whole before any of it becomes visible."""

from noegress.bundle.manifest import BundleError

__all__ = ["BundleError"]
