"""Statements on performance indicators, in whichever table they lie.

An indicator lies in the table of its name, which has a column for each parameter and result, or in
`performance_indicator`, as JSON. What the script wrote is the `output` of the repetition in either
case, so both give the same answer: a table's columns only make it quick. Tables are found in the
database, those that a user added included, so that no model is imported.
"""

# ruff: noqa: S608 - statements are made of constants and of quoted names; values are parameters
from __future__ import annotations

import re
import sys
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from thoth.storages.graph import json_values
from thoth.storages.graph.queries.family import Conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GENERIC = "performance_indicator"
"""The table of indicators without columns of their own."""

# Tables of indicators have a component, and belong to a repetition of an inspection: by this key
# alone, and not once more for each of their partitions.
TABLES = """
    SELECT pg_class.relname::text,
           (SELECT jsonb_object_agg(attname, typname)
              FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
             WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped)
      FROM pg_constraint
      JOIN pg_class ON pg_class.oid = pg_constraint.conrelid
     WHERE pg_constraint.contype = 'f'
       AND pg_constraint.confrelid = 'inspection_result'::regclass
       AND pg_constraint.conparentid = 0
       AND pg_table_is_visible(pg_class.oid)
       AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid
                      AND attname = 'inspection_result_id' AND ARRAY[attnum] = conkey)
       AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid
                      AND attname = 'component' AND NOT attisdropped)
     ORDER BY 1
"""
# All rows of a table have one name: that which the script of any of them wrote.
_NAME = """
    SELECT {number}, (SELECT output ->> 'name' FROM inspection_result
                       WHERE id = (SELECT inspection_result_id FROM {table} LIMIT 1))
"""
_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric"})
_TEXTS = frozenset({"text", "varchar", "bpchar"})
_SHARED = frozenset({"inspection_result_id", "component", "overall_score"})

# A text that spells a number, whatever its case.
_SPELLED = r"^ *[+-]?[0-9]{1,30}(\.[0-9]{0,30})?(e[+-]?[0-9]{1,3})? *$"
# A whole number that is spelled as programs do.
_WHOLE = r"^(0|-?[1-9][0-9]{0,29})(\.0)?$"
_MAX_SPELLED_CHARACTERS = 30
# What is nearer to zero is zero, what is farther from it is no double.
_LEAST_DOUBLE, _MOST_DOUBLE = sys.float_info.min, sys.float_info.max

FROM = """
    FROM ({arms}) AS indicator
"""
# With the tables that each of them needs.
_JOINS = {
    "inspection_result": """
        JOIN inspection_result ON inspection_result.id = indicator.inspection_result_id
    """,
    "inspection": "JOIN inspection ON inspection.id = inspection_result.inspection_id\n",
    "software_stack": """
        LEFT JOIN software_stack ON software_stack.id = inspection.software_stack_id
    """,
    "stack_lock": "LEFT JOIN stack_lock ON stack_lock.id = software_stack.stack_lock_id\n",
    "stack_requirements": """
        LEFT JOIN stack_requirements
               ON stack_requirements.id = software_stack.stack_requirements_id
    """,
    "software_environment": """
        LEFT JOIN software_environment
               ON software_environment.id = inspection_result.software_environment_id
    """,
    "hardware_environment": """
        LEFT JOIN hardware_environment
               ON hardware_environment.id = coalesce(inspection_result.hardware_environment_id,
                                                     inspection.run_hardware_environment_id)
    """,
}
_OWN_PARAMETERS = "nullif(inspection_result.output -> '@parameters', 'null')"
PARAMETERS = f"coalesce(indicator.parameters, {_OWN_PARAMETERS}, '{{}}')"
RESULT = "coalesce(indicator.result, nullif(inspection_result.output -> '@result', 'null'), '{}')"


class Table(NamedTuple):
    """A table of indicators: the name of all of its indicators, and its columns with their types.

    The name is None where nobody knows: of `GENERIC`, and of a table without rows.
    """

    table: str
    indicator: str | None
    columns: dict[str, str]


class Wanted(NamedTuple):
    """Which indicators are asked for, by what they say of themselves.

    `parameters` have all spellings of each, as `spellings` gives them. `least` and `most` are
    bounds of values by their names. `value` names the one that is asked for as a number, None for
    none; tables that cannot have it are left out where it `is_needed`. A value is a result of that
    name or, where there is none, a parameter. `results` are the ids of the repetitions to choose
    from, None for all. `is_whole`: all that is found is looked at, not the first of it alone.
    """

    component: str | None
    name: str | None
    parameters: Mapping[str, Sequence[Any]]
    least: Mapping[str, float]
    most: Mapping[str, float]
    value: str | None
    is_needed: bool
    is_whole: bool
    results: Sequence[int] | None = None


def names_of(tables: Sequence[str]) -> str:
    """Return the statement that gives the names of the indicators of tables, by their number."""
    return " UNION ALL ".join(
        _NAME.format(number=number, table=quoted(table)) for number, table in enumerate(tables)
    )


