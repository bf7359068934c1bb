"""Questions on who requires a package, and on what goes together with a release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.exceptions import AnswerTooLargeError, NotFoundError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.arguments import DEFAULT_COUNT
from thoth.storages.graph.queries.dependencies import described, unknown_release
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions, Row
from thoth.storages.graph.queries.listings import (
    RELEASE_ORDER,
    RELEASES,
    add_environment,
    release_conditions,
)
from thoth.storages.graph.queries.markers import MarkerQueries
from thoth.storages.graph.versions import normalize_package_name, normalize_version, version_key

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPENDENTS = 250_000
"""At most so many releases (once for each set of extras) and requirements may be reached."""

_PACKAGE = f"""
    SELECT id FROM package WHERE ecosystem = '{ECOSYSTEM}' AND name = %(package_name)s
"""  # noqa: S608
_ADMITTED = "width_bucket(%(version_key)s::bytea, requirement.bounds) %% 2 = 1"
_REQUIREMENT = """
    requirement.specifier, requirement.extras, requirement.marker, requirement.url
"""

_DEPENDENT_VERSIONS = """
    SELECT DISTINCT package.name, release.version_key, release.version
      FROM requirement
      JOIN dependency ON dependency.requirement_id = requirement.id
      JOIN release ON release.id = dependency.release_id
      JOIN package ON package.id = release.package_id
     WHERE requirement.package_id = %(package_id)s {admitted}
     ORDER BY package.name, release.version_key NULLS FIRST, release.version
"""

_DEPENDENTS = f"""
    SELECT package.name, release.version, package_index.url, %(package_name)s::text, {_REQUIREMENT}
      {RELEASES}
      JOIN dependency ON dependency.release_id = release.id
      JOIN requirement ON requirement.id = dependency.requirement_id
"""

_DIRECTLY = """
    WITH known AS MATERIALIZED (
        SELECT NULL::integer AS release_id, NULL::text[] AS extras, requirement.id AS requirement_id
          FROM requirement
         WHERE requirement.package_id = %(package_id)s {admitted}
         LIMIT (SELECT %(limit)s::bigint))
"""
# A step leads from a requirement to the releases that declare it, with the extras under which they
# do (none: always), or from a release to the requirements that admit it: to all of them, or, where
# it depends on the package with an extra only, to those that ask for such an extra. UNION takes
# each of them once.
_REACHED = """
    WITH RECURSIVE reached (release_id, extras, requirement_id) AS (
        SELECT NULL::integer, NULL::text[], requirement.id
          FROM requirement
         WHERE requirement.package_id = %(package_id)s {admitted}
        UNION
        SELECT step.*
          FROM reached
          CROSS JOIN LATERAL (
                SELECT dependency.release_id, requirement.marker_extras, NULL::integer
                  FROM requirement
                  JOIN dependency ON dependency.requirement_id = requirement.id
                 WHERE requirement.id = reached.requirement_id
                UNION ALL
                SELECT NULL, NULL, requirement.id
                  FROM release
                  JOIN requirement
                    ON requirement.package_id = release.package_id
                   AND width_bucket(release.version_key, requirement.bounds) %% 2 = 1
                 WHERE release.id = reached.release_id
                   AND (reached.extras = '{{}}' OR requirement.extras && reached.extras))
               AS step (release_id, extras, requirement_id)),
    known AS MATERIALIZED (SELECT * FROM reached LIMIT (SELECT %(limit)s::bigint))
"""
# One row more than the page, with nothing but how much was reached. Rows are looked up by key
# (OFFSET 0) and put together before they are ordered: the planner, which cannot know how few there
# are, would else walk through all dependencies in order until a page is full.
_WITH_REQUIREMENTS = f"""
    , bound AS MATERIALIZED (
        SELECT release.*, requirement.id AS requirement_id, requirement.package_id AS required_id,
               {_REQUIREMENT}
          FROM known
          CROSS JOIN LATERAL (
                SELECT * FROM requirement WHERE id = known.requirement_id OFFSET 0) AS requirement
          CROSS JOIN LATERAL (
                SELECT release_id FROM dependency
                 WHERE requirement_id = known.requirement_id OFFSET 0) AS dependency
          CROSS JOIN LATERAL (
                SELECT id, package_id, package_index_id, version_key, version
                  FROM release WHERE id = dependency.release_id OFFSET 0) AS release
         WHERE known.requirement_id IS NOT NULL
           AND (%(direct)s
                OR (requirement.package_id = %(package_id)s {{admitted}}) IS NOT TRUE))
    (SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, count(*) FROM known)
    UNION ALL
    (SELECT package.name, release.version, package_index.url, required.name,
            release.specifier, release.extras, release.marker, release.url, NULL
       FROM bound AS release
       JOIN package required ON required.id = release.required_id
       JOIN package ON package.id = release.package_id
       LEFT JOIN package_index ON package_index.id = release.package_index_id
      {RELEASE_ORDER}, required.name, release.requirement_id
      LIMIT %(count)s OFFSET %(start_offset)s)
