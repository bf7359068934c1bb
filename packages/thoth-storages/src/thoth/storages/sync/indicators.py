"""Performance indicators: what a script wrote, and the table and columns where that lands.

An indicator whose name is that of a model class, all of whose keys are columns of it and whose
values fit these, lands in the table of that class; any other in `performance_indicator`, as it is.
The models say what the columns are, so a user adds a class and a migration, nothing else.
SQLAlchemy, which they need, is imported when the first indicator arrives.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import sql

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph import json_values
from thoth.storages.sync.core_metadata import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, Table

    from thoth.storages.graph.connections import Connection

MAX_COMPONENT_CHARACTERS = 512
"""The name of an indicator and of its component are shortened to so many characters."""
_MAX_COMPONENT_BYTES = 1024  # both are in one entry of an index, which takes 2.7 kB

_KNOWN = frozenset({"name", "component", "framework", "@parameters", "@result", "overall_score"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_MAX_TEXT_CHARACTERS = 65_536


class Indicator(msgspec.Struct, frozen=True):
    """What a script measured; `other` is what it wrote beside the keys that indicators have."""

    name: str
    component: str
    overall_score: float | None
    parameters: Any
    result: Any
    other: dict[str, Any]


def read_indicator(output: object) -> Indicator | None:
    """Return the indicator that a script wrote, None where its output is none (it has no name)."""
    if not isinstance(output, dict):
        return None
    name, component = output.get("name"), output.get("component") or output.get("framework")
    if not isinstance(name, str) or not name or not output.keys() & {"@result", "@parameters"}:
        return None
    other = {key: value for key, value in output.items() if key not in _KNOWN}
    score = output.get("overall_score")
    overall_score = _float(score)
    if score is not None and overall_score is None:
        other["overall_score"] = score
    return Indicator(
        name=_label(name),
        component=_label(component),
        overall_score=overall_score,
        parameters=_or_empty(output.get("@parameters")),
        result=_or_empty(output.get("@result")),
        other=other,
    )


def _label(value: object) -> str:
    text = shown(value, most=MAX_COMPONENT_CHARACTERS) or ""
    return text.encode()[:_MAX_COMPONENT_BYTES].decode(errors="ignore")


def _or_empty(value: Any) -> Any:
    """Return an object for nothing; a number that is not finite is none in JSON."""
    return {} if value is None or (isinstance(value, float) and not math.isfinite(value)) else value


# --- rows ----------------------------------------------------------------------------------------


def record_indicators(connection: Connection, indicators: Mapping[int, Indicator]) -> None:
    """Add the indicators of repetitions, given by the ids of the latter, which have none yet.

    A statement for each table and set of columns. For the caller's transaction.
    """
    if not indicators:
        return
    tables = _tables()
    batches: dict[tuple[str, tuple[str, ...]], list[bytes]] = defaultdict(list)
    for result, indicator in indicators.items():
        table, row = _row(indicator, tables.get(indicator.name))
        row["inspection_result_id"] = result
        text = json_values.encoded(row)
        if text is None:
            raise InvalidRecordError("indicator", indicator.name, "is not JSON, or too large")
        batches[table, tuple(sorted(row))].append(text.encode())
    for (table, columns), rows in sorted(batches.items()):
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {names}"
            " FROM jsonb_populate_recordset(NULL::{table}, {rows}::jsonb)"
        ).format(table=sql.Identifier(table), names=names, rows=sql.Placeholder("rows"))
        connection.execute(statement, {"rows": f"[{b','.join(rows).decode()}]"})


def _row(indicator: Indicator, table: Table | None) -> tuple[str, dict[str, Any]]:
    """Return the name of the table where an indicator lands, and its row there."""
    own = None if table is None else _own_columns(indicator, table)
    shared = {"component": indicator.component, "overall_score": indicator.overall_score}
    if own is not None and table is not None:
        return table.name, {**own, **shared}
    return "performance_indicator", {
        **shared,
        "name": indicator.name,
        "parameters": indicator.parameters,
        "result": indicator.result,
        "other": indicator.other,
    }


def _own_columns(indicator: Indicator, table: Table) -> dict[str, Any] | None:
    """Return the values of an indicator's own columns, None where it does not fit the table."""
    parameters, result = indicator.parameters, indicator.result
    if not isinstance(parameters, dict) or not isinstance(result, dict):
        return None
    values = {**parameters, **result}
    columns = {
        column.name: column
        for column in table.columns
        if column.name not in {"inspection_result_id", "component", "overall_score"}
    }
    is_unambiguous = len(values) == len(parameters) + len(result)
    if indicator.other or not is_unambiguous or not values.keys() <= columns.keys():
        return None
    row = {}
    for name, column in columns.items():
        value = values.get(name)
        if value is None:
            if not column.nullable and column.server_default is None and column.identity is None:
                return None
            continue
        fitted = _fitted(value, column)
        if fitted is None:
            return None
        row[name] = fitted
    return row


def _tables() -> dict[str, Table]:
    """Return the tables of the indicators that have columns of their own, by class name."""
    from sqlalchemy import Table

    from thoth.storages.graph import models
    from thoth.storages.graph.models_performance import PerformanceIndicatorBase

    return {
        mapper.class_.__name__: mapper.local_table
        for mapper in models.Base.registry.mappers
        if issubclass(mapper.class_, PerformanceIndicatorBase)
        and mapper.class_ is not models.PerformanceIndicator
        and isinstance(mapper.local_table, Table)
    }


# --- values --------------------------------------------------------------------------------------


def _fitted(value: Any, column: Column[Any]) -> Any:
    """Return a value as a column of its type takes it, None where it does not fit.

    Numbers given as texts are read, since parameters come from environment variables; a number in a
    column of text is written out.
    """
    from sqlalchemy import JSON, BigInteger, Boolean, Float, Integer, Numeric, SmallInteger, String

    kind = column.type
    if isinstance(kind, Boolean):
        return value if isinstance(value, bool) else None
    if isinstance(kind, Integer):
        small, big = isinstance(kind, SmallInteger), isinstance(kind, BigInteger)
        return _whole(value, 15 if small else 63 if big else 31)
    if isinstance(kind, Float | Numeric):
        return _float(value)
    if isinstance(kind, String):
        return _text(value, min(kind.length or _MAX_TEXT_CHARACTERS, _MAX_TEXT_CHARACTERS))
    return value if isinstance(kind, JSON) else None


def _whole(value: Any, bits: int) -> int | None:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2**bits) <= value < 2**bits else None


def _float(value: Any) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any, most: int) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and len(value) <= most else None
