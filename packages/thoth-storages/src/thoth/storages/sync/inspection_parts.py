"""Inspections as documents: put together from the parts that lie apart in their store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.documents.bulk import in_order
from thoth.storages.documents.encoding import blob2dict
from thoth.storages.exceptions import (
    CorruptDocumentError,
    InvalidDocumentError,
    NotFoundError,
    StoragesError,
    StoreUnreachableError,
)
from thoth.storages.sync.documents import MAX_DOCUMENT_BYTES
from thoth.storages.sync.inspection_documents import with_odd_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from thoth.storages.documents.inspections import InspectionsStore


def retrieve_inspections(
    store: InspectionsStore, inspection_ids: Iterable[str]
) -> Iterator[tuple[str, dict[str, Any] | StoragesError]]:
    """Yield each id with its document, or with the error that it has; many are read at once.

    The document is what `inspection_documents` reads: `specification`, and `results` by number.
    What has neither is a `NotFoundError`: it is being built, or was deleted. A store that went away
    raises its `StoreUnreachableError`.
    """

    def retrieve(inspection_id: str) -> tuple[str, dict[str, Any] | StoragesError]:
        try:
            return inspection_id, _document(store, inspection_id)
        except StoreUnreachableError:
            raise
        except StoragesError as error:
            return inspection_id, error

    return in_order(retrieve, inspection_ids, in_turn=store.ceph.is_near)


def _document(store: InspectionsStore, inspection_id: str) -> dict[str, Any]:
    numbers = store.open(inspection_id).results.get_items()
    parts = _Parts(store, inspection_id)
    try:
        specification = parts.read("build/specification")
    except NotFoundError as error:
        if not numbers:
            raise
        problem = "is missing in the store, which has results"
        raise InvalidDocumentError(inspection_id, "specification", problem) from error
    results: list[dict[str, Any] | None] = [None] * (max(numbers, default=-1) + 1)
    for number in numbers:
        results[number] = parts.read(f"results/{number}/result")
    return {"document_id": inspection_id, "specification": specification, "results": results}


class _Parts:
    """Reads parts of an inspection, which together may be as large as a document."""

    def __init__(self, store: InspectionsStore, inspection_id: str) -> None:
        self._store = store
        self._inspection_id = inspection_id
        self._left = MAX_DOCUMENT_BYTES

    def read(self, name: str) -> dict[str, Any]:
        key = f"{self._inspection_id}/{name}"
        blob = self._store.ceph.retrieve_blob(key)
        self._left -= len(blob)
        if self._left < 0:
            problem = f"is over {MAX_DOCUMENT_BYTES:,} bytes with its results"
            raise InvalidDocumentError(self._inspection_id, "", problem)
        try:
            return blob2dict(blob, store=str(self._store.ceph), key=key)
        except CorruptDocumentError:
            lenient = with_odd_numbers(blob)
            if lenient is None:
                raise
            return lenient
