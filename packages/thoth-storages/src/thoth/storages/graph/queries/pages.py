"""Pages: what indexes say of packages, and when they were last asked.

Rows are locked in the order of their keys by every writer, so writers cannot deadlock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.values import (
    storable_blob,
    storable_count,
    storable_format,
    storable_hash,
    storable_text,
    storable_time,
)
from thoth.storages.graph.records import PageRecord, PageStamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from thoth.storages.graph.connections import Connection

_ECOSYSTEM = "pypi"
_MAX_OFFSET = 2**31 - 1

# The facts of some packages on one index. Artifacts stay where they are.
_GET = f"""
    SELECT page.package, page.present, page.digest, page.format, page.checked_at, page.facts,
           NULL, page.etag, page.last_modified
      FROM package_index JOIN page ON page.package_index_id = package_index.id
     WHERE package_index.ecosystem = '{_ECOSYSTEM}' AND package_index.url = %s
       AND page.package = ANY(%s) AND page.format = %s
"""  # noqa: S608 - a constant of ours

# Which pages of some packages an index has now, without what is on them.
_GET_STAMPS = f"""
    SELECT page.package, page.digest, page.checked_at
      FROM package_index JOIN page ON page.package_index_id = package_index.id
     WHERE package_index.ecosystem = '{_ECOSYSTEM}' AND package_index.url = %s
       AND page.package = ANY(%s) AND page.format = %s
"""  # noqa: S608 - a constant of ours

# Slices of artifacts, in the order asked for. A wanted length that the value lacks gives NULL.
_GET_ARTIFACTS = f"""
    SELECT CASE WHEN octet_length(page.artifacts) >= wanted.start + wanted.length
                THEN substring(page.artifacts FROM wanted.start + 1 FOR wanted.length) END
      FROM unnest(%s::text[], %b::bytea[], %s::int[], %s::int[])
           WITH ORDINALITY AS wanted (package, digest, start, length, position)
      LEFT JOIN package_index
             ON package_index.ecosystem = '{_ECOSYSTEM}' AND package_index.url = %s
      LEFT JOIN page
             ON page.package_index_id = package_index.id AND page.package = wanted.package
            AND page.digest = wanted.digest
     ORDER BY wanted.position
"""  # noqa: S608 - a constant of ours

_RECORD_INDEX = f"""
    INSERT INTO package_index (ecosystem, url) SELECT '{_ECOSYSTEM}', %(url)s
     WHERE NOT EXISTS (
           SELECT FROM package_index WHERE ecosystem = '{_ECOSYSTEM}' AND url = %(url)s)
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - a constant of ours

_GET_INDEX = f"SELECT id FROM package_index WHERE ecosystem = '{_ECOSYSTEM}' AND url = %s"  # noqa: S608

# An unchanged page keeps its stored blobs: the value that a row has already is not written anew.
_RECORD = """
    INSERT INTO page AS stored
           (package_index_id, package, present, digest, format, checked_at, changed_at,
            facts, artifacts, etag, last_modified)
    VALUES (%(index)s, %(package)s, %(present)s, %(digest)b, %(format)s, %(checked_at)s,
            %(checked_at)s, %(facts)b, %(artifacts)b, %(etag)s, %(last_modified)s)
    ON CONFLICT (package_index_id, package) DO UPDATE
       SET present = excluded.present, digest = excluded.digest, format = excluded.format,
           checked_at = excluded.checked_at, etag = excluded.etag,
           last_modified = excluded.last_modified,
           changed_at = CASE WHEN stored.digest = excluded.digest
                             THEN stored.changed_at ELSE excluded.checked_at END,
           facts = CASE WHEN (stored.digest, stored.format, stored.present)
                           = (excluded.digest, excluded.format, excluded.present)
                        THEN stored.facts ELSE excluded.facts END,
           artifacts = CASE WHEN (stored.digest, stored.format, stored.present)
                               = (excluded.digest, excluded.format, excluded.present)
                            THEN coalesce(stored.artifacts, excluded.artifacts)
                            ELSE excluded.artifacts END
     WHERE stored.checked_at <= excluded.checked_at
"""

# Renews a page whose blobs were left in the store, if it is still the same page.
_RENEW = """
    UPDATE page SET checked_at = %(checked_at)s, etag = %(etag)s, last_modified = %(last_modified)s
     WHERE package_index_id = %(index)s AND package = %(package)s AND digest = %(digest)b
       AND format = %(format)s AND checked_at <= %(checked_at)s
"""

_TOUCH = f"""
    WITH touched AS (
         SELECT page.package_index_id, page.package
           FROM package_index JOIN page ON page.package_index_id = package_index.id
          WHERE package_index.ecosystem = '{_ECOSYSTEM}' AND package_index.url = %(url)s
            AND page.package = ANY(%(packages)s) AND page.checked_at < %(checked_at)s
          ORDER BY page.package FOR NO KEY UPDATE OF page)
    UPDATE page SET checked_at = greatest(page.checked_at, %(checked_at)s)
      FROM touched
     WHERE page.package_index_id = touched.package_index_id AND page.package = touched.package
"""  # noqa: S608 - a constant of ours

# The absent pages that are too old, and those beyond the number that may stay, oldest first.
_FORGET_ABSENT = """
    DELETE FROM page WHERE (package_index_id, package) IN (
           SELECT package_index_id, package FROM page
            WHERE NOT present AND checked_at <= greatest(%(checked_until)s, (
                  SELECT checked_at FROM page WHERE NOT present
                   ORDER BY checked_at DESC OFFSET %(keep)s LIMIT 1))
            ORDER BY checked_at, package_index_id, package LIMIT %(at_most)s
              FOR UPDATE SKIP LOCKED)
"""


