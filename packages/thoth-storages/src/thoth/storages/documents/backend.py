"""The port to an object store: what `CephStore` needs of one, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StoredObject(NamedTuple):
    """What a store has under a key, with the SHA-256 that was kept beside it, or None."""

    blob: bytes
    digest: str | None


class ObjectFacts(NamedTuple):
    """The size of an object in bytes, and the SHA-256 that was kept beside it, or None."""

    size: int
    digest: str | None


class ObjectBackend(ABC):
    """Objects by key, each with the SHA-256 of its content.

    Safe for threads. A put is seen whole or not at all, whoever looks, and has outlived the
    store's process when it returns. Every failure is a `DocumentStoreError`; no call waits without
    a limit. Keys come checked (`ids.check_key`). Nothing makes a bucket.
    """

    where: str
    """The place, for people: without any credential."""
    is_near = False
    """An object is read sooner than threads take turns, so that reading many at once is no gain."""

    @abstractmethod
    def check(self) -> None:
        """Raise unless the store answers, and holds the bucket or folder."""

    @abstractmethod
    def put(self, key: str, blob: bytes, digest: str, *, create: bool) -> None:
        """Store an object. With `create`, `DocumentExistsError` where the key is taken.

        Of several that create the same key at once, one succeeds.
        """

    @abstractmethod
    def put_file(self, key: str, path: Path, digest: str) -> None:
        """Store a file's content, of any size, without holding it in memory.

        `InvalidRecordError`, and nothing is stored, where its content has not this digest: it
        was changed meanwhile.
        """

    @abstractmethod
    def get(self, key: str, *, at_most: int) -> StoredObject:
        """Return an object of at most so many bytes, else `DocumentTooLargeError`.

        `NotFoundError` where there is none.
        """

    @abstractmethod
    def stream(self, key: str) -> tuple[ObjectFacts, Iterator[bytes]]:
        """Return an object of any size in pieces of some megabytes; `NotFoundError`."""

    @abstractmethod
    def facts(self, key: str) -> ObjectFacts:
        """Return what is known of an object without reading it; `NotFoundError`."""

    @abstractmethod
    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below the folder `prefix`, whatever they look like, sorted by name.

        The keys of a folder stand together; whether before or after a name that goes on with
        another character than a slash differs. Keys may come and go meanwhile.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object, if there is one."""
