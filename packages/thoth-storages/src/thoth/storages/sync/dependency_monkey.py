"""Syncing Dependency Monkey reports: the run, its stacks, and the inspections that these became.

A response makes one row of `inspection`, with `batch_size` of the run's context (1 where it has
none): so many repetitions are pending until each has its row in `inspection_result`. What the
inspection's own document says, once that is synced, is never changed by the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.graph.queries.environments import record_hardware
from thoth.storages.sync.runs import PRODUCT_COLUMNS, NumberedRows, RunTable, write_document
from thoth.storages.sync.stacks import (
    INSPECTED,
    delete_unreferred,
    record_stacks_of_run,
    stacks_of_run,
)

if TYPE_CHECKING:
    from thoth.storages.graph.connections import Connection
    from thoth.storages.sync.dependency_monkey_documents import DependencyMonkeyFacts

_RUNS = RunTable(
    "dependency_monkey_run",
    {
        "stack_requirements_id": "int",
        "software_environment_id": "int",
        "count": "int",
        "skipped": "int",
        "duration": "int",
        "seed": "int8",
        "error": "bool",
        "created_at": "timestamptz",
        "analyzer_version": "text",
        "decision_type": "text",
        "predictor": "text",
        "error_message": "text",
        "parameters": "jsonb",
    },
)
# An inspection whose own document was synced has a specification, and is left as it is.
_ADD_INSPECTIONS = """
    INSERT INTO inspection AS stored
           (document_id, software_stack_id, build_hardware_environment_id,
            run_hardware_environment_id, batch_size, build_requests_cpu, run_requests_cpu,
            build_requests_memory, run_requests_memory, created_at, identifier, base_image,
            package_manager)
    SELECT document_id, stack, %(build_hardware)s::int, %(run_hardware)s::int, %(batch_size)s::int,
           %(build_requests_cpu)s::float8, %(run_requests_cpu)s::float8,
           %(build_requests_memory)s::int8, %(run_requests_memory)s::int8,
           %(created_at)s::timestamptz, %(identifier)s::text, %(base_image)s::text,
           %(package_manager)s::text
      FROM unnest(%(inspections)s::text[], %(stacks)s::int[]) AS new (document_id, stack)
     ORDER BY document_id COLLATE "C"
    ON CONFLICT (document_id) DO UPDATE
       SET (software_stack_id, build_hardware_environment_id, run_hardware_environment_id,
            batch_size, build_requests_cpu, run_requests_cpu, build_requests_memory,
            run_requests_memory, created_at, identifier, base_image, package_manager)
         = (excluded.software_stack_id, excluded.build_hardware_environment_id,
            excluded.run_hardware_environment_id, excluded.batch_size,
            excluded.build_requests_cpu, excluded.run_requests_cpu,
            excluded.build_requests_memory, excluded.run_requests_memory, excluded.created_at,
            excluded.identifier, excluded.base_image, excluded.package_manager)
     WHERE stored.specification IS NULL
       AND (stored.software_stack_id, stored.build_hardware_environment_id,
            stored.run_hardware_environment_id, stored.batch_size, stored.build_requests_cpu,
            stored.run_requests_cpu, stored.build_requests_memory, stored.run_requests_memory,
            stored.created_at, stored.identifier, stored.base_image, stored.package_manager)
           IS DISTINCT FROM
           (excluded.software_stack_id, excluded.build_hardware_environment_id,
            excluded.run_hardware_environment_id, excluded.batch_size,
            excluded.build_requests_cpu, excluded.run_requests_cpu,
            excluded.build_requests_memory, excluded.run_requests_memory, excluded.created_at,
            excluded.identifier, excluded.base_image, excluded.package_manager)
"""
_FIND_INSPECTIONS = """
    SELECT document_id, id FROM inspection WHERE document_id = ANY(%(inspections)s)
"""
_RESPONSES = NumberedRows(
    "dependency_monkey_response",
    {"inspection_id": "int", **PRODUCT_COLUMNS},
    run="dependency_monkey_run_id",
)
_STACKS = """
    SELECT software_stack_id FROM dependency_monkey_response
     WHERE dependency_monkey_run_id = %(run)s
"""


def sync_dependency_monkey_facts(
    connection: Connection, facts: DependencyMonkeyFacts, *, force: bool = False
) -> bool:
    """Write the rows of a report, all or none; say whether there was anything to write.

    A report that is in the graph already is left alone; `force` writes it again, after which the
    rows are those of this document, however often. An inspection that an earlier form of the report
    named stays. Safe for any number of parallel writers. Raises `InvalidDocumentError` for what
    cannot be stored.
    """
    return write_document(
        connection,
        facts.document_id,
        lambda: _write(connection, facts, force=force),
        path="result.report.responses",
    )


def _write(connection: Connection, facts: DependencyMonkeyFacts, *, force: bool) -> bool:
    run = _RUNS.begin(connection, facts.document_id, facts.columns, force=force)
    if run is None:
        return False
    former = stacks_of_run(connection, _STACKS, run) if force else set()
    wanted = [(response.product.stack, INSPECTED) for response in facts.responses]
    stack_ids, columns = record_stacks_of_run(
        connection, wanted, facts.requirements, facts.environment
    )
    _RUNS.change(connection, run, {**facts.columns, **columns})
    inspections = _add_inspections(connection, facts, stack_ids)
    rows = [
        {
            "inspection_id": response.inspection_id and inspections[response.inspection_id],
            **response.product.columns(stack),
        }
        for response, stack in zip(facts.responses, stack_ids, strict=True)
    ]
    _RESPONSES.write(connection, run, rows)
    delete_unreferred(connection, former.difference(stack_ids))
    return True


def _add_inspections(
    connection: Connection, facts: DependencyMonkeyFacts, stacks: list[int | None]
) -> dict[str, int]:
    """Add the inspections that responses became; return their ids by their document ids."""
    wanted = {
        response.inspection_id: stack
        for response, stack in zip(facts.responses, stacks, strict=True)
        if response.inspection_id is not None
    }
    if not wanted:
        return {}
    record = facts.inspection
    asked = [each for each in (record.build_hardware, record.run_hardware) if each is not None]
    hardware = record_hardware(connection, asked, is_external=False)
    build, run = record.build_hardware, record.run_hardware
    parameters: dict[str, Any] = {
        **record.columns,
        "inspections": list(wanted),
        "stacks": list(wanted.values()),
        "build_hardware": None if build is None else hardware[build.digest],
        "run_hardware": None if run is None else hardware[run.digest],
    }
    connection.execute(_ADD_INSPECTIONS, parameters)
    return dict(connection.execute(_FIND_INSPECTIONS, parameters).fetchall())