class PageStore:
    """Keeps pages; safe for threads and for any number of parallel writers.

    Times are with a time zone, and come back in UTC. Raises `InvalidRecordError` for what cannot
    be stored, before anything is written.
    """

    def __init__(self, connection: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._connection = connection

    def get(
        self,
        index_url: str,
        packages: Sequence[str],
        *,
        format: int,  # noqa: A002 - as the column is called
    ) -> dict[str, PageRecord]:
        """Return the stored pages of these packages by name, in one round trip.

        Pages of another format and unknown ones are left out; `artifacts` stay in the store.
        """
        wanted = [storable_text("package", package) for package in packages]
        parameters = (storable_text("index_url", index_url), wanted, storable_format(format))
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            rows = cursor.execute(_GET, parameters).fetchall()
        return {row[0]: PageRecord(*row) for row in rows}

    def get_stamps(
        self,
        index_url: str,
        packages: Sequence[str],
        *,
        format: int,  # noqa: A002 - as the column is called
    ) -> dict[str, PageStamp]:
        """Return which pages of these packages are stored now, by name, in one round trip.

        Pages of another format and unknown ones are left out.
        """
        wanted = [storable_text("package", package) for package in packages]
        parameters = (storable_text("index_url", index_url), wanted, storable_format(format))
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            rows = cursor.execute(_GET_STAMPS, parameters).fetchall()
        return {row[0]: PageStamp(*row[1:]) for row in rows}

    def get_artifacts(
        self, index_url: str, slices: Sequence[tuple[str, bytes, int, int]]
    ) -> list[bytes | None]:
        """Return slices of stored artifacts, in the order asked for, in one round trip.

        A slice is (package, digest of its page, offset and length in bytes). None where the page
        is unknown or has changed since, or holds no such slice.
        """
        check_slices(slices)
        parameters = (
            [package for package, _, _, _ in slices],
            [digest for _, digest, _, _ in slices],
            [offset for _, _, offset, _ in slices],
            [length for _, _, _, length in slices],
            storable_text("index_url", index_url),
        )
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            rows = cursor.execute(_GET_ARTIFACTS, parameters).fetchall()
        return [row[0] for row in rows]

    def record(self, index_url: str, records: Sequence[PageRecord]) -> None:
        """Store pages, all or none of them.

        A page that was checked later is never overwritten by an earlier one. A record of a present
        page whose `artifacts` is None only renews the check and the validators of the page that is
        stored with its digest and format; where there is none (any more), it does nothing.
        """
        if not records:
            return
        url = storable_text("index_url", index_url)
        for page in records:
            check(page)
        ordered = sorted(records, key=lambda page: (page.package, page.checked_at))
        with self._connection() as connection, connection.transaction():
            connection.execute(_RECORD_INDEX, {"url": url})
            found = connection.execute(_GET_INDEX, (url,)).fetchone()
            index = None if found is None else found[0]
            with connection.pipeline(), connection.cursor() as cursor:
                for page in ordered:
                    left_in_store = page.present and page.artifacts is None
                    statement = _RENEW if left_in_store else _RECORD
                    cursor.execute(statement, {"index": index, **msgspec.structs.asdict(page)})

    def touch(self, index_url: str, packages: Sequence[str], checked_at: datetime) -> None:
        """Say that these pages were still as they are stored at this time.

        Unknown packages are left out; a later check is never replaced by an earlier one.
        """
        parameters = {
            "url": storable_text("index_url", index_url),
            "packages": [storable_text("package", package) for package in packages],
            "checked_at": storable_time("checked_at", checked_at),
        }
        with self._connection() as connection:
            connection.execute(_TOUCH, parameters)

    def forget_absent(self, checked_until: datetime, *, keep: int, at_most: int) -> int:
        """Remove pages of absent packages, oldest first; return how many went.

        Those go that were last checked until then, and, of all indexes together, those beyond the
        `keep` (0 or more) that were checked last. One call removes `at_most`, one or more.
        """
        parameters = {
            "checked_until": storable_time("checked_until", checked_until),
            "keep": storable_count("keep", keep, least=0),
            "at_most": storable_count("at_most", at_most, least=1),
        }
        with self._connection() as connection:
            return connection.execute(_FORGET_ABSENT, parameters).rowcount


def check(page: PageRecord) -> None:
    """Raise `InvalidRecordError` where a page cannot be stored."""
    if page.present != (page.facts is not None):
        raise InvalidRecordError("facts", page.package, "must go with a present page, and only so")
    storable_text("package", page.package)
    storable_text("etag", page.etag)
    storable_text("last_modified", page.last_modified)
    storable_hash("digest", page.digest)
    storable_format(page.format)
    storable_time("checked_at", page.checked_at)
    storable_blob("facts", page.facts)
    storable_blob("artifacts", page.artifacts)


def check_slices(slices: Sequence[tuple[str, bytes, int, int]]) -> None:
    """Raise `InvalidRecordError` where a slice cannot be asked for."""
    for package, digest, offset, length in slices:
        storable_text("package", package)
        storable_hash("digest", digest)
        if not (0 <= offset <= _MAX_OFFSET and 0 <= length <= _MAX_OFFSET - offset):
            raise InvalidRecordError("slice", (offset, length), "is out of range")
