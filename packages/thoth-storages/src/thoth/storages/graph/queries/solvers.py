"""Questions on solver results, and syncing them."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.exceptions import NotFoundError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions, QueryFamily
from thoth.storages.graph.queries.listings import (
    add_environment_parts,
    add_result_environment,
    release_conditions,
)

if TYPE_CHECKING:
    from datetime import datetime

_EXISTS = "SELECT EXISTS (SELECT FROM solver_result WHERE document_id = %(document_id)s)"
_DELETE = "DELETE FROM solver_result WHERE document_id = %(document_id)s"
_DOCUMENT_IDS = """
    SELECT DISTINCT solver_result.document_id
      FROM package
      JOIN release ON release.package_id = package.id
      LEFT JOIN package_index ON package_index.id = release.package_index_id
      JOIN solved ON solved.release_id = release.id
      JOIN solver_result ON solver_result.id = solved.solver_result_id
"""
# From each name to the next one: as many steps in the index as there are names.
_SOLVER_NAMES = """
    WITH RECURSIVE name AS (
         SELECT min(solver_name) AS solver_name FROM solver_result
         UNION ALL
         SELECT (SELECT min(solver_result.solver_name) FROM solver_result
                  WHERE solver_result.solver_name > name.solver_name)
           FROM name WHERE name.solver_name IS NOT NULL)
    SELECT solver_name FROM name WHERE solver_name IS NOT NULL
"""
_ENVIRONMENT_EXISTS = """
    SELECT EXISTS (
        SELECT FROM software_environment
          JOIN solver_result
            ON solver_result.software_environment_id = software_environment.id
         WHERE os_name = %(os_name)s AND os_version = %(os_version)s
           AND python_version = %(python_version)s)
"""
_NEWEST = """
    SELECT max(newest.created_at)
      FROM software_environment
     CROSS JOIN LATERAL (
           SELECT max(solver_result.created_at) AS created_at FROM solver_result
            WHERE solver_result.software_environment_id = software_environment.id) AS newest
"""
_ASKED = f"""
    WITH asked AS (
         SELECT release.id FROM package
           JOIN release ON release.package_id = package.id
           LEFT JOIN package_index ON package_index.id = release.package_index_id
          WHERE package.ecosystem = '{ECOSYSTEM}' AND package.name = %(package_name)s
            AND release.version = %(package_version)s
            AND (%(index_url)s::text IS NULL OR package_index.url = %(index_url)s))
"""
_NEWEST_ERROR = """
    SELECT EXISTS (SELECT FROM asked),
           (SELECT solved.error
              FROM asked
              JOIN solved ON solved.release_id = asked.id
              JOIN solver_result ON solver_result.id = solved.solver_result_id
              {}
             ORDER BY solver_result.created_at DESC, solver_result.document_id DESC
             LIMIT 1)
"""


class SolverQueries(QueryFamily):
    """Queries on solver results."""

    def solver_document_id_exists(self, solver_document_id: str) -> bool:
        """Say whether a solver document is synced. Raises `InvalidArgumentError`."""
        name = arguments.required("solver_document_id", solver_document_id)
        return bool(self._value(_EXISTS, {"document_id": name}))

    def get_solver_document_id_all(
        self,
        package_name: str,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
        sort: bool = False,
    ) -> list[str]:
        """List the ids of the documents that have a result on releases of a package.

        Each id comes once, always in the order of the ids, so `sort` changes nothing. An
        environment is the one that the solver ran in. Raises `InvalidArgumentError`.
        """
        arguments.truth("sort", sort)
        conditions = release_conditions(
            arguments.package_name(package_name), package_version, index_url
        )
        add_result_environment(conditions, os_name, os_version, python_version)
        statement = f"{_DOCUMENT_IDS} {conditions.where()} ORDER BY 1"
        return [name for (name,) in self._rows(statement, conditions.parameters)]

    def get_ecosystem_solver_all(self) -> list[str]:
        """List the names of the solvers that have results, such as `solver-rhel-9-py311`."""
        return self._cached(
            "get_ecosystem_solver_all", (), lambda: [name for (name,) in self._rows(_SOLVER_NAMES)]
        )

    def solved_software_environment_exists(
        self, os_name: str, os_version: str, python_version: str
    ) -> bool:
        """Say whether a solver has run in an environment. Raises `InvalidArgumentError`."""
        arguments.required("os_name", os_name)
        arguments.required("os_version", os_version)
        arguments.required("python_version", python_version)
        environment = arguments.environment(os_name, os_version, python_version)
        return self._cached(
            "solved_software_environment_exists",
            tuple(environment.values()),
            lambda: bool(self._value(_ENVIRONMENT_EXISTS, environment)),
        )

    def get_last_solver_datetime(
        self,
        os_name: str | None = None,
        os_version: str | None = None,
        python_version: str | None = None,
    ) -> datetime:
        """Return when a solver ran last in an environment that matches, in UTC.

        Raises `NotFoundError` where none has, `InvalidArgumentError`.
        """
        conditions = Conditions()
        add_environment_parts(conditions, os_name, os_version, python_version)
        newest: datetime | None = self._value(
            f"{_NEWEST} {conditions.where()}", conditions.parameters
        )
        if newest is None:
            raise NotFoundError("a solver result of this environment", "Sync a solver document.")
        return newest

    def has_python_solver_error(
        self,
        package_name: str,
        package_version: str,
        index_url: str | None,
        *,
        os_name: str | None,
        os_version: str | None,
        python_version: str | None,
    ) -> bool:
        """Say whether the newest result on a release, in the environments that match, is an error.

        Of results of the same time the one with the greatest document id counts. False for a
        release that has no result there. Raises `NotFoundError` for an unknown release,
        `InvalidArgumentError`.
        """
        release = arguments.release(package_name, package_version, index_url)
        conditions = Conditions(**release)
        add_result_environment(conditions, os_name, os_version, python_version)

        def answer() -> bool:
            statement = _ASKED + _NEWEST_ERROR.format(conditions.where())
            row = self._row(statement, conditions.parameters)
            if row is None or not row[0]:
                named = " ".join(part for part in release.values() if part is not None)
                raise NotFoundError(f"the release {named}", "Sync a document that has it.")
            return bool(row[1])

        question = tuple(sorted(conditions.parameters.items()))
        return self._cached("has_python_solver_error", question, answer)

    def delete_solver_result(self, solver_document_id: str) -> int:
        """Delete what a solver document says of releases; return how many documents that were.

        That is 0 where the document is not synced. The releases and their dependencies remain.
        Raises `InvalidArgumentError`.
        """
        name = arguments.required("solver_document_id", solver_document_id)
        with self._connection() as connection:
            deleted = connection.execute(_DELETE, {"document_id": name}).rowcount
        self._cache.clear()
        return deleted

    def sync_solver_result(self, document: dict[str, Any], *, force: bool = False) -> None:
        """Write the facts of a solver document, decoded from JSON, in one transaction.

        A document that is synced already is left alone unless `force`d, which makes its rows what
        the document says. The document is not changed. Raises `InvalidDocumentError`, after which
        nothing of it is in the graph, and for a document whose id is null: such a one is synced
        under the name that it is stored under. Raises `InvalidArgumentError`.
        """
        from thoth.storages.sync.solver import sync_solver_facts
        from thoth.storages.sync.solver_documents import read_solver_document

        arguments.truth("force", force)
        facts = read_solver_document(document)
        with self._connection() as connection:
            synced = sync_solver_facts(connection, facts, force=force)
        if synced:
            self._cache.clear()