"""  # noqa: S608

# What a release requires of a package, and whether its dependencies are known. No row: no such
# release; a row without an id: it requires nothing of the package.
_REQUIREMENTS_ON = f"""
    SELECT DISTINCT release.version_key, release.dependencies_digest IS NOT NULL,
           declared.id, declared.marker
      {RELEASES}
      LEFT JOIN LATERAL (
            SELECT requirement.id, requirement.marker
              FROM dependency
              JOIN requirement ON requirement.id = dependency.requirement_id
              JOIN package required ON required.id = requirement.package_id
             WHERE dependency.release_id = release.id
               AND required.ecosystem = '{ECOSYSTEM}' AND required.name = %(required_name)s)
             AS declared ON true
"""  # noqa: S608
# The releases of a package that some requirements admit, each with the markers of the requirements
# by which it does not admit a version of another.
_ADMITTED_RELEASES = f"""
    WITH excluding AS MATERIALIZED (
        SELECT requirement.id, requirement.marker
          FROM requirement
          JOIN package ON package.id = requirement.package_id
         WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(other_name)s
           AND requirement.bounds IS NOT NULL
           AND coalesce(width_bucket(%(version_key)s::bytea, requirement.bounds) %% 2, 0) = 0)
    SELECT package.name, release.version, package_index.url,
           ARRAY(SELECT DISTINCT excluding.marker
                   FROM dependency
                   JOIN excluding ON excluding.id = dependency.requirement_id
                  WHERE dependency.release_id = release.id)
      {RELEASES}
     WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s
       AND (%(package_name)s <> %(other_name)s::text OR release.version = %(other_version)s)
       AND (%(include_unknown)s OR release.dependencies_digest IS NOT NULL)
       AND NOT EXISTS (
            SELECT FROM requirement
             WHERE requirement.id = ANY (%(requirement_ids)s) AND requirement.bounds IS NOT NULL
               AND coalesce(width_bucket(release.version_key, requirement.bounds) %% 2, 0) = 0)
     {RELEASE_ORDER}