def quoted(name: str) -> str:
    """Return a name of the catalogue as a statement with parameters has it."""
    escaped = name.replace('"', '""').replace("%", "%%")
    return f'"{escaped}"'


def joins(*expressions: str) -> str:
    """Return the joins of the tables that expressions name, and of those that these need."""
    needed = ""
    text = " ".join(expressions)
    for table, join in reversed(_JOINS.items()):
        if re.search(rf"\b{table}\.", text):
            needed = join + needed
            text += join.partition(" ON ")[2]
    return needed


# --- numbers -------------------------------------------------------------------------------------


def number_of(found: str) -> str:
    """Return the double that JSON is or spells, as an expression; NULL where it is none.

    `found` stands in it several times.
    """
    text = f"({found} #>> '{{}}')"
    return (
        f"CASE jsonb_typeof({found})"
        f" WHEN 'number' THEN {_double(f'({found})::numeric', f'({found})::float8')}"
        f" WHEN 'string' THEN CASE WHEN {text} ~* '{_SPELLED}'"
        f" THEN {_double(f'{text}::numeric', f'{text}::float8')} END END"
    )


def _double(exact: str, double: str) -> str:
    return (
        f"CASE WHEN abs({exact}) BETWEEN {_LEAST_DOUBLE} AND {_MOST_DOUBLE} THEN {double}"
        f" WHEN abs({exact}) < 1 THEN 0 END"
    )


def same_number(found: str) -> str:
    """Return the number that JSON and its `spellings` have in common, as an expression.

    It is numeric; NULL for what is no number. `found` stands in it several times.
    """
    text = f"({found} #>> '{{}}')"
    double = _double(f"{text}::numeric", f"{text}::float8")
    return (
        f"CASE jsonb_typeof({found}) WHEN 'number' THEN trim_scale(({found})::numeric)"
        f" WHEN 'string' THEN CASE WHEN {text} ~ '{_WHOLE}' THEN trim_scale({text}::numeric)"
        f" WHEN {text} ~* '{_SPELLED}' THEN"
        f" CASE WHEN ({double})::text = {text} THEN trim_scale({text}::numeric) END END END"
    )


