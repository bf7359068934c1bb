"""Who listens hears of every job that finishes, whoever ran it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from thoth.dependency_monkey.jobs.finished import hearing
from thoth.dependency_monkey.jobs.queue import enqueue
from thoth.storages.graph.validation_records import FINISHED_CHANNEL
from thoth.storages.testing.validation_contract import failed, new_validation, succeeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.dependency_monkey.jobs.finished import FinishedNotice
    from thoth.storages import FinishedJob, GraphDatabase

LISTENERS = "application_name = 'thoth-worker' AND pid <> pg_backend_pid()"


@contextmanager
def heard(graph: GraphDatabase, eventually: Any) -> Iterator[list[FinishedNotice]]:
    notices: list[FinishedNotice] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with hearing(graph, notices.append, pause=0.05):
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    eventually(lambda: is_heard(graph, notices))
    notices.clear()
    try:
        yield notices
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        assert not thread.is_alive()
        loop.close()


def is_heard(graph: GraphDatabase, notices: list[FinishedNotice]) -> bool:
    finish(graph, "probe", succeeded("probe"))
    return bool(notices)


def finish(graph: GraphDatabase, stack: str, finished: FinishedJob) -> None:
    record = graph.validations.accept(new_validation(stack), enqueue=enqueue)
    job = graph.validations.begin(record.job_id, worker="w")
    assert job is not None
    assert graph.validations.finish(job.job_id, job.attempt, finished)


def any_is_there(graph: GraphDatabase, backends: list[int]) -> bool:
    with graph.migration_connection() as connection:
        statement = "SELECT FROM pg_stat_activity WHERE pid = ANY(%s)"
        return connection.execute(statement, (backends,)).fetchone() is not None


def told(notices: list[FinishedNotice]) -> list[tuple[str, str, int]]:
    return [
        (notice.phase, notice.reason, notice.attempt)
        for notice in notices
        if notice.reason != succeeded("probe").reason or notice.attempt > 1
    ]


def test_each_job_that_finishes_is_heard_of_once(graph: GraphDatabase, eventually: Any) -> None:
    with heard(graph, eventually) as notices:
        record = graph.validations.accept(new_validation("again"), enqueue=enqueue)
        first = graph.validations.begin(record.job_id, worker="w")
        assert first is not None
        assert graph.validations.give_back(first.job_id, first.attempt)
        second = graph.validations.begin(record.job_id, worker="w")
        assert second is not None
        assert not graph.validations.finish(first.job_id, first.attempt, succeeded())
        assert graph.validations.finish(second.job_id, second.attempt, succeeded())
        assert not graph.validations.finish(second.job_id, second.attempt, succeeded())
        finish(graph, "broken", failed())
        expected = [("succeeded", succeeded().reason, 2), ("failed", failed().reason, 1)]
        eventually(lambda: told(notices) == expected)
        last = notices[-1]
        assert last.ecosystem == "pypi"
        assert last.waited >= 0
        assert last.ran >= 0


def test_a_connection_that_breaks_and_a_notice_that_is_none_do_no_harm(
    graph: GraphDatabase, eventually: Any
) -> None:
    with heard(graph, eventually) as notices:
        with graph.migration_connection() as connection:
            connection.execute("SELECT pg_notify(%s, 'garbage')", (FINISHED_CHANNEL,))
            connection.commit()
            ended = connection.execute(
                f"SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE {LISTENERS}"
            ).fetchall()
        assert ended
        eventually(lambda: not any_is_there(graph, [pid for pid, _ in ended]))
        notices.clear()
        eventually(lambda: is_heard(graph, notices))
        finish(graph, "broken", failed())
        eventually(lambda: told(notices) == [("failed", failed().reason, 1)])
