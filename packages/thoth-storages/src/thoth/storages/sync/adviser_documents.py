"""Documents of advisers: what one says, in the form in which it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.graph.requirements import parse_requirement
from thoth.storages.graph.versions import parse_specifier
from thoth.storages.sync.run_documents import RunDocument
from thoth.storages.sync.stack_documents import GivenStack, Product, ProductEntry, read_product

if TYPE_CHECKING:
    from thoth.storages.sync.document_parts import Invalid


class UnresolvedEntry(msgspec.Struct, frozen=True):
    """A package of which no release was found; solvers say `version_spec` for `specifier`."""

    package_name: str
    specifier: str | None = None
    version_spec: str | None = None


class AdviserFacts(msgspec.Struct, frozen=True):
    """The rows that a document becomes: `columns` of the run, `unresolved` names and specifiers."""

    document_id: str
    columns: dict[str, Any]
    given: GivenStack
    products: list[Product]
    unresolved: list[tuple[str, str]]


def read_adviser_document(
    content: dict[str, Any] | bytes, *, document_id: str | None = None
) -> AdviserFacts:
    """Read a document of an adviser; return the rows that it becomes.

    `document_id` is the name that it is stored under. Raises `InvalidDocumentError`, with the path
    of the offending key.
    """
    run = RunDocument(content, kind="adviser", document_id=document_id)
    columns = {
        **run.columns(),
        "origin": run.origin(),
        "count": run.number("count"),
        "limit": run.number("limit"),
        "recommendation_type": run.label("recommendation_type"),
        "decision_type": run.label("decision_type"),
        "predictor": run.label("predictor"),
    }
    unresolved = {
        _unresolved(entry, path, run.invalid): None for entry, path in run.entries("unresolved")
    }
    return AdviserFacts(
        document_id=run.document_id,
        columns=columns,
        given=run.given_stack(),
        products=[
            read_product(run.invalid.part(entry, ProductEntry, path), path, run.invalid)
            for entry, path in run.entries("products")
        ],
        unresolved=list(unresolved),
    )


def _unresolved(content: Any, path: str, invalid: Invalid) -> tuple[str, str]:
    """Return the name and the specifier of what was not resolved; a text is a requirement."""
    if isinstance(content, str):
        requirement = parse_requirement(content)
        if requirement is None:
            raise invalid(path, "is not a requirement (PEP 508)")
        name, specifier, key = requirement.name, requirement.specifier, path
    else:
        entry = invalid.part(content, UnresolvedEntry, path)
        key = f"{path}.specifier" if entry.specifier else f"{path}.version_spec"
        name = invalid.package_name(entry.package_name, f"{path}.package_name")
        specifier = (entry.specifier or entry.version_spec or "").strip()
        specifier = "" if specifier == "*" else specifier
        parsed = parse_specifier(specifier)
        specifier = specifier if parsed is None else parsed.text
    return invalid.text(name, path), invalid.text(specifier, key)
