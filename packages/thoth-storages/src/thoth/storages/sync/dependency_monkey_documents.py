"""Dependency Monkey reports: what one says, in the form in which it is written."""

from __future__ import annotations

from typing import Any

import msgspec

from thoth.storages.graph.queries.environments import SoftwareKey
from thoth.storages.sync.core_metadata import shown
from thoth.storages.sync.document_parts import Invalid
from thoth.storages.sync.documents import checked_document_id, read_document
from thoth.storages.sync.inspection_documents import InspectionRecord, read_specification
from thoth.storages.sync.run_documents import check_entries, check_kind, label
from thoth.storages.sync.stack_documents import (
    Product,
    ProductEntry,
    Project,
    Requirements,
    read_environment,
    read_product,
    read_requirements,
)


class Parameters(msgspec.Struct, frozen=True):
    """What a run was asked for; `context` is the specification of its inspections, less a stack."""

    count: int | None = None
    seed: int | None = None
    decision_type: str | None = None
    context: dict[str, Any] | None = None
    project: Project | None = None
    predictor: str | None = None


class ResponseEntry(msgspec.Struct, frozen=True):
    """A stack and the inspection that it became; the latter is null where none was asked for."""

    product: ProductEntry
    response: str | None = None


class Report(msgspec.Struct, frozen=True, rename={"failure": "ERROR"}):
    """What a run generated; `{ERROR, stack_info}` of one that failed has none of it."""

    skipped: int | None = None
    responses: list[ResponseEntry] | None = None
    failure: Any = None


class DependencyMonkeyReport(msgspec.Struct, frozen=True):
    """The `result` of a report."""

    parameters: Parameters
    error: bool | None = None
    error_msg: Any = None
    report: Report | None = None


class Response(msgspec.Struct, frozen=True):
    """A stack that a run generated, and the id of the inspection that it became."""

    inspection_id: str | None
    product: Product


class DependencyMonkeyFacts(msgspec.Struct, frozen=True):
    """The rows that a report becomes: `columns` of the run; `inspection` is what all are to do."""

    document_id: str
    columns: dict[str, Any]
    requirements: Requirements | None
    environment: SoftwareKey | None
    inspection: InspectionRecord
    responses: list[Response]


def read_dependency_monkey_document(
    content: dict[str, Any] | bytes, *, document_id: str | None = None
) -> DependencyMonkeyFacts:
    """Read a Dependency Monkey report; return the rows that it becomes.

    Real reports have null for their id: `document_id` is the name that one is stored under. Raises
    `InvalidDocumentError`, with the path of the offending key.
    """
    document = read_document(content, DependencyMonkeyReport, document_id=document_id)
    check_kind(document, document_id or "dependency")
    invalid = Invalid(document.document_id)
    parameters = document.result.parameters
    report = document.result.report or Report()
    responses = report.responses or []
    check_entries(responses, "result.report.responses", invalid)
    project, path = parameters.project or Project(), "result.parameters"
    given = document.content["result"]["parameters"]
    kept = {key: value for key, value in given.items() if key != "project"}
    columns = {
        "count": invalid.number(parameters.count, f"{path}.count"),
        "skipped": invalid.number(report.skipped, "result.report.skipped"),
        "duration": document.metadata.duration,
        "seed": invalid.number(parameters.seed, f"{path}.seed", bits=63),
        "error": bool(document.result.error or report.failure),
        "created_at": document.created_at,
        "analyzer_version": label(document.metadata.analyzer_version),
        "decision_type": label(parameters.decision_type),
        "predictor": label(parameters.predictor),
        "error_message": shown(document.result.error_msg) or shown(report.failure or None),
        "parameters": invalid.json(kept, path),
    }
    return DependencyMonkeyFacts(
        document_id=document.document_id,
        columns=columns,
        requirements=read_requirements(
            project.requirements, f"{path}.project.requirements", invalid
        ),
        environment=read_environment(
            project.runtime_environment, f"{path}.project.runtime_environment", invalid
        ),
        inspection=read_specification(parameters.context or {}, f"{path}.context", invalid),
        responses=[
            _response(entry, f"result.report.responses[{number}]", invalid)
            for number, entry in enumerate(responses)
        ],
    )


def _response(entry: ResponseEntry, path: str, invalid: Invalid) -> Response:
    if entry.response is not None:
        checked_document_id(entry.response, f"{path}.response", owner=invalid.document_id)
    return Response(entry.response, read_product(entry.product, f"{path}.product", invalid))
