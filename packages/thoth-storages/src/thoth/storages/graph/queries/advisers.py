"""Questions on what advisers reported."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import Any

from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.arguments import DEFAULT_COUNT
from thoth.storages.graph.queries.family import ECOSYSTEM, Conditions
from thoth.storages.graph.queries.runs import (
    STACK_COLUMNS,
    STACK_DETAILS,
    STACK_JOINS,
    RunQueries,
    RunStatements,
    records,
    run_conditions,
)
from thoth.storages.graph.versions import normalize_package_name

_RUNS = RunStatements(
    "adviser_run",
    {
        "recommendation_type": "run.recommendation_type",
        "decision_type": "run.decision_type",
        "predictor": "run.predictor",
        "count": "run.count",
        "limit": 'run."limit"',
        **STACK_COLUMNS,
    },
    details=STACK_DETAILS,
    joins=STACK_JOINS,
)
_PRODUCT_NAMES = (
    "rank",
    "score",
    "justification",
    "lock_sha256",
    "requirements_sha256",
    "requirements",
    "releases",
)
_PRODUCTS = """
    SELECT product.rank, product.score, product.justification,
           encode(stack_lock.digest, 'hex'), encode(stack_requirements.digest, 'hex'),
           stack_requirements.requirements,
           ARRAY(SELECT jsonb_build_array(package.name, release.version, package_index.url)
                   FROM stack_lock_release
                   JOIN release ON release.id = stack_lock_release.release_id
                   JOIN package ON package.id = release.package_id
                   LEFT JOIN package_index ON package_index.id = release.package_index_id
                  WHERE stack_lock_release.stack_lock_id = stack_lock.id
                  ORDER BY package.name, release.version_key NULLS FIRST, release.version,
                           package_index.url NULLS FIRST)
      FROM adviser_run AS run
      JOIN adviser_product AS product ON product.adviser_run_id = run.id
      LEFT JOIN software_stack ON software_stack.id = product.software_stack_id
      LEFT JOIN stack_lock ON stack_lock.id = software_stack.stack_lock_id
      LEFT JOIN stack_requirements ON stack_requirements.id = software_stack.stack_requirements_id
     WHERE run.document_id = %(document_id)s
     ORDER BY product.rank
"""
_UNRESOLVED_NAMES = ("package_name", "specifier", "adviser_document_id", "created_at")
_UNRESOLVED = """
      FROM adviser_unresolved AS unresolved
      JOIN package ON package.id = unresolved.package_id
"""
_UNRESOLVED_LISTED = f"""
    SELECT package.name, unresolved.specifier, run.document_id, run.created_at
      {_UNRESOLVED}
      JOIN adviser_run AS run ON run.id = unresolved.adviser_run_id
"""
_UNRESOLVED_COUNTED = f"SELECT count(*) {_UNRESOLVED}"
_UNRESOLVED_BY_PACKAGE = f"""
    SELECT package.name, counted.runs
      FROM (SELECT package_id, count(DISTINCT adviser_run_id) AS runs
              FROM adviser_unresolved
             GROUP BY package_id) AS counted
      JOIN package ON package.id = counted.package_id
     WHERE package.ecosystem = '{ECOSYSTEM}'
     ORDER BY counted.runs DESC, package.name
