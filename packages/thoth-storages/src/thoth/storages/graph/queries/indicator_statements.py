"""Statements on performance indicators, in whichever table they lie.

An indicator lies in the table of its name, which has a column for each parameter and result, or in
`performance_indicator`, as JSON. What the script wrote is the `output` of the repetition in either
case, so both give the same answer: a table's columns only make it quick. Tables are found in the
database, those that a user added included, so that no model is imported.
"""

# ruff: noqa: S608 - statements are made of constants and of quoted names; values are parameters
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from thoth.storages.graph import json_values
from thoth.storages.graph.hardware_records import COLUMNS
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

GENERIC = "performance_indicator"
"""The table of indicators without columns of their own."""
PACKAGE, PARAMETER = "package:", "parameter:"
"""What a grouping begins with that is by a package's version, or by a parameter."""

# Tables of indicators have a component, and belong to a repetition of an inspection.
TABLES = """
    SELECT pg_class.relname::text,
           (SELECT jsonb_object_agg(attname, typname)
              FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
             WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped)
      FROM pg_constraint
      JOIN pg_class ON pg_class.oid = pg_constraint.conrelid
     WHERE pg_constraint.contype = 'f'
       AND pg_constraint.confrelid = 'inspection_result'::regclass
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
# A number, or a text that spells one, as a double; what is beyond one is none.
_NUMBER = r"""
    (SELECT CASE WHEN abs(number) < 2.3e-308 THEN 0
                 WHEN abs(number) < 1.79e308 THEN number::float8 END
       FROM (SELECT CASE jsonb_typeof(found)
                    WHEN 'number' THEN found::numeric
                    WHEN 'string' THEN
                         CASE WHEN found #>> '{{}}' ~*
                                   '^ *[+-]?[0-9]{{1,30}}(\.[0-9]{{0,30}})?(e[+-]?[0-9]{{1,3}})? *$'
                              THEN (found #>> '{{}}')::numeric END
                    END FROM (SELECT {value}) AS given (found)) AS read (number))
"""

FROM = """
    FROM ({arms}) AS indicator
    JOIN inspection_result ON inspection_result.id = indicator.inspection_result_id
    JOIN inspection ON inspection.id = inspection_result.inspection_id
    LEFT JOIN software_stack ON software_stack.id = inspection.software_stack_id
    LEFT JOIN stack_lock ON stack_lock.id = software_stack.stack_lock_id
    LEFT JOIN stack_requirements ON stack_requirements.id = software_stack.stack_requirements_id
    LEFT JOIN software_environment
           ON software_environment.id = inspection_result.software_environment_id
    LEFT JOIN hardware_environment
           ON hardware_environment.id = coalesce(inspection_result.hardware_environment_id,
                                                 inspection.run_hardware_environment_id)
"""
"""Indicators with all that is known of where they were measured. `{arms}` is from `arms`."""
PARAMETERS = "coalesce(indicator.parameters, inspection_result.output -> '@parameters', '{}')"
RESULT = "coalesce(indicator.result, inspection_result.output -> '@result', '{}')"
_VERSIONS = f"""
    LEFT JOIN (SELECT DISTINCT stack_lock_release.stack_lock_id, release.version,
                      release.version_key
                 FROM package
                 JOIN release ON release.package_id = package.id
                 JOIN stack_lock_release ON stack_lock_release.release_id = release.id
                WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %({{parameter}})s
              ) AS {{alias}} ON {{alias}}.stack_lock_id = software_stack.stack_lock_id
"""
_GROUPINGS = {
    "component": "indicator.component",
    "name": "indicator.name",
    "inspection_document_id": "inspection.document_id",
    "lock_sha256": "encode(stack_lock.digest, 'hex')",
    "requirements_sha256": "encode(stack_requirements.digest, 'hex')",
    "os_name": "nullif(software_environment.os_name, '')",
    "os_version": "nullif(software_environment.os_version, '')",
    "python_version": "nullif(software_environment.python_version, '')",
    **{name: f"hardware_environment.{name}" for name in COLUMNS},
}
GROUPINGS = frozenset(_GROUPINGS)
"""What indicators can be grouped by, besides packages and parameters."""


class Table(NamedTuple):
    """A table of indicators: the name of all of its indicators, and its columns with their types.

    The name is None where nobody knows: of `GENERIC`, and of a table without rows.
    """

    table: str
    indicator: str | None
    columns: dict[str, str]


class Wanted(NamedTuple):
    """Which indicators are asked for; `parameters` with all spellings of each.

    `least` and `most` are bounds of values by their names. `value` names the one that is asked for
    as a number, None for none; tables that cannot have it are left out where it `is_needed`. A
    value is a result of that name or, where there is none, a parameter.
    """

    component: str | None
    name: str | None
    parameters: Mapping[str, Sequence[Any]]
    least: Mapping[str, float]
    most: Mapping[str, float]
    value: str | None
    is_needed: bool


def names_of(tables: Sequence[str]) -> str:
    """Return the statement that gives the names of the indicators of tables, by their number."""
    return " UNION ALL ".join(
        _NAME.format(number=number, table=quoted(table)) for number, table in enumerate(tables)
    )


def quoted(name: str) -> str:
    """Return a name of the catalogue as a statement with parameters has it."""
    escaped = name.replace('"', '""').replace("%", "%%")
    return f'"{escaped}"'


def spellings(value: Any) -> list[Any]:
    """Return the JSON values that are the same parameter: a number, and texts that spell it.

    Parameters come from environment variables, so that some scripts write `"512"` for 512.
    """
    if isinstance(value, bool):
        return [value]
    if isinstance(value, str):
        number = _read(value)
        return [value] if number is None else list(dict.fromkeys([value, *spellings(number)]))
    if isinstance(value, int):
        return [value, str(value), f"{value}.0"]
    if isinstance(value, float):
        whole = [str(int(value))] if value.is_integer() else []
        return [value, str(value), *whole]
    return [value]


def _read(text: str) -> int | float | None:
    try:
        number = msgspec.json.decode(text.encode())
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return number if is_number else None


def arms(tables: Iterable[Table], wanted: Wanted, parameters: dict[str, object]) -> str:
    """Return the indicators of all tables as one relation, narrowed by what is cheap to tell.

    `parameters` gets those of the statement. Its columns: `inspection_result_id`, `name`,
    `component`, `overall_score`; `parameters`, `result`, `other` (NULL where columns stand for
    them); `value`, a double.
    """
    made = []
    for number, table in enumerate(tables):
        conditions = Conditions()
        if table.table == GENERIC:
            own = "own.name, {}, own.parameters, own.result, own.other"
            value = _generic(wanted, conditions)
        elif table.indicator is not None and _is_possible(table, wanted):
            parameters[f"table{number}"] = table.indicator
            own = f"%(table{number})s::text, {{}}, NULL::jsonb, NULL::jsonb, NULL::jsonb"
            value = _of_columns(table, wanted, conditions)
        else:
            continue
        if wanted.component is not None:
            conditions.add("own.component = %(component)s", component=wanted.component)
        own = own.format("own.component, own.overall_score")
        made.append(
            f"SELECT own.inspection_result_id, {own}, {value} FROM {quoted(table.table)} AS own"
            f"{conditions.where()}"
        )
        parameters.update(conditions.parameters)
    columns = "inspection_result_id, name, component, overall_score, parameters, result, other"
    return f"SELECT * FROM ({' UNION ALL '.join(made)}) AS each ({columns}, value)"


def _generic(wanted: Wanted, conditions: Conditions) -> str:
    if wanted.name is not None:
        conditions.add("own.name = %(name)s", name=wanted.name)
    for number, (name, values) in enumerate(wanted.parameters.items()):
        # For the index; which of them are equal is told by `add_parameters`.
        contained = [f"own.parameters @> %(own{number}_{place})s" for place in range(len(values))]
        given = {
            f"own{number}_{place}": json_values.plain({name: value})
            for place, value in enumerate(values)
        }
        condition = " OR ".join(f"{each}::jsonb" for each in contained)
        conditions.add(f"({condition})", **given)

    def value(key: str, name: str) -> str:
        conditions.parameters[key] = name
        found = f"coalesce(own.result -> %({key})s::text, own.parameters -> %({key})s::text)"
        return _NUMBER.format(value=found)

    _add_bounds(conditions, wanted, value)
    return "NULL::float8" if wanted.value is None else value("value", wanted.value)


def _add_bounds(conditions: Conditions, wanted: Wanted, value: Callable[[str, str], str]) -> None:
    """Add the bounds of values; `value` gives one by its name, which may be the parameter given."""
    for side, bounds, sign in (("least", wanted.least, ">="), ("most", wanted.most, "<=")):
        for number, (name, bound) in enumerate(bounds.items()):
            key = f"{side}{number}"
            conditions.add(f"{value(f'{key}_name', name)} {sign} %({key})s", **{key: bound})


def _is_possible(table: Table, wanted: Wanted) -> bool:
    """Tell whether the table may have indicators that are wanted."""
    needed = {*wanted.parameters, *wanted.least, *wanted.most}
    if wanted.value is not None and wanted.is_needed:
        needed.add(wanted.value)
    is_named = wanted.name is None or wanted.name == table.indicator
    return is_named and needed <= table.columns.keys() - _SHARED


def _of_columns(table: Table, wanted: Wanted, conditions: Conditions) -> str:
    for number, (name, values) in enumerate(wanted.parameters.items()):
        column, key = f"own.{quoted(name)}", f"own{number}"
        if values == [None]:
            conditions.add(f"{column} IS NULL")
        elif table.columns[name] in _NUMBERS:
            numbers = [each for each in values if isinstance(each, int | float)]
            given: list[Any] = [float(each) for each in numbers if not isinstance(each, bool)]
            conditions.add(f"{column} = ANY(%({key})s::float8[])", **{key: given})
        elif table.columns[name] in _TEXTS:
            given = [each for each in values if isinstance(each, str)]
            conditions.add(f"{column} = ANY(%({key})s::text[])", **{key: given})

    def value(_: str, name: str) -> str:
        column = f"own.{quoted(name)}"
        if table.columns[name] in _NUMBERS:
            return f"{column}::float8"
        return _NUMBER.format(value=f"to_jsonb({column})")

    _add_bounds(conditions, wanted, value)
    if wanted.value is None or wanted.value not in table.columns.keys() - _SHARED:
        return "NULL::float8"
    return value("value", wanted.value)


def add_parameters(conditions: Conditions, parameters: Mapping[str, Sequence[Any]]) -> None:
    """Add the conditions that parameters have one of the values given for each."""
    for number, (name, values) in enumerate(parameters.items()):
        key = f"parameter{number}"
        condition = f"{PARAMETERS} -> %({key}_name)s::text = ANY(%({key})s::text[]::jsonb[])"
        given = {f"{key}_name": name, key: [json_values.plain(value) for value in values]}
        conditions.add(condition, **given)


def grouped(groupings: Sequence[str], parameters: dict[str, object]) -> tuple[str, str, str, str]:
    """Return joins, what identifies a group (the first columns), and the clauses for both ends."""
    joins, expressions, keys, order = [], [], [], []
    for number, grouping in enumerate(groupings):
        key = f"group{number}"
        if grouping.startswith(PACKAGE):
            parameters[key] = grouping.removeprefix(PACKAGE)
            joins.append(_VERSIONS.format(parameter=key, alias=key))
            expressions.append(f"{key}.version")
            keys.append(f"{key}.version_key")
            order.append(f"{key}.version_key NULLS FIRST, {number + 1}")
        elif grouping.startswith(PARAMETER):
            parameters[key] = grouping.removeprefix(PARAMETER)
            found = f"{PARAMETERS} -> %({key})s::text"
            number_of = _NUMBER.format(value=found)
            expressions.append(f"coalesce(to_jsonb({number_of}), {found})")
            order.append(f"{number + 1}")
        else:
            expressions.append(_GROUPINGS[grouping])
            order.append(f"{number + 1}")
    keys += [f"{number + 1}" for number in range(len(groupings))]
    group_by = f" GROUP BY {', '.join(keys)} " if keys else ""
    order_by = f" ORDER BY {', '.join(order)} " if order else ""
    return "".join(joins), "".join(f"{each}, " for each in expressions), group_by, order_by
