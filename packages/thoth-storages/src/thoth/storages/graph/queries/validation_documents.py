"""The documents of finished validations: which are to be stored, and which to be removed.

A finished job is due for its documents until somebody says that they are stored and synced. A
validation that is removed leaves word that its document goes too. Who takes something up is alone
with it for a while (its lease), without a transaction that stays open meanwhile.
"""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from thoth.storages.graph.queries.values import storable_count
from thoth.storages.graph.validation_records import FinishedValidation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from uuid import UUID

    from thoth.storages.graph.connections import Connection

REMOVAL_MEMORY = timedelta(days=1)
"""How long it is remembered that a document was removed, so that nobody syncs it again."""
LONGEST_POSTPONEMENT = timedelta(hours=6)
"""Documents that cannot be stored are tried again after as long as they waited, at most this."""
PAGE = 100
"""So many validations of one job are read at once."""

DOCUMENT_ID = """
    coalesce(document_id, 'validation-' || to_char(created_at AT TIME ZONE 'UTC', 'YYMMDDHH24MISS')
                          || '-' || right(replace(id::text, '-', ''), 16))
"""
"""SQL for the id of a validation's document: the one it was synced from, or its own."""

RECORD_REMOVALS = f"""
    INSERT INTO document_removal (document_id, due_at)
    SELECT {DOCUMENT_ID}, now() FROM gone ORDER BY 1
    ON CONFLICT (document_id) DO UPDATE SET due_at = excluded.due_at, removed_at = NULL
"""
"""SQL that has the documents of `gone`, validations that are removed, removed too."""

_CLAIM = """
    UPDATE validation_job SET document_due_at = now() + %(lease)s
     WHERE id IN (SELECT id FROM validation_job
                   WHERE finished_at IS NOT NULL AND {due} {which}
                   ORDER BY document_due_at LIMIT %(at_most)s FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id
"""
# What is due later than anything is put off was so by a clock that has been set back since.
_DUE = "({column} <= now() OR {column} > now() + %(most)s)"
_JOB_DUE = _DUE.format(column="document_due_at")
_CLAIM_DUE = _CLAIM.format(due=_JOB_DUE, which="")
_CLAIM_ONE = _CLAIM.format(due=_JOB_DUE, which="AND id = %(job_id)s")
_UNSTORED = """
    SELECT validation.id, validation.ecosystem, validation.stack_specification, validation.request,
           validation.created_at, validation.expires_at, job.id, job.question, job.phase, job.valid,
           job.reason, job.raw_log, job.attempt, job.crashes, job.interruptions, job.worker,
           job.created_at, job.started_at, job.finished_at, job.result_digest
      FROM validation JOIN validation_job AS job ON job.id = validation.job_id
     WHERE job.id = %(job_id)s AND job.finished_at IS NOT NULL AND validation.document_id IS NULL
     ORDER BY validation.id LIMIT %(at_most)s
"""
# Who joins a job holds its row until the validation is there to be seen. It may do so while the job
# finishes, so what is held is not settled yet, and whoever joined is looked for by a statement that
# sees it. What nobody will be asked any more goes with the mark.
_LOCK_UNHELD = """
    SELECT id FROM validation_job WHERE id = ANY(%(job_ids)s) AND finished_at IS NOT NULL
     ORDER BY id FOR UPDATE SKIP LOCKED
"""
_SETTLE = """
    UPDATE validation_job AS job SET document_due_at = NULL, request = NULL
     WHERE id = ANY(%(job_ids)s)
       AND NOT EXISTS (SELECT FROM validation WHERE job_id = job.id AND document_id IS NULL)
"""
_POSTPONE = """
    UPDATE validation_job
       SET document_due_at = now() + least(greatest(now() - finished_at, %(least)s), %(most)s)
     WHERE id = ANY(%(job_ids)s) AND document_due_at IS NOT NULL AND finished_at IS NOT NULL
"""
_GIVE_BACK = """
    UPDATE validation_job SET document_due_at = now()
     WHERE id = ANY(%(job_ids)s) AND document_due_at IS NOT NULL
"""

_CLAIM_REMOVALS = """
    UPDATE document_removal SET due_at = now() + %(lease)s
     WHERE document_id IN (SELECT document_id FROM document_removal WHERE {due}
                            ORDER BY due_at LIMIT %(at_most)s FOR UPDATE SKIP LOCKED)
    RETURNING document_id
""".format(due=_DUE.format(column="due_at"))
_FORGET_REMOVALS = """
    DELETE FROM document_removal
     WHERE document_id = ANY(%(document_ids)s) AND removed_at <= now() - %(memory)s
"""
_SETTLE_REMOVALS = """
    UPDATE document_removal SET removed_at = now(), due_at = now() + %(memory)s
     WHERE document_id = ANY(%(document_ids)s)
"""
_REPEAT_REMOVALS = """
    UPDATE document_removal SET removed_at = NULL, due_at = now()
     WHERE document_id = ANY(%(document_ids)s)
    RETURNING document_id
"""
_COUNT = """
    SELECT (SELECT count(*) FROM validation_job
             WHERE finished_at IS NOT NULL AND document_due_at IS NOT NULL),
           (SELECT count(*) FROM document_removal WHERE removed_at IS NULL)
"""


