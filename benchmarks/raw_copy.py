"""The floor that writing is measured against: COPY of prepared rows, without indexes.

The rows are those of a graph, as text; they go into tables of the same columns that have neither
indexes nor constraints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from thoth.storages import GraphDatabase


def figure(graph: GraphDatabase, statement: str) -> int:
    """Return the one number that a statement gives."""
    with graph.migration_connection() as connection:
        row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def prepared_rows(graph: GraphDatabase, tables: Iterable[str]) -> dict[str, bytes]:
    """Return the rows of tables as text for COPY."""
    prepared = {}
    with graph.migration_connection() as connection, connection.cursor() as cursor:
        for table in tables:
            with cursor.copy(f"COPY {table} TO STDOUT") as copy:
                prepared[table] = b"".join(bytes(part) for part in copy)
    return prepared


def empty(graph: GraphDatabase, tables: Iterable[str]) -> None:
    """Empty tables, and make the bare ones anew."""
    with graph.migration_connection() as connection:
        connection.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        for table in tables:
            connection.execute(f"DROP TABLE IF EXISTS bare_{table}")
            connection.execute(f"CREATE TABLE bare_{table} (LIKE {table})")
    with graph.migration_connection() as connection:
        connection.autocommit = True
        connection.execute("CHECKPOINT")


def copy_all(graph: GraphDatabase, prepared: Mapping[str, bytes]) -> None:
    """Load prepared rows into the bare tables."""
    with graph.migration_connection() as connection, connection.cursor() as cursor:
        for table, data in prepared.items():
            with cursor.copy(f"COPY bare_{table} FROM STDIN") as copy:
                copy.write(data)
