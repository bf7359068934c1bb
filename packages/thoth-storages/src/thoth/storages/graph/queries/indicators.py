"""Questions on performance indicators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import sql

from thoth.storages.exceptions import InvalidArgumentError
from thoth.storages.graph.hardware_records import COLUMNS
from thoth.storages.graph.queries import arguments, indicator_groups
from thoth.storages.graph.queries import indicator_statements as statements
from thoth.storages.graph.queries.family import QueryFamily
from thoth.storages.graph.queries.indicator_places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from thoth.storages.graph.connections import Connection

MAX_CONDITIONS = 20
"""A question may name at most so many parameters, and so many bounds of each side."""
MAX_GROUPINGS = 5
"""Statistics may be by at most so many things."""

_COUNT = sql.SQL("SELECT {name}, count(*) FROM {table} WHERE component = %(component)s")
# Skips from one component to the next along the index on them.
_COMPONENTS = sql.SQL(
    "(WITH RECURSIVE next_component AS ("
    "   (SELECT own.component AS value FROM {table} AS own ORDER BY 1 LIMIT 1)"
    "   UNION ALL"
    "   SELECT (SELECT own.component FROM {table} AS own"
    "            WHERE own.component > next_component.value ORDER BY 1 LIMIT 1)"
    "     FROM next_component WHERE next_component.value IS NOT NULL)"
    " SELECT value FROM next_component WHERE value <> '')"
)
_HARDWARE = tuple(f"hardware_environment.{name}" for name in COLUMNS)
_LISTING = f"""
    SELECT indicator.name, indicator.component, indicator.overall_score,
           {statements.PARAMETERS}, {statements.RESULT}, coalesce(indicator.other, '{{}}'),
           inspection.document_id, inspection_result.number, inspection_result.started_at,
           encode(stack_lock.digest, 'hex'), encode(stack_requirements.digest, 'hex'),
           nullif(software_environment.os_name, ''), nullif(software_environment.os_version, ''),
           nullif(software_environment.python_version, ''),
           hardware_environment.other, {", ".join(_HARDWARE)}
