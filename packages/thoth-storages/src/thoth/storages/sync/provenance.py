"""Syncing documents of checks of provenance: the run, a user's stack, findings in it.

The stack is of type `USER`, external.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from thoth.storages.graph.queries.names import record_names
from thoth.storages.sync.runs import RUN_ON_STACK_COLUMNS, NumberedRows, RunTable, write_document
from thoth.storages.sync.stacks import (
    OF_A_USER,
    delete_unreferred,
    locked_names,
    record_stacks_of_run,
    stacks_of_run,
)

if TYPE_CHECKING:
    from thoth.storages.graph.connections import Connection
    from thoth.storages.sync.provenance_documents import ProvenanceFacts

_RUNS = RunTable("provenance_run", RUN_ON_STACK_COLUMNS)
_FINDINGS = NumberedRows(
    "provenance_finding",
    {
        "package_id": "int",
        "package_index_id": "int",
        "package_version": "text",
        "finding_type": "text",
        "finding_id": "text",
        "justification": "text",
        "other": "jsonb",
    },
    run="provenance_run_id",
)
_STACKS = "SELECT software_stack_id FROM provenance_run WHERE id = %(run)s"


def sync_provenance_facts(
    connection: Connection, facts: ProvenanceFacts, *, force: bool = False
) -> bool:
    """Write the rows of a document, as `sync_adviser_facts` does."""
    return write_document(
        connection,
        facts.document_id,
        lambda: _write(connection, facts, force=force),
        path="result.parameters.project",
    )


def _write(connection: Connection, facts: ProvenanceFacts, *, force: bool) -> bool:
    run = _RUNS.begin(connection, facts.document_id, facts.columns, force=force)
    if run is None:
        return False
    former = stacks_of_run(connection, _STACKS, run) if force else set()
    given = facts.given
    names, urls = locked_names([given.stack])
    names.update(each.package_name for each in facts.findings if each.package_name is not None)
    urls.update(each.index_url for each in facts.findings if each.index_url is not None)
    known = record_names(connection, names, urls)
    (stack,), columns = record_stacks_of_run(
        connection, [(given.stack, OF_A_USER)], given.requirements, given.environment
    )
    _RUNS.change(connection, run, {**facts.columns, **columns, "software_stack_id": stack})
    rows = [
        {
            **finding.columns,
            "package_id": finding.package_name and known.packages[finding.package_name],
            "package_index_id": finding.index_url and known.indexes[finding.index_url],
            "other": msgspec.Raw(finding.columns["other"].encode()),
        }
        for finding in facts.findings
    ]
    _FINDINGS.write(connection, run, rows)
    delete_unreferred(connection, former.difference({stack}))
    return True
