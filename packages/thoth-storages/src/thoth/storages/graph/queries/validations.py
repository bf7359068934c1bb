"""Validations, the jobs that answer them, and the results.

Who changes a job locks its row first, so what each statement sees afterwards is settled. Everybody
locks a validation before its job and a job before its result, jobs in the order of their ids, so
nobody can deadlock. An unfinished job has at least one validation: whoever removes the last one
removes the job too.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
from psycopg import errors

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.validation_documents import RECORD_REMOVALS
from thoth.storages.graph.queries.values import (
    storable_blob,
    storable_hash,
    storable_text,
    storable_time,
)
from thoth.storages.graph.validation_records import (
    FINISHED_CHANNEL,
    STOP_CHANNEL,
    JobRecord,
    ValidationRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.validation_records import (
        Ending,
        FinishedJob,
        NewValidation,
        Phase,
    )

MAX_LONG_TEXT_CHARACTERS = 2**20
"""A stack specification and a raw log may have at most so many characters."""
MAX_LISTED = 1_000
"""At most so many validations are listed at once."""
UNUSED_RESULT_GRACE = timedelta(hours=1)
"""How long a result outlives the moment at which a job last began to point to it, at least."""
_JOIN_TRIES = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{32})", re.ASCII)

# One validation with its job; the first condition is the caller's.
_SELECT = """
    SELECT validation.id, validation.ecosystem, validation.stack_specification, validation.request,
           job.phase, job.valid, job.reason, job.raw_log, job.attempt, validation.created_at,
           job.started_at, job.finished_at, validation.expires_at, job.id, job.result_digest
      FROM validation JOIN validation_job AS job ON job.id = validation.job_id
     WHERE validation.id = %s
"""
_GET = _SELECT + " AND validation.expires_at > now()"

# The lock keeps the job there until the validation points to it; it may still be finished.
_JOIN_JOB = """
    SELECT id FROM validation_job WHERE question = %s AND finished_at IS NULL FOR KEY SHARE
"""
_MAKE_JOB = """
    INSERT INTO validation_job (id, ecosystem, question, phase, attempt, created_at, request)
    VALUES (%s, %s, %s, 'pending', 0, now(), %s)
    ON CONFLICT (question) WHERE finished_at IS NULL DO NOTHING RETURNING id
"""
_MAKE_VALIDATION = """
    INSERT INTO validation
           (id, job_id, ecosystem, created_at, expires_at, stack_specification, request)
    VALUES (%(id)s, %(job_id)s, %(ecosystem)s, now(), %(expires_at)s, %(stack_specification)s,
            %(request)b)
"""

# Writing `used_at` even where the content is there already keeps retention off the result.
_KEEP_RESULT = """
    INSERT INTO result (digest, used_at, content)
    SELECT %(digest)b, now(), %(result)b {source}
    ON CONFLICT (digest) DO UPDATE SET used_at = excluded.used_at
"""

# An answer that was known at once: result, job and validation in one statement.
_ACCEPT_FINISHED = """
    WITH kept AS ({keep}), made AS (
         INSERT INTO validation_job
                (id, ecosystem, question, phase, attempt, created_at, started_at, finished_at,
                 valid, reason, result_digest, raw_log)
         VALUES (%(job_id)s, %(ecosystem)s, %(question)b, %(phase)s, 1, now(), now(), now(),
                 %(valid)s, %(reason)s, %(digest)b, %(raw_log)s))
    INSERT INTO validation
           (id, job_id, ecosystem, created_at, expires_at, stack_specification, request)
    VALUES (%(id)s, %(job_id)s, %(ecosystem)s, now(), %(expires_at)s, %(stack_specification)s,
            %(request)b)
    RETURNING created_at
""".format(  # noqa: S608 - constants of ours
    keep=_KEEP_RESULT.format(source="WHERE %(digest)b::bytea IS NOT NULL")
)

_LIST = """
    SELECT id, created_at FROM validation
     WHERE expires_at > now() AND (created_at, id) < (%s, %s)
     ORDER BY created_at DESC, id DESC LIMIT %s
"""

_REMOVE = """
    WITH gone AS (DELETE FROM validation WHERE {which} RETURNING *), removals AS ({removals})
    SELECT job_id FROM gone
"""
_DELETE = _REMOVE.format(which="id = %s AND expires_at > now()", removals=RECORD_REMOVALS)
_EXPIRE = _REMOVE.format(
    which="""id IN (SELECT id FROM validation WHERE expires_at <= %s
                     ORDER BY expires_at, id LIMIT %s FOR UPDATE SKIP LOCKED)""",
    removals=RECORD_REMOVALS,
)

# Two statements: the second sees who joined a job while the first waited for its row.
_LOCK_JOBS = "SELECT FROM validation_job WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
_DELETE_JOBS = """
    DELETE FROM validation_job WHERE id = ANY(%s)
       AND NOT EXISTS (SELECT FROM validation WHERE validation.job_id = validation_job.id)
    RETURNING id, finished_at IS NULL
