"""Objects on a server that speaks S3, and in memory, through one library.

The SHA-256 of an object is in its metadata (`x-amz-meta-sha256`), so that one request brings
both. What is used of S3 holds on Ceph, SeaweedFS and Amazon alike: whole puts, with
`If-None-Match: *` where nothing may be overwritten, ranges, and the second listing.
"""

# ruff: noqa: D102 - the port says what its methods do

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import MemoryStore, S3Store

from thoth.storages.documents.backend import ObjectBackend, ObjectFacts, StoredObject
from thoth.storages.documents.files import PIECE, pieces_of, size_of_file
from thoth.storages.documents.s3_asking import (
    CONNECT_SECONDS,
    REQUEST_SECONDS,
    RETRIES,
    RETRY_SECONDS,
)
from thoth.storages.documents.s3_listing import listed_keys
from thoth.storages.exceptions import (
    BucketNotFoundError,
    DocumentExistsError,
    DocumentTooLargeError,
    NotFoundError,
    StoragesError,
    StoreFullError,
    StoreRefusedError,
    StoreUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thoth.storages.settings import ObjectStoreServer

PARTS_AT_ONCE = 4
_DIGEST = "sha256"
_CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted", "ConcurrentModification"})
_CONFLICT_SECONDS = (0.1, 0.3, 0.9)
_CODE = r"<Code>(\w{1,100})</Code>"
_TAKEN = (AlreadyExistsError, PreconditionError)
_FULL = frozenset({"QuotaExceeded", "InsufficientStorage", "StorageFull", "XMinioStorageFull"})


class _LibraryBackend(ObjectBackend):
    """Objects in any store of the library that keeps metadata."""

    def __init__(self, store: Any, where: str, *, secrets: tuple[str, ...] = ()) -> None:
        self.where = where
        self._store = store
        self._secrets = secrets

    def check(self) -> None:
        for _ in self.keys("thoth-connection-check"):
            break

    def put(self, key: str, blob: bytes, digest: str, *, create: bool) -> None:
        if create:
            self._create(key, blob, digest)
            return
        with self._errors(key):
            obstore.put(self._store, key, blob, attributes={_DIGEST: digest}, use_multipart=False)

    def _create(self, key: str, blob: bytes, digest: str) -> None:
        """Store an object where there is none.

        A server may refuse that only because somebody else is doing it now, who may fail.
        """
        attributes = {_DIGEST: digest}
        with self._errors(key, expected=DocumentExistsError):
            for seconds in (*_CONFLICT_SECONDS, None):
                try:
                    obstore.put(
                        self._store,
                        key,
                        blob,
                        attributes=attributes,
                        mode="create",
                        use_multipart=False,
                    )
                except AlreadyExistsError as error:
                    if seconds is None or _first(_CODE, str(error)) not in _CONFLICTS:
                        raise
                    time.sleep(seconds)
                else:
                    return

    def put_file(self, key: str, path: Path, digest: str) -> None:
        if size_of_file(path) <= PIECE:
            blob = b"".join(pieces_of(path, digest))
            self.put(key, blob, digest, create=False)
            return
        with self._errors(key):
            obstore.put(
                self._store,
                key,
                pieces_of(path, digest),
                attributes={_DIGEST: digest},
                use_multipart=True,
                chunk_size=PIECE,
                max_concurrency=PARTS_AT_ONCE,
            )

    def get(self, key: str, *, at_most: int) -> StoredObject:
        with self._errors(key, expected=NotFoundError):
            result = obstore.get(self._store, key)
            size = result.meta["size"]
            if size > at_most:
                raise DocumentTooLargeError(self.where, key, size, at_most)
            return StoredObject(result.bytes().to_bytes(), result.attributes.get(_DIGEST))

    def stream(self, key: str) -> tuple[ObjectFacts, Iterator[bytes]]:
        facts = self.facts(key)

        def pieces() -> Iterator[bytes]:
            for start in range(0, facts.size, PIECE):
                end = min(start + PIECE, facts.size)
                with self._errors(key, expected=NotFoundError):
                    piece = obstore.get_range(self._store, key, start=start, end=end)
                yield piece.to_bytes()

        return facts, pieces()

    def facts(self, key: str) -> ObjectFacts:
        with self._errors(key, expected=NotFoundError):
            try:
                result = obstore.get(self._store, key, options={"head": True})
            except FileNotFoundError:
                # The answer to HEAD has no body: only that to GET tells that the bucket is gone.
                result = obstore.get(self._store, key)
            return ObjectFacts(result.meta["size"], result.attributes.get(_DIGEST))

    def delete(self, key: str) -> None:
        with self._errors(key):
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise

    @contextmanager
    def _errors(
        self, key: str | None, *, expected: type[StoragesError] | None = None
    ) -> Iterator[None]:
        """Type what is raised; `expected` is what a missing or a taken key means here."""
        try:
            yield
        except StoragesError:
            raise
        except (BaseError, OSError, ValueError) as error:
            text = str(error)
            for secret in filter(None, self._secrets):
                text = text.replace(secret, "***")
            typed = self._typed(key, error, text, expected)
        else:
            return
        # The library's own error shows more than it should: it must not be seen with ours.
        raise typed from None

    def _typed(
        self, key: str | None, error: Exception, text: str, expected: type[StoragesError] | None
    ) -> StoragesError:
        status = _first(r"status code: ([0-9]{3})", text)
        code = _first(_CODE, text)
        message = _first(r"<Message>([^<]{1,300})", text)
        detail = ", ".join(filter(None, (status, code, message))) or text.partition("\n")[0][:300]
        if code == "NoSuchBucket":
            return BucketNotFoundError(self.where, None, detail)
        if expected is NotFoundError and isinstance(error, FileNotFoundError):
            return NotFoundError(f"{key} in {self.where}")
        if expected is DocumentExistsError and isinstance(error, _TAKEN) and code not in _CONFLICTS:
            return DocumentExistsError(self.where, key or "")
        if code in _FULL or status == "507":
            return StoreFullError(self.where, key, detail)
        busy = status in ("408", "429") or code in _CONFLICTS
        if status == "501" or (status.startswith("4") and not busy):
            return StoreRefusedError(self.where, key, detail)
        return StoreUnreachableError(self.where, key, detail)


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


class MemoryBackend(_LibraryBackend):
    """Objects in this process's memory, for tests; each backend has its own."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(), "memory")

    def keys(self, prefix: str) -> Iterator[str]:
        for page in obstore.list(self._store, prefix):
            yield from sorted(found["path"] for found in page)


class S3Backend(_LibraryBackend):
    """Objects in a bucket of a server that speaks S3.

    Variables such as `AWS_SESSION_TOKEN` are not obeyed.
    """

    def __init__(self, server: ObjectStoreServer) -> None:
        secure = server.endpoint_url.startswith("https://")
        credentials = {
            "access_key_id": server.key_id,
            "secret_access_key": server.secret_key,
            "token": None,
            "expires_at": None,
        }
        store = S3Store(
            server.bucket,
            config={
                "aws_endpoint_url_s3": server.endpoint_url,
                "endpoint": server.endpoint_url,
                "region": server.region,
                "virtual_hosted_style_request": False,
                "skip_signature": False,
                "unsigned_payload": False,
                "disable_tagging": True,
                "disable_bulk_delete": True,
                "conditional_put": "etag",
            },
            credential_provider=lambda: credentials,  # type: ignore[arg-type]
            client_options={
                "allow_http": not secure,
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "timeout": timedelta(seconds=REQUEST_SECONDS),
            },
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                "backoff": {"max_backoff": timedelta(seconds=2)},
            },
        )
        super().__init__(
            store,
            f"{server.endpoint_url}/{server.bucket}",
            secrets=(server.secret_key, server.key_id),
        )
        self._server = server

    def keys(self, prefix: str) -> Iterator[str]:
        pages = listed_keys(self._server, prefix)
        while True:
            with self._errors(None):
                page = next(pages, None)
            if page is None:
                return
            yield from page
