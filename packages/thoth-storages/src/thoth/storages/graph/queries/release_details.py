"""Writing what releases have besides dependencies: their metadata and their artifacts.

Both say first, without writing, of which releases anything would change. The caller locks those
before it lets them be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.graph.queries import packing
from thoth.storages.graph.queries import release_statements as sql
from thoth.storages.graph.queries.artifact_merging import artifact_changes
from thoth.storages.graph.release_records import ArtifactRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.queries.release_batches import Batch

_JSON_BYTES = 32 * 2**20


class MetadataWriter:
    """Writes the metadata of the releases of a batch.

    `ids` are their row ids, `added` the places of those that the transaction added.
    """

    def __init__(
        self, connection: Connection, batch: Batch, ids: Sequence[int], added: set[int]
    ) -> None:
        self._connection = connection
        self._batch = batch
        self._ids = ids
        self._added = added

    def differing(self) -> list[int]:
        """Return the places of the releases whose metadata would change."""
        places = {
            self._ids[place]: place
            for place, release in enumerate(self._batch.releases)
            if release.metadata is not None
        }
        known = [release for release, place in places.items() if place not in self._added]
        described = self._described(known)
        changed = {
            release
            for rows in self._rows(places[release] for release in described)
            for release in self._column(sql.FIND_CHANGED_METADATA, {"rows": rows})
        }
        return [
            place
            for release, place in places.items()
            if release in changed or release not in described
        ]

    def write(self, places: Sequence[int]) -> None:
        """Write the metadata of these releases, which nobody else changes meanwhile."""
        known = [self._ids[place] for place in places if place not in self._added]
        described = self._described(known)
        for rows in self._rows(place for place in places if self._ids[place] in described):
            self._connection.execute(sql.CHANGE_METADATA, {"rows": rows})
        for rows in self._rows(place for place in places if self._ids[place] not in described):
            self._connection.execute(sql.ADD_METADATA, {"rows": rows})

    def _described(self, releases: Sequence[int]) -> set[int]:
        """Return those of the releases of which there are metadata."""
        if not releases:
            return set()
        return set(self._column(sql.FIND_DESCRIBED, {"ids": packing.integers(releases)}))

    def _column(self, statement: str, parameters: dict[str, Any]) -> list[int]:
        with self._connection.cursor(binary=True) as cursor:
            return [value for (value,) in cursor.execute(statement, parameters)]

    def _rows(self, places: Iterable[int]) -> Iterator[str]:
        releases = self._batch.releases
        encode = msgspec.json.Encoder().encode
        return json_arrays(
            b'{"release_id":%d,%b' % (self._ids[place], encode(releases[place].metadata)[1:])
            for place in places
        )


class ArtifactWriter:
    """Writes the artifacts of the releases of a batch.

    `ids` are their row ids, `added` the places of those that the transaction added.
    """

    def __init__(
        self, connection: Connection, batch: Batch, ids: Sequence[int], added: set[int]
    ) -> None:
        self._connection = connection
        self._batch = batch
        self._ids = ids
        self._added = added

    def differing(self) -> list[int]:
        """Return the places of the releases whose artifacts would change."""
        places = [place for place, release in enumerate(self._batch.releases) if release.artifacts]
        stored = self._stored(places)
        return [
            place
            for place in places
            if not stored[place]
            or artifact_changes(stored[place], self._batch.releases[place].artifacts or ())
        ]

    def write(self, places: Sequence[int]) -> None:
        """Write the artifacts of these releases, which nobody else changes meanwhile.

        An artifact that is added to others of a release becomes a row of `release_change`.
        """
        stored = self._stored(places)
        removed: list[int] = []
        changed: list[bytes] = []
        new: list[bytes] = []
        for place in places:
            changes = artifact_changes(stored[place], self._batch.releases[place].artifacts or ())
            removed += changes.removed
            changed += [_row(artifact, id=row) for row, artifact in changes.changed]
            release, is_change = self._ids[place], bool(stored[place])
            new += [
                _row(artifact, release_id=release, is_change=is_change)
                for artifact in changes.added
            ]
        if removed:
            self._connection.execute(sql.DELETE_ARTIFACTS, {"ids": removed})
        for rows in json_arrays(changed):
            self._connection.execute(sql.CHANGE_ARTIFACTS, {"rows": rows})
        for rows in json_arrays(new):
            self._connection.execute(sql.ADD_ARTIFACTS, {"rows": rows})

    def _stored(self, places: Sequence[int]) -> dict[int, list[tuple[int, ArtifactRecord]]]:
        stored: dict[int, list[tuple[int, ArtifactRecord]]] = {place: [] for place in places}
        by_id = {self._ids[place]: place for place in places if place not in self._added}
        if not by_id:
            return stored
        wanted = {"ids": packing.integers(list(by_id))}
        with self._connection.cursor(binary=True) as cursor:
            for row, release, name, sha256, kind, size, uploaded_at, yanked, tags in cursor.execute(
                sql.FIND_ARTIFACTS, wanted
            ):
                known_tags = None if tags is None else tuple(tags)
                artifact = ArtifactRecord(name, sha256, kind, size, uploaded_at, yanked, known_tags)
                stored[by_id[release]].append((row, artifact))
        return stored


def json_arrays(rows: Iterable[bytes]) -> Iterator[str]:
    """Give rows, encoded as JSON, as arrays, none of them too long for the server."""
    part: list[bytes] = []
    size = 0
    for row in rows:
        part.append(row)
        size += len(row)
        if size > _JSON_BYTES:
            yield _joined(part)
            part, size = [], 0
    if part:
        yield _joined(part)


def _joined(rows: Sequence[bytes]) -> str:
    return b"".join((b"[", b",".join(rows), b"]")).decode()


def _row(artifact: ArtifactRecord, **more: int) -> bytes:
    sha256 = None if artifact.sha256 is None else artifact.sha256.hex()
    return msgspec.json.encode({**msgspec.structs.asdict(artifact), "sha256": sha256, **more})