"""

# Who begins to point to a result writes `used_at`, and a locked row is looked at once more.
_DELETE_RESULTS = """
    DELETE FROM result WHERE digest IN (
           SELECT digest FROM result WHERE used_at <= %s
              AND NOT EXISTS (
                  SELECT FROM validation_job WHERE validation_job.result_digest = result.digest)
            ORDER BY used_at, digest LIMIT %s FOR UPDATE SKIP LOCKED)
"""

_BEGIN = """
    UPDATE validation_job
       SET phase = 'running', attempt = attempt + 1, started_at = now(), worker = %s
     WHERE id = %s AND phase IN ('pending', 'unknown')
    RETURNING id, attempt, request, ecosystem, crashes, interruptions
"""

_FINISH = """
    WITH mine AS (
         SELECT id FROM validation_job
          WHERE id = %(job_id)s AND attempt = %(attempt)s AND phase = 'running'
            FOR NO KEY UPDATE),
    kept AS ({keep}),
    done AS (
         UPDATE validation_job
            SET phase = %(phase)s, valid = %(valid)s, reason = %(reason)s, raw_log = %(raw_log)s,
                result_digest = %(digest)b, finished_at = now()
           FROM mine WHERE validation_job.id = mine.id
         RETURNING validation_job.*)
    SELECT pg_notify('{channel}', json_build_object(
           'ecosystem', ecosystem, 'phase', phase, 'reason', reason, 'attempt', attempt,
           'waited', extract(epoch FROM started_at - created_at),
           'ran', extract(epoch FROM finished_at - started_at))::text)
      FROM done
""".format(  # noqa: S608 - constants of ours
    channel=FINISHED_CHANNEL,
    keep=_KEEP_RESULT.format(source="FROM mine WHERE %(digest)b::bytea IS NOT NULL"),
)

_GIVE_BACK = """
    UPDATE validation_job
       SET phase = 'pending', started_at = NULL, worker = NULL,
           crashes = crashes + (%(ending)s = 'crashed')::integer,
           interruptions = interruptions + (%(ending)s = 'interrupted')::integer
     WHERE id = %(job_id)s AND attempt = %(attempt)s AND phase IN ('running', 'unknown')
    RETURNING id
"""

_MARK_UNKNOWN = """
    UPDATE validation_job SET phase = 'unknown'
     WHERE id = %s AND attempt = %s AND phase IN ('pending', 'running') RETURNING id
"""

_IS_WANTED = """
    SELECT FROM validation_job
     WHERE id = %s AND attempt = %s AND phase IN ('running', 'unknown')
"""

_RUNNING = """
    SELECT id, attempt, request, ecosystem, crashes, interruptions FROM validation_job
     WHERE id = %s AND phase = 'running'
"""

_UNFINISHED = """
    SELECT id FROM validation_job WHERE finished_at IS NULL AND created_at <= %s
     ORDER BY created_at, id LIMIT %s
"""

_COUNT_UNFINISHED = """
    SELECT phase, count(*) FROM validation_job WHERE finished_at IS NULL
     GROUP BY phase ORDER BY phase
