"""Changing the schema: Alembic run under a lock and with time limits.

Importing this module imports SQLAlchemy and Alembic; import it only where a schema really changes.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from thoth.storages.graph.schema import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy

    from thoth.storages.graph.connections import Connection

TURN_SECONDS = 120
"""How long one who wants to change the schema waits for another who does."""
LOCK_SECONDS = 10
"""How long a migration waits for a table that is in use."""
STATEMENT_SECONDS = 600
"""How long one statement of a migration may run."""
ADVISORY_LOCK = 0x7468_6F74_6867
"""The key of the advisory lock that all who change a schema of ours take: "thothg" in ASCII."""

# Alembic keeps the environment that it runs in a module's globals, so threads take turns.
_one_at_a_time = threading.Lock()


def configuration() -> Config:
    """Return Alembic's configuration for the scripts that this distribution ships."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connect: Callable[[], Connection], revision: str = "head") -> None:
    """Upgrade to a revision, in one transaction; nothing happens where it is there already.

    `connect` makes a connection that is not in autocommit mode. Errors are psycopg's.
    """
    with _configured(connect) as (config, _):
        command.upgrade(config, revision)


def downgrade(connect: Callable[[], Connection], revision: str) -> None:
    """Downgrade to a revision, in one transaction. The data of what goes is lost."""
    with _configured(connect) as (config, _):
        command.downgrade(config, revision)


def drop_all(connect: Callable[[], Connection]) -> None:
    """Remove every table of ours and the migration mark, in one transaction."""
    with _configured(connect) as (config, connection):
        command.downgrade(config, "base")
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))


@contextmanager
def turn(connection: sqlalchemy.Connection) -> Iterator[None]:
    """One transaction in which nobody else changes a schema of ours, with time limits set.

    The limits end with it. Committed at the end, undone where an error leaves it.
    """
    with connection.begin():
        connection.execute(text(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{TURN_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'"))
        yield


def engine(connect: Callable[[], Connection]) -> sqlalchemy.Engine:
    """Return an engine that keeps no connection."""
    return create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


@contextmanager
def _configured(
    connect: Callable[[], Connection],
) -> Iterator[tuple[Config, sqlalchemy.Connection]]:
    with _one_at_a_time, engine(connect).connect() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        try:
            with turn(connection):
                yield config, connection
        except DBAPIError as error:
            raise (error.orig or error) from error
