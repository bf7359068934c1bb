"""The store of validations, in memory: same promises, no database."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries import validations
from thoth.storages.graph.queries.values import storable_hash, storable_text, storable_time
from thoth.storages.graph.validation_records import (
    JobRecord,
    NewValidation,
    Phase,
    ValidationRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from thoth.storages.graph.validation_records import Ending, FinishedJob


class _Job(msgspec.Struct):
    id: UUID
    ecosystem: str
    question: bytes
    request: bytes
    created_at: datetime
    phase: Phase = "pending"
    attempt: int = 0
    crashes: int = 0
    interruptions: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    valid: bool | None = None
    reason: str | None = None
    raw_log: str | None = None
    result_digest: bytes | None = None


class _Validation(msgspec.Struct, frozen=True):
    new: NewValidation
    job: _Job
    created_at: datetime


class InMemoryValidations:
    """The twin of `ValidationStore`. `clock` tells the time, in UTC.

    There is no connection: `enqueue` is called with None for it.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._validations: dict[UUID, _Validation] = {}
        self._jobs: dict[UUID, _Job] = {}
        self._results: dict[bytes, tuple[datetime, bytes]] = {}

    def accept(
        self, new: NewValidation, *, enqueue: Callable[[Any, UUID], None]
    ) -> ValidationRecord:
        """Store a validation that waits for a job, joining the one of the same question."""
        validations.check_new(new)
        with self._lock:
            self._check_id(new)
            now = self._clock()
            job = next((job for job in self._unfinished() if job.question == new.question), None)
            if job is None:
                job = _Job(uuid4(), new.ecosystem, new.question, new.request, now)
                enqueue(None, job.id)
                self._jobs[job.id] = job
            return self._add(new, job, now)

    def accept_finished(self, new: NewValidation, finished: FinishedJob) -> ValidationRecord:
        """Store a validation with its answer."""
        validations.check_new(new)
        validations.check_finished(finished)
        with self._lock:
            self._check_id(new)
            now = self._clock()
            job = _Job(uuid4(), new.ecosystem, new.question, b"", now, attempt=1, started_at=now)
            self._jobs[job.id] = job
            self._finish(job, finished, now)
            return self._add(new, job, now)

    def get(self, validation_id: UUID) -> ValidationRecord | None:
        """Return a validation; None where it is unknown, deleted or expired."""
        with self._lock:
            found = self._current(validation_id)
            return None if found is None else _record(found)

    def result(self, digest: bytes) -> bytes | None:
        """Return the encoded answer with this SHA-256, None where there is none (any more)."""
        storable_hash("digest", digest)
        with self._lock:
            found = self._results.get(digest)
        return None if found is None else found[1]

    def list(self, limit: int, before: str | None = None) -> tuple[tuple[UUID, ...], str | None]:
        """Return ids, newest first, and the cursor for what follows."""
        validations.check_limit(limit)
        created_at, validation_id = validations.read_cursor(before)
        with self._lock:
            now = self._clock()
            current = [
                (each.created_at, key)
                for key, each in self._validations.items()
                if each.new.expires_at > now
            ]
        earlier = [each for each in current if each < (created_at, validation_id)]
        found = sorted(earlier, reverse=True)[: limit + 1]
        last = found[limit - 1] if len(found) > limit else None
        following = None if last is None else validations.write_cursor((last[1], last[0]))
        return tuple(key for _, key in found[:limit]), following

    def delete(self, validation_id: UUID) -> tuple[bool, UUID | None]:
        """Remove a validation; return whether there was one, and the job that is to be stopped."""
        with self._lock:
            found = self._current(validation_id)
            if found is None:
                return False, None
            del self._validations[validation_id]
            stopped = self._leave([found.job])
        return True, stopped[0] if stopped else None

    def begin(self, job_id: UUID, *, worker: str) -> JobRecord | None:
        """Begin a job that is pending or unknown and return it."""
        storable_text("worker", worker)
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.phase not in ("pending", "unknown"):
                return None
            job.phase = "running"
            job.attempt += 1
            job.started_at = self._clock()
            return _begun(job)

    def finish(self, job_id: UUID, attempt: int, finished: FinishedJob) -> bool:
        """Store what came out of an attempt, where that attempt is running."""
        validations.check_finished(finished)
        with self._lock:
            job = self._attempt(job_id, attempt, ("running",))
            if job is not None:
                self._finish(job, finished, self._clock())
        return job is not None

    def give_back(self, job_id: UUID, attempt: int, *, ending: Ending = "stopped") -> bool:
        """Make the job pending again where it is running or unknown in this attempt."""
        with self._lock:
            job = self._attempt(job_id, attempt, ("running", "unknown"))
            if job is not None:
                job.phase, job.started_at = "pending", None
                job.crashes += ending == "crashed"
                job.interruptions += ending == "interrupted"
        return job is not None

    def mark_unknown(self, job_id: UUID, attempt: int) -> bool:
        """Say that nobody can tell how this attempt goes, where it is pending or running."""
        with self._lock:
            job = self._attempt(job_id, attempt, ("pending", "running"))
            if job is not None:
                job.phase = "unknown"
        return job is not None

    def is_wanted(self, job_id: UUID, attempt: int) -> bool:
        """Whether somebody waits for the job, and this attempt is the one that counts."""
        with self._lock:
            return self._attempt(job_id, attempt, ("running", "unknown")) is not None

    def running(self, job_id: UUID) -> JobRecord | None:
        """Return the job with the attempt that runs, None where none does."""
        with self._lock:
            job = self._jobs.get(job_id)
            return _begun(job) if job is not None and job.phase == "running" else None

    def unfinished(self, created_before: datetime, *, at_most: int) -> tuple[UUID, ...]:
        """Return the ids of the unfinished jobs that were made until then, oldest first."""
        storable_time("created_before", created_before)
        validations.check_limit(at_most)
        with self._lock:
            found = sorted(
                (job.created_at, job.id)
                for job in self._unfinished()
                if job.created_at <= created_before
            )
        return tuple(job_id for _, job_id in found[:at_most])

    def count_unfinished(self) -> dict[Phase, int]:
        """Return how many unfinished jobs there are in each phase that has any."""
        with self._lock:
            return dict(Counter(job.phase for job in self._unfinished()))

    def expire(self, now: datetime, *, at_most: int) -> int:
        """Remove expired validations, jobs that nobody waits for, and unused results."""
        storable_time("now", now)
        validations.check_limit(at_most)
        with self._lock:
            expired = sorted(
                (each.new.expires_at, key)
                for key, each in self._validations.items()
                if each.new.expires_at <= now
            )[:at_most]
            self._leave([self._validations.pop(key).job for _, key in expired])
            pointed_to = {job.result_digest for job in self._jobs.values()}
            unused = sorted(
                (used_at, digest)
                for digest, (used_at, _) in self._results.items()
                if digest not in pointed_to and used_at <= now - validations.UNUSED_RESULT_GRACE
            )
            for _, digest in unused:
                del self._results[digest]
        return len(expired)

    def _check_id(self, new: NewValidation) -> None:
        if new.id in self._validations:
            raise InvalidRecordError("id", str(new.id), "is another validation's already")

    def _add(self, new: NewValidation, job: _Job, now: datetime) -> ValidationRecord:
        made = self._validations[new.id] = _Validation(new, job, now)
        return _record(made)

    def _current(self, validation_id: UUID) -> _Validation | None:
        found = self._validations.get(validation_id)
        return found if found is not None and found.new.expires_at > self._clock() else None

    def _unfinished(self) -> Sequence[_Job]:
        return [job for job in self._jobs.values() if job.finished_at is None]

    def _attempt(self, job_id: UUID, attempt: int, phases: tuple[Phase, ...]) -> _Job | None:
        job = self._jobs.get(job_id)
        return job if job is not None and job.attempt == attempt and job.phase in phases else None

    def _finish(self, job: _Job, finished: FinishedJob, now: datetime) -> None:
        job.phase, job.valid, job.reason = finished.phase, finished.valid, finished.reason
        job.raw_log, job.finished_at = finished.raw_log, now
        job.result_digest = digest = validations.digest_of(finished)
        if digest is not None:
            self._results[digest] = now, finished.result

    def _leave(self, jobs: Sequence[_Job]) -> Sequence[UUID]:
        waited_for = {each.job.id for each in self._validations.values()}
        gone = {job.id: job for job in jobs if job.id not in waited_for}
        for job_id in gone:
            del self._jobs[job_id]
        return [job_id for job_id, job in gone.items() if job.finished_at is None]


def _begun(job: _Job) -> JobRecord:
    return JobRecord(
        job.id, job.attempt, job.request, job.ecosystem, job.crashes, job.interruptions
    )


def _record(validation: _Validation) -> ValidationRecord:
    new, job = validation.new, validation.job
    return ValidationRecord(
        id=new.id,
        ecosystem=new.ecosystem,
        stack_specification=new.stack_specification,
        request=new.request,
        phase=job.phase,
        valid=job.valid,
        reason=job.reason,
        raw_log=job.raw_log,
        attempt=job.attempt,
        created_at=validation.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=new.expires_at.astimezone(UTC),
        job_id=job.id,
        result_digest=job.result_digest,
    )
