"""Writing runs of tasks: the row of a run, then rows of its own, which become what it says.

The row comes first, so that another who syncs the same document waits for it before it holds
anything else.
"""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph import json_values
from thoth.storages.graph.queries.transactions import in_transaction
from thoth.storages.sync.document_parts import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from thoth.storages.graph.connections import Connection

_T = TypeVar("_T")

RUN_COLUMNS = {
    "duration": "int",
    "error": "bool",
    "created_at": "timestamptz",
    "analyzer_version": "text",
    "error_message": "text",
    "stack_info": "jsonb",
    "parameters": "jsonb",
}
"""The columns of every run (`models.run.Run`) but its id."""

RUN_ON_STACK_COLUMNS = {
    **RUN_COLUMNS,
    "stack_requirements_id": "int",
    "software_environment_id": "int",
    "software_stack_id": "int",
    "origin": "text",
}
"""The columns of every run that was given a stack (`models.run.RunOnStack`) but its id."""
PRODUCT_COLUMNS = {"software_stack_id": "int", "score": "float8", "justification": "jsonb"}
"""The columns of a stack that a run made, as `Product.columns` gives them."""


def write_document(
    connection: Connection, document_id: str, work: Callable[[], _T], *, path: str
) -> _T:
    """Write a document, all or nothing; return what `work`, which writes it, does.

    Raises `InvalidDocumentError` at a path for a release that cannot be stored.
    """
    try:
        written: _T = in_transaction(connection, work)
    except InvalidRecordError as error:
        problem = f"has a release whose {error.field} {error.problem}"
        raise Invalid(document_id)(path, problem) from error
    return written


class RunTable:
    """Writes the rows of a table of runs, one a document, whose columns have these types.

    `required` are those that may not be null.
    """

    def __init__(
        self, table: str, columns: Mapping[str, str], *, required: Collection[str] = ("error",)
    ) -> None:
        names = _names(columns)
        values = ", ".join(f"%({name})s::{kind}" for name, kind in columns.items())
        given = ", ".join(f"%({name})s" for name in required)
        self._add = f"""
            INSERT INTO {table} (document_id, {_names(required)})
            VALUES (%(document_id)s, {given})
            ON CONFLICT DO NOTHING RETURNING id
        """
        self._find = f"SELECT id FROM {table} WHERE document_id = %(document_id)s"
        self._lock = f"{self._find} FOR NO KEY UPDATE"
        self._change = f"""
            UPDATE {table} SET ({names}) = ROW ({values})
             WHERE id = %(run)s AND ({names}) IS DISTINCT FROM ({values})
        """

    def has(self, connection: Connection, document_id: str) -> bool:
        """Say whether a document is in the graph, for one that cannot begin with its row."""
        found = connection.execute(self._find, {"document_id": document_id}).fetchone()
        return found is not None

    def begin(
        self, connection: Connection, document_id: str, columns: Mapping[str, Any], *, force: bool
    ) -> int | None:
        """Return the id of the row of a document, which is ours until the transaction ends.

        None for one that is in the graph and is not to be written again.
        """
        parameters = {**columns, "document_id": document_id}
        row = connection.execute(self._add, parameters).fetchone()
        if row is None:
            row = connection.execute(self._lock, parameters).fetchone()
            if not force:
                return None
        assert row is not None  # noqa: S101 - it has just been added, or it is locked
        return int(row[0])

    def change(self, connection: Connection, run: int, columns: Mapping[str, Any]) -> None:
        """Make the columns of a row those given."""
        connection.execute(self._change, {**columns, "run": run})


class NumberedRows:
    """Writes rows of a run that are numbered from 0, with columns of these types."""

    def __init__(
        self, table: str, columns: Mapping[str, str], *, run: str, number: str = "number"
    ) -> None:
        kinds = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        names = _names(columns)
        stored = ", ".join(f"stored.{name}" for name in columns)
        excluded = ", ".join(f"excluded.{name}" for name in columns)
        self._delete = f"DELETE FROM {table} WHERE {run} = %(run)s AND {number} >= %(count)s"
        self._add = f"""
            INSERT INTO {table} AS stored ({run}, {number}, {names})
            SELECT %(run)s, number, {names}
              FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (number int, {kinds})
             ORDER BY number
            ON CONFLICT ({run}, {number}) DO UPDATE SET ({names}) = ROW ({excluded})
             WHERE ({stored}) IS DISTINCT FROM ({excluded})
        """

    def write(self, connection: Connection, run: int, rows: Sequence[Mapping[str, object]]) -> None:
        """Make the rows of a run those given. What is JSON already is given as `msgspec.Raw`."""
        numbered = [{"number": number, **row} for number, row in enumerate(rows)]
        parameters = {
            "run": run,
            "count": len(rows),
            "rows": json_values.plain(numbered),
        }
        connection.execute(self._delete, parameters)
        connection.execute(self._add, parameters)


class DistinctRows:
    """Writes rows of a run that are all key, with columns of these types."""

    def __init__(self, table: str, columns: Mapping[str, str], *, run: str) -> None:
        names = _names(columns)
        arrays = ", ".join(f"%({name})s::{kind}[]" for name, kind in columns.items())
        wanted = f"unnest({arrays}) AS wanted ({names})"
        same = " AND ".join(f'wanted."{name}" = stored."{name}"' for name in columns)
        self._columns = tuple(columns)
        # Not NOT IN, which looks through all that is wanted for each row where that is much.
        self._delete = f"""
            DELETE FROM {table} AS stored
             WHERE {run} = %(run)s
               AND NOT EXISTS (SELECT FROM {wanted} WHERE {same})
        """
        self._add = f"""
            INSERT INTO {table} ({run}, {names})
            SELECT %(run)s, {names} FROM {wanted} ORDER BY {names}
            ON CONFLICT DO NOTHING
        """

    def write(self, connection: Connection, run: int, rows: Collection[tuple[Any, ...]]) -> None:
        """Make the rows of a run those given."""
        columns = zip(*rows, strict=True) if rows else ((),) * len(self._columns)
        parameters = {
            "run": run,
            **{name: list(values) for name, values in zip(self._columns, columns, strict=True)},
        }
        connection.execute(self._delete, parameters)
        connection.execute(self._add, parameters)


def _names(columns: Collection[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