"""


class AdviserQueries(RunQueries):
    """Queries on what advisers reported."""

    def adviser_document_id_exists(self, adviser_document_id: str) -> bool:
        """Say whether a document of an adviser is synced. Raises `InvalidArgumentError`."""
        return self._run_exists(_RUNS, "adviser_document_id", adviser_document_id)

    def sync_adviser_result(self, document: dict[str, Any], *, force: bool = False) -> None:
        """Write the facts of a document of an adviser, decoded from JSON, in one transaction.

        The run, the stack of a user that it was given, the stacks that it advised, and the packages
        that it did not resolve. A document that is synced already is left alone unless `force`d,
        which makes its rows what the document says. The document is not changed.
        Raises `InvalidDocumentError`, with the path of the offending key; `InvalidArgumentError`.
        """
        from thoth.storages.sync.adviser import sync_adviser_facts
        from thoth.storages.sync.adviser_documents import read_adviser_document

        arguments.truth("force", force)
        facts = read_adviser_document(document)
        with self._connection() as connection:
            if sync_adviser_facts(connection, facts, force=force):
                self._cache.clear()

    def get_adviser_run(self, adviser_document_id: str) -> dict[str, Any]:
        """Return a run, by the id of its document.

        The record is that of `get_adviser_runs_all`, with `requirements` (of the stack that it was
        given), `stack_info` and `parameters` as JSON.
        Raises `NotFoundError` for a document that is not synced, `InvalidArgumentError`.
        """
        return self._run(_RUNS, "adviser_document_id", adviser_document_id)

    def get_adviser_runs_all(
        self,
        *,
        recommendation_type: str | None = None,
        origin: str | None = None,
        error: bool | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List runs of advisers, in the order of their document ids.

        A record has `document_id`, `created_at`, `duration` (seconds), `analyzer_version`, `error`,
        `error_message`, `recommendation_type`, `decision_type`, `predictor`, `count`, `limit`; and,
        of the stack that it was given, `origin`, `requirements_sha256`, `lock_sha256`
        (hexadecimal), `os_name`, `os_version`, `python_version`. What nobody said is None. `error`
        chooses those that failed (True) or did not (False). Raises `InvalidArgumentError`.
        """
        conditions = run_conditions(
            error=error, recommendation_type=recommendation_type, origin=origin
        )
        return self._runs(_RUNS, conditions, start_offset, count)

    def get_adviser_runs_count_all(
        self,
        *,
        recommendation_type: str | None = None,
        origin: str | None = None,
        error: bool | None = None,
    ) -> int:
        """Count what `get_adviser_runs_all` lists. Raises `InvalidArgumentError`."""
        conditions = run_conditions(
            error=error, recommendation_type=recommendation_type, origin=origin
        )
        return self._count(_RUNS.counted, conditions)

    def get_adviser_products_all(
        self,
        adviser_document_id: str,
        *,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List the stacks that an adviser recommended, the best one first.

        An entry has `rank` (from 0), `score`, `justification` (JSON), `lock_sha256`,
        `requirements_sha256`, `requirements` (None where there are none), and `releases`, those of
        the lock as (name, version, index URL). Raises `NotFoundError` for a document that is not
        synced, `InvalidArgumentError`.
        """
        conditions = Conditions(
            document_id=arguments.required("adviser_document_id", adviser_document_id)
        )
        statement = _PRODUCTS + conditions.part(start_offset, count)
        rows = self._rows(statement, conditions.parameters)
        if not rows:
            self._run(_RUNS, "adviser_document_id", adviser_document_id)
        products = records(_PRODUCT_NAMES, rows)
        for product in products:
            product["releases"] = [tuple(release) for release in product["releases"]]
        return products

    def get_adviser_unresolved_packages_all(
        self,
        package_name: str | None = None,
        *,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List which packages advisers did not resolve, by package, specifier and document id.

        An entry has `package_name`, `specifier` (empty where nobody said), `adviser_document_id`
        and `created_at`, the time of the run. Raises `InvalidArgumentError`.
        """
        conditions = _unresolved_conditions(package_name)
        order = "ORDER BY package.name, unresolved.specifier, run.document_id"
        part = conditions.part(start_offset, count)
        statement = f"{_UNRESOLVED_LISTED} {conditions.where()} {order} {part}"
        return records(_UNRESOLVED_NAMES, self._rows(statement, conditions.parameters))

    def get_adviser_unresolved_packages_count_all(self, package_name: str | None = None) -> int:
        """Count what `get_adviser_unresolved_packages_all` lists. Raises `InvalidArgumentError`."""
        return self._count(_UNRESOLVED_COUNTED, _unresolved_conditions(package_name))

    def get_adviser_unresolved_packages_count(
        self, *, start_offset: int = 0, count: int | None = DEFAULT_COUNT
    ) -> dict[str, int]:
        """Count the runs that did not resolve a package, by package, the most frequent first.

        Raises `InvalidArgumentError`.
        """
        conditions = Conditions()
        return dict(self._rows(_UNRESOLVED_BY_PACKAGE + conditions.part(start_offset, count)))


def _unresolved_conditions(package_name: str | None) -> Conditions:
    conditions = Conditions()
    conditions.add(f"package.ecosystem = '{ECOSYSTEM}'")
    name = arguments.optional("package_name", package_name, normalize_package_name)
    if name is not None:
        conditions.add("package.name = %(package_name)s", package_name=name)
    return conditions
