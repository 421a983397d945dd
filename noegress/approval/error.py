"""What goes wrong with an approval."""

from noegress.errors import NoegressError


class ApprovalError(NoegressError):
    """A request that too few people approved, or the wrong ones, or on other evidence; nothing is released by it."""

    exit_status = 1


class RefusedError(ApprovalError):
    """A request that an approver refused."""
