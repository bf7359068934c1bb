"""The schema as an entity relationship diagram of Mermaid, which many sites show by themselves."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from thoth.storages.cli.picture.dot import marks

if TYPE_CHECKING:
    from thoth.storages.cli.picture.tables import Column, Reference, Schema


def render(schema: Schema) -> str:
    """Return the diagram, the same text for the same schema."""
    lines = ["---", f"title: 'Thoth: schema revision {schema.revision}'", "---", "erDiagram"]
    for concern, tables in groupby(schema.tables, key=lambda table: table.concern):
        lines.append(f"    %% {concern.removeprefix('models_').replace('_', ' ')}")
        for table in tables:
            lines.append(f"    {table.name} {{")
            lines += [f"        {_attribute(column)}" for column in table.columns]
            lines.append("    }")
    lines += [f"    {_relation(reference)}" for reference in schema.references]
    return "\n".join(lines) + "\n"


def _attribute(column: Column) -> str:
    parts = [column.type.replace(" ", "_"), column.name, marks(column, ", ")]
    if column.nullable:
        parts.append('"may be null"')
    return " ".join(part for part in parts if part)


def _relation(reference: Reference) -> str:
    one = "|o" if reference.optional else "||"
    many = "o|" if reference.single else "o{"
    return f'{reference.target} {one}--{many} {reference.source} : "{reference.column}"'
