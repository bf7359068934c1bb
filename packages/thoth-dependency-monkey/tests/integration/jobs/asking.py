"""Validations to put into the queue, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.dependency_monkey.jobs.queue import enqueue
from thoth.storages import DatabaseUnreachableError
from thoth.storages.testing.validation_contract import new_validation, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase, JobRecord, ValidationRecord


def accept(graph: GraphDatabase, stack: str = "six") -> ValidationRecord:
    return graph.validations.accept(new_validation(stack), enqueue=enqueue)


def current(graph: GraphDatabase, record: ValidationRecord) -> ValidationRecord:
    found = graph.validations.get(record.id)
    assert found is not None
    return found


def is_finished(graph: GraphDatabase, *records: ValidationRecord) -> Callable[[], bool]:
    return lambda: all(current(graph, each).finished_at is not None for each in records)


def entries(graph: GraphDatabase) -> int:
    with graph.migration_connection() as connection:
        row = connection.execute("SELECT count(*) FROM queue.pgqueuer").fetchone()
    assert row is not None
    return int(row[0])


async def valid(job: JobRecord) -> Any:
    return succeeded(job.request.decode())


def survives(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except DatabaseUnreachableError:
        return False
