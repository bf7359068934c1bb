"""The core metadata of artifacts. A file never changes under its hash, so what is known stays.

Rows are locked in the order of their keys by every writer, so writers cannot deadlock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.values import (
    storable_blob,
    storable_format,
    storable_hash,
    storable_text,
)
from thoth.storages.graph.records import ArtifactMetadataRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from thoth.storages.graph.connections import Connection

# The facts of some artifacts. The metadata files stay where they are.
_GET = """
    SELECT key, format, origin, facts, opaque, needs_build
      FROM artifact_metadata WHERE key = ANY(%s) AND format = %s
"""

_GET_CONTENT = "SELECT content FROM artifact_metadata WHERE key = %b AND facts IS NOT NULL"

# A known fact replaces an opaque one, never the other way round; an equal row is not written anew.
_RECORD = """
    INSERT INTO artifact_metadata AS stored
           (key, format, origin, needs_build, recorded_at, opaque, facts, content)
    VALUES (%(key)b, %(format)s, %(origin)s, %(needs_build)s, now(), %(opaque)s, %(facts)b,
            %(content)b)
    ON CONFLICT (key) DO UPDATE
       SET format = excluded.format, origin = excluded.origin,
           needs_build = excluded.needs_build, recorded_at = excluded.recorded_at,
           opaque = excluded.opaque, facts = excluded.facts,
           content = CASE WHEN excluded.content = '' THEN stored.content
                          ELSE excluded.content END
     WHERE (excluded.facts IS NOT NULL OR stored.facts IS NULL)
       AND ((stored.format, stored.origin, stored.needs_build, stored.opaque, stored.facts)
            IS DISTINCT FROM
            (excluded.format, excluded.origin, excluded.needs_build, excluded.opaque,
             excluded.facts)
            OR stored.content = '' AND excluded.content <> '')
"""


class ArtifactMetadataStore:
    """Keeps core metadata by artifact; safe for threads and for any number of parallel writers.

    Raises `InvalidRecordError` for what cannot be stored, before anything is written.
    """

    def __init__(self, connection: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._connection = connection

    def get(
        self,
        keys: Sequence[bytes],
        *,
        format: int,  # noqa: A002 - as the column is called
    ) -> dict[bytes, ArtifactMetadataRecord]:
        """Return the stored metadata of these artifacts by key, in one round trip.

        Records of another format and unknown ones are left out; `content` stays in the store.
        """
        parameters = ([storable_hash("key", key) for key in keys], storable_format(format))
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            rows = cursor.execute(_GET, parameters).fetchall()
        return {row[0]: ArtifactMetadataRecord(*row) for row in rows}

    def get_content(self, key: bytes) -> bytes | None:
        """Return the stored core metadata file of an artifact, as it was when it was read.

        None where it is unknown, opaque, or was recorded without its file.
        """
        parameters = (storable_hash("key", key),)
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(_GET_CONTENT, parameters).fetchone()
        return None if row is None else row[0] or None

    def record(self, records: Sequence[ArtifactMetadataRecord]) -> None:
        """Store the metadata of artifacts, all of it or none.

        What is known replaces what is opaque, never the other way round; among equals the later
        call wins. An empty `content` leaves the stored one as it is.
        """
        if not records:
            return
        for record in records:
            check(record)
        rows = [
            msgspec.structs.asdict(record) for record in sorted(records, key=lambda each: each.key)
        ]
        with (
            self._connection() as connection,
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            cursor.executemany(_RECORD, rows)


def check(record: ArtifactMetadataRecord) -> None:
    """Raise `InvalidRecordError` where a record cannot be stored."""
    if (record.facts is None) != (record.opaque is not None):
        raise InvalidRecordError("opaque", record.opaque, "must be given where facts are not")
    storable_hash("key", record.key)
    storable_format(record.format)
    storable_text("origin", record.origin)
    storable_text("opaque", record.opaque)
    storable_blob("facts", record.facts)
    storable_blob("content", record.content)
