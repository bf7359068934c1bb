"""What listings of releases share: their conditions, joins and total order."""

from __future__ import annotations

from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions
from thoth.storages.graph.versions import normalize_package_name, normalize_version

RELEASES = """
  FROM package
  JOIN release ON release.package_id = package.id
  LEFT JOIN package_index ON package_index.id = release.package_index_id
"""
"""Every release with its package and its index."""

RELEASE_ORDER = """
 ORDER BY package.name, release.version_key NULLS FIRST, release.version,
          package_index.url NULLS FIRST, release.id
"""
"""The total order of releases."""

_SOLVED = """
EXISTS (SELECT FROM solved
          JOIN solver_result ON solver_result.id = solved.solver_result_id {})
"""
# The environments are looked up once, and not again for every result.
_RAN_IN = """
solver_result.software_environment_id
    = ANY (ARRAY(SELECT id FROM software_environment {}))
"""


def release_conditions(
    package_name: str | None = None,
    package_version: str | None = None,
    index_url: str | None = None,
    *,
    os_name: str | None = None,
    os_version: str | None = None,
    python_version: str | None = None,
    is_missing: bool | None = None,
) -> Conditions:
    """Return the conditions on `RELEASES`; None does not filter.

    An environment chooses the releases for which a solver has a result in one that matches. Raises
    `InvalidArgumentError`.
    """
    conditions = Conditions()
    conditions.add(f"package.ecosystem = '{ECOSYSTEM}'")
    name = arguments.optional("package_name", package_name, normalize_package_name)
    if name is not None:
        conditions.add("package.name = %(package_name)s", package_name=name)
    version = arguments.optional("package_version", package_version, normalize_version)
    if version is not None:
        conditions.add("release.version = %(package_version)s", package_version=version)
    url = arguments.index_url(index_url)
    if url is not None:
        conditions.add("package_index.url = %(index_url)s", index_url=url)
    if arguments.flag("is_missing", is_missing) is not None:
        conditions.add("release.is_missing = %(is_missing)s", is_missing=is_missing)
    add_environment(conditions, os_name, os_version, python_version)
    return conditions


def add_environment(
    conditions: Conditions,
    os_name: str | None,
    os_version: str | None,
    python_version: str | None,
) -> None:
    """Add the condition that a solver has a result on the release in a matching environment.

    Without an environment nothing is added.
    """
    if any(part is not None for part in (os_name, os_version, python_version)):
        add_solved(conditions, os_name, os_version, python_version)


def add_solved(
    conditions: Conditions,
    os_name: str | None,
    os_version: str | None,
    python_version: str | None,
    *,
    such: tuple[str, ...] = (),
    negated: str = "",
) -> None:
    """Add the condition that a release has such a result in a matching environment, or has none."""
    result = Conditions()
    result.add("solved.release_id = release.id")
    for condition in such:
        result.add(condition)
    add_result_environment(result, os_name, os_version, python_version)
    conditions.add(f"{negated} {_SOLVED.format(result.where())}", **result.parameters)


def add_result_environment(
    conditions: Conditions,
    os_name: str | None,
    os_version: str | None,
    python_version: str | None,
) -> None:
    """Add the condition on the environment of a `solver_result`; None does not filter."""
    matching = Conditions()
    add_environment_parts(matching, os_name, os_version, python_version)
    if matching.parameters:
        conditions.add(_RAN_IN.format(matching.where()), **matching.parameters)


def add_environment_parts(
    conditions: Conditions,
    os_name: str | None,
    os_version: str | None,
    python_version: str | None,
) -> None:
    """Add the conditions on a `software_environment`; None does not filter."""
    for name, value in arguments.environment(os_name, os_version, python_version).items():
        if value is not None:
            conditions.add(f"software_environment.{name} = %({name})s", **{name: value})
