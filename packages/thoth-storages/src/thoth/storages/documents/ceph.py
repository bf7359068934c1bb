"""`CephStore`: documents, blobs and files below one prefix of an object store."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thoth.storages.documents.bulk import in_order
from thoth.storages.documents.encoding import (
    MAX_DOCUMENT_BYTES,
    as_bytes,
    blob2dict,
    dict2blob,
    digest_of,
    verify,
)
from thoth.storages.documents.files import (
    digest_of_file,
    digest_of_pieces,
    verified,
    write_atomically,
)
from thoth.storages.documents.ids import check_key
from thoth.storages.documents.opening import open_backend
from thoth.storages.exceptions import (
    CorruptDocumentError,
    DocumentExistsError,
    InvalidArgumentError,
    NotConnectedError,
    NotFoundError,
    StoragesError,
    StoreRefusedError,
    StoreUnreachableError,
    UnexpectedKeyError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from thoth.storages.documents.backend import ObjectBackend
    from thoth.storages.settings import StoragesSettings

TRIES = 3
_logger = logging.getLogger(__name__)


class CephStore:
    """Objects whose keys begin with `prefix`, by the rest of their keys.

    On a server that speaks S3, where `host` (its URL) or `THOTH_S3_ENDPOINT_URL` names one, else in
    a folder below `THOTH_DATA_DIR`. What is not given is taken from `settings`, and these from the
    environment, when the object is made. `backend` is for tests and other kinds of store.

    Safe for threads. What was written is whole and lasting when a call returns; what is read is
    verified by its SHA-256 where that was kept. Every call may raise a `DocumentStoreError`, and
    `NotConnectedError` before `connect()`; a bad key is `InvalidArgumentError`.
    """

    def __init__(
        self,
        prefix: str,
        *,
        host: str | None = None,
        key_id: str | None = None,
        secret_key: str | None = None,
        bucket: str | None = None,
        region: str | None = None,
        settings: StoragesSettings | None = None,
        backend: ObjectBackend | None = None,
    ) -> None:
        self.prefix = check_key(prefix.strip("/"))
        self._connected = False
        self._backend = backend or open_backend(
            settings, host=host, key_id=key_id, secret_key=secret_key, bucket=bucket, region=region
        )

    def __repr__(self) -> str:
        """Say where it is, without credentials."""
        return f"{type(self).__name__}({self._backend.where}/{self.prefix})"

    def connect(self) -> None:
        """See that the store answers and holds the bucket, which is never made here.

        A local folder is made. Connecting again checks again.
        """
        self._backend.check()
        self._connected = True

    def is_connected(self) -> bool:
        """Tell whether `connect()` succeeded; it does not ask the store."""
        return self._connected

    @property
    def is_near(self) -> bool:
        """Whether objects are read sooner one by one than many at once: they are, from a folder."""
        return self._connection().is_near

    def check_connection(self) -> None:
        """Ask the store now whether it answers and holds the bucket."""
        self._connection().check()

    dict2blob = staticmethod(dict2blob)

    def store_document(
        self, document: Mapping[str, Any], document_id: str, *, overwrite: bool = False
    ) -> str:
        """Store a document; return its id.

        Without `overwrite`, other content under this id is `DocumentExistsError`; the same content
        is fine, so that a cut call may be repeated. `InvalidRecordError` for what is no JSON.
        """
        return self.store_blob(dict2blob(document), document_id, overwrite=overwrite)

    def store_documents(
        self, documents: Iterable[tuple[str, Mapping[str, Any]]], *, overwrite: bool = False
    ) -> int:
        """Store documents by their ids, many at once; return how many.

        The first that fails ends it with its error; those around it may be stored then. It may be
        repeated.
        """

        def store(item: tuple[str, Mapping[str, Any]]) -> None:
            self.store_document(item[1], item[0], overwrite=overwrite)

        self._connection()
        return sum(1 for _ in in_order(store, documents))

    def store_blob(self, blob: bytes | str, key: str, *, overwrite: bool = False) -> str:
        """Store bytes, or a text in UTF-8, as `store_document()` does; return the key."""
        backend, full = self._connection(), self._full(key)
        content = as_bytes(blob)
        digest = digest_of(content)
        if overwrite:
            backend.put(full, content, digest, create=False)
        else:
            self._create(full, content, digest)
        return key

    def _create(self, full: str, content: bytes, digest: str) -> None:
        for _ in range(TRIES):
            try:
                self._backend.put(full, content, digest, create=True)
            except DocumentExistsError:
                held = self._digest_held(full)
                if held == digest:
                    return
                if held is not None:
                    raise
            else:
                return
        raise StoreUnreachableError(self._backend.where, full, "it was made and deleted meanwhile")

    def store_file(self, path: str | Path, key: str, *, overwrite: bool = False) -> str:
        """Store a file's content, of any size, as `store_document()` does; return the key.

        It is not held in memory. Of several that store different large files under one new key at
        the same time, more than one may succeed, and the last one stays.
        """
        backend, full = self._connection(), self._full(key)
        digest = digest_of_file(Path(path))
        held = None if overwrite else self._digest_held(full)
        if held is None:
            backend.put_file(full, Path(path), digest)
        elif held != digest:
            raise DocumentExistsError(backend.where, full)
        return key

    def retrieve_document(self, key: str) -> dict[str, Any]:
        """Return a document; `NotFoundError`, `CorruptDocumentError`, `DocumentTooLargeError`."""
        return blob2dict(self.retrieve_blob(key), store=self._backend.where, key=self._full(key))

    def retrieve_blob(self, key: str) -> bytes:
        """Return the bytes under a key, 256 MiB at most; errors as of `retrieve_document()`."""
        backend, full = self._connection(), self._full(key)
        found = backend.get(full, at_most=MAX_DOCUMENT_BYTES)
        verify(digest_of(found.blob), found.digest, store=backend.where, key=full)
        return found.blob

    def retrieve_blobs(
        self, keys: Iterable[str], *, check: Callable[[str], str] = check_key
    ) -> Iterator[tuple[str, bytes | StoragesError]]:
        """Yield each key with its bytes, or with the error that it has; many are read at once.

        In the order of `keys`. So one bad object does not stop the others; a store that went away
        does: its `StoreUnreachableError` is raised. `check` returns a key or raises what is wrong
        with it.
        """

        def retrieve(key: str) -> tuple[str, bytes | StoragesError]:
            try:
                return key, self.retrieve_blob(check(key))
            except StoreUnreachableError:
                raise
            except StoragesError as error:
                return key, error

        return in_order(retrieve, keys, in_turn=self.is_near)

    def retrieve_file(self, key: str, path: str | Path) -> None:
        """Write the bytes under a key, however many, into a file, which has them all or none.

        A file of that name is replaced. `NotFoundError`, `CorruptDocumentError`, and
        `InvalidArgumentError` where the file cannot be written.
        """
        backend, full = self._connection(), self._full(key)
        for number in range(1, TRIES + 1):
            facts, pieces = backend.stream(full)
            content = verified(pieces, facts.digest, store=backend.where, key=full)
            try:
                write_atomically(Path(path), content)
            except (CorruptDocumentError, StoreRefusedError):
                # It may have been replaced while it was read, by something shorter even.
                if number == TRIES or self._digest_held(full) == facts.digest:
                    raise
            except OSError as error:
                problem = f"cannot be written ({error.strerror})"
                raise InvalidArgumentError("path", str(path), problem) from error
            else:
                return

    def document_exists(self, key: str) -> bool:
        """Tell whether something is stored under a key."""
        try:
            self._connection().facts(self._full(key))
        except NotFoundError:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove what is stored under a key, if anything is."""
        self._connection().delete(self._full(key))

    def get_document_listing(
        self,
        *,
        below: str | None = None,
        on_skipped: Callable[[StoragesError], None] | None = None,
    ) -> Iterator[str]:
        """Yield the keys below the prefix, or below a folder of it, sorted.

        The keys of a folder stand together; stores differ in where among names that begin alike.
        A key that this store could not have written is skipped: `on_skipped` is called with an
        `UnexpectedKeyError`; by default it is logged.
        """
        backend = self._connection()
        folder = self.prefix if below is None else self._full(below)
        return self._listed(backend, folder, on_skipped or log_skipped)

    def _listed(
        self, backend: ObjectBackend, folder: str, on_skipped: Callable[[StoragesError], None]
    ) -> Iterator[str]:
        start = len(self.prefix) + 1
        for full in backend.keys(folder):
            key = full[start:]
            try:
                yield check_key(key)
            except InvalidArgumentError as error:
                on_skipped(UnexpectedKeyError(backend.where, full, f"its key {error.problem}"))

    def iterate_results(
        self, *, on_skipped: Callable[[StoragesError], None] | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each key with its document, sorted by key; many are read at once.

        What is no document is skipped as in `get_document_listing()`, with its error; what was
        deleted meanwhile is left out.
        """
        skip = on_skipped or log_skipped
        return self.documents_of(self.get_document_listing(on_skipped=skip), skip)

    def documents_of(
        self, keys: Iterable[str], on_skipped: Callable[[StoragesError], None]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield keys with their documents, in this order; see `iterate_results()`."""
        for key, found in self.retrieve_blobs(keys):
            try:
                if not isinstance(found, StoragesError):
                    document = blob2dict(found, store=self._backend.where, key=self._full(key))
                elif isinstance(found, NotFoundError):
                    continue
                else:
                    raise found
            except StoragesError as error:
                on_skipped(error)
                continue
            yield key, document

    def _connection(self) -> ObjectBackend:
        if not self._connected:
            raise NotConnectedError(type(self).__name__)
        return self._backend

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{check_key(key)}"

    def _digest_held(self, full: str) -> str | None:
        """Return the SHA-256 of what is stored under a key, None where nothing is."""
        try:
            facts, pieces = self._backend.stream(full)
            return facts.digest or digest_of_pieces(pieces)
        except NotFoundError:
            return None


def log_skipped(error: StoragesError) -> None:
    """Log what a listing skipped."""
    _logger.warning("Skipped: %s", error)
