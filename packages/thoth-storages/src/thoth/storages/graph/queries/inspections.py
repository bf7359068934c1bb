"""Inspections, the runs that asked for them, and hardware."""

# ruff: noqa: S608 - statements are made of constants of ours; values are their parameters
from __future__ import annotations

from typing import Any

from psycopg import errors

from thoth.storages.exceptions import InUseError, InvalidArgumentError, NotFoundError
from thoth.storages.graph.hardware_records import COLUMNS, read_hardware
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.environments import record_hardware
from thoth.storages.graph.queries.family import Conditions, QueryFamily
from thoth.storages.graph.queries.transactions import in_transaction

_MAX_ID = 2**31 - 1

_RUN_EXISTS = """
    SELECT EXISTS (SELECT FROM dependency_monkey_run WHERE document_id = %(document_id)s)
"""
_INSPECTION_EXISTS = """
    SELECT EXISTS (SELECT FROM inspection
                    WHERE document_id = %(document_id)s AND specification IS NOT NULL)
"""
_RESULT_EXISTS = """
    SELECT EXISTS (SELECT FROM inspection
                     JOIN inspection_result ON inspection_result.inspection_id = inspection.id
                    WHERE inspection.document_id = %(document_id)s
                      AND inspection_result.number = %(number)s)
"""
# Repetitions beyond the batch are none that anybody waits for.
_PENDING = """
    SELECT document_id, batch_size - ended
      FROM (SELECT inspection.id, inspection.document_id, inspection.batch_size,
                   (SELECT count(*) FROM inspection_result
                     WHERE inspection_result.inspection_id = inspection.id
                       AND inspection_result.number < inspection.batch_size) AS ended
              FROM inspection) AS counted
     WHERE ended < batch_size
     ORDER BY document_id
"""
_HARDWARE = f"""
    SELECT id, other, {", ".join(COLUMNS)} FROM hardware_environment
     WHERE is_external = %(is_external)s
     ORDER BY id
"""
_DELETE_HARDWARE = """
    DELETE FROM hardware_environment WHERE id = %(id)s AND is_external = %(is_external)s
    RETURNING id
"""