"""


class ValidationStore:
    """Keeps validations; safe for threads and for any number of parallel writers.

    What a call returned from is durable. Times come back in UTC, and are those of the database's
    clock. Raises `InvalidRecordError` for what cannot be stored, before anything is written.
    """

    def __init__(self, connection: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._connection = connection

    def accept(
        self, new: NewValidation, *, enqueue: Callable[[Connection, UUID], None]
    ) -> ValidationRecord:
        """Store a validation that waits for a job, and return it.

        It joins the unfinished job of the same question. Where there is none, one is made, and
        `enqueue` is called with a connection and the job's id: what it does there is in the same
        transaction, and what it raises undoes everything.
        """
        check_new(new)
        values = msgspec.structs.asdict(new)
        with self._connection() as connection, _new_id(new.id), connection.transaction():
            job_id, is_new = self._join_or_make_job(connection, new)
            connection.execute(_MAKE_VALIDATION, {**values, "job_id": job_id})
            if is_new:
                enqueue(connection, job_id)
            row = connection.execute(_SELECT, (new.id,)).fetchone()
        assert row is not None, "the row was made in this transaction"  # noqa: S101
        return ValidationRecord(*row)

    def accept_finished(self, new: NewValidation, finished: FinishedJob) -> ValidationRecord:
        """Store a validation with its answer, in one round trip, and return it."""
        check_new(new)
        check_finished(finished)
        job_id, digest = uuid4(), digest_of(finished)
        values = {
            **msgspec.structs.asdict(new),
            **msgspec.structs.asdict(finished),
            "job_id": job_id,
            "digest": digest,
        }
        with self._connection() as connection, _new_id(new.id):
            row = connection.execute(_ACCEPT_FINISHED, values).fetchone()
        assert row is not None, "an INSERT returns its row"  # noqa: S101
        created_at = row[0]
        return ValidationRecord(
            id=new.id,
            ecosystem=new.ecosystem,
            stack_specification=new.stack_specification,
            request=new.request,
            phase=finished.phase,
            valid=finished.valid,
            reason=finished.reason,
            raw_log=finished.raw_log,
            attempt=1,
            created_at=created_at,
            started_at=created_at,
            finished_at=created_at,
            expires_at=new.expires_at.astimezone(UTC),
            job_id=job_id,
            result_digest=digest,
        )

    def get(self, validation_id: UUID) -> ValidationRecord | None:
        """Return a validation; None where it is unknown, deleted or expired."""
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(_GET, (validation_id,)).fetchone()
        return None if row is None else ValidationRecord(*row)

    def result(self, digest: bytes) -> bytes | None:
        """Return the encoded answer with this SHA-256, None where there is none (any more)."""
        statement = "SELECT content FROM result WHERE digest = %b"
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(statement, (storable_hash("digest", digest),)).fetchone()
        return None if row is None else row[0]

    def list(self, limit: int, before: str | None = None) -> tuple[tuple[UUID, ...], str | None]:
        """Return the ids of at most `limit` (1 to 1,000) validations, newest first.

        With them comes the cursor to give as `before` for those that follow; None at the end.
        """
        check_limit(limit)
        created_at, validation_id = read_cursor(before)
        with self._connection() as connection:
            rows = connection.execute(_LIST, (created_at, validation_id, limit + 1)).fetchall()
        following = write_cursor(rows[limit - 1]) if len(rows) > limit else None
        return tuple(row[0] for row in rows[:limit]), following

    def delete(self, validation_id: UUID) -> tuple[bool, UUID | None]:
        """Remove a validation; return whether there was one, and the job that is to be stopped.

        A job is to be stopped where it is unfinished and this was its last validation. It is
        removed, and `STOP_CHANNEL` is notified of its id in the same transaction.
        """
        with self._connection() as connection, connection.transaction():
            row = connection.execute(_DELETE, (validation_id,)).fetchone()
            stopped = [] if row is None else self._leave(connection, [row[0]])
        return row is not None, stopped[0] if stopped else None

    def begin(self, job_id: UUID, *, worker: str) -> JobRecord | None:
        """Begin a job that is pending or unknown (it runs then, a new attempt) and return it.

        None where nothing is to be done: it is finished or running, or nobody waits for it.
        """
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(_BEGIN, (storable_text("worker", worker), job_id)).fetchone()
        return None if row is None else JobRecord(*row)

    def finish(self, job_id: UUID, attempt: int, finished: FinishedJob) -> bool:
        """Store what came out of an attempt.

        False, and nothing is stored, where the job does not run, or runs another attempt.
        """
        check_finished(finished)
        values = {
            **msgspec.structs.asdict(finished),
            "job_id": job_id,
            "attempt": attempt,
            "digest": digest_of(finished),
        }
        with self._connection() as connection:
            return connection.execute(_FINISH, values).fetchone() is not None

    def give_back(self, job_id: UUID, attempt: int, *, ending: Ending = "stopped") -> bool:
        """Make the job pending again where it is running or unknown in this attempt.

        `ending` is counted: it says how the attempt ended.
        """
        values = {"job_id": job_id, "attempt": attempt, "ending": ending}
        with self._connection() as connection:
            return connection.execute(_GIVE_BACK, values).fetchone() is not None

    def mark_unknown(self, job_id: UUID, attempt: int) -> bool:
        """Say that nobody can tell how this attempt goes, where it is pending or running."""
        with self._connection() as connection:
            return connection.execute(_MARK_UNKNOWN, (job_id, attempt)).fetchone() is not None

    def is_wanted(self, job_id: UUID, attempt: int) -> bool:
        """Whether somebody waits for the job, and this attempt is the one that counts."""
        with self._connection() as connection:
            return connection.execute(_IS_WANTED, (job_id, attempt)).fetchone() is not None

    def running(self, job_id: UUID) -> JobRecord | None:
        """Return the job with the attempt that the store says is running; None where none is."""
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(_RUNNING, (job_id,)).fetchone()
        return None if row is None else JobRecord(*row)

    def unfinished(self, created_before: datetime, *, at_most: int) -> tuple[UUID, ...]:
        """Return the ids of the unfinished jobs that were made until then, oldest first."""
        storable_time("created_before", created_before)
        check_limit(at_most)
        with self._connection() as connection:
            rows = connection.execute(_UNFINISHED, (created_before, at_most)).fetchall()
        return tuple(row[0] for row in rows)

    def count_unfinished(self) -> dict[Phase, int]:
        """Return how many unfinished jobs there are in each phase that has any."""
        with self._connection() as connection:
            return dict(connection.execute(_COUNT_UNFINISHED).fetchall())

    def expire(self, now: datetime, *, at_most: int) -> int:
        """Remove the longest expired validations; return how many went, `at_most` (1 to 1,000).

        Jobs that nobody waits for then go as in `delete`, and then all results that no job points
        to and that none began to point to for an hour.
        """
        storable_time("now", now)
        check_limit(at_most)
        with self._connection() as connection:
            with connection.transaction():
                rows = connection.execute(_EXPIRE, (now, at_most)).fetchall()
                self._leave(connection, sorted({row[0] for row in rows}))
            unused = (now - UNUSED_RESULT_GRACE, at_most)
            while connection.execute(_DELETE_RESULTS, unused).rowcount == at_most:
                pass
        return len(rows)

    def _join_or_make_job(self, connection: Connection, new: NewValidation) -> tuple[UUID, bool]:
        for _ in range(_JOIN_TRIES):
            joined = connection.execute(_JOIN_JOB, (new.question,)).fetchone()
            if joined is not None:
                return joined[0], False
            values = (uuid4(), new.ecosystem, new.question, new.request)
            made = connection.execute(_MAKE_JOB, values).fetchone()
            if made is not None:
                return made[0], True
        # The pool makes this a DatabaseBusyError, which says where the database is.
        raise errors.LockNotAvailable(f"a job came and went {_JOIN_TRIES} times")

    def _leave(self, connection: Connection, job_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Remove the jobs that nobody waits for now; return those that were unfinished."""
        if not job_ids:
            return []
        connection.execute(_LOCK_JOBS, (job_ids,))
        removed = connection.execute(_DELETE_JOBS, (job_ids,)).fetchall()
        stopped = [job_id for job_id, was_unfinished in removed if was_unfinished]
        for job_id in stopped:
            connection.execute("SELECT pg_notify(%s, %s)", (STOP_CHANNEL, str(job_id)))
        return stopped


