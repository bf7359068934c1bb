"""What all models share: the base class, names of constraints, storage of columns."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, Table, event, text
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Base class of all models; its metadata is what migrations are compared with."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )


class BaseExtension:
    """Marks the tables that relate rows of others; counted apart from the main ones."""


def storage(table: object, *statements: str) -> None:
    """Say how PostgreSQL keeps a table, in ALTER TABLE clauses that SQLAlchemy has no words for."""
    if not isinstance(table, Table):
        raise TypeError(f"{table!r} is not a table")

    def apply(_table: Table, connection: Connection, **_options: object) -> None:
        for statement in statements:
            connection.execute(text(f"ALTER TABLE {table.name} {statement}"))

    event.listen(table, "after_create", apply)
