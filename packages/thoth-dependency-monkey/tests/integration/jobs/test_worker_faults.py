"""Workers, validators and connections that are killed: each job is answered, and once."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
from thoth.dependency_monkey.errors import Reason
from thoth.dependency_monkey.jobs.executors import (
    failed_job,
    interrupted_failure,
)
from thoth.dependency_monkey.jobs.process_executor import ProcessExecutor
from thoth.dependency_monkey.jobs.queue import enqueue
from thoth.dependency_monkey.validation.question import Question
from thoth.storages.testing.validation_contract import new_validation, succeeded

from .asking import accept, current, is_finished, survives, valid

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase, JobRecord, StoragesSettings

Eventually = Any


def test_a_database_that_drops_every_connection_is_only_an_interruption(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def answer(job: JobRecord) -> Any:
        await asyncio.sleep(0.2)
        return succeeded()

    records = [accept(graph, str(number)) for number in range(12)]
    with workers.at_work(workers.inline(answer), attempts=10):
        for _ in range(4):
            time.sleep(0.3)
            with graph.migration_connection() as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        eventually(lambda: survives(is_finished(graph, *records)))
    assert {current(graph, each).valid for each in records} == {True}


def test_a_job_whose_worker_was_killed_is_answered_once_by_another(
    graph: GraphDatabase, settings: StoragesSettings, workers: Any, eventually: Eventually
) -> None:
    record, other = accept(graph), accept(graph, "other")
    with workers.process(settings, 60) as process:
        started = {process.line()[1], process.line()[1]}
        assert started == {str(record.job_id), str(other.job_id)}
        process.kill()
    assert current(graph, record).phase == "running"
    with workers.process(settings, 0.1) as second:
        eventually(is_finished(graph, record, other))
        lines = [second.line() for _ in range(4)]
    assert sorted(lines) == sorted(
        [word, str(each.job_id), "2"] for word in ("start", "end") for each in (record, other)
    )
    done = current(graph, record)
    assert (done.phase, done.valid, done.attempt, done.raw_log) == (
        "succeeded",
        True,
        2,
        "attempt 2",
    )


@pytest.mark.slow
def test_a_job_that_kills_its_worker_each_time_fails_in_the_end(
    graph: GraphDatabase, settings: StoragesSettings, workers: Any, eventually: Eventually
) -> None:
    record = accept(graph)
    for attempt in (1, 2, 3):
        with workers.process(settings, 60) as process:
            assert process.line() == ["start", str(record.job_id), str(attempt)]
    with workers.at_work(workers.inline(valid), interruptions=3):
        eventually(is_finished(graph, record))
    done = current(graph, record)
    assert (done.phase, done.valid, done.reason) == ("failed", None, "internal_error")
    assert done.attempt == 3
    assert done.raw_log == "3 attempts ended without an answer, the last one with its worker."


@pytest.mark.slow
def test_a_job_that_kills_its_workers_takes_no_other_job_with_it(
    graph: GraphDatabase, settings: StoragesSettings, workers: Any, eventually: Eventually
) -> None:
    poison, others = accept(graph, "poison"), [accept(graph, str(number)) for number in range(3)]
    process = workers.process(settings, 0.1, 8)

    def are_concluded_with_the_worker_started_again() -> bool:
        nonlocal process
        if not process.is_running():
            process.kill()
            process = workers.process(settings, 0.1, 8)
        return is_finished(graph, poison, *others)()

    try:
        eventually(are_concluded_with_the_worker_started_again, 120)
    finally:
        process.kill()
    assert {current(graph, each).valid for each in others} == {True}
    done = current(graph, poison)
    assert (done.phase, done.reason, done.attempt) == ("failed", "internal_error", 8)


@pytest.mark.parametrize(("number", "attempts"), [(signal.SIGABRT, 3), (signal.SIGKILL, 5)])
def test_a_validator_that_ends_itself_each_time_is_not_tried_for_ever(
    graph: GraphDatabase, workers: Any, eventually: Eventually, number: int, attempts: int
) -> None:
    code = f"import os; os.kill(os.getpid(), {number})"
    executor = ProcessExecutor("http://127.0.0.1:1/", command=(sys.executable, "-c", code))
    question = Question(
        ecosystem="pypi",
        stack_specification="six",
        targets=("cp312-manylinux_2_28_x86_64",),
        policy=Policy().as_json(),
    )
    new = new_validation(request=question.encode())
    record = graph.validations.accept(new, enqueue=enqueue)
    with workers.at_work(executor, interruptions=5):
        eventually(is_finished(graph, record))
    done = current(graph, record)
    assert (done.phase, done.reason, done.attempt) == ("failed", "internal_error", attempts)
    assert done.raw_log is not None
    assert f"killed by {signal.Signals(number).name}" in done.raw_log


def test_what_others_did_to_a_job_does_not_use_up_its_attempts(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def answer(job: JobRecord) -> Any:
        if job.attempt <= 5:
            return interrupted_failure("killed by SIGKILL")
        return failed_job(Reason.INTERNAL_ERROR, f"crash {job.crashes + 1}")

    record = accept(graph)
    with workers.at_work(workers.inline(answer), interruptions=6):
        eventually(is_finished(graph, record))
    done = current(graph, record)
    assert (done.phase, done.reason, done.attempt) == ("failed", "internal_error", 8)
    assert done.raw_log == "crash 3"


def test_a_job_that_is_interrupted_each_time_fails_in_the_end(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def answer(job: JobRecord) -> Any:
        return interrupted_failure(f"killed {job.attempt}")

    record = accept(graph)
    with workers.at_work(workers.inline(answer), interruptions=4):
        eventually(is_finished(graph, record))
    done = current(graph, record)
    assert (done.phase, done.reason, done.attempt) == ("failed", "internal_error", 4)
    assert done.raw_log == "killed 4"


def test_a_worker_that_is_told_to_stop_again_and_again_fails_no_job(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    async def slow(job: JobRecord) -> Any:
        await asyncio.sleep(60)

    record = accept(graph)
    for _ in range(4):
        with workers.at_work(workers.inline(slow), grace=0.1, attempts=1, interruptions=1):
            eventually(lambda: current(graph, record).phase == "running")
    with workers.at_work(workers.inline(valid), attempts=1, interruptions=1):
        eventually(is_finished(graph, record))
    assert current(graph, record).attempt == 5


@pytest.mark.parametrize("reason", [Reason.INDEX_UNREACHABLE, Reason.TIMED_OUT])
def test_what_could_not_be_told_while_the_database_was_away_is_asked_again(
    graph: GraphDatabase, workers: Any, eventually: Eventually, reason: Reason
) -> None:
    async def answer(job: JobRecord) -> Any:
        if job.attempt > 1:
            return succeeded()
        with graph.migration_connection() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await asyncio.sleep(1.0)
        return failed_job(reason, "the read-through index has no database")

    record = accept(graph)
    with workers.at_work(workers.inline(answer)):
        eventually(lambda: survives(is_finished(graph, record)))
    done = current(graph, record)
    assert (done.phase, done.valid, done.attempt) == ("succeeded", True, 2)


def test_a_worker_that_was_taken_for_dead_changes_nothing(
    graph: GraphDatabase, workers: Any, eventually: Eventually
) -> None:
    release: list[bool] = []

    async def first(job: JobRecord) -> Any:
        while not release:
            time.sleep(0.02)  # noqa: ASYNC251 - blocks the loop, so that no heart beats
        return succeeded("late")

    record = accept(graph)
    with workers.at_work(workers.inline(first), heartbeat_timeout=0.5):
        eventually(lambda: current(graph, record).phase == "running")
        with workers.at_work(workers.inline(valid), heartbeat_timeout=0.5):
            eventually(is_finished(graph, record))
        release.append(True)
        time.sleep(0.3)
    done = current(graph, record)
    assert done.attempt == 2
    assert done.result_digest is not None
    assert graph.validations.result(done.result_digest) == b"result request of six"
    eventually(lambda: graph.validations.count_unfinished() == {})