"""
_NAMES = (
    "name",
    "component",
    "overall_score",
    "parameters",
    "result",
    "other",
    "inspection_document_id",
    "inspection_result_number",
    "started_at",
    "lock_sha256",
    "requirements_sha256",
    "os_name",
    "os_version",
    "python_version",
)
# The part that is wanted is chosen before what else is known of it is looked up.
_PAGE = "FROM (SELECT indicator.* {source}{order}{part}) AS indicator"
# All that a question sends sees the graph at one time.
_AT_ONE_TIME = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class IndicatorQueries(QueryFamily):
    """Queries on performance indicators."""

    def get_pi_count(self, component: str) -> dict[str, int]:
        """Count the performance indicators of a component, such as `tensorflow`, by table name.

        `performance_indicator` holds those without a table of their own. A table without any is 0.
        Raises `InvalidArgumentError`.
        """
        parameters = {"component": arguments.required("component", component)}
        counts = [
            _COUNT.format(name=sql.Literal(name), table=sql.Identifier(name))
            for name, _ in self._rows(statements.TABLES)
        ]
        with self._connection() as connection:
            return dict(connection.execute(sql.SQL(" UNION ALL ").join(counts), parameters))

    def get_pi_component_all(self) -> list[str]:
        """List the components that performance indicators were measured of, sorted."""
        parts = [
            _COMPONENTS.format(table=sql.Identifier(name))
            for name, _ in self._rows(statements.TABLES)
        ]
        statement = sql.SQL(" UNION ").join(parts) + sql.SQL(" ORDER BY 1")
        with self._connection() as connection:
            return [name for (name,) in connection.execute(statement)]

    def get_pi_results_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        component: str | None = None,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        least: Mapping[str, float] | None = None,
        most: Mapping[str, float] | None = None,
        inspection_document_id: str | None = None,
        lock_sha256: str | None = None,
        requirements_sha256: str | None = None,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        hardware: Mapping[str, Any] | None = None,
        sort_by: str | None = None,
        descending: bool = False,
        start_offset: int = 0,
        count: int | None = arguments.DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List the results of performance indicators, whichever table they lie in.

        Of stacks whose lock contains a release (or any of a package), of a lock or of requirements
        (by their SHA-256 in hexadecimal); of a component, and of the indicator that names itself
        `name`; with `parameters` that are equal, numbers as numbers (512, 512.0 and `"512"` are the
        same); with values of at `least` and at `most` so much, both included; of an inspection;
        measured in a matching environment, and on hardware with these properties: that which the
        repetition tells of, else that which the inspection asked for.

        In the order in which they were recorded, or by a value (`sort_by`), those without it last.
        A value is a result of that name or, where there is none, a parameter: a number, or a text
        that spells one. An entry has `name`, `component`, `overall_score`, `parameters`, `result`
        and `other` as the script wrote them, `inspection_document_id`, `inspection_result_number`
        and `started_at`, `lock_sha256`, `requirements_sha256`, `os_name`, `os_version`,
        `python_version` and `hardware`; None where nobody said. Raises `InvalidArgumentError`.
        """
        value = arguments.text("sort_by", sort_by)
        question = _Question(self, component, name, parameters, least, most, value=value)
        question.places.of_release(package_name, package_version, index_url)
        question.places.of_stack(lock_sha256, requirements_sha256)
        question.places.of_inspection(inspection_document_id)
        question.places.of_environment(os_name, os_version, python_version)
        question.places.of_hardware(_named("hardware", hardware))
        direction = "DESC" if arguments.truth("descending", descending) else "ASC"
        order = f" ORDER BY indicator.inspection_result_id {direction} "
        if value is not None:
            by_value = f"indicator.value {direction} NULLS LAST"
            order = f" ORDER BY {by_value}, indicator.inspection_result_id "
        part = question.places.conditions.part(start_offset, count)

        def statement(source: str) -> str:
            page = _PAGE.format(source=source, order=order, part=part)
            return f"{_LISTING} {page} {statements.joins(_LISTING)} {order}"

        return [_entry(row) for row in question.rows(statement, is_whole=value is not None)]

    def get_pi_results_count_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        component: str | None = None,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        least: Mapping[str, float] | None = None,
        most: Mapping[str, float] | None = None,
        inspection_document_id: str | None = None,
        lock_sha256: str | None = None,
        requirements_sha256: str | None = None,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        hardware: Mapping[str, Any] | None = None,
    ) -> int:
        """Count the results that `get_pi_results_all` lists. Raises `InvalidArgumentError`."""
        question = _Question(self, component, name, parameters, least, most)
        question.places.of_release(package_name, package_version, index_url)
        question.places.of_stack(lock_sha256, requirements_sha256)
        question.places.of_inspection(inspection_document_id)
        question.places.of_environment(os_name, os_version, python_version)
        question.places.of_hardware(_named("hardware", hardware))
        ((counted,),) = question.rows("SELECT count(*) {}".format)
        return int(counted)

    def get_pi_statistics_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        value: str,
        group_by: Sequence[str] = (),
        component: str | None = None,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        least: Mapping[str, float] | None = None,
        most: Mapping[str, float] | None = None,
        inspection_document_id: str | None = None,
        lock_sha256: str | None = None,
        requirements_sha256: str | None = None,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        hardware: Mapping[str, Any] | None = None,
        start_offset: int = 0,
        count: int | None = arguments.DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """Compare a value, such as `rate`, of the results that `get_pi_results_all` lists.

        `group_by` names what to compare by: `component`, `name`, `inspection_document_id`,
        `lock_sha256`, `requirements_sha256`, `os_name`, `os_version`, `python_version`, a property
        of hardware that has a column such as `cpu_model_name`, `package:NAME` for the version of a
        package in the stack's lock, `parameter:NAME` for a parameter. Nothing: all are one group.

        An entry is a group: its properties by these names (None where nobody said), `count`, `min`,
        `mean`, `median` and `max`. Ordered by the properties, versions in their order. Only results
        that have the value count. Raises `InvalidArgumentError`.
        """
        asked = arguments.required("value", value)
        groupings = _groupings(group_by)
        question = _Question(
            self, component, name, parameters, least, most, value=asked, is_needed=True
        )
        question.places.of_release(package_name, package_version, index_url)
        question.places.of_stack(lock_sha256, requirements_sha256)
        question.places.of_inspection(inspection_document_id)
        question.places.of_environment(os_name, os_version, python_version)
        question.places.of_hardware(_named("hardware", hardware))
        groups = indicator_groups.Groups(groupings, question.places.conditions)
        part = question.places.conditions.part(start_offset, count)
        rows = question.rows(
            lambda source: groups.statement(source) + part, groups.columns, groups.joins
        )
        names = (*groupings, "count", "min", "mean", "median", "max")
        return [dict(zip(names, row, strict=True)) for row in rows]


