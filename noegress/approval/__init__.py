"""Approval: who asked for a file, on what evidence, and who else agreed; signed statements that travel together."""

from noegress.approval.error import ApprovalError

__all__ = ["ApprovalError"]
