"""Which rows a release's artifacts become, given those it has and those that are recorded.

Pure. A file name and a hash that were reported together are one artifact; one that was reported by
its hash or its name alone becomes the same row once both are known, in whatever order they come.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from thoth.storages.graph.release_records import ArtifactRecord


@dataclass(slots=True)
class StoredArtifact:
    """An artifact of a release and its row id, None for one that is not stored yet."""

    artifact: ArtifactRecord
    id: int | None = None


@dataclass(slots=True)
class ArtifactChanges:
    """What is to be done so that the rows of one release hold what is known of its artifacts."""

    added: list[ArtifactRecord] = field(default_factory=list)
    changed: list[tuple[int, ArtifactRecord]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def artifact_changes(
    stored: Sequence[tuple[int, ArtifactRecord]], recorded: Iterable[ArtifactRecord]
) -> ArtifactChanges:
    """Return how the rows of one release change when these artifacts are recorded."""
    recorded = list(recorded)
    if not stored and _are_distinct(recorded):
        return ArtifactChanges(added=recorded)
    rows = [StoredArtifact(artifact, row) for row, artifact in stored]
    before = dict(stored)
    removed: list[int] = []
    for artifact in recorded:
        matching = [row for row in rows if _is_same(row.artifact, artifact)]
        if artifact.filename is not None and artifact.sha256 is not None:
            # At most one row of each kind: with both, with the hash alone, with the name alone.
            matching.sort(key=lambda row: _unknown_parts(row.artifact))
            for superfluous in matching[1:]:
                matching[0].artifact = _merged(superfluous.artifact, matching[0].artifact)
                rows.remove(superfluous)
                if superfluous.id is not None:
                    removed.append(superfluous.id)
            del matching[1:]
        for row in matching:
            row.artifact = _merged(row.artifact, artifact)
        if not matching:
            rows.append(StoredArtifact(artifact))
    return ArtifactChanges(
        added=[row.artifact for row in rows if row.id is None],
        changed=[
            (row.id, row.artifact)
            for row in rows
            if row.id is not None and row.artifact != before[row.id]
        ],
        removed=removed,
    )


def _are_distinct(artifacts: Sequence[ArtifactRecord]) -> bool:
    """Tell at once that no two of artifacts are the same: each is known by its hash alone."""
    hashes = {artifact.sha256 for artifact in artifacts if artifact.filename is None}
    return len(hashes) == len(artifacts)


def _is_same(one: ArtifactRecord, other: ArtifactRecord) -> bool:
    names = one.filename is None or other.filename is None or one.filename == other.filename
    hashes = one.sha256 is None or other.sha256 is None or one.sha256 == other.sha256
    shared = (one.filename is not None and one.filename == other.filename) or (
        one.sha256 is not None and one.sha256 == other.sha256
    )
    return names and hashes and shared


def _unknown_parts(artifact: ArtifactRecord) -> int:
    return (artifact.filename is None) + (artifact.sha256 is None)


def _merged(earlier: ArtifactRecord, later: ArtifactRecord) -> ArtifactRecord:
    """Return what is known by either; the later counts."""
    known = {
        name: value for name, value in msgspec.structs.asdict(later).items() if value is not None
    }
    return msgspec.structs.replace(earlier, **known)
