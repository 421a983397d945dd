"""A catalogue in a folder, its keys, its client, and wheels to list in it."""

from catalogue_lab import client, folder, keys, make_publication, make_wheel, repository

__all__ = ["client", "folder", "keys", "make_publication", "make_wheel", "repository"]
