"""Answers of queries as JSON and as tables for people."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from thoth.storages.cli.escape import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LONGEST_CELL = 60


def as_json(value: object) -> str:
    """Return an answer as JSON (RFC 8259) in ASCII, two spaces a level.

    Tuples and sets are arrays (sets in order), records are objects, moments are RFC 3339, bytes
    hexadecimal. A dict whose keys are not texts is an array of `{"key": ..., "value": ...}`.
    """
    return json.dumps(plain(value), indent=2)


def plain(value: object) -> object:
    """Return a value made of what JSON knows."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted((plain(member) for member in value), key=json.dumps)
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    if isinstance(value, dict):
        return _plain_mapping(value)
    if isinstance(value, UUID):
        return str(value)
    fields = _fields(value)
    if fields is None:
        return str(value)
    return {name: plain(getattr(value, name)) for name in fields}


def _plain_mapping(value: Mapping[object, object]) -> object:
    if all(isinstance(key, str) for key in value):
        return {str(key): plain(member) for key, member in value.items()}
    return [{"key": plain(key), "value": plain(member)} for key, member in value.items()]


def _fields(value: object) -> tuple[str, ...] | None:
    """Return the names of a record's fields, None for what is no record."""
    if dataclasses.is_dataclass(value):
        return tuple(field.name for field in dataclasses.fields(value))
    return getattr(type(value), "__struct_fields__", None)


def as_table(value: object) -> str:
    """Return an answer for people: columns where it is a list, a line each where it is a dict."""
    simple = plain(value)
    if isinstance(simple, dict):
        return columns(list(_lines(simple)))
    if not isinstance(simple, list):
        return _cell(simple)
    if not simple:
        return "(nothing)"
    rows: list[Sequence[object]] = []
    if all(isinstance(member, dict) for member in simple):
        heads = list(dict.fromkeys(name for member in simple for name in member))
        rows = [[member.get(head) for head in heads] for member in simple]
        return columns(rows, heads=heads)
    rows = [member if isinstance(member, list) else [member] for member in simple]
    return columns(rows)


def _lines(mapping: Mapping[str, object]) -> Iterable[Sequence[object]]:
    """Yield a dict's lines: one for each member of a list, below its key."""
    for key, value in mapping.items():
        if not isinstance(value, list):
            yield [key, value]
            continue
        for member in value or [None]:
            yield [key, *member] if isinstance(member, list) else [key, member]


def columns(
    rows: Sequence[Sequence[object]], *, heads: Sequence[str] = (), right: Sequence[int] = ()
) -> str:
    """Return rows as aligned columns, those of `right` to the right."""
    texts = [[_cell(value) for value in row] for row in rows]
    if heads:
        texts.insert(0, [head.upper() for head in heads])
    count = max((len(row) for row in texts), default=0)
    widths = [
        max((_width(row[place]) for row in texts if place < len(row)), default=0)
        for place in range(count)
    ]
    return "\n".join(
        "  ".join(
            _padded(text, widths[place], right=place in right) for place, text in enumerate(row)
        ).rstrip()
        for row in texts
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value) if _nested(value) else str(value)
    shown = visible(text)
    return shown if len(shown) <= LONGEST_CELL else shown[: LONGEST_CELL - 1] + "…"


def _nested(value: object) -> bool:
    return isinstance(value, (list, dict))


def _width(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _padded(text: str, width: int, *, right: bool) -> str:
    fill = " " * (width - _width(text))
    return fill + text if right else text + fill
