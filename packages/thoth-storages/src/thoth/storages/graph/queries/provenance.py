"""Questions on what checks of provenance reported."""

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
    add_text,
    records,
    run_conditions,
)
from thoth.storages.graph.versions import normalize_package_name, normalize_version

_RUNS = RunStatements("provenance_run", STACK_COLUMNS, details=STACK_DETAILS, joins=STACK_JOINS)
_NAMES = (
    "package_name",
    "package_version",
    "index_url",
    "finding_type",
    "finding_id",
    "justification",
    "other",
    "provenance_document_id",
    "number",
)
_LISTED = """
    SELECT package.name, finding.package_version, package_index.url, finding.finding_type,
           finding.finding_id, finding.justification, finding.other, run.document_id,
           finding.number
      FROM provenance_finding AS finding
      JOIN provenance_run AS run ON run.id = finding.provenance_run_id
      LEFT JOIN package ON package.id = finding.package_id
      LEFT JOIN package_index ON package_index.id = finding.package_index_id
"""
# LEFT JOIN, though each has a run: it is looked up only where it is asked for.
_COUNTED = """
    SELECT count(*)
      FROM provenance_finding AS finding
      LEFT JOIN provenance_run AS run ON run.id = finding.provenance_run_id
"""
# Not as conditions on what is joined, which would be joined to all findings first.
_OF_PACKAGE = f"""
    finding.package_id = (
        SELECT id FROM package WHERE ecosystem = '{ECOSYSTEM}' AND name = %(package_name)s)
"""
_OF_INDEX = f"""
    finding.package_index_id = (
        SELECT id FROM package_index WHERE ecosystem = '{ECOSYSTEM}' AND url = %(index_url)s)
"""
_ORDER = " ORDER BY run.document_id, finding.number "


class ProvenanceQueries(RunQueries):
    """Queries on what checks of provenance reported."""

    def provenance_document_id_exists(self, provenance_document_id: str) -> bool:
        """Say whether a check's document is synced. Raises `InvalidArgumentError`."""
        return self._run_exists(_RUNS, "provenance_document_id", provenance_document_id)

    def sync_provenance_result(self, document: dict[str, Any], *, force: bool = False) -> None:
        """Write the facts of a check's document, decoded from JSON, in one transaction.

        The run, the stack of a user that it checked, and its findings; otherwise as
        `sync_adviser_result`. Raises `InvalidDocumentError`, `InvalidArgumentError`.
        """
        from thoth.storages.sync.provenance import sync_provenance_facts
        from thoth.storages.sync.provenance_documents import read_provenance_document

        arguments.truth("force", force)
        facts = read_provenance_document(document)
        with self._connection() as connection:
            if sync_provenance_facts(connection, facts, force=force):
                self._cache.clear()

    def get_provenance_run(self, provenance_document_id: str) -> dict[str, Any]:
        """Return a run, by the id of its document.

        The record is that of `get_provenance_runs_all`, with `requirements` (of the stack that was
        checked), `stack_info` and `parameters` as JSON.
        Raises `NotFoundError` for a document that is not synced, `InvalidArgumentError`.
        """
        return self._run(_RUNS, "provenance_document_id", provenance_document_id)

    def get_provenance_runs_all(
        self,
        *,
        origin: str | None = None,
        error: bool | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List checks of provenance, in the order of their document ids.

        A record has `document_id`, `created_at`, `duration` (seconds), `analyzer_version`, `error`,
        `error_message`; and, of the stack that was checked, `origin`, `requirements_sha256`,
        `lock_sha256` (hexadecimal), `os_name`, `os_version`, `python_version`. What nobody said is
        None. `error` chooses those that failed (True) or did not (False). Raises
        `InvalidArgumentError`.
        """
        return self._runs(_RUNS, run_conditions(error=error, origin=origin), start_offset, count)

    def get_provenance_runs_count_all(
        self, *, origin: str | None = None, error: bool | None = None
    ) -> int:
        """Count what `get_provenance_runs_all` lists. Raises `InvalidArgumentError`."""
        return self._count(_RUNS.counted, run_conditions(error=error, origin=origin))

    def get_provenance_findings_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        provenance_document_id: str | None = None,
        finding_type: str | None = None,
        finding_id: str | None = None,
        start_offset: int = 0,
        count: int | None = DEFAULT_COUNT,
    ) -> list[dict[str, Any]]:
        """List what checks of provenance found, by document id, and by number within a document.

        An entry has `package_name`, `package_version`, `index_url`, `finding_type`, `finding_id`,
        `justification` (each None where nobody said), `other` (JSON), `provenance_document_id`,
        and its `number` in the document. Raises `InvalidArgumentError`.
        """
        conditions = _conditions(
            package_name,
            package_version,
            index_url,
            provenance_document_id=provenance_document_id,
            finding_type=finding_type,
            finding_id=finding_id,
        )
        part = conditions.part(start_offset, count)
        rows = self._rows(_LISTED + conditions.where() + _ORDER + part, conditions.parameters)
        return records(_NAMES, rows)

    def get_provenance_findings_count_all(
        self,
        package_name: str | None = None,
        package_version: str | None = None,
        index_url: str | None = None,
        *,
        provenance_document_id: str | None = None,
        finding_type: str | None = None,
        finding_id: str | None = None,
    ) -> int:
        """Count what `get_provenance_findings_all` lists. Raises `InvalidArgumentError`."""
        conditions = _conditions(
            package_name,
            package_version,
            index_url,
            provenance_document_id=provenance_document_id,
            finding_type=finding_type,
            finding_id=finding_id,
        )
        return self._count(_COUNTED, conditions)


def _conditions(
    package_name: str | None,
    package_version: str | None,
    index_url: str | None,
    *,
    provenance_document_id: str | None,
    finding_type: str | None,
    finding_id: str | None,
) -> Conditions:
    conditions = Conditions()
    name = arguments.optional("package_name", package_name, normalize_package_name)
    version = arguments.optional("package_version", package_version, normalize_version)
    url = arguments.index_url(index_url)
    if name is not None:
        conditions.add(_OF_PACKAGE, package_name=name)
    if url is not None:
        conditions.add(_OF_INDEX, index_url=url)
    add_text(conditions, "finding.package_version", "package_version", version)
    add_text(conditions, "run.document_id", "provenance_document_id", provenance_document_id)
    add_text(conditions, "finding.finding_type", "finding_type", finding_type)
    add_text(conditions, "finding.finding_id", "finding_id", finding_id)
    return conditions
