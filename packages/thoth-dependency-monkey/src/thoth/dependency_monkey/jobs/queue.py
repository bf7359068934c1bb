"""The queue of jobs in the knowledge graph's database, in the schema `queue`.

A queue's entry only says that a job is to be looked at; what is to be done, and whether it still
is, the job itself says (`thoth.storages.ValidationStore`). So an entry may be lost, doubled or left
over, and no validation is lost, answered twice or answered wrongly. The tables are pgqueuer's,
outside the migrations of the knowledge graph.
"""

from __future__ import annotations

import asyncio
import threading
import time
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from thoth.storages import GraphDatabase
    from thoth.storages.graph.connections import Connection

TURN_SECONDS = 60
"""How long one who wants to install the queue waits for another who does."""
INSTALL_PAUSES = (0.1, 1.0)
"""Seconds before the queue is installed again after the connection broke."""
LOG_ROWS = 10_000
"""At most so many rows of the queue's log are removed in one transaction."""

_ADVISORY_LOCK = 0x7468_6F74_6871  # "thothq" in ASCII
_LIBRARY = "thoth.dependency_monkey.jobs.library"
_CONNECT_SECONDS = 10

# The mark is the schema's comment: which release of the library made its tables.
# (Tables are asked, since functions such as to_regnamespace may answer from a stale cache.)
_FIND_MARK = """
    SELECT description FROM pg_namespace
      LEFT JOIN pg_description ON objoid = pg_namespace.oid AND classoid = 'pg_namespace'::regclass
     WHERE nspname = 'queue'
"""
_TRIM = """
    DELETE FROM queue.pgqueuer_log WHERE id IN (
           SELECT id FROM queue.pgqueuer_log WHERE created < %s ORDER BY id LIMIT %s
              FOR UPDATE SKIP LOCKED)
"""


def install_queue(graph: GraphDatabase) -> None:
    """Create the queue's tables, or upgrade those of another release of the library.

    May be called any number of times, by several processes at once: they take turns. One query
    where nothing is to be done; not to be called from a coroutine. A connection that breaks is made
    anew, twice. Raises what the graph does, and `psycopg.Error` where the server refuses.
    """
    for pause in INSTALL_PAUSES:
        try:
            return _install(graph)
        except psycopg.OperationalError:
            time.sleep(pause)
    return _install(graph)


def _install(graph: GraphDatabase) -> None:
    mark = f"pgqueuer {version('pgqueuer')}"
    with graph.migration_connection() as connection:
        found = connection.execute(_FIND_MARK).fetchone()
        if found is None or found[0] != mark:
            connection.execute(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
            found = connection.execute(_FIND_MARK).fetchone()
        former = None if found is None else found[0]
        if former != mark:
            from thoth.dependency_monkey.jobs import library

            if former is None:
                connection.execute(library.INSTALL)
            else:
                asyncio.run(_upgrade(graph))
            connection.execute(sql.SQL("COMMENT ON SCHEMA queue IS {}").format(mark))
    # The first job that is queued shall not have to wait for the import.
    threading.Thread(target=import_module, args=(_LIBRARY,), daemon=True).start()


def enqueue(connection: Connection, job_id: UUID) -> None:
    """Queue a job: an `enqueue` for `ValidationStore.accept`, in the same transaction.

    A job that is queued already is left as it is.
    """
    from thoth.dependency_monkey.jobs import library

    library.enqueue(connection, job_id)


def trim_log(graph: GraphDatabase, before: datetime) -> int:
    """Remove what the queue's log says of the time before; return how many rows went."""
    removed = 0
    with graph.migration_connection() as connection:
        while True:
            rows = connection.execute(_TRIM, (before, LOG_ROWS)).rowcount
            connection.commit()
            removed += rows
            if rows < LOG_ROWS:
                return removed


async def connect(graph: GraphDatabase) -> psycopg.AsyncConnection:
    """Return a connection of a worker's own to the database, in autocommit mode.

    An embedded server that has ended is started again. Raises what the graph does, and
    `psycopg.Error`.
    """
    try:
        return await _connect(graph)
    except psycopg.OperationalError:
        # Starting it again, perhaps at another address, is the graph's business.
        await asyncio.to_thread(graph.is_schema_up2date)
        return await _connect(graph)


async def _connect(graph: GraphDatabase) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(
        await asyncio.to_thread(graph.construct_connection_string),
        autocommit=True,
        connect_timeout=_CONNECT_SECONDS,
        application_name="thoth-worker",
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        tcp_user_timeout=60_000,
        options="-c TimeZone=UTC -c statement_timeout=60s -c lock_timeout=30s",
    )


async def _upgrade(graph: GraphDatabase) -> None:
    from thoth.dependency_monkey.jobs import library

    async with await connect(graph) as connection:
        await library.queries(connection).apply_upgrade()
