"""The schema in Graphviz's language, for `dot` and whatever else reads it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages.cli.picture.tables import Column, Reference, Schema, Table


def render(schema: Schema) -> str:
    """Return a digraph with a cluster a concern, the same text for the same schema."""
    title = _quoted(f"Thoth: schema revision {schema.revision}")
    lines = [
        "digraph schema {",
        f"  graph [label={title}, labelloc=t, rankdir=RL, ranksep=1.2, fontname=Helvetica];",
        "  node [shape=plaintext, fontname=Helvetica, fontsize=11];",
        '  edge [color="#52606d", dir=both, arrowhead=normal];',
    ]
    by_concern = groupby(schema.tables, key=lambda table: table.concern)
    for number, (concern, tables) in enumerate(by_concern):
        name = concern.removeprefix("models_").replace("_", " ")
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f'    label={_quoted(name)}; color="#cbd2d9"; style=rounded;')
        lines += [f"    {_quoted(table.name)} [label=<{_label(table)}>];" for table in tables]
        lines.append("  }")
    lines += [f"  {_edge(reference)}" for reference in schema.references]
    lines.append("}")
    return "\n".join(lines) + "\n"


def _label(table: Table) -> str:
    return "".join(
        [
            '<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="4">',
            f'<TR><TD COLSPAN="3" BGCOLOR="#e4e7eb"><B>{escape(table.name)}</B></TD></TR>',
            *_rows(table),
            "</TABLE>",
        ]
    )


def _rows(table: Table) -> Iterator[str]:
    for column in table.columns:
        port = escape(column.name, {'"': "&quot;"})
        yield (
            f"<TR><TD>{marks(column, ' ') or ' '}</TD>"
            f'<TD PORT="{port}" ALIGN="LEFT">{escape(column.name)}</TD>'
            f'<TD ALIGN="LEFT">{escape(column.type)}{"?" if column.nullable else ""}</TD></TR>'
        )


def marks(column: Column, separator: str) -> str:
    """Return the keys that a column is in."""
    unique = column.alone or bool(column.unique)
    named = (("PK", column.primary), ("FK", column.foreign), ("UK", unique))
    return separator.join(mark for mark, given in named if given)


def _edge(reference: Reference) -> str:
    tail = "tee" if reference.single else "crow"
    tail += "odot" if reference.optional else ""
    return (
        f"{_quoted(reference.source)}:{_quoted(reference.column)} -> "
        f"{_quoted(reference.target)}:{_quoted(reference.target_column)} [arrowtail={tail}];"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
