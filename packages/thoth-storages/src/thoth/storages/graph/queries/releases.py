"""Recording releases: packages, releases, artifacts, metadata and declared dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.release_batches import prepare
from thoth.storages.graph.queries.release_writer import write
from thoth.storages.graph.queries.transactions import in_transaction

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
        """Store releases, all or none of them; return their row ids in the order given.

        As `record_releases` does. A transaction that loses against another writer's is tried
        again.
        """
        batch, keys = prepare(records, ecosystem=ecosystem)
        with self._connection() as connection:
            ids = in_transaction(connection, lambda: write(connection, batch))
        self._cache.clear()
        return [ids[key] for key in keys]


def record_releases(
    connection: Connection, records: Sequence[ReleaseRecord], *, ecosystem: str = ECOSYSTEM
) -> list[int]:
    """Store releases in the caller's transaction; return their row ids in the order given.

    What is known already is not written again. None says nothing, nor do empty lists of metadata.
    Of two records of a release the later counts; the dependencies and artifacts of both are kept,
    and the earlier time of upload. What changes in a known release becomes rows of
    `release_change`. An artifact that was known by its hash or its name alone becomes the one that
    has both. A release of which an sdist is recorded provides one, and was uploaded with its
    first artifact, where the record does not say so itself.

    A requirement that cannot be parsed is kept as it is written, without bounds. One that does not
    even name a package cannot be kept: a warning is logged that says how many there are.

    `ecosystem` is `pypi`, as yet. Raises `InvalidRecordError`, before anything is sent, for what
    cannot be stored. The transaction may fail because of another one (a deadlock, a row that was
    made or removed meanwhile): `transactions.in_transaction` tries again.
    """
    batch, keys = prepare(records, ecosystem=ecosystem)
    ids = write(connection, batch)
    return [ids[key] for key in keys]
