"""Executors: what runs a job that a worker has begun.

The process executor lives in `process_executor`.
"""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING, Protocol

from thoth.dependency_monkey.errors import Reason
from thoth.dependency_monkey.validation.raw_log import raw_log
from thoth.storages import FinishedJob

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from thoth.storages import JobRecord


class Executor(Protocol):
    """Runs jobs, any number at once, on the worker's event loop."""

    async def run(self, job: JobRecord, *, cancelled: asyncio.Event) -> FinishedJob:
        """Answer a job, in bounded time; within a second when `cancelled` is set.

        Whatever a validator does (crashes, hangs, reports garbage or too much) is a `FinishedJob`
        with a reason and a log. `internal_error` means that another attempt may do better, unless
        it is a `SettledFailure`; so does an exception, which is the machine's fault, never the
        validator's.
        """
        ...


class InlineExecutor:
    """Answers jobs in this process, for tests and small machines; see `Executor`.

    `answer` makes an answer of a job and must let itself be cancelled. `seconds` is what it may
    take.
    """

    def __init__(
        self, answer: Callable[[JobRecord], Awaitable[FinishedJob]], *, seconds: float = 60.0
    ) -> None:
        self._answer = answer
        self._seconds = seconds

    async def run(self, job: JobRecord, *, cancelled: asyncio.Event) -> FinishedJob:
        """Answer a job; whatever `answer` raises is a failed job."""
        answering = asyncio.ensure_future(self._answer(job))
        stop = asyncio.create_task(cancelled.wait())
        try:
            await asyncio.wait(
                {answering, stop}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if answering.done():
                return _outcome(answering)
        finally:
            for task in (answering, stop):
                task.cancel()
            await asyncio.gather(answering, stop, return_exceptions=True)
        if stop.done() and not stop.cancelled():
            return failed_job(Reason.CANCELLED, "Stopped, since nobody waits for it.")
        return failed_job(Reason.TIMED_OUT, f"Stopped after {self._seconds:g} s.")


def failed_job(reason: Reason, log: str, summary: str = "") -> FinishedJob:
    """Return what is known of a job that came to no conclusion; its log is made harmless."""
    return FinishedJob("failed", None, reason.value, b"", raw_log(log, summary))


class SettledFailure(FinishedJob, frozen=True):
    """An internal error that another attempt would only repeat."""


class InterruptedFailure(FinishedJob, frozen=True):
    """An internal error that says nothing of the question: somebody else ended the attempt."""


def interrupted_failure(log: str, summary: str = "") -> InterruptedFailure:
    """Return what is known of a job whose attempt was interrupted; its log is made harmless."""
    reason = Reason.INTERNAL_ERROR.value
    return InterruptedFailure("failed", None, reason, b"", raw_log(log, summary))


def settled_failure(log: str, summary: str) -> SettledFailure:
    """Return what is known of a job that no attempt can answer; its log is made harmless."""
    reason = Reason.INTERNAL_ERROR.value
    return SettledFailure("failed", None, reason, b"", raw_log(log, summary))


def _outcome(answering: asyncio.Future[FinishedJob]) -> FinishedJob:
    if answering.cancelled():
        return failed_job(Reason.INTERNAL_ERROR, "The answer was given up from within.")
    error = answering.exception()
    if error is None:
        return answering.result()
    return failed_job(Reason.INTERNAL_ERROR, "".join(traceback.format_exception(error)))
