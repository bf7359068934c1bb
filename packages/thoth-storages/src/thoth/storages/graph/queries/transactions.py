"""Transactions that are tried again where they lose against another writer's."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeVar

from psycopg import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from thoth.storages.graph.connections import Connection

TRIES = 10
"""How often a transaction is tried before the error that undid it is the caller's."""
_BACKOFF_SECONDS = 0.02
_LOST = (
    errors.DeadlockDetected,
    errors.ForeignKeyViolation,
    errors.SerializationFailure,
    errors.UniqueViolation,
)
_T = TypeVar("_T")
_Key = TypeVar("_Key")


def in_transaction(connection: Connection, work: Callable[[], _T]) -> _T:
    """Do work in a transaction of its own; do it again where it loses against another writer's.

    Lost is a transaction that was chosen to end a deadlock, or that met a row which another one
    made or removed meanwhile. It is tried `TRIES` times, after longer and longer pauses, 5 s in
    all at most; then the error is psycopg's. `work` must have no effect outside the transaction.
    """
    for attempt in range(TRIES - 1):
        try:
            with connection.transaction():
                return work()
        except _LOST:
            time.sleep(random.uniform(0, min(1.0, _BACKOFF_SECONDS * 2**attempt)))  # noqa: S311
    with connection.transaction():
        return work()


def whole(found: dict[_Key, int], wanted: Collection[_Key]) -> dict[_Key, int]:
    """Return the ids that were found, which are those of all that is wanted.

    Raises what makes `in_transaction` try again where somebody removed what another had recorded.
    """
    if not found.keys() >= set(wanted):
        raise errors.SerializationFailure("a row was recorded and removed meanwhile")
    return found
