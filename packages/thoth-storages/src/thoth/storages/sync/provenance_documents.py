"""Documents of checks of provenance: what one says, in the form in which it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.sync.core_metadata import shown
from thoth.storages.sync.run_documents import RunDocument, label
from thoth.storages.sync.stack_documents import GivenStack

if TYPE_CHECKING:
    from thoth.storages.sync.document_parts import Invalid


class FindingEntry(msgspec.Struct, frozen=True):
    """Something that was found in a stack; `severity` counts where there is no `type`."""

    package_name: str | None = None
    package_version: str | None = None
    index_url: str | None = None
    type: str | None = None
    severity: str | None = None
    id: str | None = None
    justification: Any = None


class Finding(msgspec.Struct, frozen=True):
    """Something that was found in a stack: what it is about, and `columns` of its row."""

    package_name: str | None
    index_url: str | None
    columns: dict[str, Any]


class ProvenanceFacts(msgspec.Struct, frozen=True):
    """The rows that a document becomes: `columns` of the run, and what it found."""

    document_id: str
    columns: dict[str, Any]
    given: GivenStack
    findings: list[Finding]


def read_provenance_document(
    content: dict[str, Any] | bytes, *, document_id: str | None = None
) -> ProvenanceFacts:
    """Read a document of a check; return the rows that it becomes.

    `document_id` is the name that it is stored under. Raises `InvalidDocumentError`, with the path
    of the offending key.
    """
    run = RunDocument(content, kind="provenance", document_id=document_id)
    return ProvenanceFacts(
        document_id=run.document_id,
        columns={**run.columns(), "origin": run.origin()},
        given=run.given_stack(),
        findings=[_finding(entry, path, run.invalid) for entry, path in run.reported("findings")],
    )


def _finding(content: Any, path: str, invalid: Invalid) -> Finding:
    entry = invalid.part(content, FindingEntry, path)
    name, version, url = entry.package_name, entry.package_version, entry.index_url
    known = set(FindingEntry.__struct_fields__)
    if entry.type:
        known.remove("severity")
    other = {key: value for key, value in content.items() if key not in known}
    columns = {
        "package_version": invalid.version(version, f"{path}.package_version") if version else None,
        "finding_type": label(entry.type or entry.severity),
        "finding_id": label(entry.id),
        "justification": _message(entry.justification),
        "other": invalid.json(other, path),
    }
    return Finding(
        package_name=invalid.package_name(name, f"{path}.package_name") if name else None,
        index_url=invalid.index_url(url, f"{path}.index_url") if url else None,
        columns=columns,
    )


def _message(justification: Any) -> str | None:
    """Return what is to be read: a text, or the messages of objects, a line each."""
    parts = justification if isinstance(justification, list | tuple) else [justification]
    lines = [part.get("message", part) if isinstance(part, dict) else part for part in parts]
    return shown("\n".join(line for line in map(shown, lines) if line)) or None
