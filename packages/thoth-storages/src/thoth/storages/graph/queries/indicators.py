"""Questions on performance indicators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import sql

from thoth.storages.exceptions import InvalidArgumentError
from thoth.storages.graph import json_values
from thoth.storages.graph.hardware_records import COLUMNS, read_hardware
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries import indicator_statements as statements
from thoth.storages.graph.queries.family import Conditions, QueryFamily
from thoth.storages.graph.queries.listings import add_environment_parts
from thoth.storages.graph.queries.stacks import add_contained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_CONDITIONS = 20
"""A question may name at most so many parameters, and so many bounds of each side."""
MAX_GROUPINGS = 5
"""Statistics may be by at most so many things."""
_SHA256_DIGITS = 64

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
_STATISTICS = """
    count(indicator.value), min(indicator.value), avg(indicator.value::numeric),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY indicator.value), max(indicator.value)
"""


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
        question.of_release(package_name, package_version, index_url)
        question.of_stack(lock_sha256, requirements_sha256)
        question.of_place(inspection_document_id, os_name, os_version, python_version, hardware)
        is_descending = arguments.truth("descending", descending)
        order = " ORDER BY indicator.inspection_result_id "
        if value is not None:
            direction = "DESC" if is_descending else "ASC"
            order = f" ORDER BY indicator.value {direction} NULLS LAST, inspection_result.id "
        elif is_descending:
            order = " ORDER BY indicator.inspection_result_id DESC "
        part = question.conditions.part(start_offset, count)
        return [_entry(row) for row in question.rows(_LISTING, "", order + part)]

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
        question.of_release(package_name, package_version, index_url)
        question.of_stack(lock_sha256, requirements_sha256)
        question.of_place(inspection_document_id, os_name, os_version, python_version, hardware)
        ((counted,),) = question.rows("SELECT count(*)", "", "")
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
        question.of_release(package_name, package_version, index_url)
        question.of_stack(lock_sha256, requirements_sha256)
        question.of_place(inspection_document_id, os_name, os_version, python_version, hardware)
        joins, columns, group_by_, order_by = statements.grouped(
            groupings, question.conditions.parameters
        )
        part = question.conditions.part(start_offset, count)
        having = " HAVING count(indicator.value) > 0 "
        rows = question.rows(
            f"SELECT {columns} {_STATISTICS}", joins, group_by_ + having + order_by + part
        )
        names = (*groupings, "count", "min", "mean", "median", "max")
        return [
            {
                name: float(each) if name == "mean" else each
                for name, each in zip(names, row, strict=True)
            }
            for row in rows
        ]


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
        self._wanted = statements.Wanted(
            component=arguments.text("component", component),
            name=arguments.text("name", name),
            parameters={
                key: statements.spellings(given)
                for key, given in _named("parameters", parameters).items()
            },
            least=_bounds("least", least),
            most=_bounds("most", most),
            value=value,
            is_needed=is_needed,
        )
        self.conditions = Conditions()
        statements.add_parameters(self.conditions, self._wanted.parameters)

    def of_release(
        self, package_name: str | None, package_version: str | None, index_url: str | None
    ) -> None:
        if package_name is not None:
            add_contained(self.conditions, package_name, package_version, index_url)
        elif package_version is not None or index_url is not None:
            raise InvalidArgumentError(
                "package_name", None, "must be given with a version or an index"
            )

    def of_stack(self, lock_sha256: str | None, requirements_sha256: str | None) -> None:
        add = self.conditions.add
        if lock_sha256 is not None:
            add("stack_lock.digest = %(lock)s", lock=_digest("lock_sha256", lock_sha256))
        if requirements_sha256 is not None:
            digest = _digest("requirements_sha256", requirements_sha256)
            add("stack_requirements.digest = %(requirements)s", requirements=digest)

    def of_place(
        self,
        inspection_document_id: str | None,
        os_name: str | None,
        os_version: str | None,
        python_version: str | None,
        hardware: Mapping[str, Any] | None,
    ) -> None:
        add = self.conditions.add
        document_id = arguments.text("inspection_document_id", inspection_document_id)
        if document_id is not None:
            add("inspection.document_id = %(document_id)s", document_id=document_id)
        add_environment_parts(self.conditions, os_name, os_version, python_version)
        record, misfits = read_hardware(_named("hardware", hardware))
        if misfits:
            given = None if hardware is None else hardware.get(misfits[0])
            problem = "is not a value that it can have"
            raise InvalidArgumentError(f"hardware.{misfits[0]}", given, problem)
        if record is not None:
            for name, fitted in record.columns.items():
                add(f"hardware_environment.{name} = %({name})s", **{name: fitted})
            for number, (name, other) in enumerate(msgspec.json.decode(record.other).items()):
                add(
                    f"hardware_environment.other -> %(other{number}_name)s::text"
                    f" = %(other{number})s::jsonb",
                    **{f"other{number}_name": name, f"other{number}": json_values.encoded(other)},
                )

    def rows(self, select: str, joins: str, end: str) -> list[tuple[Any, ...]]:
        parameters = dict(self.conditions.parameters)
        arms = statements.arms(self._tables(), self._wanted, parameters)
        source = statements.FROM.format(arms=arms) + joins + self.conditions.where()
        return self._family._rows(select + source + end, parameters)  # noqa: SLF001 - one module

    def _tables(self) -> list[statements.Table]:
        found = self._family._rows(statements.TABLES)  # noqa: SLF001
        statement = statements.names_of([table for table, _ in found])
        names: dict[int, str | None] = dict(self._family._rows(statement, {}))  # noqa: SLF001
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
    if named.startswith(statements.PACKAGE):
        return statements.PACKAGE + arguments.package_name(named.removeprefix(statements.PACKAGE))
    is_parameter = named.startswith(statements.PARAMETER) and named != statements.PARAMETER
    if not is_parameter and named not in statements.GROUPINGS:
        expected = ", ".join(sorted(statements.GROUPINGS))
        raise InvalidArgumentError(
            "group_by", named, f"must be of {expected}, package:NAME, parameter:NAME"
        )
    return named


def _digest(argument: str, text: str) -> bytes:
    if not isinstance(text, str) or len(text) != _SHA256_DIGITS:
        raise InvalidArgumentError(argument, text, "must be 64 hexadecimal digits")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidArgumentError(argument, text, "must be 64 hexadecimal digits") from None
