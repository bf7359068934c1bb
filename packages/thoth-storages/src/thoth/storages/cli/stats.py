"""`thoth-storages stats`: how much the graph holds, and how much room that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.storages.graph.database import GraphDatabase

_UNITS = ("B", "kB", "MB", "GB", "TB")
_KIB = 1024


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
    revision = graph.get_table_alembic_version_head()
    return {
        "database": graph.get_database_name(),
        "database_bytes": graph.get_database_size(),
        "schema_revision": revision,
        "tables": graph.get_table_sizes(),
        "statistics": graph.stats(),
    }


def _for_people(found: dict[str, Any]) -> str:
    from thoth.storages.cli.output import columns

    rows = [
        [
            _name(table),
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