class InspectionQueries(QueryFamily):
    """Queries on inspections."""

    def dependency_monkey_document_id_exists(self, dependency_monkey_document_id: str) -> bool:
        """Say whether a Dependency Monkey report is in the graph. Raises `InvalidArgumentError`."""
        document_id = _document_id("dependency_monkey_document_id", dependency_monkey_document_id)
        return bool(self._value(_RUN_EXISTS, {"document_id": document_id}))

    def sync_dependency_monkey_result(self, document: dict[str, Any]) -> None:
        """Write the facts of a Dependency Monkey report, in one transaction.

        The run with its parameters, the stacks that it generated, and an inspection for each
        response, with as many pending repetitions as `context.batch_size` says (1 where it says
        nothing). Doing so again changes nothing; what an inspection's own document said stays.
        Raises `InvalidDocumentError`, with the path of the offending key.
        """
        from thoth.storages.sync.dependency_monkey import sync_dependency_monkey_facts
        from thoth.storages.sync.dependency_monkey_documents import (
            read_dependency_monkey_document,
        )

        facts = read_dependency_monkey_document(document)
        with self._connection() as connection:
            sync_dependency_monkey_facts(connection, facts, force=True)
        self._cache.clear()

    def inspection_document_id_exist(self, inspection_document_id: str) -> bool:
        """Say whether an inspection's document is in the graph.

        One that a Dependency Monkey report named, but of which nothing has come back, is pending
        and not in the graph. Raises `InvalidArgumentError`.
        """
        document_id = _document_id("inspection_document_id", inspection_document_id)
        return bool(self._value(_INSPECTION_EXISTS, {"document_id": document_id}))

    def inspection_document_id_result_number_exists(
        self, inspection_document_id: str, inspection_result_number: int
    ) -> bool:
        """Say whether the result of one repetition, counted from 0, is in the graph.

        Raises `InvalidArgumentError`.
        """
        parameters = {
            "document_id": _document_id("inspection_document_id", inspection_document_id),
            "number": arguments.number("inspection_result_number", inspection_result_number),
        }
        return bool(self._value(_RESULT_EXISTS, parameters))

    def get_pending_inspections_all(
        self, *, start_offset: int = 0, count: int | None = arguments.DEFAULT_COUNT
    ) -> list[tuple[str, int]]:
        """List the inspections with repetitions of which nothing has come back, and how many.

        Ordered by their document ids. Raises `InvalidArgumentError`.
        """
        conditions = Conditions()
        statement = _PENDING + conditions.part(start_offset, count)
        return [
            (document_id, pending)
            for document_id, pending in self._rows(statement, conditions.parameters)
        ]

    def sync_inspection_result(self, document: dict[str, Any]) -> None:
        """Write the facts of an inspection and of the repetitions given, in one transaction.

        `document` has `document_id`, `specification`, and `results` (an array, each repetition at
        the place of its number) or one `result` with its `result_number` (0 where it is left out).
        Performance indicators are what scripts wrote to `stdout`. Repetitions that are not given
        stay. Doing so again changes nothing.
        Raises `InvalidDocumentError`, with the path of the offending key.
        """
        from thoth.storages.sync.inspection import sync_inspection_facts
        from thoth.storages.sync.inspection_documents import read_inspection_document

        facts = read_inspection_document(document)
        with self._connection() as connection:
            sync_inspection_facts(connection, facts, force=True)
        self._cache.clear()

    def create_hardware_information(
        self, hardware: dict[str, Any], is_external: bool = True
    ) -> int:
        """Record hardware that a user has (`is_external`) or that is ours; return its id.

        The same hardware has the same id. Known keys are `cpu_family`, `cpu_model`,
        `cpu_physical_cpus`, `cpu_cores`, `gpu_cores` (whole numbers), `gpu_memory_size`, `ram_size`
        (bytes, or a quantity such as `16Gi`), `cpu_vendor`, `cpu_model_name`, `gpu_vendor` and
        `gpu_model_name` (texts); all others are kept as JSON. None says nothing.
        Raises `InvalidArgumentError`.
        """
        external = arguments.truth("is_external", is_external)
        if not isinstance(hardware, dict) or not all(isinstance(name, str) for name in hardware):
            raise InvalidArgumentError("hardware", hardware, "must be a dict with texts as keys")
        record, misfits = read_hardware(hardware)
        if misfits:
            name = misfits[0]
            value = hardware.get(name)
            raise InvalidArgumentError(f"hardware.{name}", value, "is not a value that it can have")
        if record is None:
            raise InvalidArgumentError("hardware", hardware, "must say something")
        with self._connection() as connection:
            ids = in_transaction(
                connection, lambda: record_hardware(connection, [record], is_external=external)
            )
        return int(ids[record.digest])

    def delete_hardware_information(
        self, hardware_information_id: int, is_external: bool = True
    ) -> None:
        """Forget hardware.

        Raises `InUseError` while inspections refer to it, `NotFoundError` where there is none with
        this id that is (or is not) external, `InvalidArgumentError`.
        """
        row = arguments.number("hardware_information_id", hardware_information_id)
        external = arguments.truth("is_external", is_external)
        what = f"hardware {row}, {'a user' if external else 'our'}{chr(39)}s"
        if row > _MAX_ID:
            raise NotFoundError(what)
        parameters = {"id": row, "is_external": external}
        with self._connection() as connection:
            try:
                deleted = connection.execute(_DELETE_HARDWARE, parameters).fetchone()
            except errors.ForeignKeyViolation as error:
                raise InUseError(what, "inspections") from error
        if deleted is None:
            raise NotFoundError(what)

    def get_hardware_environments_all(
        self,
        is_external: bool = False,
        *,
        start_offset: int = 0,
        count: int | None = arguments.DEFAULT_COUNT,
        without_id: bool = True,
    ) -> list[dict[str, Any]]:
        """List the hardware that is ours, or that of users (`is_external`), in order of recording.

        An entry is what `create_hardware_information` takes, with None where nobody said, and its
        `id` unless `without_id`. Raises `InvalidArgumentError`.
        """
        conditions = Conditions(is_external=arguments.truth("is_external", is_external))
        hide_id = arguments.truth("without_id", without_id)
        rows = self._rows(_HARDWARE + conditions.part(start_offset, count), conditions.parameters)
        return [
            {
                **({} if hide_id else {"id": row}),
                **dict(zip(COLUMNS, columns, strict=True)),
                **other,
            }
            for row, other, *columns in rows
        ]


def _document_id(name: str, value: str) -> str:
    return arguments.required(name, value)
