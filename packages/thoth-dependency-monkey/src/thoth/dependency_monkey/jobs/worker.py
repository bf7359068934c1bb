"""Workers: they take jobs from the queue, have an executor run them, and store what comes out.

A worker holds a job by a claim on the queue's entry, kept alive by heartbeats. Who dies stops
beating, and another worker takes the entry over. A worker that was taken for dead does no harm: an
answer counts only for the attempt that the store calls the present one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import random
import time
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID, uuid4

import psycopg
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.queries import EntrypointExecutionParameter

from thoth.dependency_monkey.errors import Reason
from thoth.dependency_monkey.jobs import library, queue
from thoth.dependency_monkey.jobs.executors import (
    InterruptedFailure,
    SettledFailure,
    failed_job,
    interrupted_failure,
)
from thoth.storages import (
    DatabaseBusyError,
    DatabaseUnreachableError,
    EmbeddedServerError,
    StoragesError,
)
from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.validation_records import STOP_CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pgqueuer.models import Job as Entry
    from pgqueuer.queries import Queries

    from thoth.dependency_monkey.jobs.executors import Executor
    from thoth.storages import FinishedJob, GraphDatabase, JobRecord
    from thoth.storages.graph.validation_records import Ending

_logger = logging.getLogger("thoth.dependency_monkey.jobs")
_TRANSIENT = (DatabaseUnreachableError, DatabaseBusyError, EmbeddedServerError)
_LONGEST_RETRY = 60.0
# What an attempt may come to because the read-through index could not ask the database.
_FOR_WANT_OF_FACTS = frozenset(
    {
        Reason.INDEX_UNREACHABLE,
        Reason.METADATA_UNAVAILABLE,
        Reason.TIMED_OUT,
        Reason.INTERNAL_ERROR,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """How a worker goes about it. Times in seconds.

    jobs: run at once, at most.
    attempts: after so many that crashed a job has failed (`internal_error`).
    interruptions: after so many attempts that others ended (worker, validator or database killed)
        a job has failed, too: it may be the job that does it.
    heartbeat_timeout: a worker that does not beat for so long has lost its jobs; it beats four
        times as often.
    poll: how often to look for what no notification told of: jobs to take, jobs to stop.
    sweep: how often to queue again those unfinished jobs that the queue has lost.
    retry: before the second attempt, and after the second interruption (the first one is made good
        at once); each time twice as long and up to half as long again, so that jobs which died
        together do not meet again; `_LONGEST_RETRY` at most.
    grace: for what is running when the worker is told to stop; then it is given back.
    patience: for the database to come back, with an answer in hand.
    """

    jobs: int = 2
    attempts: int = 3
    interruptions: int = 20
    heartbeat_timeout: float = 10.0
    poll: float = 1.0
    sweep: float = 60.0
    retry: float = 1.0
    grace: float = 10.0
    patience: float = 120.0


@dataclass(slots=True, eq=False)
class _Held:
    """A job in this worker's hands, and its entry in the queue."""

    entry: Entry
    job_id: UUID
    attempt: int = 0
    failures: int = 0
    is_gone: bool = False
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


_Settled: TypeAlias = "tuple[Entry, timedelta | None]"


