"""Syncing given documents: fetched, read, and written some at once, each of them all or not at all.

While some are written, by a thread that mostly waits for the server, the next are read.
"""

from __future__ import annotations

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
    from concurrent.futures import Future
    from typing import Self

    from thoth.storages.graph.database import GraphDatabase
    from thoth.storages.settings import StoragesSettings
    from thoth.storages.sync.handlers import DocumentListing, Handler

MAX_TOGETHER = 64
"""At most so many documents are written in one transaction."""
MAX_TOGETHER_BYTES = 8 * 2**20
"""A transaction writes no further document once those that it writes have so many bytes."""
SYNCED, SKIPPED, FAILED = "synced", "skipped", "failed"
# The classes of SQLSTATE that tell of the values of a document: data, constraints, limits.
_OF_VALUES = ("22", "23", "54")


class Named(NamedTuple):
    """A document by its id; `path` is its file, None where it is in the store."""

    document_id: str
    path: str | None = None


class Outcome(NamedTuple):
    """What became of a document: `SYNCED`, `SKIPPED`, or `FAILED` with its error.

    `seconds` is how long reading and writing it took, of those written at once an equal share, None
    where it was not even read.
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
        self._paces: dict[str, _Pace] = defaultdict(_Pace)

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
        with self._graph.connection() as connection:
            found = connection.execute(statement, {"document_ids": list(document_ids)})
            return {document_id for (document_id,) in found.fetchall()}

    def outcomes(self, kind: str, documents: Sequence[Named]) -> Iterator[Outcome]:
        """Sync documents of a kind in their order; yield what became of each.

        Many are fetched at once, ahead of those that are written. What comes after an outcome is
        not written before the next one is asked for.
        """
        handler, pace = self._handlers[kind], self._paces[kind]
        with _Writing(self._graph, kind, handler, pace, force=self._force) as writing:
            for document_id, found in self._retrieved(kind, documents):
                if isinstance(found, NotFoundError) and self._is_listed:
                    continue
                if isinstance(found, BucketNotFoundError | NotConnectedError):
                    raise found
                if isinstance(found, StoragesError):
                    yield from writing.finish()
                    yield Outcome(kind, document_id, FAILED, found)
                else:
                    yield from writing.add(document_id, found)
            yield from writing.finish()

    def _retrieved(self, kind: str, documents: Sequence[Named]) -> Iterator[tuple[str, Any]]:
        stored = [each.document_id for each in documents if each.path is None]
        if stored:
            yield from self._handlers[kind].retrieve(self.store(kind), stored)
        yield from _from_files(each for each in documents if each.path is not None)


class _Read(NamedTuple):
    """A document that was read, in so many seconds, and is to be written."""

    document_id: str
    facts: Any
    seconds: float


@dataclass(slots=True)
class _Group:
    """Documents that are written in one transaction, where their handler can do so."""

    documents: list[_Read] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class _Pace:
    """How many documents of a kind are written at once.

    The first time it is one, so that something is to be seen soon; twice as many follow each time.
    After some that could not be written together it is one again.
    """

    most: int = 1

    def rise(self) -> None:
        self.most = min(2 * self.most, MAX_TOGETHER)

    def fall(self) -> None:
        self.most = 1


class _Writing:
    """Reads documents of a kind, and writes them in their order, some at once, in a thread.

    Where they cannot be written together they are written one by one.
    """

    def __init__(
        self, graph: GraphDatabase, kind: str, handler: Handler, pace: _Pace, *, force: bool
    ) -> None:
        self._graph = graph
        self._kind = kind
        self._handler = handler
        self._force = force
        self._pace = pace
        self._group = _Group()
        self._begun: tuple[list[_Read], Future[list[Outcome]]] | None = None
        self._thread = ThreadPoolExecutor(1, "thoth-sync")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown()

    def add(self, document_id: str, content: Any) -> Iterator[Outcome]:
        """Read a document, and write those before it where they are enough; yield outcomes."""
        began = time.monotonic()
        try:
            facts = self._handler.read(content, document_id=document_id)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is of this document
            seconds = time.monotonic() - began
            yield from self.finish()
            yield self._failed(document_id, error, seconds)
            return
        group = self._group
        group.documents.append(_Read(document_id, facts, time.monotonic() - began))
        group.size += len(content) if isinstance(content, bytes) else 0
        if len(group.documents) >= self._pace.most or group.size >= MAX_TOGETHER_BYTES:
            yield from self._outcomes()
            self._begin(group.documents)
            self._group = _Group()

    def finish(self) -> Iterator[Outcome]:
        """Write all that was read; yield outcomes."""
        yield from self._outcomes()
        if self._group.documents:
            self._begin(self._group.documents)
            self._group = _Group()
            yield from self._outcomes()

    def _begin(self, documents: list[_Read]) -> None:
        self._begun = documents, self._thread.submit(self._written, documents)

    def _outcomes(self) -> Iterator[Outcome]:
        """Yield the outcomes of what is being written; what is left of it is begun after them."""
        while self._begun is not None:
            documents, written = self._begun
            self._begun = None
            outcomes = written.result()
            yield from outcomes
            if len(outcomes) < len(documents):
                self._begin(documents[len(outcomes) :])

    def _written(self, documents: Sequence[_Read]) -> list[Outcome]:
        """Write the first of several documents, at least one; return what became of them."""
        together, began = self._handler.write_several, time.monotonic()
        if together is not None and len(documents) > 1:
            try:
                with self._graph.connection() as connection:
                    facts = [each.facts for each in documents]
                    written = together(connection, facts, force=self._force)
            except Exception as error:
                if _is_of_the_server(error):
                    raise
                self._pace.fall()
            else:
                self._pace.rise()
                seconds = (time.monotonic() - began) / len(written)
                return [
                    self._done(each, seconds, is_written=is_written)
                    for each, is_written in zip(documents, written, strict=False)
                ]
        elif together is not None:
            self._pace.rise()
        outcomes: list[Outcome] = []
        for each in documents:
            outcomes.append(self._written_alone(each))
            if outcomes[-1].error is not None:
                break
        return outcomes

    def _written_alone(self, read: _Read) -> Outcome:
        began = time.monotonic()
        try:
            with self._graph.connection() as connection:
                written = self._handler.write(connection, read.facts, force=self._force)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is of this document
            seconds = read.seconds + time.monotonic() - began
            return self._failed(read.document_id, error, seconds)
        return self._done(read, time.monotonic() - began, is_written=written)

    def _done(self, read: _Read, seconds: float, *, is_written: bool) -> Outcome:
        outcome = SYNCED if is_written else SKIPPED
        return Outcome(self._kind, read.document_id, outcome, seconds=read.seconds + seconds)

    def _failed(self, document_id: str, error: Exception, seconds: float) -> Outcome:
        """Return the outcome of a document that an error is of; raise what is the server's."""
        if _is_of_the_server(error):
            raise error
        if not isinstance(error, InvalidDocumentError):
            problem = f"cannot be written: {error}"
            if not isinstance(error, _SERVER):
                name = type(error).__name__
                problem = f"made the handler of {self._kind} fail: {name}: {error}"
            invalid = InvalidDocumentError(document_id, "", problem)
            invalid.__cause__ = error
            error = invalid
        return Outcome(self._kind, document_id, FAILED, error, seconds)


_SERVER = (DatabaseError, DocumentStoreError, EmbeddedServerError, NotConnectedError)


def _is_of_the_server(error: Exception) -> bool:
    """Tell whether no other document would fare better, as the server or the store is away."""
    if isinstance(error, DatabaseRefusedError):
        return not (error.sqlstate or "").startswith(_OF_VALUES)
    return isinstance(error, _SERVER) and not isinstance(error, DatabaseBusyError)


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
