"""The inline executor: whatever an answer does, a job is finished, in bounded time."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from thoth.dependency_monkey.errors import Reason
from thoth.dependency_monkey.jobs.executors import InlineExecutor, failed_job
from thoth.dependency_monkey.validation.raw_log import LARGEST_LOG
from thoth.storages import FinishedJob, JobRecord

JOB = JobRecord(uuid4(), 1, b"request", "pypi")
VALID = FinishedJob("succeeded", True, "resolved", b"result", "log")


def run(answer: Any, *, seconds: float = 10.0, cancel_after: float | None = None) -> FinishedJob:
    async def ask() -> FinishedJob:
        cancelled = asyncio.Event()
        if cancel_after is not None:
            asyncio.get_running_loop().call_later(cancel_after, cancelled.set)
        finished = await InlineExecutor(answer, seconds=seconds).run(JOB, cancelled=cancelled)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return finished

    return asyncio.run(ask())


async def hang(job: JobRecord) -> FinishedJob:
    await asyncio.sleep(60)
    return VALID


def test_an_answer_is_handed_on() -> None:
    async def answer(job: JobRecord) -> FinishedJob:
        assert job is JOB
        return VALID

    assert run(answer) is VALID


def test_what_is_raised_is_an_internal_error_with_a_harmless_log() -> None:
    async def answer(job: JobRecord) -> FinishedJob:
        raise ValueError("bad \x1b]0;title\x07 \ud800")

    finished = run(answer)
    assert (finished.phase, finished.valid, finished.reason) == ("failed", None, "internal_error")
    assert "ValueError: bad \\x1b" in finished.raw_log
    assert finished.raw_log.encode()
    assert all(line.isprintable() for line in finished.raw_log.split("\n"))


def test_an_answer_that_cancels_itself_is_undecided() -> None:
    async def answer(job: JobRecord) -> FinishedJob:
        raise asyncio.CancelledError

    assert run(answer).reason == Reason.INTERNAL_ERROR


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"seconds": 0.05}, Reason.TIMED_OUT), ({"cancel_after": 0.05}, Reason.CANCELLED)],
)
def test_an_answer_that_hangs_is_stopped(options: dict[str, float], reason: Reason) -> None:
    finished = run(hang, **options)
    assert (finished.phase, finished.reason) == ("failed", reason)


def test_of_a_long_log_the_end_is_kept() -> None:
    finished = failed_job(Reason.INTERNAL_ERROR, "a" * LARGEST_LOG + "the end")
    assert len(finished.raw_log) == LARGEST_LOG
    assert finished.raw_log.endswith("the end")