class Worker:
    """Runs jobs until told to stop; belongs to the event loop that `run` is called in.

    The graph is connected, its schema is there, and so is the queue (`install_queue`). Any number
    of workers share a queue. Where the database goes away, it is tried again without end.
    """

    def __init__(
        self, graph: GraphDatabase, executor: Executor, *, limits: WorkerLimits | None = None
    ) -> None:
        self._graph = graph
        self._store = graph.validations
        self._executor = executor
        self._limits = limits or WorkerLimits()
        self._key = uuid4()
        self.name = f"{platform.node()}:{os.getpid()}:{self._key.hex[:8]}"
        self._held: dict[UUID, _Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._settled: list[_Settled] = []
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._breaks = 0

    def stop(self) -> None:
        """Tell the worker to take no more jobs and to end. May be called from any thread."""
        if self._loop is None:
            self._stopping.set()
        else:
            with suppress(RuntimeError):  # the loop has ended, and the worker with it
                self._loop.call_soon_threadsafe(self._set_stopping)

    async def run(self) -> None:
        """Work until `stop()`; what runs then may finish within the grace, or is given back."""
        self._loop = asyncio.get_running_loop()
        pause = 0.1
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                try:
                    await self._work()
                except (psycopg.Error, StoragesError, OSError) as error:
                    self._breaks += 1
                    _logger.warning("The queue cannot be asked, trying again: %s", error)
                    pause = 0.1 if time.monotonic() - began > 2 * pause else min(2 * pause, 5.0)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), pause)
                    if self._stopping.is_set():
                        await self._wind_down()
        finally:
            await self._abandon()

    def _set_stopping(self) -> None:
        self._stopping.set()
        self._wake.set()

    # -- the loop ------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Work until told to stop, or until the connections break."""
        async with AsyncExitStack() as opened:
            # A listener keeps its connection's lock while it waits, so it has one of its own.
            listening = await opened.enter_async_context(await queue.connect(self._graph))
            working = await opened.enter_async_context(await queue.connect(self._graph))
            for channel in (library.CHANNEL, STOP_CHANNEL):
                await listening.execute(f"LISTEN {channel}")
            listener = asyncio.create_task(self._listen(listening))
            opened.push_async_callback(_end, listener)
            entries = library.queries(working)
            beat = self._limits.heartbeat_timeout / 4
            turns = [
                _Turn(beat, lambda: self._beat(entries)),
                _Turn(self._limits.poll, self._drop_unwanted),
                _Turn(self._limits.sweep, lambda: self._sweep(entries)),
            ]
            while not self._stopping.is_set():
                self._wake.clear()
                await self._settle(entries)
                for turn in turns:
                    await turn.take_if_due()
                await self._take(entries)
                if listener.done():
                    listener.result()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), min(self._limits.poll, beat))
            await self._wind_down(entries)

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        async with aclosing(connection.notifies()) as notifications:
            async for notification in notifications:
                if notification.channel == STOP_CHANNEL:
                    self._stop_job(notification.payload)
                else:
                    self._wake.set()
        raise psycopg.OperationalError("the connection for notifications has ended")

    def _stop_job(self, payload: str) -> None:
        with suppress(ValueError):
            held = self._held.get(UUID(payload))
            if held is not None:
                held.is_gone = True
                held.cancelled.set()

    async def _take(self, entries: Queries) -> None:
        """Take as many jobs as there is room for: new ones, and those of dead workers."""
        room = self._limits.jobs - len(self._held)
        if room < 1:
            return
        taken = await entries.dequeue(
            batch_size=room,
            entrypoints={QueueEntrypoint(library.ENTRYPOINT): EntrypointExecutionParameter(0)},
            queue_manager_id=QueueManagerId(self._key),
            global_concurrency_limit=None,
            heartbeat_timeout=timedelta(seconds=self._limits.heartbeat_timeout),
        )
        for entry in taken:
            try:
                job_id = UUID(bytes=entry.payload)
            except (TypeError, ValueError):
                _logger.warning("The queue's entry %s names no job; it is dropped", entry.id)
                self._settled.append((entry, None))
                continue
            if job_id in self._held:
                continue  # our own beat was late, and the entry is ours again
            held = self._held[job_id] = _Held(entry, job_id)
            self._start(self._handle(held))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, entries: Queries) -> None:
        """Tell the queue what became of its entries.

        Each is told once: where that is lost with the connection, the heartbeats are missed.
        """
        while self._settled:
            entry, delay = self._settled.pop()
            if delay is None:
                await entries.log_jobs([(entry, "successful", None)])
            else:
                await entries.retry_job(entry, delay, None)

    async def _beat(self, entries: Queries) -> None:
        if self._held:
            await entries.update_heartbeat([held.entry.id for held in self._held.values()])

    async def _drop_unwanted(self) -> None:
        """Stop what nobody waits for, should the notification have been missed."""
        for held in list(self._held.values()):
            if held.attempt and not await asyncio.to_thread(
                self._store.is_wanted, held.job_id, held.attempt
            ):
                held.cancelled.set()

    async def _sweep(self, entries: Queries) -> None:
        """Queue again what the queue has lost; entries that are there are left as they are."""
        before = datetime.now(UTC) - timedelta(seconds=self._limits.sweep)
        jobs = await asyncio.to_thread(self._store.unfinished, before, at_most=1_000)
        if jobs:
            await entries.enqueue(
                [library.ENTRYPOINT] * len(jobs),
                [job_id.bytes for job_id in jobs],
                [0] * len(jobs),
                dedupe_key=[str(job_id) for job_id in jobs],
                on_conflict="skip",
            )

    # -- one job -------------------------------------------------------------------------------

    async def _handle(self, held: _Held) -> None:
        """Run the job of a queue's entry, if it is still to be run."""
        try:
            job = await self._begin(held)
            if job is None:
                return
            held.attempt, held.failures = job.attempt, self._failures()
            finished = await self._run(job, held)
            await self._conclude(job, held, finished)
        except StoragesError as error:
            # The entry stays ours without heartbeats, until some worker takes it over.
            _logger.warning("Job %s is left for later: %s", held.job_id, error)
        except Exception:
            _logger.exception("Job %s is left for later", held.job_id)
        finally:
            del self._held[held.job_id]
            self._wake.set()

    async def _begin(self, held: _Held) -> JobRecord | None:
        """Begin a job, also one whose worker is dead; None where there is nothing to run now."""
        job = await asyncio.to_thread(self._store.begin, held.job_id, worker=self.name)
        if job is not None:
            return job
        lost = await asyncio.to_thread(self._store.running, held.job_id)
        if lost is None:
            self._settled.append((held.entry, None))
            return None
        _logger.warning("Job %s has lost the worker of attempt %d", lost.job_id, lost.attempt)
        if lost.interruptions + 1 >= self._limits.interruptions:
            log = f"{lost.attempt} attempts ended without an answer, the last one with its worker."
            failure = failed_job(Reason.INTERNAL_ERROR, log)
            await asyncio.to_thread(self._store.finish, lost.job_id, lost.attempt, failure)
            self._settled.append((held.entry, None))
            return None
        give_back = self._store.give_back
        await asyncio.to_thread(give_back, lost.job_id, lost.attempt, ending="interrupted")
        # A job that has outlived more than one worker may well be what kills them.
        self._settled.append((held.entry, self._pause("interrupted", lost)))
        return None

    async def _run(self, job: JobRecord, held: _Held) -> FinishedJob:
        try:
            return await self._executor.run(job, cancelled=held.cancelled)
        except Exception as error:
            _logger.exception("The executor could not run job %s", job.job_id)
            return interrupted_failure(f"{type(error).__name__}: {error}")

    async def _conclude(self, job: JobRecord, held: _Held, finished: FinishedJob) -> None:
        """Store the answer, or have the job tried again."""
        if held.is_gone:
            self._settled.append((held.entry, None))
        elif finished.reason == Reason.CANCELLED and held.cancelled.is_set():
            await self._give_back(job, held, "stopped")
        elif (ending := self._ending(job, held, finished)) is not None:
            await self._give_back(job, held, ending)
        elif await self._insist(lambda: self._finish(job, finished)):
            self._settled.append((held.entry, None))

    def _ending(self, job: JobRecord, held: _Held, finished: FinishedJob) -> Ending | None:
        """Say how an attempt ended after which there is another one; None where it was the last."""
        if isinstance(finished, SettledFailure) or finished.reason not in _FOR_WANT_OF_FACTS:
            return None
        if isinstance(finished, InterruptedFailure) or self._failures() != held.failures:
            return "interrupted" if job.interruptions + 1 < self._limits.interruptions else None
        if finished.reason != Reason.INTERNAL_ERROR:
            return None
        return "crashed" if job.crashes + 1 < self._limits.attempts else None

    def _failures(self) -> int:
        """Return how often the database was away or busy so far, as this process has noticed."""
        return self._breaks + int(self._graph.stats()["failures"])

    async def _give_back(self, job: JobRecord, held: _Held, ending: Ending) -> None:
        change = partial(self._store.give_back, job.job_id, job.attempt, ending=ending)
        if await self._insist(change):
            self._settled.append((held.entry, self._pause(ending, job)))

    def _pause(self, ending: Ending, job: JobRecord) -> timedelta:
        """Return how long to wait for the next attempt after one that ended like this."""
        doublings = job.crashes if ending == "crashed" else job.interruptions - 1
        if ending == "stopped" or doublings < 0:
            return timedelta(0)
        seconds = min(self._limits.retry * 2**doublings, _LONGEST_RETRY)
        return timedelta(seconds=seconds * random.uniform(1.0, 1.5))  # noqa: S311 - no secret

    def _finish(self, job: JobRecord, finished: FinishedJob) -> bool:
        try:
            return self._store.finish(job.job_id, job.attempt, finished)
        except InvalidRecordError as error:
            failure = failed_job(Reason.INTERNAL_ERROR, f"The answer cannot be stored: {error}")
            return self._store.finish(job.job_id, job.attempt, failure)

    async def _insist(self, change: Callable[[], bool]) -> bool:
        """Make a change in the store, however long the database is away within the patience."""
        deadline, pause = time.monotonic() + self._limits.patience, 0.1
        while True:
            try:
                return await asyncio.to_thread(change)
            except _TRANSIENT:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, 5.0)

    # -- the end -------------------------------------------------------------------------------

    async def _wind_down(self, entries: Queries | None = None) -> None:
        """Let what runs finish within the grace, then have it stopped and given back."""
        if self._tasks:
            await self._wait_for_tasks(self._limits.grace, entries)
        for held in self._held.values():
            held.cancelled.set()
        await self._wait_for_tasks(self._limits.grace, entries)
        if entries is not None:
            await self._settle(entries)

    async def _wait_for_tasks(self, seconds: float, entries: Queries | None) -> None:
        deadline = time.monotonic() + seconds
        step = self._limits.heartbeat_timeout / 4
        while self._tasks and (left := deadline - time.monotonic()) > 0:
            await asyncio.wait(set(self._tasks), timeout=min(left, step))
            if entries is not None:
                await self._settle(entries)
                await self._beat(entries)

    async def _abandon(self) -> None:
        """Cancel what would not end; other workers will find it when the heartbeats are missed."""
        left = set(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class _Turn:
    """Something to be done every so many seconds, the first time at once."""

    def __init__(self, seconds: float, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._seconds = seconds
        self._work = work
        self._due = 0.0

    async def take_if_due(self) -> None:
        if time.monotonic() >= self._due:
            await self._work()
            self._due = time.monotonic() + self._seconds


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
