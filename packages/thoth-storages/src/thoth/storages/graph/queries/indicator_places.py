"""Where performance indicators were measured: on which stack, in which environment and hardware.

Conditions on these are on other tables than the indicators. Where few repetitions fulfil them their
ids are looked up first, along indexes, and the indicators of these alone are looked at; a condition
that nothing fulfils takes no walk over all of them to tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.exceptions import InvalidArgumentError
from thoth.storages.graph import json_values
from thoth.storages.graph.hardware_records import read_hardware
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import Conditions
from thoth.storages.graph.queries.listings import add_environment_parts
from thoth.storages.graph.queries.stacks import add_contained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thoth.storages.graph.connections import Connection

MAX_LOOKED_UP = 1000
"""Of at most so many repetitions the ids are looked up first."""
_SHA256_DIGITS = 64

_OF_INSPECTION = """
    SELECT inspection_result.id
      FROM inspection
      JOIN inspection_result ON inspection_result.inspection_id = inspection.id
     {where}
"""
# The stacks are looked up first: without any, nothing else is looked at.
_OF_STACKS = """
    WITH stacks AS (
         SELECT ARRAY(SELECT software_stack.id
                        FROM software_stack
                        LEFT JOIN stack_lock ON stack_lock.id = software_stack.stack_lock_id
                        LEFT JOIN stack_requirements
                               ON stack_requirements.id = software_stack.stack_requirements_id
                       {where}) AS ids)
    SELECT inspection_result.id
      FROM inspection
      JOIN inspection_result ON inspection_result.inspection_id = inspection.id
     WHERE (SELECT ids FROM stacks) <> '{{}}'
       AND inspection.software_stack_id = ANY((SELECT ids FROM stacks)::int[])
"""
_OF_SOFTWARE = """
    SELECT id FROM inspection_result
     WHERE software_environment_id IN (SELECT id FROM software_environment {where})
"""
# Its own, or else that which its inspection asked for.
_OF_HARDWARE = """
    SELECT id FROM inspection_result
     WHERE hardware_environment_id IN (SELECT id FROM hardware_environment {where})
    UNION ALL
    SELECT inspection_result.id
      FROM inspection
      JOIN inspection_result ON inspection_result.inspection_id = inspection.id
     WHERE inspection_result.hardware_environment_id IS NULL
       AND inspection.run_hardware_environment_id IN (SELECT id FROM hardware_environment {where})
"""


class Places:
    """The places that are asked for; `conditions` are what the statement on indicators needs."""

    def __init__(self) -> None:
        self.conditions = Conditions()
        self._inspection = Conditions()
        self._stack = Conditions()
        self._software = Conditions()
        self._hardware = Conditions()

    def of_release(
        self, package_name: str | None, package_version: str | None, index_url: str | None
    ) -> None:
        """Choose stacks whose lock contains a release, or any of a package."""
        if package_name is not None:
            add_contained(self._stack, package_name, package_version, index_url)
        elif package_version is not None or index_url is not None:
            raise InvalidArgumentError(
                "package_name", None, "must be given with a version or an index"
            )

    def of_stack(self, lock_sha256: str | None, requirements_sha256: str | None) -> None:
        """Choose stacks with this lock, and with these requirements."""
        add = self._stack.add
        if lock_sha256 is not None:
            add("stack_lock.digest = %(lock)s", lock=_digest("lock_sha256", lock_sha256))
        if requirements_sha256 is not None:
            digest = _digest("requirements_sha256", requirements_sha256)
            add("stack_requirements.digest = %(requirements)s", requirements=digest)

    def of_inspection(self, inspection_document_id: str | None) -> None:
        """Choose an inspection."""
        document_id = arguments.text("inspection_document_id", inspection_document_id)
        if document_id is not None:
            condition = "inspection.document_id = %(document_id)s"
            self._inspection.add(condition, document_id=document_id)

    def of_environment(
        self, os_name: str | None, os_version: str | None, python_version: str | None
    ) -> None:
        """Choose matching environments."""
        add_environment_parts(self._software, os_name, os_version, python_version)

    def of_hardware(self, hardware: Mapping[str, Any]) -> None:
        """Choose hardware with these properties."""
        record, misfits = read_hardware(hardware)
        if misfits:
            problem = "is not a value that it can have"
            name = misfits[0]
            raise InvalidArgumentError(f"hardware.{name}", hardware.get(name), problem)
        if record is None:
            return
        add = self._hardware.add
        for name, fitted in record.columns.items():
            add(f"hardware_environment.{name} = %({name})s", **{name: fitted})
        for number, (name, other) in enumerate(msgspec.json.decode(record.other).items()):
            add(
                f"hardware_environment.other -> %(other{number}_name)s::text"
                f" = %(other{number})s::jsonb",
                **{f"other{number}_name": name, f"other{number}": json_values.encoded(other)},
            )

    def look_up(self, connection: Connection) -> list[int] | None:
        """Return the ids of the repetitions to choose from, None where they are too many.

        What they do not tell is added to `conditions`.
        """
        kinds = [
            (conditions, statement)
            for conditions, statement in (
                (self._inspection, _OF_INSPECTION),
                (self._stack, _OF_STACKS),
                (self._software, _OF_SOFTWARE),
                (self._hardware, _OF_HARDWARE),
            )
            if conditions
        ]
        if not kinds:
            return None
        parameters: dict[str, object] = {}
        arrays = []
        for conditions, statement in kinds:
            found = statement.format(where=conditions.where())
            arrays.append(f"ARRAY({found} LIMIT {MAX_LOOKED_UP + 1})")
            parameters.update(conditions.parameters)
        rows = connection.execute(f"SELECT {', '.join(arrays)}", parameters).fetchall()
        results: set[int] | None = None
        for (conditions, _), ids in zip(kinds, rows[0], strict=True):
            if len(ids) <= MAX_LOOKED_UP:
                results = set(ids) if results is None else results & set(ids)
            else:
                self.conditions.add_all(conditions)
        return None if results is None else sorted(results)


def _digest(argument: str, text: str) -> bytes:
    problem = "must be 64 hexadecimal digits"
    if not isinstance(text, str) or len(text) != _SHA256_DIGITS:
        raise InvalidArgumentError(argument, text, problem)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidArgumentError(argument, text, problem) from None
