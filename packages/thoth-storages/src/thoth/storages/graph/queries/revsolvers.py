"""Questions on what reverse solvers reported."""

from __future__ import annotations

from typing import Any

from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.arguments import DEFAULT_COUNT
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions
from thoth.storages.graph.queries.runs import (
    RunQueries,
    RunStatements,
    add_text,
    records,
    run_conditions,
)
from thoth.storages.graph.versions import normalize_package_name, normalize_version

_RUNS = RunStatements(
    "revsolver_run",
    {"package_name": "subject.name", "package_version": "run.package_version"},
    joins="JOIN package AS subject ON subject.id = run.package_id",
)
_NAMES = (
    "package_name",
    "package_version",
    "index_url",
    "dependency_name",
    "dependency_version",
    "specifier",
    "extras",
    "marker",
    "revsolver_document_id",
)
_DEPENDENTS = """
      FROM revsolver_run AS run
      JOIN package AS subject ON subject.id = run.package_id
      JOIN revsolver_dependent AS dependent ON dependent.revsolver_run_id = run.id
"""
_LISTED = f"""
    SELECT package.name, release.version, package_index.url, subject.name, run.package_version,
           requirement.specifier, requirement.extras, requirement.marker, run.document_id
      {_DEPENDENTS}
      JOIN requirement ON requirement.id = dependent.requirement_id
      JOIN release ON release.id = dependent.release_id
      JOIN package ON package.id = release.package_id
      LEFT JOIN package_index ON package_index.id = release.package_index_id
"""
_ORDER = """
     ORDER BY run.document_id, package.name, release.version_key NULLS FIRST, release.version,
              package_index.url NULLS FIRST, release.id, requirement.id
"""
_COUNTED = f"SELECT count(*) {_DEPENDENTS}"


class RevSolverQueries(RunQueries):
    """Queries on what reverse solvers reported."""

    def revsolver_document_id_exists(self, revsolver_document_id: str) -> bool:
        """Say whether a document of a reverse solver is synced. Raises `InvalidArgumentError`."""
        return self._run_exists(_RUNS, "revsolver_document_id", revsolver_document_id)

    def sync_revsolver_result(self, document: dict[str, Any], *, force: bool = False) -> None:
        """Write the facts of a document of a reverse solver, decoded from JSON, in one transaction.

        The run, the releases that it found, and the requirement of each; what else these require
        stays unknown. Otherwise as `sync_adviser_result`. Raises `InvalidDocumentError`,
        `InvalidArgumentError`.
        """
        from thoth.storages.sync.revsolver import sync_revsolver_facts
        from thoth.storages.sync.revsolver_documents import read_revsolver_document

        arguments.truth("force", force)
        facts = read_revsolver_document(document)
        with self._connection() as connection:
            if sync_revsolver_facts(connection, facts, force=force):
                self._cache.clear()

    def get_revsolver_run(self, revsolver_document_id: str) -> dict[str, Any]:
        """Return a run, by the id of its document.

        The record is that of `get_revsolver_runs_all`, with `stack_info` and `parameters` as JSON.
        Raises `NotFoundError` for a document that is not synced, `InvalidArgumentError`.
        """
        return self._run(_RUNS, "revsolver_document_id", revsolver_document_id)

    def get_revsolver_runs_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        *,
        error: bool | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List runs of reverse solvers on a package, or all, in the order of their document ids.

        A record has `document_id`, `created_at`, `duration` (seconds), `analyzer_version`, `error`,
        `error_message`, and `package_name` and `package_version`, whose dependents it looked for.
        `error` chooses those that failed (True) or did not (False). Raises `InvalidArgumentError`.
        """
        conditions = _conditions(package_name, package_version, error=error)
        return self._runs(_RUNS, conditions, start_offset, count)

    def get_revsolver_runs_count_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        *,
        error: bool | None = None,
    ) -> int:
        """Count what `get_revsolver_runs_all` lists. Raises `InvalidArgumentError`."""
        conditions = _conditions(package_name, package_version, error=error)
        return self._count(_RUNS.counted, conditions)

    def get_revsolver_dependents_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        *,
        revsolver_document_id: str | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List the dependents of a package that reverse solvers found, by document id and release.

        An entry has `package_name`, `package_version` and `index_url` of the dependent,
        `dependency_name` and `dependency_version` that were looked for, `specifier`, `extras` and
        `marker` of the requirement, and `revsolver_document_id`: a dependent comes once for each
        run that found it. Raises `InvalidArgumentError`.
        """
        conditions = _conditions(package_name, package_version)
        add_text(conditions, "run.document_id", "revsolver_document_id", revsolver_document_id)
        part = conditions.part(start_offset, count)
        statement = f"{_LISTED} {conditions.where()} {_ORDER} {part}"
        return records(_NAMES, self._rows(statement, conditions.parameters))

    def get_revsolver_dependents_count_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        *,
        revsolver_document_id: str | None = None,
    ) -> int:
        """Count what `get_revsolver_dependents_all` lists. Raises `InvalidArgumentError`."""
        conditions = _conditions(package_name, package_version)
        add_text(conditions, "run.document_id", "revsolver_document_id", revsolver_document_id)
        return self._count(_COUNTED, conditions)


def _conditions(
    package_name: str | None, package_version: str | None, *, error: bool | None = None
) -> Conditions:
    name = arguments.optional("package_name", package_name, normalize_package_name)
    version = arguments.optional("package_version", package_version, normalize_version)
    conditions = run_conditions(error=error, package_version=version)
    conditions.add(f"subject.ecosystem = '{ECOSYSTEM}'")
    add_text(conditions, "subject.name", "package_name", name)
    return conditions
