"""Rows whose parents a transaction made or locked, inserted without looking these up one by one.

A foreign key is checked row by row, for several times what inserting the row takes. Where the role
may switch the checks off, it locks the parents that others made, all in one statement, so that
nobody removes them before the transaction ends, and inserts without checks.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg import errors
from psycopg.pq import TransactionStatus

from thoth.storages.graph.queries import packing
from thoth.storages.graph.queries import release_statements as sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thoth.storages.graph.connections import Connection


class ForeignKeys:
    """The checks of foreign keys in the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._may_skip = False
        self._is_skipping = False
        packing.register(connection)

    def prepare(self) -> None:
        """Set the transaction up for batches, and ask whether its role may skip checks."""
        row = self._connection.execute(sql.PREPARE_SERVER).fetchone()
        self._may_skip = bool(row and row[0])

    def lock(self, statement: str, ids: Sequence[int]) -> None:
        """Keep rows that others made from being removed, unless foreign keys are checked anyway.

        `statement` locks those of `%(ids)s` and gives as many rows.
        """
        if not (ids and self._may_skip):
            return
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(statement, {"ids": packing.integers(ids)})
            if cursor.rowcount < len(ids):
                raise errors.ForeignKeyViolation("a row that others point to was removed meanwhile")

    @contextmanager
    def unchecked(self) -> Iterator[None]:
        """Insert rows whose parents this transaction made or locked without looking them up."""
        if not self._may_skip or self._is_skipping:
            yield
            return
        self._connection.execute(sql.SKIP_CHECKS)
        self._is_skipping = True
        try:
            yield
        finally:
            self._is_skipping = False
            # A transaction that has failed is rolled back, and this setting with it.
            if self._connection.info.transaction_status == TransactionStatus.INTRANS:
                self._connection.execute(sql.CHECK_AGAIN)
