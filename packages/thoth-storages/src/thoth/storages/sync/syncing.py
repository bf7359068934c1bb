"""Syncing given documents: fetched, read, and written some at once, each of them all or not at all.

While the server is waited for, which writes some, the next are read.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from contextlib import contextmanager
from dataclasses import dataclass
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
from thoth.storages.graph.connections import working_meanwhile
from thoth.storages.sync.documents import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.database import GraphDatabase
    from thoth.storages.settings import StoragesSettings
    from thoth.storages.sync.handlers import DocumentListing, Handler

MAX_TOGETHER = 128
"""At most so many documents are written in one transaction."""
MAX_TOGETHER_BYTES = 16 * 2**20
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

        Many are fetched and read ahead of those that are written. What comes after an outcome is
        not written before the next one is asked for.
        """
        stored = [each.document_id for each in documents if each.path is None]
        if stored:
            retrieved = self._handlers[kind].retrieve(self.store(kind), stored)
            yield from self._outcomes(kind, retrieved)
        files = [each for each in documents if each.path is not None]
        if files:
            yield from self._outcomes(kind, _from_files(files))

    def _outcomes(self, kind: str, retrieved: Iterator[tuple[str, Any]]) -> Iterator[Outcome]:
        handler, pace = self._handlers[kind], self._paces[kind]
        reading = _Reading(kind, handler, retrieved, is_listed=self._is_listed)
        writing = _Writing(self._graph, kind, handler, pace, reading, force=self._force)
        try:
            while True:
                group = reading.group(pace.most)
                if group:
                    yield from writing.outcomes(group)
                    continue
                other = reading.other()
                if other is None:
                    return
                yield other
        finally:
            reading.close()


class _Read(NamedTuple):
    """A document that was read, `size` bytes in so many seconds, and is to be written."""

    document_id: str
    facts: Any
    size: int
    seconds: float


