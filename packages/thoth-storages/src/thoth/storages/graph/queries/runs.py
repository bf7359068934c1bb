"""Questions on runs of tasks, which are the same for each kind of them."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.exceptions import NotFoundError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import Conditions, QueryFamily

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from thoth.storages.graph.queries.family import Row

_COLUMNS = {
    "document_id": "run.document_id",
    "created_at": "run.created_at",
    "duration": "run.duration",
    "analyzer_version": "run.analyzer_version",
    "error": "run.error",
    "error_message": "run.error_message",
}
_DETAILS = {"stack_info": "run.stack_info", "parameters": "run.parameters"}
STACK_COLUMNS = {
    "origin": "run.origin",
    "requirements_sha256": "encode(given_requirements.digest, 'hex')",
    "lock_sha256": "encode(given_lock.digest, 'hex')",
    "os_name": "nullif(given_environment.os_name, '')",
    "os_version": "nullif(given_environment.os_version, '')",
    "python_version": "nullif(given_environment.python_version, '')",
}
"""What is said of the stack that a run was given."""
STACK_DETAILS = {"requirements": "given_requirements.requirements"}
STACK_JOINS = """
    LEFT JOIN stack_requirements AS given_requirements
           ON given_requirements.id = run.stack_requirements_id
    LEFT JOIN software_environment AS given_environment
           ON given_environment.id = run.software_environment_id
    LEFT JOIN software_stack AS given_stack ON given_stack.id = run.software_stack_id
    LEFT JOIN stack_lock AS given_lock ON given_lock.id = given_stack.stack_lock_id
"""


class RunStatements:
    """The statements that ask for runs of a kind, whose row is `run`.

    `columns` are SQL by the names that records have, those of all runs aside; `details` are in
    single records only. `joins` follow the table.
    """

    def __init__(
        self,
        table: str,
        columns: Mapping[str, str],
        *,
        details: Mapping[str, str] | None = None,
        joins: str = "",
    ) -> None:
        listed = {**_COLUMNS, **columns}
        single = {**listed, **(details or {}), **_DETAILS}
        self.names = tuple(listed)
        self.all_names = tuple(single)
        self.exists = f"SELECT EXISTS (SELECT FROM {table} WHERE document_id = %(document_id)s)"
        self.listed = f"SELECT {', '.join(listed.values())} FROM {table} AS run {joins}"
        self.single = f"""
            SELECT {", ".join(single.values())} FROM {table} AS run {joins}
             WHERE run.document_id = %(document_id)s
        """
        self.counted = f"SELECT count(*) FROM {table} AS run {joins}"


class RunQueries(QueryFamily):
    """What the families of questions on runs have in common."""

    def _run_exists(self, statements: RunStatements, argument: str, document_id: str) -> bool:
        name = arguments.required(argument, document_id)
        return bool(self._value(statements.exists, {"document_id": name}))

    def _run(self, statements: RunStatements, argument: str, document_id: str) -> dict[str, Any]:
        name = arguments.required(argument, document_id)
        row = self._row(statements.single, {"document_id": name})
        if row is None:
            raise NotFoundError(f"the document {name}", "Sync it first.")
        return dict(zip(statements.all_names, row, strict=True))

    def _runs(
        self,
        statements: RunStatements,
        conditions: Conditions,
        start_offset: int,
        count: int | None,
    ) -> list[dict[str, Any]]:
        part = conditions.part(start_offset, count)
        statement = f"{statements.listed} {conditions.where()} ORDER BY run.document_id {part}"
        return records(statements.names, self._rows(statement, conditions.parameters))

    def _count(self, counted: str, conditions: Conditions) -> int:
        return int(self._value(counted + conditions.where(), conditions.parameters))


def run_conditions(*, error: bool | None, **texts: str | None) -> Conditions:
    """Return the conditions on runs: whether they failed, and texts that columns have."""
    conditions = Conditions()
    if arguments.flag("error", error) is not None:
        conditions.add("run.error = %(error)s", error=error)
    for name, value in texts.items():
        add_text(conditions, f"run.{name}", name, value)
    return conditions


def add_text(conditions: Conditions, column: str, argument: str, value: str | None) -> None:
    """Add the condition that a column has a text, where one is given."""
    if arguments.text(argument, value) is not None:
        conditions.add(f"{column} = %({argument})s", **{argument: value})


def records(names: tuple[str, ...], rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as dicts."""
    return [dict(zip(names, row, strict=True)) for row in rows]
