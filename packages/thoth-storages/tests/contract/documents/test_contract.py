"""The contract of stores is one that a store can break: each fault here is found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from thoth.storages import DocumentExistsError, NotFoundError, StoragesError
from thoth.storages.documents.s3 import MemoryBackend
from thoth.storages.testing import DocumentStoreContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thoth.storages.documents.backend import ObjectFacts, StoredObject


class Overwrites(MemoryBackend):
    def put(self, key: str, blob: bytes, digest: str, *, create: bool) -> None:
        super().put(key, blob, digest, create=False)


class LooksBeforeItCreates(MemoryBackend):
    def put(self, key: str, blob: bytes, digest: str, *, create: bool) -> None:
        if create:
            try:
                self.facts(key)
            except NotFoundError:
                time.sleep(0.05)
            else:
                raise DocumentExistsError(self.where, key)
        super().put(key, blob, digest, create=False)


class CutsWhatIsLarge(MemoryBackend):
    def put(self, key: str, blob: bytes, digest: str, *, create: bool) -> None:
        super().put(key, blob[:1_000_000], digest, create=create)


class BelievesTheDigestOfAFile(MemoryBackend):
    def put_file(self, key: str, path: Path, digest: str) -> None:
        self.put(key, path.read_bytes(), digest, create=False)


class LosesTheDigest(MemoryBackend):
    def get(self, key: str, *, at_most: int) -> StoredObject:
        return super().get(key, at_most=at_most)._replace(digest=None)


class MixesUpPieces(MemoryBackend):
    def stream(self, key: str) -> tuple[ObjectFacts, Iterator[bytes]]:
        facts, pieces = super().stream(key)
        return facts._replace(digest=None), reversed(list(pieces))


class HasNoLimit(MemoryBackend):
    def get(self, key: str, *, at_most: int) -> StoredObject:
        return super().get(key, at_most=2**40)


class HasWrongSizes(MemoryBackend):
    def facts(self, key: str) -> ObjectFacts:
        facts = super().facts(key)
        return facts._replace(size=facts.size + 1)


class ListsOnePage(MemoryBackend):
    def keys(self, prefix: str) -> Iterator[str]:
        return iter(list(super().keys(prefix))[:1_000])


class ListsBackwards(MemoryBackend):
    def keys(self, prefix: str) -> Iterator[str]:
        return reversed(list(super().keys(prefix)))


class ListsNeighbours(MemoryBackend):
    def keys(self, prefix: str) -> Iterator[str]:
        above = prefix.rpartition("/")[0] or prefix
        return (key for key in super().keys(above) if key.startswith(prefix))


class DeletesNothing(MemoryBackend):
    def delete(self, key: str) -> None:
        pass


class MissesWhatItDeletes(MemoryBackend):
    def delete(self, key: str) -> None:
        self.facts(key)
        super().delete(key)


@pytest.mark.parametrize(
    ("backend", "test"),
    [
        (Overwrites, "a_document_is_not_overwritten_but_may_be_stored_again"),
        (LooksBeforeItCreates, "of_many_that_create_a_document_at_once_one_succeeds"),
        (CutsWhatIsLarge, "a_file_of_any_size_comes_back_as_it_was_stored"),
        (BelievesTheDigestOfAFile, "a_file_that_changed_while_it_was_read_is_not_stored"),
        (LosesTheDigest, "changed_content_is_found_corrupt"),
        (MixesUpPieces, "a_file_of_any_size_comes_back_as_it_was_stored"),
        (HasNoLimit, "what_is_larger_than_allowed_is_not_read"),
        (HasWrongSizes, "what_is_larger_than_allowed_is_not_read"),
        (ListsOnePage, "a_listing_is_whole_however_many_there_are"),
        (ListsBackwards, "many_documents_are_stored_and_read_in_order"),
        (ListsNeighbours, "a_store_sees_nothing_of_its_neighbours"),
        (DeletesNothing, "deleting_removes_and_may_be_repeated"),
        (MissesWhatItDeletes, "deleting_removes_and_may_be_repeated"),
    ],
)
def test_a_store_that_breaks_a_promise_fails(backend: type[MemoryBackend], test: str) -> None:
    class Contract(DocumentStoreContract):
        def make_backend(self) -> MemoryBackend:
            return backend()

    contract = Contract()
    contract.setup_method()
    with pytest.raises((AssertionError, StoragesError)):
        getattr(contract, f"test_{test}")()