def spellings(value: Any) -> list[Any]:
    """Return the JSON values that are the same parameter: a number, and texts that spell it.

    Parameters come from environment variables, so that some scripts write `"512"` for 512. Texts
    are those that programs write: `"512"`, `"512.0"`, `"0.5"`, `"1e-05"`, not `"0512"`.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return [value]
    text = str(value)
    try:
        number = Decimal(text if len(text) <= _MAX_SPELLED_CHARACTERS else "NaN")
    except InvalidOperation:
        return [value]
    if not number.is_finite():
        return [value]
    texts = [str(float(number))] if Decimal(str(float(number))) == number else []
    same: int | float = float(number)
    if number == number.to_integral_value() and abs(number) < 10**_MAX_SPELLED_CHARACTERS:
        same = int(number)
        texts += [str(same), f"{same}.0"]
    if isinstance(value, str) and value not in texts:
        return [value]
    return [same, *dict.fromkeys(texts)]


# --- indicators ----------------------------------------------------------------------------------


def arms(tables: Iterable[Table], wanted: Wanted, parameters: dict[str, object]) -> str:
    """Return the indicators of all tables as one relation, narrowed by what they say themselves.

    `parameters` gets those of the statement. Its columns: `inspection_result_id`, `name`,
    `component`, `overall_score`; `parameters`, `result`, `other` (NULL where columns stand for
    them); `value`, a double. Of a table's indicators `add_parameters` has to tell whether what
    fits is a parameter.
    """
    made = []
    for number, table in enumerate(tables):
        conditions = Conditions()
        if wanted.results is not None:
            conditions.add(
                "own.inspection_result_id = ANY(%(results)s::int[])", results=wanted.results
            )
        if wanted.component is not None:
            conditions.add("own.component = %(component)s", component=wanted.component)
        if table.table == GENERIC:
            made.append(_generic(wanted, conditions))
        elif table.indicator is not None and _is_possible(table, wanted):
            conditions.parameters[f"table{number}"] = table.indicator
            made.append(_of_columns(table, f"%(table{number})s::text", wanted, conditions))
        else:
            continue
        parameters.update(conditions.parameters)
    columns = "inspection_result_id, name, component, overall_score, parameters, result, other"
    return f"SELECT * FROM ({' UNION ALL '.join(made)}) AS each ({columns}, value)"


def _generic(wanted: Wanted, conditions: Conditions) -> str:
    found: dict[str, str] = {}

    def read(place: str, name: str) -> str:
        """Return the column that has what JSON says of a value."""
        keys = f"%({place})s::text"
        conditions.parameters[place] = name
        found[place] = f"coalesce(own.result -> {keys}, own.parameters -> {keys})"
        return f"own.{place}"

    if wanted.name is not None:
        conditions.add("own.name = %(name)s", name=wanted.name)
    numbers = Conditions()
    for number, (name, asked) in enumerate(wanted.parameters.items()):
        contained = [f"own.parameters @> %(pair{number}_{place})s" for place in range(len(asked))]
        given = {
            f"pair{number}_{place}": json_values.plain({name: value})
            for place, value in enumerate(asked)
        }
        conditions.add(f"({' OR '.join(f'{each}::jsonb' for each in contained)})", **given)
        if isinstance(asked[0], dict | list):
            # That does not tell what contains it from what is equal to it.
            _add_equal(conditions, f"asked{number}", "own.parameters", name, asked)
    names = dict.fromkeys([*wanted.least, *wanted.most, *([wanted.value] if wanted.value else [])])
    values = {name: read(f"value{number}", name) for number, name in enumerate(names)}
    _add_bounds(numbers, wanted, {name: number_of(value) for name, value in values.items()})
    columns = "own.name, own.component, own.overall_score, own.parameters, own.result, own.other"
    value = "NULL::float8" if wanted.value is None else number_of(values[wanted.value])
    read_once = "".join(f", {expression} AS {place}" for place, expression in found.items())
    source = f"(SELECT own.*{read_once} FROM {GENERIC} AS own{conditions.where()}"
    # Not merged into the rest of the statement, which would read the JSON again and again.
    source += " OFFSET 0)" if wanted.is_whole and found else ")"
    conditions.parameters.update(numbers.parameters)
    return f"SELECT own.inspection_result_id, {columns}, {value} FROM {source} AS own" + (
        numbers.where()
    )


def _add_bounds(conditions: Conditions, wanted: Wanted, values: Mapping[str, str]) -> None:
    """Add the bounds of values, which are expressions by their names."""
    for side, bounds, sign in (("least", wanted.least, ">="), ("most", wanted.most, "<=")):
        for number, (name, bound) in enumerate(bounds.items()):
            key = f"{side}{number}"
            conditions.add(f"{values[name]} {sign} %({key})s", **{key: bound})


def _is_possible(table: Table, wanted: Wanted) -> bool:
    """Tell whether the table may have indicators that are wanted."""
    needed = {*wanted.parameters, *wanted.least, *wanted.most}
    if wanted.value is not None and wanted.is_needed:
        needed.add(wanted.value)
    is_named = wanted.name is None or wanted.name == table.indicator
    return is_named and needed <= table.columns.keys() - _SHARED


def _of_columns(table: Table, indicator: str, wanted: Wanted, conditions: Conditions) -> str:
    def number(name: str) -> str:
        column = f"own.{quoted(name)}"
        if table.columns[name] in _NUMBERS:
            return f"{column}::float8"
        return number_of(f"to_jsonb({column})")

    for place, (name, asked) in enumerate(wanted.parameters.items()):
        column, key = f"own.{quoted(name)}", f"own{place}"
        if asked == [None]:
            conditions.add(f"{column} IS NULL")
        elif table.columns[name] in _NUMBERS:
            numbers = [float(each) for each in asked if type(each) in (int, float)]
            conditions.add(f"{column} = ANY(%({key})s::float8[])", **{key: numbers})
        elif table.columns[name] in _TEXTS:
            texts = [each for each in asked if isinstance(each, str)]
            conditions.add(f"{column} = ANY(%({key})s::text[])", **{key: texts})
    bounded = {*wanted.least, *wanted.most}
    _add_bounds(conditions, wanted, {name: number(name) for name in bounded})
    has_value = wanted.value in table.columns.keys() - _SHARED
    value = number(wanted.value) if wanted.value is not None and has_value else "NULL::float8"
    return (
        f"SELECT own.inspection_result_id, {indicator}, own.component, own.overall_score,"
        f" NULL::jsonb, NULL::jsonb, NULL::jsonb, {value}"
        f" FROM {quoted(table.table)} AS own{conditions.where()}"
    )


def add_parameters(conditions: Conditions, parameters: Mapping[str, Sequence[Any]]) -> None:
    """Add the conditions that what fits in the columns of a table are parameters, not results."""
    for number, (name, asked) in enumerate(parameters.items()):
        equal = Conditions()
        _add_equal(equal, f"parameter{number}", _OWN_PARAMETERS, name, asked)
        is_equal = equal.where().removeprefix(" WHERE")
        conditions.add(f"(indicator.parameters IS NOT NULL OR {is_equal})", **equal.parameters)


def _add_equal(
    conditions: Conditions, key: str, parameters: str, name: str, asked: Sequence[Any]
) -> None:
    values = [json_values.plain(value) for value in asked]
    condition = f"{parameters} -> %({key}_name)s::text = ANY(%({key})s::text[]::jsonb[])"
    conditions.add(condition, **{f"{key}_name": name, key: values})
