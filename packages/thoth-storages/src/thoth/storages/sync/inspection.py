"""Syncing inspections: their row, the stack, the hardware, their repetitions and what these found.

The inspection's own row comes first, so that another who syncs the same inspection waits for it
before it holds anything else.
"""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.graph import json_values
from thoth.storages.graph.queries.environments import record_hardware, record_software
from thoth.storages.sync.indicators import record_indicators
from thoth.storages.sync.runs import write_document
from thoth.storages.sync.stacks import INSPECTED, record_stacks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thoth.storages.graph.connections import Connection
    from thoth.storages.sync.inspection_documents import InspectionFacts, Repetition

_ADD = """
    INSERT INTO inspection (document_id) VALUES (%(document_id)s) ON CONFLICT DO NOTHING
"""
# Its id, whether its own document was synced, and which of its repetitions have ended.
_LOCK = """
    SELECT id, specification IS NOT NULL,
           ARRAY(SELECT number FROM inspection_result WHERE inspection_id = inspection.id)
      FROM inspection WHERE document_id = %(document_id)s FOR NO KEY UPDATE
"""
_COLUMNS = {
    "software_stack_id": "int",
    "build_hardware_environment_id": "int",
    "run_hardware_environment_id": "int",
    "batch_size": "int",
    "build_requests_cpu": "float8",
    "run_requests_cpu": "float8",
    "build_requests_memory": "int8",
    "run_requests_memory": "int8",
    "created_at": "timestamptz",
    "identifier": "text",
    "base_image": "text",
    "package_manager": "text",
    "specification": "jsonb",
}
_CHANGE = f"""
    UPDATE inspection SET ({", ".join(_COLUMNS)})
         = ({", ".join(f"%({name})s::{kind}" for name, kind in _COLUMNS.items())})
     WHERE id = %(inspection)s
       AND ({", ".join(_COLUMNS)}) IS DISTINCT FROM
           ({", ".join(f"%({name})s::{kind}" for name, kind in _COLUMNS.items())})
"""
_DELETE_RESULTS = """
    DELETE FROM inspection_result WHERE inspection_id = %(inspection)s AND number = ANY(%(numbers)s)
"""
_ADD_RESULTS = """
    INSERT INTO inspection_result
           (inspection_id, hardware_environment_id, software_environment_id, number, exit_code,
            started_at, finished_at, hostname, script_sha256, usage, output)
    SELECT %(inspection)s, hardware_environment_id, software_environment_id, number, exit_code,
           started_at, finished_at, hostname, script_sha256, usage, nullif(output, 'null'::jsonb)
      FROM jsonb_to_recordset(%(rows)s::jsonb)
           AS new (hardware_environment_id int, software_environment_id int, number int,
                   exit_code int, started_at timestamptz, finished_at timestamptz, hostname text,
                   script_sha256 text, usage jsonb, output jsonb)
     ORDER BY number
    RETURNING number, id
"""


def sync_inspection_facts(
    connection: Connection, facts: InspectionFacts, *, force: bool = False
) -> bool:
    """Write the rows of an inspection, all or none; say whether there was anything to write.

    Where the inspection and each of these repetitions is in the graph already, nothing is written;
    `force` writes them again, after which their rows are those of this document, however often.
    Other repetitions are left alone. Safe for any number of parallel writers. Raises
    `InvalidDocumentError` for what cannot be stored.
    """
    return write_document(
        connection,
        facts.document_id,
        lambda: _write(connection, facts, force=force),
        path="specification.python",
    )


def _write(connection: Connection, facts: InspectionFacts, *, force: bool) -> bool:
    named = {"document_id": facts.document_id}
    row = connection.execute(_LOCK, named).fetchone()
    if row is None:
        connection.execute(_ADD, named)
        row = connection.execute(_LOCK, named).fetchone()
    assert row is not None  # noqa: S101 - it has just been added, by us or another
    inspection, is_synced, known = row
    numbers = {repetition.number for repetition in facts.repetitions}
    if is_synced and numbers <= set(known) and not force:
        return False
    record = facts.record
    (stack,) = record_stacks(connection, [(record.stack, INSPECTED)])
    hardware = record_hardware(
        connection,
        [
            each
            for each in (
                record.build_hardware,
                record.run_hardware,
                *(repetition.hardware for repetition in facts.repetitions),
            )
            if each is not None
        ],
        is_external=False,
    )
    build, run = record.build_hardware, record.run_hardware
    columns = {
        **record.columns,
        "inspection": inspection,
        "software_stack_id": stack,
        "build_hardware_environment_id": None if build is None else hardware[build.digest],
        "run_hardware_environment_id": None if run is None else hardware[run.digest],
    }
    connection.execute(_CHANGE, columns)
    _write_repetitions(connection, inspection, facts.repetitions, hardware)
    return True


def _write_repetitions(
    connection: Connection,
    inspection: int,
    repetitions: Sequence[Repetition],
    hardware: Mapping[bytes, int],
) -> None:
    """Write repetitions anew, with their indicators, which go with the rows that were there."""
    if not repetitions:
        return
    software = record_software(
        connection,
        [each.environment for each in repetitions if each.environment is not None],
    )
    rows = [
        {
            **_encodable(each.columns),
            "hardware_environment_id": each.hardware and hardware[each.hardware.digest],
            "software_environment_id": each.environment and software[each.environment],
        }
        for each in repetitions
    ]
    parameters: dict[str, Any] = {
        "inspection": inspection,
        "numbers": [each.number for each in repetitions],
        "rows": json_values.plain(rows),
    }
    connection.execute(_DELETE_RESULTS, parameters)
    ids: dict[int, int] = dict(connection.execute(_ADD_RESULTS, parameters).fetchall())
    indicators = {
        ids[each.number]: each.indicator for each in repetitions if each.indicator is not None
    }
    record_indicators(connection, indicators)


def _encodable(columns: dict[str, Any]) -> dict[str, Any]:
    """Return columns for a row of JSON; those that are JSON already are taken as they are."""
    raw = {name: columns[name] for name in ("usage", "output") if columns[name] is not None}
    return {**columns, **{name: msgspec.Raw(text.encode()) for name, text in raw.items()}}
