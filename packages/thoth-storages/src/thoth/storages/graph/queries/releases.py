"""Recording releases: packages, releases, artifacts, metadata and declared dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thoth.storages.graph.queries.family import ECOSYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from thoth.storages.graph.cache import AnswerCache
    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.release_records import ReleaseRecord


class ReleaseStore:
    """Keeps releases; safe for threads and for any number of parallel writers."""

    def __init__(
        self,
        connection: Callable[[], AbstractContextManager[Connection]],
        cache: AnswerCache,
    ) -> None:
        self._connection = connection
        self._cache = cache

    def record(self, records: Sequence[ReleaseRecord], *, ecosystem: str = ECOSYSTEM) -> list[int]:
        """Store releases, all or none of them; return their row ids in the order given."""
        with self._connection() as connection, connection.transaction():
            ids = record_releases(connection, records, ecosystem=ecosystem)
        self._cache.clear()
        return ids


def record_releases(
    connection: Connection, records: Sequence[ReleaseRecord], *, ecosystem: str = ECOSYSTEM
) -> list[int]:
    """Store releases in the caller's transaction; return their row ids in the order given."""
    raise AssertionError