class _Question:
    """Which results are asked for: conditions, and the tables where they may lie."""

    def __init__(
        self,
        family: QueryFamily,
        component: str | None,
        name: str | None,
        parameters: Mapping[str, Any] | None,
        least: Mapping[str, float] | None,
        most: Mapping[str, float] | None,
        *,
        value: str | None = None,
        is_needed: bool = False,
    ) -> None:
        self._family = family
        self.places = Places()
        self._component = arguments.text("component", component)
        self._name = arguments.text("name", name)
        self._parameters = {
            key: statements.spellings(given)
            for key, given in _named("parameters", parameters).items()
        }
        self._least = _bounds("least", least)
        self._most = _bounds("most", most)
        self._value = value
        self._is_needed = is_needed

    def rows(
        self,
        statement: Callable[[str], str],
        columns: str = "",
        joins: str = "",
        *,
        is_whole: bool = True,
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, given where it takes indicators from.

        `columns` and `joins` are what it names of other tables. `is_whole`: it looks at all of the
        indicators.
        """
        with self._family._connection() as connection, connection.transaction():  # noqa: SLF001 - one module
            connection.execute(_AT_ONE_TIME)
            tables = _tables(connection)
            results = self.places.look_up(connection)
            wanted = statements.Wanted(
                component=self._component,
                name=self._name,
                parameters=self._parameters,
                least=self._least,
                most=self._most,
                value=self._value,
                is_needed=self._is_needed,
                is_whole=is_whole,
                results=results,
            )
            conditions = self.places.conditions
            statements.add_parameters(conditions, self._parameters)
            arms = statements.arms(tables, wanted, conditions.parameters)
            where = conditions.where()
            needed = statements.joins(columns, joins, where)
            source = statements.FROM.format(arms=arms) + needed + joins + where
            with connection.cursor(binary=True) as cursor:
                return cursor.execute(statement(source), conditions.parameters).fetchall()


def _tables(connection: Connection) -> list[statements.Table]:
    found = connection.execute(statements.TABLES).fetchall()
    statement = statements.names_of([table for table, _ in found])
    names: dict[int, str | None] = dict(connection.execute(statement, {}).fetchall())
    return [
        statements.Table(table, names[number], columns)
        for number, (table, columns) in enumerate(found)
    ]


def _entry(row: tuple[Any, ...]) -> dict[str, Any]:
    split = len(_NAMES)
    other, *columns = row[split:]
    hardware = None if other is None else {**dict(zip(COLUMNS, columns, strict=True)), **other}
    return {**dict(zip(_NAMES, row[:split], strict=True)), "hardware": hardware}


def _named(argument: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return values by names, which JSON can hold."""
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise InvalidArgumentError(argument, given, "must be a dict with texts as keys")
    if len(given) > MAX_CONDITIONS:
        raise InvalidArgumentError(argument, len(given), f"must be {MAX_CONDITIONS} at most")
    for name, value in given.items():
        arguments.text(argument, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidArgumentError(f"{argument}.{name}", value, "must be JSON")
        try:
            encoded = msgspec.json.encode(value)
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            raise InvalidArgumentError(f"{argument}.{name}", value, "must be JSON") from error
        if b"\\u0000" in encoded:
            raise InvalidArgumentError(f"{argument}.{name}", value, "must not have NUL characters")
    return given


def _bounds(argument: str, given: Mapping[str, float] | None) -> dict[str, float]:
    bounds = {}
    for name, value in _named(argument, given).items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            raise InvalidArgumentError(f"{argument}.{name}", value, "must be a number")
        bounds[name] = float(value)
    return bounds


def _groupings(group_by: Sequence[str]) -> list[str]:
    if isinstance(group_by, str) or not isinstance(group_by, list | tuple):
        raise InvalidArgumentError("group_by", group_by, "must be a list of texts")
    if len(group_by) > MAX_GROUPINGS or len(set(group_by)) < len(group_by):
        problem = f"must be {MAX_GROUPINGS} different ones at most"
        raise InvalidArgumentError("group_by", group_by, problem)
    return [_grouping(each) for each in group_by]


def _grouping(grouping: str) -> str:
    named = arguments.required("group_by", grouping)
    if named.startswith(indicator_groups.PACKAGE):
        return indicator_groups.PACKAGE + arguments.package_name(
            named.removeprefix(indicator_groups.PACKAGE)
        )
    is_parameter = (
        named.startswith(indicator_groups.PARAMETER) and named != indicator_groups.PARAMETER
    )
    if not is_parameter and named not in indicator_groups.GROUPINGS:
        expected = ", ".join(sorted(indicator_groups.GROUPINGS))
        raise InvalidArgumentError(
            "group_by", named, f"must be of {expected}, package:NAME, parameter:NAME"
        )
    return named
