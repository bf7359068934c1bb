"""`thoth-storages stats`: how much the graph holds, and how much room that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.database import GraphDatabase

_UNITS = ("B", "kB", "MB", "GB", "TB")
_KIB = 1024

# Tables of all schemas that are not PostgreSQL's own, so that the queue's are seen too.
_SIZES = """
    SELECT nspname, relname, pg_table_size(pg_class.oid), pg_indexes_size(pg_class.oid)
      FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE relkind = 'r' AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
     ORDER BY nspname <> 'public', nspname, relname
"""


@click.command()
@click.option("--json", is_flag=True, help="Write a JSON object.")
def stats(*, json: bool) -> int:
    """Show tables with their rows and sizes on disk, the size of the database, and statistics.

    Rows are counted, which takes about a second for ten million of them.
    """
    from thoth.storages.cli.opening import existing_graph
    from thoth.storages.cli.output import as_json

    with existing_graph() as graph:
        found = gather(graph)
    click.echo(as_json(found) if json else _for_people(found))
    return 0


def gather(graph: GraphDatabase) -> dict[str, Any]:
    """Return what there is to tell of a connected graph: sizes in bytes, times in seconds.

    Raises `SchemaMismatchError` or `NotFoundError` where the database has no tables of ours.
    """
    import psycopg

    from thoth.storages.exceptions import DatabaseRefusedError

    revision = graph.get_table_alembic_version_head()
    with graph.migration_connection() as connection:
        try:
            tables = _tables(connection)
            size = _value(connection, "SELECT pg_database_size(current_database())")
            name = _value(connection, "SELECT current_database()")
        except psycopg.Error as error:
            raise DatabaseRefusedError("the chosen server", str(error), error.sqlstate) from error
    return {
        "database": name,
        "database_bytes": size,
        "schema_revision": revision,
        "tables": tables,
        "statistics": graph.stats(),
    }


def _value(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def _tables(connection: Connection) -> list[dict[str, Any]]:
    from psycopg import sql

    sizes = connection.execute(_SIZES).fetchall()
    counts = sql.SQL(", ").join(
        sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(schema, table))
        for schema, table, _, _ in sizes
    )
    rows = connection.execute(sql.SQL("SELECT {}").format(counts)).fetchone() or ()
    return [
        {
            "schema": schema,
            "table": table,
            "rows": count,
            "table_bytes": table_bytes,
            "index_bytes": index_bytes,
        }
        for (schema, table, table_bytes, index_bytes), count in zip(sizes, rows, strict=True)
    ]


def _for_people(found: dict[str, Any]) -> str:
    from thoth.storages.cli.output import columns

    rows = [
        [
            table["table"]
            if table["schema"] == "public"
            else f"{table['schema']}.{table['table']}",
            f"{table['rows']:,}",
            readable(table["table_bytes"]),
            readable(table["index_bytes"]),
        ]
        for table in found["tables"]
    ]
    tables = columns(rows, heads=("table", "rows", "size", "indexes"), right=(1, 2, 3))
    size = readable(found["database_bytes"])
    head = f"Database {found['database']}: {size}, schema {found['schema_revision']}"
    return "\n\n".join([head, tables, columns(list(_flat(found["statistics"])))])


def _name(table: dict[str, Any]) -> str:
    public = table["schema"] == "public"
    return str(table["table"]) if public else f"{table['schema']}.{table['table']}"


def _flat(statistics: dict[str, Any], prefix: str = "") -> list[Sequence[object]]:
    """Return nested figures as lines with dotted names."""
    lines: list[Sequence[object]] = []
    for name, value in statistics.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{prefix}{name}.")
        else:
            lines.append([f"{prefix}{name}", value])
    return lines


def readable(size: int) -> str:
    """Return a number of bytes for people, in units of 1024."""
    value, unit = float(size), 0
    while value >= _KIB and unit < len(_UNITS) - 1:
        value, unit = value / _KIB, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:,.1f} {_UNITS[unit]}"