class _Reading:
    """Reads documents of a kind in their order, ahead of those that are written."""

    def __init__(
        self,
        kind: str,
        handler: Handler,
        retrieved: Iterator[tuple[str, Any]],
        *,
        is_listed: bool,
    ) -> None:
        self._kind = kind
        self._handler = handler
        self._retrieved = retrieved
        self._is_listed = is_listed
        self._is_ready: Callable[[], bool] = getattr(retrieved, "is_ready", lambda: True)
        self._is_done = False
        self._ahead: deque[_Read | Outcome | BaseException] = deque()
        self._size = 0
        self.seconds = 0.0

    def close(self) -> None:
        """Retrieve no more documents."""
        close: Callable[[], None] | None = getattr(self._retrieved, "close", None)
        if close is not None:
            close()

    def read_ahead(self, *, may_wait: bool = False) -> bool:
        """Read one more document, unless enough were read; tell whether one was.

        One that has not arrived yet is waited for only where the caller `may_wait`, as it may not
        while it holds locks.
        """
        if self._is_done or self._is_enough(MAX_TOGETHER):
            return False
        began = time.monotonic()
        try:
            if not (may_wait or self._is_ready()):
                return False
            found = next(self._retrieved, None)
            read = None if found is None else self._read(*found)
        except BaseException as error:  # noqa: BLE001 - it is raised in its turn
            found, read = None, error
        self.seconds += time.monotonic() - began
        if isinstance(read, _Read):
            self._size += read.size
        if read is not None:
            self._ahead.append(read)
        self._is_done = found is None
        return not self._is_done

    def group(self, most: int) -> list[_Read]:
        """Return the next documents that are to be written, at most so many.

        There are none where something else comes first, or nothing more.
        """
        while not self._is_enough(most) and self.read_ahead(may_wait=True):
            pass
        group: list[_Read] = []
        size = 0
        while len(group) < most and size < MAX_TOGETHER_BYTES:
            read = self._ahead[0] if self._ahead else None
            if not isinstance(read, _Read):
                break
            group.append(read)
            size += read.size
            self._ahead.popleft()
        self._size -= size
        return group

    def other(self) -> Outcome | None:
        """Return the outcome of a document that comes next and cannot be written; None at the end.

        Raises what reading came upon that is of no document.
        """
        if not self._ahead:
            return None
        other = self._ahead.popleft()
        if isinstance(other, BaseException):
            raise other
        assert isinstance(other, Outcome)  # noqa: S101 - `group` took the others
        return other

    def _is_enough(self, most: int) -> bool:
        return len(self._ahead) >= most or self._size >= MAX_TOGETHER_BYTES

    def _read(self, document_id: str, found: Any) -> _Read | Outcome | BaseException | None:
        if isinstance(found, NotFoundError) and self._is_listed:
            return None
        if isinstance(found, BucketNotFoundError | NotConnectedError):
            raise found
        if isinstance(found, StoragesError):
            return Outcome(self._kind, document_id, FAILED, found)
        began = time.monotonic()
        try:
            facts = self._handler.read(found, document_id=document_id)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is of this document
            return _failed(self._kind, document_id, error, time.monotonic() - began)
        size = len(found) if isinstance(found, bytes) else 0
        return _Read(document_id, facts, size, time.monotonic() - began)


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
    """Writes documents of a kind in their order, some at once; more are read meanwhile.

    Where they cannot be written together they are written one by one.
    """

    def __init__(
        self,
        graph: GraphDatabase,
        kind: str,
        handler: Handler,
        pace: _Pace,
        reading: _Reading,
        *,
        force: bool,
    ) -> None:
        self._graph = graph
        self._kind = kind
        self._handler = handler
        self._force = force
        self._pace = pace
        self._reading = reading

    def outcomes(self, documents: Sequence[_Read]) -> Iterator[Outcome]:
        """Write documents; yield what became of each."""
        while documents:
            count = 0
            for outcome in self._written(documents):
                count += 1
                yield outcome
            documents = documents[count:]

    def _written(self, documents: Sequence[_Read]) -> Iterator[Outcome]:
        """Write the first of several documents, at least one; yield what became of each."""
        together = self._handler.write_several
        if together is not None and len(documents) > 1:
            began = self._now()
            try:
                with self._connection() as connection:
                    facts = [each.facts for each in documents]
                    written = together(connection, facts, force=self._force)
            except Exception as error:
                if _is_of_the_server(error):
                    raise
                self._pace.fall()
            else:
                self._pace.rise()
                seconds = (self._now() - began) / len(written)
                for each, is_written in zip(documents, written, strict=False):
                    yield self._done(each, seconds, is_written=is_written)
                return
        elif together is not None:
            self._pace.rise()
        for each in documents:
            outcome = self._written_alone(each)
            yield outcome
            if outcome.error is not None:
                return

    def _written_alone(self, read: _Read) -> Outcome:
        began = self._now()
        try:
            with self._connection() as connection:
                written = self._handler.write(connection, read.facts, force=self._force)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is of this document
            return _failed(self._kind, read.document_id, error, read.seconds + self._now() - began)
        return self._done(read, self._now() - began, is_written=written)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with (
            self._graph.connection() as connection,
            working_meanwhile(connection, self._reading.read_ahead),
        ):
            yield connection

    def _now(self) -> float:
        """Return a time in seconds that stands still while documents are read."""
        return time.monotonic() - self._reading.seconds

    def _done(self, read: _Read, seconds: float, *, is_written: bool) -> Outcome:
        outcome = SYNCED if is_written else SKIPPED
        return Outcome(self._kind, read.document_id, outcome, seconds=read.seconds + seconds)


def _failed(kind: str, document_id: str, error: Exception, seconds: float) -> Outcome:
    """Return the outcome of a document that an error is of; raise what is the server's."""
    if _is_of_the_server(error):
        raise error
    if not isinstance(error, InvalidDocumentError):
        problem = f"cannot be written: {error}"
        if not isinstance(error, _SERVER):
            problem = f"made the handler of {kind} fail: {type(error).__name__}: {error}"
        invalid = InvalidDocumentError(document_id, "", problem)
        invalid.__cause__ = error
        error = invalid
    return Outcome(kind, document_id, FAILED, error, seconds)


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
