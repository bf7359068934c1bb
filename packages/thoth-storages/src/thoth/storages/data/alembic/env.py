"""Runs migrations, on the connection it is given or on the knowledge graph of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic import context

from thoth.storages.graph import migrations
from thoth.storages.graph.database import GraphDatabase
from thoth.storages.graph.models import Base
from thoth.storages.graph.schema import script_revisions

if TYPE_CHECKING:
    import sqlalchemy
    from alembic.operations import MigrationScript
    from alembic.runtime.migration import MigrationContext


def number_revision(
    _context: MigrationContext, _revision: object, directives: list[MigrationScript]
) -> None:
    """Give a new revision the number after the newest one's."""
    newest = max(script_revisions(), default="0000")
    directives[0].rev_id = f"{int(newest) + 1:04}"


OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "compare_type": True,
    "compare_server_default": True,
    "process_revision_directives": number_revision,
}


def run(connection: sqlalchemy.Connection) -> None:
    """Run what Alembic was asked for, in the transaction that the connection is in."""
    context.configure(connection=connection, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    with (
        GraphDatabase() as graph,
        migrations.engine(graph.migration_connection).connect() as opened,
        migrations.turn(opened),
    ):
        run(opened)
