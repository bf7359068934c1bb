"""What performance indicators are compared by, as parts of a statement."""

# ruff: noqa: S608 - statements are made of constants; values are parameters
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from thoth.storages.graph.hardware_records import COLUMNS, TEXTS
from thoth.storages.graph.queries import indicator_statements as statements
from thoth.storages.graph.queries.family import ECOSYSTEM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.storages.graph.queries.family import Conditions

PACKAGE, PARAMETER = "package:", "parameter:"
"""What a grouping begins with that is by a package's version, or by a parameter."""

_VERSIONS = f"""
    LEFT JOIN (SELECT DISTINCT stack_lock_release.stack_lock_id, release.version,
                      release.version_key
                 FROM package
                 JOIN release ON release.package_id = package.id
                 JOIN stack_lock_release ON stack_lock_release.release_id = release.id
                WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %({{parameter}})s
              ) AS {{alias}} ON {{alias}}.stack_lock_id = software_stack.stack_lock_id
"""
# In an order that does not depend on the database's locale.
_TEXTS = {
    "component": "indicator.component",
    "name": "indicator.name",
    "inspection_document_id": "inspection.document_id",
    "os_name": "nullif(software_environment.os_name, '')",
    "os_version": "nullif(software_environment.os_version, '')",
    "python_version": "nullif(software_environment.python_version, '')",
    **{name: f"hardware_environment.{name}" for name in TEXTS},
}
_DIGESTS = {
    "lock_sha256": "stack_lock.digest",
    "requirements_sha256": "stack_requirements.digest",
}
_GROUPINGS = {
    **_DIGESTS,
    **{name: f'{expression} COLLATE "C"' for name, expression in _TEXTS.items()},
    **{name: f"hardware_environment.{name}" for name in COLUMNS if name not in TEXTS},
}
GROUPINGS = frozenset(_GROUPINGS)
"""What indicators can be grouped by, besides packages and parameters."""

# A sum of doubles does not overflow where each is made so much smaller. Rounding must not put the
# mean out of bounds.
_SCALE = f"({2.0**-34!r}::float8)"
_MEAN = f"sum(measured.value * {_SCALE}) / (count(*) * {_SCALE})"
_STATISTICS = f"""
    count(*), min(measured.value),
    least(greatest({_MEAN}, min(measured.value)), max(measured.value)),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY measured.value), max(measured.value)
"""
# Each part is as it stands: the planner would evaluate expressions again and again, and take
# the first groups for all that is wanted.
_STATEMENT = """
    SELECT {shown} {statistics}
      FROM (SELECT read.* {numbers}
              FROM (SELECT indicator.value {columns} {source} OFFSET 0) AS read
             WHERE read.value IS NOT NULL OFFSET 0) AS measured
    {group_by} HAVING count(*) > 0 {order_by}
"""


class _Parts(NamedTuple):
    """What a grouping puts into each part of the statement."""

    columns: str
    shown: str
    keys: str
    order: str
    join: str = ""
    numbers: str = ""


class Groups:
    """What to compare by; `conditions` get the parameters of the statement."""

    def __init__(self, groupings: Sequence[str], conditions: Conditions) -> None:
        self._parts = [_parts(number, each, conditions) for number, each in enumerate(groupings)]

    @property
    def joins(self) -> str:
        """The joins that this needs besides those of the tables that `columns` name."""
        return "".join(each.join for each in self._parts)

    @property
    def columns(self) -> str:
        """The columns that this needs of what is compared, after its `value`."""
        return "".join(f", {each.columns}" for each in self._parts)

    def statement(self, source: str) -> str:
        """Return the statement that compares; its first columns are the properties of a group."""
        keys = ", ".join(each.keys for each in self._parts)
        order = ", ".join(each.order for each in self._parts)
        return _STATEMENT.format(
            shown="".join(f"{each.shown}, " for each in self._parts),
            statistics=_STATISTICS,
            numbers="".join(each.numbers for each in self._parts),
            columns=self.columns,
            source=source,
            group_by=f"GROUP BY {keys}" if keys else "",
            order_by=f"ORDER BY {order}" if order else "",
        )


def _parts(number: int, grouping: str, conditions: Conditions) -> _Parts:
    key, place = f"group{number}", number + 1
    if grouping.startswith(PACKAGE):
        conditions.parameters[key] = grouping.removeprefix(PACKAGE)
        version_key = f"{key}_version"
        return _Parts(
            columns=f"{version_key}.version AS {key}, {version_key}.version_key AS {key}_key",
            shown=f"measured.{key}",
            keys=f"measured.{key}_key, measured.{key}",
            order=f"measured.{key}_key NULLS FIRST, {place}",
            join=_VERSIONS.format(parameter=key, alias=version_key),
        )
    if grouping.startswith(PARAMETER):
        conditions.parameters[key] = grouping.removeprefix(PARAMETER)
        same = statements.same_number(f"read.{key}")
        return _Parts(
            columns=f"nullif({statements.PARAMETERS} -> %({key})s::text, 'null') AS {key}",
            shown=f"coalesce(to_jsonb(measured.{key}_number), measured.{key}_other)",
            keys=f"measured.{key}_number, measured.{key}_other",
            order=f"{place}",
            numbers=f", {same} AS {key}_number,"
            f" CASE WHEN {same} IS NULL THEN read.{key} END AS {key}_other",
        )
    shown = f"encode(measured.{key}, 'hex')" if grouping in _DIGESTS else f"measured.{key}"
    return _Parts(
        columns=f"{_GROUPINGS[grouping]} AS {key}",
        shown=shown,
        keys=f"measured.{key}",
        order=f"{place}",
    )
