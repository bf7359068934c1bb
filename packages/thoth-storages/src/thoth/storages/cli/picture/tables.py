"""What is drawn: tables, their columns and their foreign keys, read from the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Sequence

    import sqlalchemy

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
PERFORMANCE = "models_performance"
_SHORTER = {
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "DOUBLE PRECISION": "float",
    "FLOAT": "float",
    "INTEGER": "integer",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `unique` numbers the unique keys of its table that it is in, 1 upwards.

    `alone` are those of them that have no other column, `partial` those that hold for some rows.
    """

    name: str
    type: str
    nullable: bool
    primary: bool
    foreign: bool
    unique: tuple[int, ...]
    alone: bool
    partial: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `concern` is the name of its model's module, `about` the model's first line."""

    name: str
    concern: str
    about: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key, from the first of its columns to the first that it refers to.

    `optional`: it may be null. `single`: at most one row refers to a row.
    """

    source: str
    column: str
    target: str
    target_column: str
    optional: bool
    single: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """What a drawing shows: tables by concern and name, and the references among them."""

    revision: str
    tables: tuple[Table, ...]
    references: tuple[Reference, ...]


def read_schema(include: Iterable[re.Pattern[str]], *, performance: bool) -> Schema:
    """Return the tables of the models in whose name any of `include` is found; all without one.

    `performance` says whether those of performance indicators are among them.
    """
    from thoth.storages.graph.models import Base
    from thoth.storages.graph.schema import script_revisions

    patterns = tuple(include)
    tables = {}
    for mapper in Base.registry.mappers:
        table = Base.metadata.tables[mapper.class_.__tablename__]
        concern = mapper.class_.__module__.rpartition(".")[2]
        wanted = not patterns or any(pattern.search(table.name) for pattern in patterns)
        if wanted and (performance or concern != PERFORMANCE):
            about = (mapper.class_.__doc__ or "").strip().partition("\n")[0]
            tables[table.name] = (table, concern, about)
    return Schema(
        revision=script_revisions()[-1],
        tables=tuple(
            Table(name, concern, about, _columns(table))
            for name, (table, concern, about) in sorted(
                tables.items(), key=lambda item: (item[1][1], item[0])
            )
        ),
        references=tuple(
            reference
            for _, (table, _, _) in sorted(tables.items())
            for reference in _references(table)
            if reference.target in tables
        ),
    )


def _unique_keys(table: sqlalchemy.Table) -> list[tuple[tuple[str, ...], bool]]:
    """Return the unique keys of a table as columns, and whether each holds for some rows only."""
    keys = [
        (tuple(column.name for column in constraint.columns), False)
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    keys += [
        (
            tuple(column.name for column in index.columns),
            index.dialect_options["postgresql"]["where"] is not None,
        )
        for index in table.indexes
        if index.unique
    ]
    return sorted(set(keys))


def _columns(table: sqlalchemy.Table) -> tuple[Column, ...]:
    keys = _unique_keys(table)
    several = [key for key, _ in keys if len(key) > 1]
    singles = {key[0]: partial for key, partial in keys if len(key) == 1}
    return tuple(
        Column(
            name=column.name,
            type=_type(column),
            nullable=bool(column.nullable),
            primary=column.primary_key,
            foreign=bool(column.foreign_keys),
            unique=tuple(
                number for number, key in enumerate(several, start=1) if column.name in key
            ),
            alone=column.name in singles,
            partial=singles.get(column.name, False),
        )
        for column in table.columns
    )


def _type(column: sqlalchemy.Column[object]) -> str:
    name = column.type.compile(dialect=_DIALECT)
    name = name.partition(" COLLATE ")[0]
    return _SHORTER.get(name, name).lower()


def _references(table: sqlalchemy.Table) -> Sequence[Reference]:
    keys = {key for key, partial in _unique_keys(table) if not partial}
    keys.add(tuple(column.name for column in table.primary_key.columns))
    found = []
    for constraint in table.foreign_key_constraints:
        first = constraint.elements[0]
        names = tuple(column.name for column in constraint.columns)
        found.append(
            Reference(
                source=table.name,
                column=names[0],
                target=first.column.table.name,
                target_column=first.column.name,
                optional=any(bool(column.nullable) for column in constraint.columns),
                single=any(set(key) <= set(names) for key in keys),
            )
        )
    return sorted(found, key=lambda one: (one.column, one.target))