def validation_document_id(validation_id: UUID, created_at: datetime) -> str:
    """Return the id of a validation's document, the same whoever asks, and however often."""
    return f"validation-{created_at.astimezone(UTC):%y%m%d%H%M%S}-{validation_id.hex[16:]}"


class ValidationDocumentQueue:
    """What is to be done about documents of validations; safe for threads and many processes."""

    def __init__(self, connection: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._connection = connection

    def claim(
        self, *, at_most: int, lease: timedelta, job_id: UUID | None = None
    ) -> Sequence[UUID]:
        """Take up jobs whose documents are due, those first that waited longest; return their ids.

        Nobody else takes them up before `lease` is over. With `job_id`, only that one.
        """
        storable_count("at_most", at_most, least=1)
        statement = _CLAIM_DUE if job_id is None else _CLAIM_ONE
        most = max(lease, LONGEST_POSTPONEMENT)
        parameters = {"at_most": at_most, "lease": lease, "most": most, "job_id": job_id}
        with self._connection() as connection:
            return [row[0] for row in connection.execute(statement, parameters).fetchall()]

    def unstored(self, job_id: UUID) -> Sequence[FinishedValidation]:
        """Return validations of a finished job whose documents were not synced, `PAGE` at most."""
        parameters = {"job_id": job_id, "at_most": PAGE}
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            rows = cursor.execute(_UNSTORED, parameters).fetchall()
        return [FinishedValidation(*row) for row in rows]

    def settle(self, job_ids: Sequence[UUID]) -> None:
        """Say that the documents of jobs are stored and synced.

        A job that has another validation by now stays taken up, and so does one that somebody is
        about to join: it is taken up again when the lease is over.
        """
        with self._connection() as connection, connection.transaction():
            found = connection.execute(_LOCK_UNHELD, {"job_ids": list(job_ids)}).fetchall()
            connection.execute(_SETTLE, {"job_ids": [row[0] for row in found]})

    def postpone(self, job_ids: Sequence[UUID], *, at_least: timedelta) -> None:
        """Have jobs taken up again after as long as they waited, within limits."""
        most = LONGEST_POSTPONEMENT
        self._change(_POSTPONE, job_ids=list(job_ids), least=at_least, most=most)

    def give_back(self, job_ids: Sequence[UUID]) -> None:
        """Have jobs that were taken up taken up again, by anybody, at any time."""
        self._change(_GIVE_BACK, job_ids=list(job_ids))

    def claim_removals(self, *, at_most: int, lease: timedelta) -> Sequence[str]:
        """Take up documents that are to be removed; return their ids."""
        storable_count("at_most", at_most, least=1)
        most = max(lease, REMOVAL_MEMORY)
        parameters = {"at_most": at_most, "lease": lease, "most": most}
        with self._connection() as connection:
            return [row[0] for row in connection.execute(_CLAIM_REMOVALS, parameters).fetchall()]

    def settle_removals(self, document_ids: Sequence[str]) -> None:
        """Say that documents were removed.

        That is done once more after `REMOVAL_MEMORY`, and then forgotten.
        """
        parameters = {"document_ids": list(document_ids), "memory": REMOVAL_MEMORY}
        with self._connection() as connection, connection.transaction():
            connection.execute(_FORGET_REMOVALS, parameters)
            connection.execute(_SETTLE_REMOVALS, parameters)

    def repeat_removals(self, document_ids: Sequence[str]) -> Sequence[str]:
        """Have documents that are stored again removed again; return those that are to go."""
        parameters = {"document_ids": list(document_ids)}
        with self._connection() as connection:
            return [row[0] for row in connection.execute(_REPEAT_REMOVALS, parameters).fetchall()]

    def count_waiting(self) -> dict[str, int]:
        """Return for how many jobs documents are to be stored, and how many are to be removed."""
        with self._connection() as connection:
            row = connection.execute(_COUNT).fetchone()
        assert row is not None  # noqa: S101 - counts are always one row
        return {"store": row[0], "remove": row[1]}

    def _change(self, statement: str, **parameters: object) -> None:
        with self._connection() as connection:
            connection.execute(statement, parameters)
