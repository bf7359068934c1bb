"""Syncing documents of reverse solvers: the run, and the releases that it found to depend.

Releases become known with them, their dependencies do not: a run says one requirement of each, not
all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thoth.storages.graph.queries.names import record_names, record_requirements
from thoth.storages.graph.queries.releases import record_releases
from thoth.storages.sync.runs import RUN_COLUMNS, DistinctRows, RunTable, write_document

if TYPE_CHECKING:
    from thoth.storages.graph.connections import Connection
    from thoth.storages.sync.revsolver_documents import RevSolverFacts

_RUNS = RunTable(
    "revsolver_run",
    {**RUN_COLUMNS, "package_id": "int", "package_version": "text"},
    required=("error", "package_id", "package_version"),
)
_DEPENDENTS = DistinctRows(
    "revsolver_dependent",
    {"release_id": "int", "requirement_id": "int"},
    run="revsolver_run_id",
)


def sync_revsolver_facts(
    connection: Connection, facts: RevSolverFacts, *, force: bool = False
) -> bool:
    """Write the rows of a document, as `sync_adviser_facts` does."""
    return write_document(
        connection,
        facts.document_id,
        lambda: _write(connection, facts, force=force),
        path="result.dependents",
    )


def _write(connection: Connection, facts: RevSolverFacts, *, force: bool) -> bool:
    if not force and _RUNS.has(connection, facts.document_id):
        return False
    records = [record for record, _ in facts.dependents]
    # Before the row of the run, which refers to one of them.
    packages = record_names(
        connection,
        {facts.package_name, *(record.package for record in records)},
        {record.index_url for record in records if record.index_url is not None},
    ).packages
    columns = {**facts.columns, "package_id": packages[facts.package_name]}
    run = _RUNS.begin(connection, facts.document_id, columns, force=force)
    if run is None:
        return False
    _RUNS.change(connection, run, columns)
    requirements = record_requirements(
        connection, {requirement for _, requirement in facts.dependents}, packages
    )
    releases = record_releases(connection, records)
    found = {
        (release, requirements[requirement])
        for release, (_, requirement) in zip(releases, facts.dependents, strict=True)
    }
    _DEPENDENTS.write(connection, run, sorted(found))
    return True
