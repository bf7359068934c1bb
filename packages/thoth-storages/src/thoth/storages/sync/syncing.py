"""Syncing given documents: fetched, read and written one by one, each in one transaction."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from thoth.storages.exceptions import (
    BucketNotFoundError,
    DatabaseBusyError,
    DatabaseError,
    DatabaseRefusedError,
    DocumentStoreError,
    EmbeddedServerError,
    InvalidDocumentError,
    NotConnectedError,
    NotFoundError,
    StoragesError,
)
from thoth.storages.sync.documents import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from thoth.storages.graph.database import GraphDatabase
    from thoth.storages.settings import StoragesSettings
    from thoth.storages.sync.handlers import DocumentListing, Handler

SYNCED, SKIPPED, FAILED = "synced", "skipped", "failed"
# The classes of SQLSTATE that tell of the values of a document: data, constraints, limits.
_OF_VALUES = ("22", "23", "54")


class Named(NamedTuple):
    """A document by its id; `path` is its file, None where it is in the store."""

    document_id: str
    path: str | None = None


class Outcome(NamedTuple):
    """What became of a document: `SYNCED`, `SKIPPED`, or `FAILED` with its error.

    `seconds` is how long reading and writing it took, None where it was not even read.
    """

    kind: str
    document_id: str
    outcome: str
    error: StoragesError | None = None
    seconds: float | None = None


class Syncing:
    """Syncs documents into a connected graph, from the stores that `settings` name.

    With `is_listed`, a document that is not in the store was deleted since it was listed, and has
    no outcome. Every call may raise what the stores and the graph raise where they are away.
    """

    def __init__(
        self,
        graph: GraphDatabase,
        settings: StoragesSettings,
        handlers: Mapping[str, Handler],
        *,
        force: bool,
        is_listed: bool,
    ) -> None:
        self._graph = graph
        self._settings = settings
        self._handlers = handlers
        self._force = force
        self._is_listed = is_listed
        self._stores: dict[str, DocumentListing] = {}

    def store(self, kind: str) -> DocumentListing:
        """Return the connected store of a kind."""
        if kind not in self._stores:
            store = self._handlers[kind].store(settings=self._settings)
            store.connect()
            self._stores[kind] = store
        return self._stores[kind]

    def synced(self, kind: str, document_ids: Sequence[str]) -> set[str]:
        """Return those of the ids that are in the graph and need not be looked at, in one query."""
        statement = self._handlers[kind].synced
        with self._graph._connection() as connection:  # noqa: SLF001 - one distribution
            found = connection.execute(statement, {"document_ids": list(document_ids)})
            return {document_id for (document_id,) in found.fetchall()}

    def outcomes(self, kind: str, documents: Sequence[Named]) -> Iterator[Outcome]:
        """Sync documents of a kind in their order; yield what became of each.

        Many are fetched at once, ahead of the one that is written.
        """
        for document_id, found in self._retrieved(kind, documents):
            if isinstance(found, NotFoundError) and self._is_listed:
                continue
            if isinstance(found, BucketNotFoundError | NotConnectedError):
                raise found
            if isinstance(found, StoragesError):
                yield Outcome(kind, document_id, FAILED, found)
            else:
                began = time.monotonic()
                outcome = self._written(kind, document_id, found)
                yield outcome._replace(seconds=time.monotonic() - began)

    def _retrieved(self, kind: str, documents: Sequence[Named]) -> Iterator[tuple[str, Any]]:
        stored = [each.document_id for each in documents if each.path is None]
        if stored:
            yield from self._handlers[kind].retrieve(self.store(kind), stored)
        yield from _from_files(each for each in documents if each.path is not None)

    def _written(self, kind: str, document_id: str, content: Any) -> Outcome:
        handler = self._handlers[kind]
        try:
            facts = handler.read(content, document_id=document_id)
            with self._graph._connection() as connection:  # noqa: SLF001 - one distribution
                written = handler.write(connection, facts, force=self._force)
        except InvalidDocumentError as error:
            return Outcome(kind, document_id, FAILED, error)
        except (DatabaseError, DocumentStoreError, EmbeddedServerError, NotConnectedError) as error:
            if not _is_of_the_document(error):
                raise
            problem = f"cannot be written: {error}"
            return Outcome(kind, document_id, FAILED, _invalid(document_id, problem, error))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is of this document
            problem = f"made the handler of {kind} fail: {type(error).__name__}: {error}"
            return Outcome(kind, document_id, FAILED, _invalid(document_id, problem, error))
        return Outcome(kind, document_id, SYNCED if written else SKIPPED)


def _invalid(document_id: str, problem: str, cause: Exception) -> InvalidDocumentError:
    error = InvalidDocumentError(document_id, "", problem)
    error.__cause__ = cause
    return error


def _is_of_the_document(error: StoragesError) -> bool:
    """Tell whether the next document may fare better: the server is there and takes others."""
    if isinstance(error, DatabaseRefusedError):
        return (error.sqlstate or "").startswith(_OF_VALUES)
    return isinstance(error, DatabaseBusyError)


def _from_files(documents: Iterable[Named]) -> Iterator[tuple[str, bytes | StoragesError]]:
    for document_id, path in documents:
        assert path is not None  # noqa: S101 - the caller chose these
        try:
            yield document_id, _content(Path(path))
        except OSError as error:
            problem = f"cannot be read from {path} ({error.strerror or error})"
            yield document_id, InvalidDocumentError(document_id, "", problem)


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise OSError("it is no file")
    with path.open("rb") as file:
        # One byte more than is read as a document, so that the reader refuses it.
        return file.read(MAX_DOCUMENT_BYTES + 1)
