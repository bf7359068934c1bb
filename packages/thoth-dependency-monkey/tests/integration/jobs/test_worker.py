"""Workers on a real queue: jobs run, are tried again, given back, cancelled; nothing is lost."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from thoth.dependency_monkey.errors import Reason
from thoth.dependency_monkey.jobs.executors import (
    failed_job,
    settled_failure,
)
from thoth.storages.testing.validation_contract import failed, succeeded

from .asking import accept, current, entries, is_finished, valid

if TYPE_CHECKING:
    from uuid import UUID

    from thoth.storages import GraphDatabase, JobRecord

Eventually = Any


def test_a_job_that_no_attempt_can_answer_is_not_tried_again(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def refuse(job: JobRecord) -> Any:
        return settled_failure("error: line 1", "malformed")

    with workers.at_work(workers.inline(refuse)):
        record = accept(graph)
        eventually(is_finished(graph, record))
        eventually(lambda: entries(graph) == 0)
    done = current(graph, record)
    assert (done.phase, done.valid, done.reason) == ("failed", None, "internal_error")
    assert (done.attempt, done.raw_log) == (1, "error: line 1\nmalformed")


def test_a_queued_job_is_answered_and_leaves_the_queue(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    with workers.at_work(workers.inline(valid)):
        record = accept(graph)
        eventually(is_finished(graph, record))
        done = current(graph, record)
        assert (done.phase, done.valid, done.attempt) == ("succeeded", True, 1)
        assert done.result_digest is not None
        assert graph.validations.result(done.result_digest) == b"result request of six"
        eventually(lambda: entries(graph) == 0)


def test_jobs_that_were_queued_before_the_worker_came_are_answered(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    records = [accept(graph, str(number)) for number in range(20)]
    with workers.at_work(workers.inline(valid), jobs=3):
        eventually(is_finished(graph, *records))
    assert {current(graph, each).attempt for each in records} == {1}


def test_a_job_starts_by_notification_long_before_the_next_poll(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    with workers.at_work(workers.inline(valid), poll=30.0, heartbeat_timeout=120.0):
        eventually(is_finished(graph, accept(graph, "first")))
        for number in range(10):
            eventually(is_finished(graph, accept(graph, str(number))))


def test_no_more_jobs_run_at_once_than_allowed(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    running, most = 0, 0

    async def answer(job: JobRecord) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return succeeded()

    records = [accept(graph, str(number)) for number in range(9)]
    with workers.at_work(workers.inline(answer), jobs=3):
        eventually(is_finished(graph, *records))
    assert most == 3


def test_workers_share_the_queue_and_each_job_runs_once(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    ran: list[UUID] = []

    async def answer(job: JobRecord) -> Any:
        ran.append(job.job_id)
        await asyncio.sleep(0.01)
        return succeeded()

    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(workers.at_work(workers.inline(answer), heartbeat_timeout=10.0))
        records = [accept(graph, str(number)) for number in range(40)]
        eventually(is_finished(graph, *records))
    assert sorted(ran) == sorted(each.job_id for each in records)


def test_a_crash_is_tried_again_and_the_third_one_is_the_answer(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def answer(job: JobRecord) -> Any:
        raise RuntimeError(f"crash {job.attempt}\x1b[31m")

    record = accept(graph)
    with workers.at_work(workers.inline(answer)):
        eventually(is_finished(graph, record))
    done = current(graph, record)
    assert (done.phase, done.valid, done.reason) == ("failed", None, "internal_error")
    assert done.attempt == 3
    assert done.raw_log is not None
    assert "crash 3" in done.raw_log
    assert "\x1b" not in done.raw_log


def test_a_job_that_crashed_may_succeed_later(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def answer(job: JobRecord) -> Any:
        return succeeded() if job.attempt == 2 else failed_job(Reason.INTERNAL_ERROR, "killed")

    record = accept(graph)
    with workers.at_work(workers.inline(answer)):
        eventually(is_finished(graph, record))
    done = current(graph, record)
    assert (done.phase, done.valid, done.attempt) == ("succeeded", True, 2)


def test_an_executor_that_raises_is_tried_again(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    class Broken:
        async def run(self, job: JobRecord, *, cancelled: asyncio.Event) -> Any:
            if job.attempt < 3:
                raise BlockingIOError("no more processes")
            return succeeded()

    record = accept(graph)
    with workers.at_work(Broken()):
        eventually(is_finished(graph, record))
    assert current(graph, record).valid is True


def test_no_conclusion_that_another_attempt_would_share_is_tried_again(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def answer(job: JobRecord) -> Any:
        return failed()

    record = accept(graph)
    with workers.at_work(workers.inline(answer)):
        eventually(is_finished(graph, record))
    done = current(graph, record)
    assert (done.phase, done.reason, done.attempt) == ("failed", "timed_out", 1)


def test_a_job_that_takes_too_long_is_stopped(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def answer(job: JobRecord) -> Any:
        await asyncio.sleep(60)

    record = accept(graph)
    with workers.at_work(workers.inline(answer, seconds=0.1)):
        eventually(is_finished(graph, record))
    assert current(graph, record).reason == "timed_out"


def test_an_answer_that_cannot_be_stored_is_a_failure(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def answer(job: JobRecord) -> Any:
        return succeeded(raw_log="a\0b")

    record = accept(graph)
    with workers.at_work(workers.inline(answer)):
        eventually(is_finished(graph, record))
    done = current(graph, record)
    assert (done.phase, done.reason) == ("failed", "internal_error")
    assert done.raw_log is not None
    assert "raw_log has a NUL" in done.raw_log


@pytest.mark.parametrize("notified", [True, False])
def test_deleting_the_last_validation_stops_the_job_within_a_second(
    graph: GraphDatabase, workers: Any, eventually: Eventually, notified: bool
) -> None:
    stopped: list[float] = []

    async def answer(job: JobRecord) -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append(time.monotonic())

    first, second = accept(graph), accept(graph)
    poll = {"poll": 30.0, "heartbeat_timeout": 120.0} if notified else {"poll": 0.2}
    with workers.at_work(workers.inline(answer), **poll):
        eventually(lambda: current(graph, first).phase == "running")
        graph.validations.delete(first.id)
        time.sleep(0.3)
        assert not stopped
        began = time.monotonic()
        if notified:
            assert graph.validations.delete(second.id) == (True, second.job_id)
        else:
            with graph.migration_connection() as connection:  # as if the notification were lost
                connection.execute("DELETE FROM validation")
                connection.execute("DELETE FROM validation_job")
        eventually(lambda: stopped)
        assert stopped[0] - began < 1.0
        if notified:
            eventually(lambda: entries(graph) == 0)


def test_a_deleted_validation_that_waits_is_never_run(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    ran: list[UUID] = []

    async def answer(job: JobRecord) -> Any:
        ran.append(job.job_id)
        return succeeded()

    deleted, kept = accept(graph, "a"), accept(graph, "b")
    graph.validations.delete(deleted.id)
    with workers.at_work(workers.inline(answer)):
        eventually(lambda: entries(graph) == 0)
    assert ran == [kept.job_id]


def test_a_worker_that_is_stopped_gives_back_what_does_not_end_in_time(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def slow(job: JobRecord) -> Any:
        await asyncio.sleep(60)

    record = accept(graph)
    with workers.at_work(workers.inline(slow), grace=0.2):
        eventually(lambda: current(graph, record).phase == "running")
    assert current(graph, record).phase == "pending"
    assert current(graph, record).started_at is None
    with workers.at_work(workers.inline(valid), heartbeat_timeout=60.0):
        eventually(is_finished(graph, record))
    assert current(graph, record).attempt == 2


def test_a_worker_that_is_stopped_lets_short_jobs_finish(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def short(job: JobRecord) -> Any:
        await asyncio.sleep(0.3)
        return succeeded()

    record = accept(graph)
    with workers.at_work(workers.inline(short), grace=5.0):
        eventually(lambda: current(graph, record).phase == "running")
    assert current(graph, record).phase == "succeeded"
    assert entries(graph) == 0


def test_what_the_queue_has_lost_is_queued_again(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    record = accept(graph)
    with graph.migration_connection() as connection:
        connection.execute("TRUNCATE queue.pgqueuer")
    with workers.at_work(workers.inline(valid), sweep=0.2):
        eventually(is_finished(graph, record))


def test_an_entry_that_names_no_job_is_dropped(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    from pgqueuer.db import SyncPsycopgDriver
    from pgqueuer.queries import SyncQueries

    from thoth.dependency_monkey.jobs import library

    with graph.migration_connection() as connection:
        connection.autocommit = True
        hostile = SyncQueries(SyncPsycopgDriver(connection), qbq=library._BUILDER)
        for payload in (None, b"", b"x" * 17, b"\0" * 16):
            hostile.enqueue(library.ENTRYPOINT, payload)
        connection.execute("SELECT pg_notify('thoth_stop_job', 'no uuid')")
    record = accept(graph)
    with workers.at_work(workers.inline(valid)):
        eventually(is_finished(graph, record))
        eventually(lambda: entries(graph) == 0)