def digest_of(finished: FinishedJob) -> bytes | None:
    """Return the SHA-256 of the answer, None where there is none."""
    return hashlib.sha256(finished.result).digest() if finished.result else None


def check_new(new: NewValidation) -> None:
    """Raise `InvalidRecordError` where a validation cannot be stored."""
    storable_text("ecosystem", new.ecosystem)
    storable_text("stack_specification", new.stack_specification, most=MAX_LONG_TEXT_CHARACTERS)
    storable_hash("question", new.question)
    storable_blob("request", new.request)
    storable_time("expires_at", new.expires_at)


def check_finished(finished: FinishedJob) -> None:
    """Raise `InvalidRecordError` where an answer cannot be stored."""
    if finished.phase not in ("succeeded", "failed"):
        raise InvalidRecordError("phase", finished.phase, "is not final")
    if (finished.phase == "succeeded") != (finished.valid is not None):
        raise InvalidRecordError("valid", finished.valid, "must go with success, and only so")
    storable_text("reason", finished.reason)
    storable_text("raw_log", finished.raw_log, most=MAX_LONG_TEXT_CHARACTERS)
    storable_blob("result", finished.result)


def check_limit(limit: int) -> None:
    """Raise `InvalidRecordError` where so many cannot be asked for."""
    if not 1 <= limit <= MAX_LISTED:
        raise InvalidRecordError("limit", limit, f"must be from 1 to {MAX_LISTED:,}")


def write_cursor(row: tuple[UUID, datetime]) -> str:
    """Return the cursor for what follows this validation (its id and time) in a listing."""
    validation_id, created_at = row
    return f"{(created_at - _EPOCH) // timedelta(microseconds=1):x}-{validation_id.hex}"


def read_cursor(cursor: str | None) -> tuple[datetime, UUID]:
    """Return the time and the id that a cursor stands for; those of the far future for None.

    Raises `InvalidRecordError` for what is no cursor.
    """
    if cursor is None:
        return datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1)
    match = _CURSOR.fullmatch(cursor)
    try:
        if match is not None:
            return _EPOCH + timedelta(microseconds=int(match[1], 16)), UUID(match[2])
    except OverflowError:
        pass
    raise InvalidRecordError("before", cursor, "is not a cursor that a listing gave")


@contextmanager
def _new_id(validation_id: UUID) -> Iterator[None]:
    try:
        yield
    except errors.UniqueViolation as error:
        if error.diag.constraint_name != "validation_pkey":
            raise
        problem = "is another validation's already"
        raise InvalidRecordError("id", str(validation_id), problem) from error
