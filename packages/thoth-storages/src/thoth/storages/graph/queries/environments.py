"""Writing environments of software and hardware, each once, in the caller's transaction."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from thoth.storages.graph import json_values
from thoth.storages.graph.hardware_records import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.hardware_records import HardwareRecord

SoftwareKey: TypeAlias = tuple[str, str, str]
"""Operating system, its version and Python's, normalised; empty where it is unknown."""

_WANTED_SOFTWARE = """
    unnest(%(names)s::text[], %(versions)s::text[], %(pythons)s::text[])
        AS wanted (os_name, os_version, python_version)
"""
_FIND_SOFTWARE = f"""
    SELECT stored.os_name, stored.os_version, stored.python_version, stored.id
      FROM {_WANTED_SOFTWARE}
      JOIN software_environment AS stored USING (os_name, os_version, python_version)
"""
_ADD_SOFTWARE = f"""
    INSERT INTO software_environment (os_name, os_version, python_version)
    SELECT os_name, os_version, python_version FROM {_WANTED_SOFTWARE}
    ON CONFLICT DO NOTHING
"""
# Locked, so that none of it is deleted before it is referred to.
_FIND_HARDWARE = """
    SELECT digest, id FROM hardware_environment
     WHERE is_external = %(is_external)s AND digest = ANY(%(digests)s) FOR KEY SHARE
"""
_ADD_HARDWARE = f"""
    INSERT INTO hardware_environment (is_external, digest, other, {", ".join(COLUMNS)})
    SELECT %(is_external)s, decode(digest, 'hex'), other, {", ".join(COLUMNS)}
      FROM jsonb_to_recordset(%(rows)s::jsonb)
           AS new (digest text, other jsonb, cpu_family int, cpu_model int, cpu_physical_cpus int,
                   cpu_cores int, gpu_cores int, gpu_memory_size int8, ram_size int8,
                   cpu_vendor text, cpu_model_name text, gpu_vendor text, gpu_model_name text)
     ORDER BY digest
    ON CONFLICT DO NOTHING
"""


def record_software(
    connection: Connection, environments: Collection[SoftwareKey]
) -> dict[SoftwareKey, int]:
    """Return the ids of environments, which are added where they are not known."""
    wanted = sorted(set(environments))
    found = _find_software(connection, wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        connection.execute(_ADD_SOFTWARE, _software_columns(missing))
        found.update(_find_software(connection, missing))
    return found


def _find_software(connection: Connection, keys: list[SoftwareKey]) -> dict[SoftwareKey, int]:
    if not keys:
        return {}
    rows = connection.execute(_FIND_SOFTWARE, _software_columns(keys))
    return {(name, version, python): row for name, version, python, row in rows}


def _software_columns(keys: list[SoftwareKey]) -> dict[str, list[str]]:
    names, versions, pythons = (list(column) for column in zip(*keys, strict=True))
    return {"names": names, "versions": versions, "pythons": pythons}


def record_hardware(
    connection: Connection, records: Collection[HardwareRecord], *, is_external: bool
) -> dict[bytes, int]:
    """Return the ids of hardware by digest; it is added where it is not known."""
    wanted = {record.digest: record for record in records}
    if not wanted:
        return {}
    parameters = {"is_external": is_external, "digests": list(wanted)}
    found: dict[bytes, int] = dict(connection.execute(_FIND_HARDWARE, parameters).fetchall())
    missing = [record for digest, record in wanted.items() if digest not in found]
    if missing:
        rows = [
            {
                "digest": record.digest.hex(),
                "other": msgspec.Raw(record.other.encode()),
                **record.columns,
            }
            for record in missing
        ]
        parameters["rows"] = json_values.plain(rows)
        connection.execute(_ADD_HARDWARE, parameters)
        found.update(connection.execute(_FIND_HARDWARE, parameters).fetchall())
    return found
