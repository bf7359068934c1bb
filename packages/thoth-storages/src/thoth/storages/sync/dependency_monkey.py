"""Syncing Dependency Monkey reports: the run, its stacks, and the inspections that these became.

A response makes one row of `inspection`, with `batch_size` of the run's context (1 where it has
none): so many repetitions are pending until each has its row in `inspection_result`. What the
inspection's own document says, once that is synced, is never changed by the report.
"""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.environments import record_hardware, record_software
from thoth.storages.graph.queries.transactions import in_transaction
from thoth.storages.sync.document_parts import Invalid
from thoth.storages.sync.inspection import SOFTWARE_STACK_TYPE
from thoth.storages.sync.stacks import record_requirements, record_stacks

if TYPE_CHECKING:
    from thoth.storages.graph.connections import Connection
    from thoth.storages.sync.dependency_monkey_documents import DependencyMonkeyFacts

_COLUMNS = {
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
}
_VALUES = ", ".join(f"%({name})s::{kind}" for name, kind in _COLUMNS.items())
_ADD = """
    INSERT INTO dependency_monkey_run (document_id, error) VALUES (%(document_id)s, %(error)s)
    ON CONFLICT DO NOTHING RETURNING id
"""
_LOCK = """
    SELECT id FROM dependency_monkey_run WHERE document_id = %(document_id)s FOR NO KEY UPDATE
"""
_CHANGE = f"""
    UPDATE dependency_monkey_run SET ({", ".join(_COLUMNS)}) = ({_VALUES})
     WHERE id = %(run)s AND ({", ".join(_COLUMNS)}) IS DISTINCT FROM ({_VALUES})
"""
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
_DELETE_OTHER_RESPONSES = """
    DELETE FROM dependency_monkey_response
     WHERE dependency_monkey_run_id = %(run)s AND number >= %(count)s
"""
_ADD_RESPONSES = """
    INSERT INTO dependency_monkey_response AS stored
           (dependency_monkey_run_id, number, inspection_id, software_stack_id, score,
            justification)
    SELECT %(run)s, number, inspection, stack, score, justification
      FROM jsonb_to_recordset(%(rows)s::jsonb)
           AS new (number int, inspection int, stack int, score float8, justification jsonb)
     ORDER BY number
    ON CONFLICT (dependency_monkey_run_id, number) DO UPDATE
       SET inspection_id = excluded.inspection_id, software_stack_id = excluded.software_stack_id,
           score = excluded.score, justification = excluded.justification
     WHERE (stored.inspection_id, stored.software_stack_id, stored.score, stored.justification)
           IS DISTINCT FROM
           (excluded.inspection_id, excluded.software_stack_id, excluded.score,
            excluded.justification)
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
    try:
        synced: bool = in_transaction(connection, lambda: _write(connection, facts, force=force))
    except InvalidRecordError as error:
        problem = f"has a stack whose {error.field} {error.problem}"
        raise Invalid(facts.document_id)("result.report.responses", problem) from error
    return synced


def _write(connection: Connection, facts: DependencyMonkeyFacts, *, force: bool) -> bool:
    named = {"document_id": facts.document_id, "error": facts.columns["error"]}
    row = connection.execute(_ADD, named).fetchone()
    if row is None:
        row = connection.execute(_LOCK, named).fetchone()
        if not force:
            return False
    assert row is not None  # noqa: S101 - it has just been added, or it is locked
    run = row[0]
    stacks = record_stacks(
        connection,
        [response.stack for response in facts.responses if response.stack is not None],
        software_stack_type=SOFTWARE_STACK_TYPE,
    )
    given = iter(stacks)
    stack_ids = [None if each.stack is None else next(given) for each in facts.responses]
    requirements = record_requirements(
        connection, [] if facts.requirements is None else [facts.requirements]
    )
    environments = record_software(
        connection, [] if facts.environment is None else [facts.environment]
    )
    columns = {
        **facts.columns,
        "run": run,
        "stack_requirements_id": next(iter(requirements.values()), None),
        "software_environment_id": next(iter(environments.values()), None),
    }
    connection.execute(_CHANGE, columns)
    inspections = _add_inspections(connection, facts, stack_ids)
    rows = [
        {
            "number": number,
            "inspection": None
            if response.inspection_id is None
            else inspections[response.inspection_id],
            "stack": stack,
            "score": response.score,
            "justification": msgspec.Raw(response.justification.encode()),
        }
        for number, (response, stack) in enumerate(zip(facts.responses, stack_ids, strict=True))
    ]
    written = {"run": run, "count": len(rows), "rows": msgspec.json.encode(rows).decode()}
    connection.execute(_DELETE_OTHER_RESPONSES, written)
    connection.execute(_ADD_RESPONSES, written)
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
