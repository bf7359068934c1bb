"""Which releases solvers have results on, which not, and which failed."""

from __future__ import annotations

from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.arguments import DEFAULT_COUNT
from thoth.storages.graph.queries.family import Conditions, QueryFamily
from thoth.storages.graph.queries.listings import (
    RELEASE_ORDER,
    RELEASES,
    add_solved,
    release_conditions,
)

_LISTED = f"SELECT package.name, release.version, package_index.url {RELEASES}"
_COUNTED = f"SELECT count(*) {RELEASES}"
# No later result on the same release in the same environment.
_IS_NEWEST = """
    NOT EXISTS (SELECT FROM solved AS later_solved
                  JOIN solver_result AS later ON later.id = later_solved.solver_result_id
                 WHERE later_solved.release_id = solved.release_id
                   AND later.software_environment_id = solver_result.software_environment_id
                   AND (later.created_at, later.document_id)
                       > (solver_result.created_at, solver_result.document_id))
"""


class SolvedQueries(QueryFamily):
    """Queries on what solvers found out about releases.

    A release is solved where a solver has a result on it, be it that it could not be installed.
    """

    def get_solved_python_package_version_environments_all(
        self,
        package_name: str,
        package_version: str,
        index_url: str | None,
        *,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
        distinct: bool = False,
    ) -> list[dict[str, str]]:
        """List the environments that a release was solved in, a dict each, in their order.

        The keys are `os_name`, `os_version` and `python_version`. An environment comes once for
        each result, once in all where `distinct`. Raises `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        conditions = release_conditions(*release.values())
        once = "DISTINCT" if arguments.truth("distinct", distinct) else ""
        statement = f"""
            SELECT {once} environment.os_name, environment.os_version, environment.python_version
              {RELEASES}
              JOIN solved ON solved.release_id = release.id
              JOIN solver_result ON solver_result.id = solved.solver_result_id
              JOIN software_environment AS environment
                ON environment.id = solver_result.software_environment_id
              {conditions.where()}
             ORDER BY 1, 2, 3 {conditions.part(start_offset, count)}
        """
        names = ("os_name", "os_version", "python_version")
        rows = self._rows(statement, conditions.parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def get_solved_python_package_versions_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
        is_missing: bool | None = None,
    ) -> list[tuple[str, str, str | None]]:
        """List the releases that were solved as (name, version, index URL), in their order.

        Releases are distinct by nature, so `distinct` changes nothing. An environment is one that
        they were solved in; `is_missing` chooses those that their index has no more (True) or has
        (False). Raises `InvalidArgumentError`.
        """
        conditions = release_conditions(
            package_name, package_version, index_url, is_missing=is_missing
        )
        arguments.truth("distinct", distinct)
        add_solved(conditions, os_name, os_version, python_version)
        return self._releases(conditions, RELEASE_ORDER, start_offset, count)

    def get_solved_python_package_versions_count_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
        is_missing: bool | None = None,
    ) -> int:
        """Count what `get_solved_python_package_versions_all` lists.

        Raises `InvalidArgumentError`.
        """
        conditions = release_conditions(
            package_name, package_version, index_url, is_missing=is_missing
        )
        arguments.truth("distinct", distinct)
        add_solved(conditions, os_name, os_version, python_version)
        return int(self._value(f"{_COUNTED} {conditions.where()}", conditions.parameters))

    def get_unsolved_python_package_versions_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
        randomize: bool = True,
    ) -> list[tuple[str, str, str | None]]:
        """List the releases that no solver has a result on, as (name, version, index URL).

        In a random order, another with each call, unless `randomize` is False: then pages put
        together are the whole. With an environment, those without a result there. Releases are
        distinct by nature, so `distinct` changes nothing. Raises `InvalidArgumentError`.
        """
        conditions = release_conditions(package_name, package_version, index_url)
        arguments.truth("distinct", distinct)
        add_solved(conditions, os_name, os_version, python_version, negated="NOT")
        chance = " ORDER BY random() "
        order = chance if arguments.truth("randomize", randomize) else RELEASE_ORDER
        return self._releases(conditions, order, start_offset, count)

    def get_unsolved_python_package_versions_count_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
    ) -> int:
        """Count what `get_unsolved_python_package_versions_all` lists.

        Raises `InvalidArgumentError`.
        """
        conditions = release_conditions(package_name, package_version, index_url)
        arguments.truth("distinct", distinct)
        add_solved(conditions, os_name, os_version, python_version, negated="NOT")
        return int(self._value(f"{_COUNTED} {conditions.where()}", conditions.parameters))

    def get_error_solved_python_package_versions_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        unsolvable: bool = False,
        unparseable: bool = False,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        distinct: bool = False,
    ) -> list[tuple[str, str, str | None]]:
        """List the releases that could not be solved, as (name, version, index URL), in order.

        That is those whose newest result in one of the matching environments is an error.
        `unsolvable` chooses those of which no such release was to be had, `unparseable` those that
        could not be read; both together, the ones and the others. Releases are distinct by nature,
        so `distinct` changes nothing. Raises `InvalidArgumentError`.
        """
        conditions = release_conditions(package_name, package_version, index_url)
        kinds = [
            f"solved.{kind}"
            for kind, wanted in (("unsolvable", unsolvable), ("unparseable", unparseable))
            if arguments.truth(kind, wanted)
        ]
        error = f"({' OR '.join(kinds)})" if kinds else "solved.error"
        arguments.truth("distinct", distinct)
        add_solved(conditions, os_name, os_version, python_version, such=(error, _IS_NEWEST))
        return self._releases(conditions, RELEASE_ORDER, start_offset, count)

    def _releases(
        self, conditions: Conditions, order: str, start_offset: int, count: int | None
    ) -> list[tuple[str, str, str | None]]:
        part = conditions.part(start_offset, count)
        rows = self._rows(f"{_LISTED} {conditions.where()} {order} {part}", conditions.parameters)
        return [(name, version, url) for name, version, url in rows]
