"""`initialize-schema` and `schema-version`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from thoth.storages.graph.database import GraphDatabase

EXIT_DIFFERENT = 1


@click.command("initialize-schema")
def initialize_schema() -> int:
    """Create the database where it is missing, and upgrade its schema to the newest revision.

    May be run any number of times, by several processes at once.
    """
    from thoth.storages.graph.database import GraphDatabase

    with GraphDatabase() as graph:
        graph.initialize_schema()
        click.echo(f"The schema is at revision {graph.get_table_alembic_version_head()}.")
    return 0


@click.command("schema-version")
def schema_version() -> int:
    """Show the schema's revision in the code and in the database; exit with 1 if they differ.

    An embedded server that does not exist yet is not made for it: it has no schema.
    """
    from thoth.storages.graph.database import GraphDatabase

    graph = GraphDatabase()
    code = graph.get_script_alembic_version_head()
    found = None if graph.is_new else _database_revision(graph)
    click.echo(f"code      {code}\ndatabase  {found or 'none'}")
    if found == code:
        return 0
    remedy = (
        "upgrade thoth-storages"
        if found is not None and found > code
        else "run `thoth-storages initialize-schema`"
    )
    click.echo(f"They differ: {remedy}.", err=True)
    return EXIT_DIFFERENT


def _database_revision(graph: GraphDatabase) -> str | None:
    """Return the revision of the database's schema, None where it has none, or does not exist."""
    from thoth.storages.exceptions import NotFoundError, SchemaMismatchError

    with graph:
        try:
            return graph.get_table_alembic_version_head()
        except (NotFoundError, SchemaMismatchError):
            return None
