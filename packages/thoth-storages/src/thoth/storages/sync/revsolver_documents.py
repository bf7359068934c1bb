"""Documents of reverse solvers: what one says, in the form in which it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.graph.queries.release_batches import read_requirement
from thoth.storages.graph.release_records import ReleaseRecord
from thoth.storages.sync.run_documents import RunDocument
from thoth.storages.sync.solver_entries import (
    DependencyEntry,
    declared_requirement,
    requirement_problem,
)

if TYPE_CHECKING:
    from thoth.storages.sync.document_parts import Invalid

MAX_REQUIREMENT_CHARACTERS = 65_536
"""A requirement of a dependent may have at most so many characters."""


class DependentEntry(msgspec.Struct, frozen=True):
    """A release that depends on the package; `dependency` is by what, or the entry itself."""

    package_name: str
    package_version: str
    index_url: str | None = None
    dependency: dict[str, Any] | None = None


class RevSolverFacts(msgspec.Struct, frozen=True):
    """The rows that a document becomes: `columns` of the run, and dependents with requirements."""

    document_id: str
    package_name: str
    columns: dict[str, Any]
    dependents: list[tuple[ReleaseRecord, str]]


def read_revsolver_document(
    content: dict[str, Any] | bytes, *, document_id: str | None = None
) -> RevSolverFacts:
    """Read a document of a reverse solver; return the rows that it becomes.

    `document_id` is the name that it is stored under. Raises `InvalidDocumentError`, with the path
    of the offending key.
    """
    run = RunDocument(content, kind="revsolver", document_id=document_id)
    name = run.invalid.package_name(_subject(run, "package_name"), "result.package_name")
    version = run.invalid.version(_subject(run, "package_version"), "result.package_version")
    return RevSolverFacts(
        document_id=run.document_id,
        package_name=name,
        columns={**run.columns(), "package_version": version},
        dependents=[
            _dependent(entry, name, path, run.invalid) for entry, path in run.reported("dependents")
        ],
    )


def _subject(run: RunDocument, name: str) -> str:
    """Return the name or the version of the package whose dependents were looked for."""
    value = run.content.get(name)
    if value is not None:
        return run.invalid.part(value, str, f"result.{name}")
    asked = run.asked(name, str)
    if asked is None:
        raise run.invalid(f"result.{name}", "is missing")
    return asked


def _dependent(
    content: Any, package_name: str, path: str, invalid: Invalid
) -> tuple[ReleaseRecord, str]:
    entry = invalid.part(content, DependentEntry, path)
    url = entry.index_url
    release = ReleaseRecord(
        package=invalid.package_name(entry.package_name, f"{path}.package_name"),
        version=invalid.version(entry.package_version, f"{path}.package_version"),
        index_url=invalid.index_url(url, f"{path}.index_url") if url else None,
    )
    place = path if entry.dependency is None else f"{path}.dependency"
    said = content if entry.dependency is None else entry.dependency
    dependency = invalid.part({**said, "package_name": package_name}, DependencyEntry, place)
    text = declared_requirement(dependency)
    if text is None:
        key, problem = requirement_problem(dependency)
        raise invalid(f"{place}.{key}", problem)
    requirement = read_requirement(invalid.text(text, place, most=MAX_REQUIREMENT_CHARACTERS))
    if requirement is None or requirement.name != package_name:
        raise invalid(f"{place}.specifier", "is not a version specifier (PEP 440)")
    return release, text