"""  # noqa: S608


class DependentQueries(MarkerQueries):
    """Queries on dependents and on compatibility."""

    def retrieve_dependent_packages(
        self, package_name: str, package_version: str | None = None
    ) -> dict[str, list[str]]:
        """Return the versions of each package that declare a requirement on a package, by name.

        Where a version is given, those whose requirement admits it. Markers and extras do not
        matter. Names and versions are in order. Raises `NotFoundError` for a package that nothing
        is known of, `InvalidArgumentError`.
        """
        name, version = _package(package_name, package_version)

        def answer() -> dict[str, list[str]]:
            parameters = self._required(name, version)
            statement = _DEPENDENT_VERSIONS.format(admitted=_admitted(version))
            versions: dict[str, list[str]] = {}
            for dependent, _key, dependent_version in self._rows(statement, parameters):
                versions.setdefault(dependent, []).append(dependent_version)
            return versions

        return self._cached("retrieve_dependent_packages", (name, version), answer)

    def get_python_package_version_dependents_all(
        self,
        package_name: str,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List the releases that declare a requirement on a package, with that requirement.

        A record has `package_name`, `package_version` and `index_url` of the dependent,
        `dependency_name`, and of the requirement (PEP 508) `specifier`, `extras` (those asked of
        the dependency), `marker` and `url` (of a direct reference). They are in the order of
        releases. An environment chooses dependents that a solver has a result on there. Raises
        `NotFoundError` for a package that nothing is known of, `InvalidArgumentError`.
        """
        name, _ = _package(package_name, None)
        conditions = Conditions()
        conditions.add("requirement.package_id = %(package_id)s")
        add_environment(conditions, os_name, os_version, python_version)
        part = conditions.part(start_offset, count)
        statement = f"{_DEPENDENTS} {conditions.where()} {RELEASE_ORDER}, requirement.id {part}"
        rows = self._rows(statement, {**conditions.parameters, **self._required(name, None)})
        return _records(rows)

    def get_python_package_version_dependents_transitive_all(
        self,
        package_name: str,
        package_version: str | None = None,
        *,
        direct: bool | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List the releases that depend on a package, directly or through others.

        With the requirement that binds each of them: on the package itself (admitting the version,
        where one is given), or on a dependent of it, admitting one of its releases. A record is as
        in `get_python_package_version_dependents_all`; a release comes once for each such
        requirement, in the order of releases, then of `dependency_name`. Whoever depends on the
        package with an extra only passes that on to those who ask for the extra. Markers do not
        matter. `direct` chooses requirements on what is asked about (True) or the others (False).

        Raises `NotFoundError` for a package that nothing is known of, `AnswerTooLargeError` beyond
        `MAX_DEPENDENTS`, `InvalidArgumentError`.
        """
        name, version = _package(package_name, package_version)
        start_offset, count = arguments.page(start_offset, count)
        arguments.flag("direct", direct)
        parameters: dict[str, object] = {
            "direct": direct is not False,
            "limit": MAX_DEPENDENTS + 1,
            "start_offset": start_offset,
            "count": count,
        }
        statement = (_DIRECTLY if direct else _REACHED) + _WITH_REQUIREMENTS
        statement = statement.format(admitted=_admitted(version))
        first, *rows = self._rows(statement, {**parameters, **self._required(name, version)})
        if first[-1] > MAX_DEPENDENTS:
            raise AnswerTooLargeError("releases and requirements", MAX_DEPENDENTS)
        return _records(row[:-1] for row in rows)

    def get_compatible_python_package_versions_all(
        self,
        package_name: str,
        other_name: str,
        other_version: str,
        other_index_url: str | None = None,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        include_unknown: bool = False,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[tuple[str, str, str | None]]:
        """List the releases of a package that go together with another release, in order.

        By the requirements that the two declare on each other, without extras: none may exclude
        the other. A marker (PEP 508) that does not hold in the environment, or that it leaves
        open, excludes nothing. Of its own package, a release goes together with itself alone.
        Releases whose dependencies nobody knows are listed with `include_unknown` only.

        Raises `NotFoundError` where the other release, or (without `include_unknown`) what it
        depends on, is unknown; `InvalidArgumentError`.
        """
        name, _ = _package(package_name, None)
        other = {
            "package_name": arguments.required("other_name", other_name, normalize_package_name),
            "package_version": arguments.required(
                "other_version", other_version, normalize_version
            ),
            "index_url": arguments.index_url(other_index_url, argument="other_index_url"),
        }
        include_unknown = arguments.truth("include_unknown", include_unknown)
        start_offset, count = arguments.page(start_offset, count)
        environment = arguments.environment(os_name, os_version, python_version)
        markers = self._marker_filter(environment, result=True)
        statement = _REQUIREMENTS_ON + release_conditions(*other.values()).where()
        requirements = self._rows(statement, {**other, "required_name": name})
        if not requirements:
            raise unknown_release(other)
        if not include_unknown and not all(known for _, known, _, _ in requirements):
            raise NotFoundError(
                f"the dependencies of {described(other)}",
                "Sync documents of it, or ask with include_unknown=True.",
            )
        rows = self._rows(
            _ADMITTED_RELEASES,
            {
                "package_name": name,
                "other_name": other["package_name"],
                "other_version": other["package_version"],
                "version_key": requirements[0][0],
                "include_unknown": include_unknown,
                "requirement_ids": [
                    id_
                    for _, _, id_, marker in requirements
                    if id_ is not None and markers.holds(marker, "") is True
                ],
            },
        )
        compatible = [
            (found, version, url)
            for found, version, url, excluding in rows
            if not any(markers.holds(marker, "") is True for marker in excluding)
        ]
        return compatible[start_offset:][:count]

    def _required(self, name: str, version: str | None) -> dict[str, object]:
        """Return the parameters for a package that is required; raise where it is unknown."""
        row = self._row(_PACKAGE, {"package_name": name})
        if row is None:
            raise NotFoundError(
                f"the package {name}", "Sync documents of it, or of packages that require it."
            )
        key = None if version is None else version_key(version)
        return {"package_name": name, "package_id": row[0], "version_key": key}


def _package(package_name: str, package_version: str | None) -> tuple[str, str | None]:
    name = arguments.package_name(package_name)
    return name, arguments.optional("package_version", package_version, normalize_version)


def _admitted(version: str | None) -> str:
    return "" if version is None else f"AND {_ADMITTED}"


def _records(rows: Iterable[Row]) -> list[dict[str, Any]]:
    names = (
        "package_name",
        "package_version",
        "index_url",
        "dependency_name",
        "specifier",
        "extras",
        "marker",
        "url",
    )
    return _named(names, rows)


def _named(names: tuple[str, ...], rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]
