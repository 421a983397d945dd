"""The trail of one admission: each step with its evidence, written down when it is done, so that the next can go on."""

from collections.abc import Mapping
from typing import Any

from devpi_noegress.files import BEGUN, ON_THE_WAY, Record, State
from devpi_noegress.state.store import Change, Store
from noegress.catalogue import Members


class Trail:
    """For a file that is judged anew and served meanwhile, nothing is written before the decision."""

    def __init__(self, store: Store, record: Record) -> None:
        self._store, self._path = store, record.file.path
        self._is_written = record.state in ON_THE_WAY
        self.is_resumed = record.state in BEGUN
        self.earlier: Mapping[str, Mapping[str, Any]] = store.evidence(self._path) if self.is_resumed else {}
        """What was seen before an interruption, by step."""
        self.provenance = None if self.is_resumed else store.evidence(self._path).get("provenance")
        """The provenance that a bundle brought, or an earlier look; it is held against the file each time."""
        self.later: dict[str, object] = {}
        """What has to be written with the decision."""
        self.closing: Mapping[str, object] = {"interrupted": {"times": 0}} if self.is_resumed else {}
        """What a decision that was reached after all takes back."""
        self.metadata: tuple[str, bytes] | None = None
        """The same for METADATA: its digest and its content."""
        self.members: Members | None = None
        """What a wheel installs, for the catalogue; None where this admission did not read it."""

    def step(self, state: State, evidence: Mapping[str, object], metadata: tuple[str, bytes] | None = None) -> None:
        """One step was done."""
        digest, content = metadata or (None, None)
        if self._is_written:
            change = Change(
                path=self._path, state=state, metadata=content, metadata_sha256=digest, evidence=dict(evidence)
            )
            self._store.advance(change)
        else:
            self.later |= evidence
        if metadata is not None:
            self.metadata = metadata
