"""Syncing validations: their row, the job that answered them, the answer, and their stacks.

The validation's own row comes first: who removes it waits, or is waited for.
"""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.sync.document_parts import Invalid
from thoth.storages.sync.runs import write_document
from thoth.storages.sync.stacks import StackOrigin, record_stacks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from thoth.storages.graph.connections import Connection
    from thoth.storages.sync.validation_documents import ValidationFacts

VALIDATED = StackOrigin("VALIDATION", is_external=False)
"""Of the stacks of validations: what a user requires, and the lock that we found for it."""

SYNCED_VALIDATIONS = """
    SELECT document_id FROM validation WHERE document_id = ANY(%(document_ids)s)
    UNION ALL
    SELECT document_id FROM document_removal WHERE document_id = ANY(%(document_ids)s)
"""
"""Documents of validations that need not be looked at: in the graph, or to be removed."""

_FIND = """
    SELECT id, document_id IS NOT NULL FROM validation
     WHERE id = %(id)s OR document_id = %(document_id)s
       FOR NO KEY UPDATE
"""
_IS_REMOVED = "SELECT FROM document_removal WHERE document_id = %(document_id)s"
_MARK = """
    UPDATE validation SET document_id = %(document_id)s
     WHERE id = %(id)s AND EXISTS (SELECT FROM validation_job AS job
                                    WHERE job.id = job_id AND job.finished_at IS NOT NULL)
    RETURNING id
"""
_MARK_ALL = """
    UPDATE validation SET document_id = wanted.document_id
      FROM unnest(%(ids)s::uuid[], %(document_ids)s::text[]) AS wanted (id, document_id),
           validation_job AS job
     WHERE validation.id = wanted.id AND validation.document_id IS NULL
       AND job.id = validation.job_id AND job.finished_at IS NOT NULL
    RETURNING validation.id
"""

_VALIDATION = {
    "ecosystem": "text",
    "created_at": "timestamptz",
    "expires_at": "timestamptz",
    "stack_specification": "text",
    "request": "bytea",
    "document_id": "text",
}
# The names of columns and of parameters differ in `created_at` alone.
_JOB = {
    "ecosystem": "text",
    "question": "bytea",
    "phase": "text",
    "attempt": "int",
    "created_at": "timestamptz",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "worker": "text",
    "valid": "bool",
    "reason": "text",
    "result_digest": "bytea",
    "raw_log": "text",
    "crashes": "int",
    "interruptions": "int",
}


def _parameters(columns: dict[str, str], renamed: Iterable[str] = ()) -> str:
    return ", ".join(
        f"%({'job_' if name in renamed else ''}{name})s::{kind}" for name, kind in columns.items()
    )


def _changed(table: str, columns: dict[str, str], values: str, which: str) -> str:
    names = ", ".join(columns)
    return f"""
    UPDATE {table} SET ({names}) = ({values})
     WHERE {which} AND ({names}) IS DISTINCT FROM ({values})
"""


_JOB_VALUES = _parameters(_JOB, ["created_at"])
_KEEP_RESULT = """
    INSERT INTO result (digest, used_at, content) VALUES (%(result_digest)s, now(), %(result)s)
    ON CONFLICT (digest) DO UPDATE SET used_at = excluded.used_at
"""
# A job that is here may have other validations; its documents are nobody's to store.
_ADD_JOB = f"""
    INSERT INTO validation_job (id, document_due_at, {", ".join(_JOB)})
    VALUES (%(job_id)s, NULL, {_JOB_VALUES})
    ON CONFLICT (id) DO NOTHING
"""
_IS_FINISHED = """
    SELECT FROM validation_job WHERE id = %(job_id)s AND finished_at IS NOT NULL FOR KEY SHARE
"""
_ADD = f"""
    INSERT INTO validation (id, job_id, {", ".join(_VALIDATION)})
    VALUES (%(id)s, %(job_id)s, {_parameters(_VALIDATION)})
"""
_CHANGE = _changed("validation", _VALIDATION, _parameters(_VALIDATION), "id = %(id)s")
_CHANGE_JOB = _changed(
    "validation_job",
    _JOB,
    _JOB_VALUES,
    "id = (SELECT job_id FROM validation WHERE validation.id = %(id)s)",
)


class _RemovedError(Exception):
    """The document is to be removed: nothing of it is written."""


def sync_validation_facts(
    connection: Connection, facts: ValidationFacts, *, force: bool = False
) -> bool:
    """Write the rows of a validation, all or none; say whether there was anything to write.

    Where its document is synced already, or is to be removed since the validation was deleted,
    nothing is written. `force` writes a synced one again, after which the rows are those of this
    document, however often. Of a validation that finished in this graph, only its stacks are
    missing. Safe for any number of parallel writers. Raises `InvalidDocumentError` for what cannot
    be stored.
    """
    try:
        return write_document(
            connection,
            facts.document_id,
            lambda: _write(connection, facts, force=force),
            path="result.answer",
        )
    except _RemovedError:
        return False


def sync_finished_validations(
    connection: Connection, all_facts: Sequence[ValidationFacts]
) -> set[UUID]:
    """Write what documents say of validations that finished in this graph: their stacks.

    All or none, much faster together than one by one. Returns the ids of the validations that were
    there, and not synced yet; nothing is written of others. Raises `InvalidDocumentError`.
    """

    def work() -> set[UUID]:
        parameters = {
            "ids": [facts.validation.id for facts in all_facts],
            "document_ids": [facts.document_id for facts in all_facts],
        }
        marked = {row[0] for row in connection.execute(_MARK_ALL, parameters).fetchall()}
        stacks = [
            (stack, VALIDATED)
            for facts in all_facts
            if facts.validation.id in marked
            for stack in facts.stacks
        ]
        record_stacks(connection, stacks)
        return marked

    return write_document(connection, all_facts[0].document_id, work, path="result.answer")


def _write(connection: Connection, facts: ValidationFacts, *, force: bool) -> bool:
    values = {
        **msgspec.structs.asdict(facts.validation),
        "document_id": facts.document_id,
        "result": facts.result,
    }
    found: dict[UUID, bool] = dict(connection.execute(_FIND, values).fetchall())
    own = facts.validation.id
    if found.keys() - {own}:
        problem = "is not that of the validation that was synced from a document of this id"
        raise Invalid(facts.document_id)("result.id", problem)
    if own not in found:
        _add(connection, facts, values)
    elif not found[own]:
        if connection.execute(_MARK, values).fetchone() is None:
            raise Invalid(facts.document_id)("result.id", "is that of one that is not finished")
    elif force:
        _keep_result(connection, values)
        connection.execute(_CHANGE, values)
        connection.execute(_CHANGE_JOB, values)
    else:
        return False
    if connection.execute(_IS_REMOVED, values).fetchone() is not None:
        raise _RemovedError
    record_stacks(connection, [(stack, VALIDATED) for stack in facts.stacks])
    return True


def _add(connection: Connection, facts: ValidationFacts, values: dict[str, Any]) -> None:
    _keep_result(connection, values)
    connection.execute(_ADD_JOB, values)
    if connection.execute(_IS_FINISHED, values).fetchone() is None:
        raise Invalid(facts.document_id)("result.job.id", "is that of one that is not finished")
    connection.execute(_ADD, values)


def _keep_result(connection: Connection, values: dict[str, Any]) -> None:
    if values["result_digest"] is not None:
        connection.execute(_KEEP_RESULT, values)
