"""Judges what a bundle brings with the rules and the policy of the inside; missing word means undecided."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from noegress.catalogue.entry import CatalogueEntry
from noegress.policy import Policy
from noegress.scan.pool import Unscanned, scan_files
from noegress.verdict import Verdict, decide


@dataclass(frozen=True, slots=True)
class Rescan:
    """Scans files again and decides under a policy."""

    policy: Policy
    jobs: int

    def __call__(
        self, paths: Mapping[str, Path], entries: Mapping[str, CatalogueEntry]
    ) -> Mapping[str, tuple[Verdict, tuple[str, ...]]]:
        """The inside's verdict on each file, by digest."""
        verdicts: dict[str, tuple[Verdict, tuple[str, ...]]] = {}
        today = datetime.now(UTC).date()
        first = next(iter(paths.values()), None)
        if first is None:
            return verdicts
        # a scanner knows a file by its name: links beside the objects, so that nothing is copied
        folder = Path(tempfile.mkdtemp(prefix=".rescan-", dir=first.parent.parent.parent))
        try:
            named = {}
            for sha256, path in paths.items():
                link = folder / sha256 / entries[sha256].filename
                link.parent.mkdir()
                link.hardlink_to(path)
                named[link] = sha256
            for link, outcome in zip(named, scan_files(named, jobs=min(self.jobs, len(named))), strict=True):
                if isinstance(outcome, Unscanned):
                    verdicts[named[link]] = (Verdict.UNDECIDED, (outcome.problem,))
                    continue
                decision = decide(
                    outcome.subject, outcome.findings, self.policy, today=today, undecided=outcome.undecided
                )
                verdicts[named[link]] = (decision.verdict, decision.reasons)
        finally:
            shutil.rmtree(folder)
        return verdicts
