"""What can go wrong in the mirror, each with its fix.

NoegressError (the core's)
└── MirrorError            the mirror cannot do it (exit status 2)
    ├── FolderError        no mirror there, another one, or one that is in use
    ├── ObstacleError      the policy does not let it be fetched, or nobody asked for it: exit status 1 or 3
    ├── UpstreamError      the upstream is down, slow, or answers what it must not
    └── ScanFailedError    the scan of a file did not come to its end: the file is undecided
"""

from noegress.errors import NoegressError

__all__ = ["FolderError", "MirrorError", "ObstacleError", "ScanFailedError", "UpstreamError"]


class MirrorError(NoegressError):
    """The mirror cannot do what it was asked."""


class FolderError(MirrorError):
    """The folder is no mirror, is one already, or is in use."""


class ObstacleError(MirrorError):
    """What was asked for is not admitted, and is not even fetched."""

    def __init__(self, problem: str, *, fix: str, is_refused: bool) -> None:
        super().__init__(problem, fix=fix)
        self.exit_status = 1 if is_refused else 3


class UpstreamError(MirrorError):
    """The upstream did not give what was asked; nothing of its answer was kept."""

    def __init__(self, problem: str, *, is_cut: bool = False) -> None:
        super().__init__(problem, fix="ask again later; see noegress mirror status for the upstream in use")
        self.is_cut = is_cut
        """Whether an answer had begun, and broke off: asked again at once, it may come whole."""


class ScanFailedError(MirrorError):
    """The scanner died or ran out of time or memory."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, fix="look at the file by hand with noegress scan")
