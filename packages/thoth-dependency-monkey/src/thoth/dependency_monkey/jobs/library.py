"""How the queue's library is used: pgqueuer's tables, by names that no environment can change.

Importing this module takes the better part of a second, since importing pgqueuer does: only who
works on jobs imports it at the top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.db import PsycopgDriver, SyncPsycopgDriver
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.queries import Queries, SyncQueries

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

    from thoth.storages.graph.connections import Connection

SCHEMA = "queue"
ENTRYPOINT = "validation"
"""The only kind of job that there is; its payload is the 16 bytes of the job's id."""
CHANNEL = Channel("thoth_queue")
"""PostgreSQL notifies this channel when a job is queued."""

# Every name is given: the library would read missing ones from variables as common as CHANNEL.
NAMES = DBSettings(
    prefix="",
    db_schema=SCHEMA,
    channel=CHANNEL,
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=True,
)
INSTALL = QueryBuilderEnvironment(NAMES).build_install_query()
_BUILDER = QueryQueueBuilder(NAMES)


def queries(connection: psycopg.AsyncConnection) -> Queries:
    """Return the library's operations on a connection in autocommit mode."""
    return Queries(
        PsycopgDriver(connection),
        qbe=QueryBuilderEnvironment(NAMES),
        qbq=_BUILDER,
        qbs=QuerySchedulerBuilder(NAMES),
    )


def enqueue(connection: Connection, job_id: UUID) -> None:
    """Queue a job on the connection, in its transaction where it is in one."""
    SyncQueries(SyncPsycopgDriver(connection), qbq=_BUILDER).enqueue(
        ENTRYPOINT, job_id.bytes, dedupe_key=str(job_id), on_conflict="skip"
    )
