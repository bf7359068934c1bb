"""What the store of validations takes and gives: values, never rows."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

Phase: TypeAlias = Literal["pending", "running", "succeeded", "failed", "unknown"]
"""How a job goes; `succeeded` and `failed` are final."""

TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    "pending": frozenset({"running", "unknown"}),
    "running": frozenset({"succeeded", "failed", "pending", "unknown"}),
    "unknown": frozenset({"running", "pending"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
}
"""Which phase may follow which."""

STOP_CHANNEL = "thoth_stop_job"
"""PostgreSQL notifies this channel of the id of each unfinished job that nobody waits for now."""

FINISHED_CHANNEL = "thoth_job_finished"
"""PostgreSQL notifies this channel of each job that `finish` ends, in the same transaction.

The payload is a JSON object: `ecosystem`, `phase`, `reason`, `attempt`, and the seconds that the
job `waited` before its last attempt and that this one `ran`.
"""

Ending: TypeAlias = Literal["stopped", "crashed", "interrupted"]
"""How an attempt ended without an answer: on purpose, by its own fault, or by that of others."""


class NewValidation(msgspec.Struct, frozen=True):
    """A validation to be accepted.

    `id` is a new UUIDv4, `stack_specification` the canonical text, `question` the SHA-256 (32
    bytes) of everything that decides the answer: equal questions may share a job. `request` is
    opaque here. `expires_at` has a time zone.
    """

    id: UUID
    ecosystem: str
    stack_specification: str
    question: bytes
    request: bytes
    expires_at: datetime


class FinishedJob(msgspec.Struct, frozen=True):
    """What came out of a job.

    `valid` is a verdict where the job succeeded, None where it failed. `result` is the encoded
    answer, opaque here and stored once by its SHA-256; empty where there is none. `raw_log` is the
    validator's log, made harmless by whoever gives it.
    """

    phase: Literal["succeeded", "failed"]
    valid: bool | None
    reason: str
    result: bytes
    raw_log: str


class JobRecord(msgspec.Struct, frozen=True):
    """A job that was begun: what to do, and the attempt that the answer must name.

    `crashes` and `interruptions` are how many earlier attempts ended so.
    """

    job_id: UUID
    attempt: int
    request: bytes
    ecosystem: str
    crashes: int = 0
    interruptions: int = 0


class ValidationRecord(msgspec.Struct, frozen=True):
    """A validation and how its job goes.

    `valid`, `reason`, `raw_log`, `finished_at` and `result_digest` are None until the job is
    finished; `valid` and `result_digest` may be so afterwards. `started_at` is when the present
    `attempt` began. Times are in UTC.
    """

    id: UUID
    ecosystem: str
    stack_specification: str
    request: bytes
    phase: Phase
    valid: bool | None
    reason: str | None
    raw_log: str | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    job_id: UUID
    result_digest: bytes | None


class FinishedValidation(msgspec.Struct, frozen=True):
    """All that is kept of a validation whose job is finished, but for the answer itself.

    `job_created_at`, `started_at` (when the last attempt began), `finished_at`, `crashes`,
    `interruptions` and `worker` are of the job, which several validations may share.
    """

    id: UUID
    ecosystem: str
    stack_specification: str
    request: bytes
    created_at: datetime
    expires_at: datetime
    job_id: UUID
    question: bytes
    phase: Literal["succeeded", "failed"]
    valid: bool | None
    reason: str
    raw_log: str
    attempt: int
    crashes: int
    interruptions: int
    worker: str | None
    job_created_at: datetime
    started_at: datetime | None
    finished_at: datetime
    result_digest: bytes | None
