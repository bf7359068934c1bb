"""Questions on software stacks."""

from __future__ import annotations

from typing import Any

from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions, QueryFamily
from thoth.storages.graph.versions import normalize_version

_COUNT = """
    SELECT count(*) FROM (
        SELECT {what} FROM software_stack
          LEFT JOIN stack_requirements
                 ON stack_requirements.id = software_stack.stack_requirements_id
          LEFT JOIN stack_lock ON stack_lock.id = software_stack.stack_lock_id
         {where}) AS counted
"""
_EACH = "software_stack.id"
_CONTENT = "DISTINCT software_stack.stack_requirements_id, software_stack.stack_lock_id"
# From the release to the locks that contain it, then to their stacks; each stack once.
_CONTAINING = """
    SELECT encode(stack_lock.digest, 'hex'), encode(stack_requirements.digest, 'hex'),
           software_stack.software_stack_type, software_stack.is_external,
           nullif(software_environment.os_name, ''), nullif(software_environment.os_version, ''),
           nullif(software_environment.python_version, ''), software_stack.recorded_at,
           stack_requirements.requirements
      FROM software_stack
      JOIN stack_lock ON stack_lock.id = software_stack.stack_lock_id
      LEFT JOIN stack_requirements ON stack_requirements.id = software_stack.stack_requirements_id
      LEFT JOIN software_environment
             ON software_environment.id = software_stack.software_environment_id
"""
_CONTAINED = """
    software_stack.stack_lock_id IN (
        SELECT stack_lock_release.stack_lock_id
          FROM package
          JOIN release ON release.package_id = package.id
          JOIN stack_lock_release ON stack_lock_release.release_id = release.id
         WHERE package.ecosystem = %(ecosystem)s AND package.name = %(package_name)s
           AND (%(package_version)s::text IS NULL OR release.version = %(package_version)s)
           AND (%(index_url)s::text IS NULL OR release.package_index_id = (
                    SELECT id FROM package_index
                     WHERE ecosystem = %(ecosystem)s AND url = %(index_url)s)))
"""
_ORDER = " ORDER BY software_stack.recorded_at, software_stack.id "
_NAMES = (
    "lock_sha256",
    "requirements_sha256",
    "software_stack_type",
    "is_external",
    "os_name",
    "os_version",
    "python_version",
    "recorded_at",
    "requirements",
)


class StackQueries(QueryFamily):
    """Queries on software stacks."""

    def get_python_software_stack_count_all(
        self,
        is_external: bool = False,
        software_stack_type: str | None = None,
        distinct: bool = False,
    ) -> int:
        """Count the stacks that are ours, or those that users gave (`is_external`).

        A type is such as `INSPECTION`. The same requirements and lock for two environments, or of
        two types, are two stacks; `distinct` counts them once. Raises `InvalidArgumentError`.
        """
        conditions = Conditions()
        conditions.add(
            "software_stack.is_external = %(is_external)s",
            is_external=arguments.truth("is_external", is_external),
        )
        conditions.add(
            "coalesce(stack_requirements.ecosystem, stack_lock.ecosystem) = %(ecosystem)s",
            ecosystem=ECOSYSTEM,
        )
        _add_type(conditions, software_stack_type)
        what = _CONTENT if arguments.truth("distinct", distinct) else _EACH
        statement = _COUNT.format(what=what, where=conditions.where())
        return int(self._value(statement, conditions.parameters))

    def get_python_software_stacks_all(
        self,
        package_name: str,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        is_external: bool | None = None,
        software_stack_type: str | None = None,
        start_offset: int = 0,
        count: int | None = arguments.DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List the stacks whose lock contains a release, or any release of a package.

        Ordered by when they were recorded. An entry has `lock_sha256` and `requirements_sha256`
        (hexadecimal, over their canonical forms; None without requirements),
        `software_stack_type`, `is_external`, `os_name`, `os_version`, `python_version` (None where
        nobody said), `recorded_at`, and `requirements`, the stack's own (None where only its lock
        is known). Raises `InvalidArgumentError`.
        """
        conditions = Conditions()
        add_contained(conditions, package_name, package_version, index_url)
        if arguments.flag("is_external", is_external) is not None:
            conditions.add("software_stack.is_external = %(is_external)s", is_external=is_external)
        _add_type(conditions, software_stack_type)
        statement = _CONTAINING + conditions.where() + _ORDER + conditions.part(start_offset, count)
        rows = self._rows(statement, conditions.parameters)
        return [dict(zip(_NAMES, row, strict=True)) for row in rows]


def add_contained(
    conditions: Conditions, package_name: str, package_version: str | None, index_url: str | None
) -> None:
    """Add the condition that the lock of `software_stack` contains a release, or any of a package.

    Raises `InvalidArgumentError`.
    """
    conditions.add(
        _CONTAINED,
        ecosystem=ECOSYSTEM,
        package_name=arguments.package_name(package_name),
        package_version=arguments.optional("package_version", package_version, normalize_version),
        index_url=arguments.index_url(index_url),
    )


def _add_type(conditions: Conditions, software_stack_type: str | None) -> None:
    if arguments.text("software_stack_type", software_stack_type) is not None:
        conditions.add(
            "software_stack.software_stack_type = %(software_stack_type)s",
            software_stack_type=software_stack_type,
        )
