"""Custody: who did what with a file, in an append-only log that shows when it is cut or rewritten."""

from noegress.custody.log import Action, CustodyError, CustodyLog, Event, Record

__all__ = ["Action", "CustodyError", "CustodyLog", "Event", "Record"]
