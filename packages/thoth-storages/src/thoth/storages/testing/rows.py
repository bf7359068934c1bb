"""What a graph holds, by natural keys, so that two graphs can be compared."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, Table

from thoth.storages.graph.models.base import Base

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.database import GraphDatabase

WHEN_RECORDED = frozenset(
    {"recorded_at", "used_at", "document_due_at", "release_change.changed_at"}
)
"""Columns, of any table or of one, that tell when a row was written, and not what it says."""

_KEYS = {
    "package": ("ecosystem", "name"),
    "package_index": ("ecosystem", "url"),
    "release": ("package_id", "version", "package_index_id"),
    "solver_result": ("document_id",),
    "inspection": ("document_id",),
    "inspection_result": ("inspection_id", "number"),
}
"""What identifies a row to those that refer to it, where that is not all of it."""


def natural_rows(graph: GraphDatabase, tables: Collection[str]) -> dict[str, list[str]]:
    """Return the rows of tables as texts, sorted.

    Row ids are left out, and in place of a reference stands what it refers to: so two graphs that
    say the same give the same, whatever the order in which they were filled.
    """
    with graph.connection() as connection, connection.transaction():
        reader = _Reader(connection)
        return {name: reader.rows(Base.metadata.tables[name]) for name in tables}


class _Reader:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables: dict[str, list[dict[str, Any]]] = {}
        self._identities: dict[str, dict[Any, str]] = {}

    def rows(self, table: Table) -> list[str]:
        return sorted(self._text(table, row) for row in self._all(table))

    def _all(self, table: Table) -> list[dict[str, Any]]:
        if table.name not in self._tables:
            names = [column.name for column in table.columns]
            quoted = ", ".join(f'"{name}"' for name in names)
            found = self._connection.execute(f"SELECT {quoted} FROM {table.name}")  # noqa: S608
            self._tables[table.name] = [
                dict(zip(names, row, strict=True)) for row in found.fetchall()
            ]
        return self._tables[table.name]

    def _text(self, table: Table, row: Mapping[str, Any], only: Collection[str] = ()) -> str:
        shown = {}
        for column in table.columns:
            is_when = not WHEN_RECORDED.isdisjoint((column.name, f"{table.name}.{column.name}"))
            if is_when or (only and column.name not in only):
                continue
            value = row[column.name]
            reference = next(iter(column.foreign_keys), None)
            if reference is not None and value is not None:
                value = self._identity(reference.column.table, reference.column.name, value)
            elif column.name == "id" and isinstance(column.type, Integer):
                continue
            shown[column.name] = value
        return json.dumps(shown, sort_keys=True, default=_shown)

    def _identity(self, table: Table, column: str, value: Any) -> str:
        """Return what tells the row that is referred to from others."""
        if table.name not in self._identities:
            only = _KEYS.get(table.name, ())
            self._identities[table.name] = {
                row[column]: self._text(table, row, only) for row in self._all(table)
            }
        found = self._identities[table.name][value]
        return found if len(found) < 200 else hashlib.sha256(found.encode()).hexdigest()


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
