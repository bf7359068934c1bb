"""Which handler syncs a document: chosen by what the document's id begins with.

A handler is an entry of a table: where documents of its kind are kept, which of them are in the
graph, how one is read, and how what was read is written. A new kind is one entry, and one module
that reads and writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from thoth.storages.documents.inspections import InspectionsStore
from thoth.storages.documents.results import (
    AdvisersResultsStore,
    DependencyMonkeyReportsStore,
    ProvenanceResultsStore,
    RevSolverResultsStore,
    SolverResultsStore,
    ValidationResultsStore,
)
from thoth.storages.exceptions import InvalidArgumentError
from thoth.storages.sync.adviser import sync_adviser_facts
from thoth.storages.sync.adviser_documents import read_adviser_document
from thoth.storages.sync.dependency_monkey import sync_dependency_monkey_facts
from thoth.storages.sync.dependency_monkey_documents import read_dependency_monkey_document
from thoth.storages.sync.inspection import sync_inspection_facts
from thoth.storages.sync.inspection_documents import read_inspection_document
from thoth.storages.sync.inspection_parts import retrieve_inspections
from thoth.storages.sync.provenance import sync_provenance_facts
from thoth.storages.sync.provenance_documents import read_provenance_document
from thoth.storages.sync.revsolver import sync_revsolver_facts
from thoth.storages.sync.revsolver_documents import read_revsolver_document
from thoth.storages.sync.solver import sync_several_solver_facts, sync_solver_facts
from thoth.storages.sync.solver_documents import read_solver_document
from thoth.storages.sync.validation import SYNCED_VALIDATIONS, sync_validation_facts
from thoth.storages.sync.validation_documents import read_validation_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date

    from thoth.storages.documents.results import ResultStorageBase
    from thoth.storages.exceptions import StoragesError

ENTRY_POINTS = "thoth.storages.handlers"
"""The group of entry points that add handlers: the name is the prefix, the object a `Handler`."""


class DocumentListing(Protocol):
    """What the store of any kind has."""

    def connect(self) -> None:
        """See that the store answers."""

    def get_document_listing(
        self,
        *,
        start_date: date | None = None,
        on_skipped: Callable[[StoragesError], None] | None = None,
    ) -> Iterator[str]:
        """Yield ids, those from `start_date` on; call `on_skipped` for keys that are none."""


def retrieve_results(
    store: ResultStorageBase, document_ids: Iterable[str]
) -> Iterator[tuple[str, bytes | StoragesError]]:
    """Yield ids with their documents, each of which is one object of the store."""
    return store.retrieve_blobs(document_ids)


@dataclass(frozen=True, slots=True)
class Handler:
    """How documents of a kind are synced.

    `store` makes their store, given `settings=`. `synced` is a statement that gives, of
    `%(document_ids)s`, those that are in the graph. `read` turns a document, as it came from
    `retrieve`, and `document_id=` into facts; `InvalidDocumentError` for what it cannot read.
    `write` writes facts on a connection, all or none, and says whether there was anything to write:
    a document that is in the graph is left alone without `force=`. `retrieve` yields ids of the
    store with documents or errors, and says `is_ready()`, if it has that, whether the next one need
    not be waited for; its default reads one object a document. `write_several`, where
    there is one, writes facts of several documents in one transaction, all or none: as many of the
    first ones as leave the same rows as one by one, and says of each what `write` would.

    With several jobs the parts are functions and classes that another process can import.
    """

    store: Callable[..., DocumentListing]
    synced: str
    read: Callable[..., Any]
    write: Callable[..., bool]
    retrieve: Callable[[Any, Iterable[str]], Iterator[tuple[str, Any]]] = retrieve_results
    write_several: Callable[..., list[bool]] | None = None


_SYNCED_SOLVER_RESULTS = """
    SELECT document_id FROM solver_result WHERE document_id = ANY(%(document_ids)s)
"""
_SYNCED_RUNS = "SELECT document_id FROM {} WHERE document_id = ANY(%(document_ids)s)"
# One with pending repetitions is looked at again: they may have ended since.
_SYNCED_INSPECTIONS = """
    SELECT document_id FROM inspection
     WHERE document_id = ANY(%(document_ids)s) AND specification IS NOT NULL
       AND batch_size <= (SELECT count(*) FROM inspection_result
                           WHERE inspection_id = inspection.id AND number < batch_size)
"""

HANDLERS_MAPPING: dict[str, Handler] = {
    "solver": Handler(
        SolverResultsStore,
        _SYNCED_SOLVER_RESULTS,
        read_solver_document,
        sync_solver_facts,
        write_several=sync_several_solver_facts,
    ),
    "dependency": Handler(
        DependencyMonkeyReportsStore,
        _SYNCED_RUNS.format("dependency_monkey_run"),
        read_dependency_monkey_document,
        sync_dependency_monkey_facts,
    ),
    "inspection": Handler(
        InspectionsStore,
        _SYNCED_INSPECTIONS,
        read_inspection_document,
        sync_inspection_facts,
        retrieve_inspections,
    ),
    "validation": Handler(
        ValidationResultsStore,
        SYNCED_VALIDATIONS,
        read_validation_document,
        sync_validation_facts,
    ),
    "adviser": Handler(
        AdvisersResultsStore,
        _SYNCED_RUNS.format("adviser_run"),
        read_adviser_document,
        sync_adviser_facts,
    ),
    "provenance": Handler(
        ProvenanceResultsStore,
        _SYNCED_RUNS.format("provenance_run"),
        read_provenance_document,
        sync_provenance_facts,
    ),
    "revsolver": Handler(
        RevSolverResultsStore,
        _SYNCED_RUNS.format("revsolver_run"),
        read_revsolver_document,
        sync_revsolver_facts,
    ),
}
"""Handlers by what the ids of their documents begin with, before a dash."""


def known_handlers() -> dict[str, Handler]:
    """Return those of `HANDLERS_MAPPING`, and those of entry points whose prefixes it has not.

    Raises `InvalidArgumentError` for what is no handler or cannot be imported.
    """
    found: dict[str, Handler] = {}
    for entry_point in entry_points(group=ENTRY_POINTS):
        if entry_point.name in HANDLERS_MAPPING:
            continue
        try:
            found[entry_point.name] = entry_point.load()
        except (ImportError, AttributeError) as error:
            name = f"The entry point {entry_point.name} of {ENTRY_POINTS}"
            problem = f"must be importable ({error})"
            raise InvalidArgumentError(name, entry_point.value, problem) from error
    found = {**HANDLERS_MAPPING, **found}
    for prefix, handler in found.items():
        if not isinstance(handler, Handler):
            name = f"The handler of {prefix}"
            raise InvalidArgumentError(name, handler, "must be a thoth.storages Handler")
    return found


def kind_of(document_id: str, kinds: Mapping[str, object]) -> str | None:
    """Return the longest of the prefixes that, followed by a dash, begins the id; None for none."""
    end = document_id.rfind("-")
    while end > 0:
        if document_id[:end] in kinds:
            return document_id[:end]
        end = document_id.rfind("-", 0, end)
    return None
