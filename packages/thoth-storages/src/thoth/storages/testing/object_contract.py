"""The promises of `CephStore`: what `DocumentStoreContract` begins with."""
# ruff: noqa: S101, D102 - a test suite, though no framework's

from __future__ import annotations

import hashlib
import secrets
import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

from thoth.storages.documents.ceph import CephStore
from thoth.storages.documents.ids import MAX_ID_LENGTH
from thoth.storages.exceptions import (
    CorruptDocumentError,
    DocumentExistsError,
    DocumentTooLargeError,
    InvalidArgumentError,
    InvalidRecordError,
    NotConnectedError,
    NotFoundError,
    StoragesError,
    UnexpectedKeyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages.documents.backend import ObjectBackend

HOSTILE_KEYS = (
    *("", ".", "..", "../x", "a/../b", "/etc/passwd", "a//b", "a/", "a/.b", ".incoming/x"),
    *("a\0b", "a\nb", "a b", "a\\b", "a%2fb", "é", "\ud800", "x" * (MAX_ID_LENGTH + 1)),
    *("/".join("a" * 100), None, 7, b"a"),
)


class ObjectStoreContract(ABC):
    """What `CephStore` promises, on any `ObjectBackend`.

    `MANY` is more than a page of the store's listings has.
    """

    MANY = 1_010

    @abstractmethod
    def make_backend(self) -> ObjectBackend:
        """Return the store under test; what it holds does not matter."""

    def setup_method(self) -> None:
        self.name = f"contract-{secrets.token_hex(6)}"
        self.backend = self.make_backend()
        self.store = CephStore(f"{self.name}/documents", backend=self.backend)
        self.store.connect()

    def teardown_method(self) -> None:
        for key in list(self.backend.keys(self.name)):
            self.backend.delete(key)

    def put_raw(self, key: str, blob: bytes, digest: str | None = None) -> None:
        """Store bytes as somebody else would, or as a fault would leave them."""
        digest = hashlib.sha256(blob).hexdigest() if digest is None else digest
        self.backend.put(f"{self.name}/{key}", blob, digest, create=False)

    # --- documents and blobs -------------------------------------------------------------------

    def test_a_document_comes_back_as_it_was_stored(self) -> None:
        document = {"b": [1, 2.5, None, True, "é\u2028\U0001f40d"], "a": {}, "": {"deep": [[]]}}
        assert self.store.store_document(document, "x-1") == "x-1"
        assert self.store.retrieve_document("x-1") == document
        assert self.store.document_exists("x-1")

    def test_a_stored_document_is_json_with_sorted_keys_and_two_spaces(self) -> None:
        self.store.store_document({"b": [1], "a": {"d": "é", "c": None}}, "x")
        expected = '{\n  "a": {\n    "c": null,\n    "d": "é"\n  },\n  "b": [\n    1\n  ]\n}'
        assert self.store.retrieve_blob("x").decode() == expected

    def test_a_blob_comes_back_as_it_was_stored(self) -> None:
        for key, blob in (("empty", b""), ("a/b/c", bytes(range(256)) * 100), ("text", "é\0\n")):
            self.store.store_blob(blob, key)
            expected = blob.encode() if isinstance(blob, str) else blob
            assert self.store.retrieve_blob(key) == expected

    def test_what_is_missing_is_not_found(self) -> None:
        self.store.store_blob(b"", "a/b")
        for key in ("missing", "a", "a/b/c", "a/c"):
            assert not self.store.document_exists(key), key
            for ask in (self.store.retrieve_document, self.store.retrieve_blob):
                with raises(NotFoundError) as error:
                    ask(key)
                assert key in error[0].what
            with tempfile.TemporaryDirectory() as folder, raises(NotFoundError):
                self.store.retrieve_file(key, Path(folder) / "file")

    def test_a_document_is_not_overwritten_but_may_be_stored_again(self) -> None:
        self.store.store_document({"a": 1, "b": 2}, "x")
        self.store.store_document({"b": 2, "a": 1}, "x")
        with raises(DocumentExistsError) as error:
            self.store.store_document({"a": 2}, "x")
        assert error[0].key == f"{self.name}/documents/x"
        assert self.store.retrieve_document("x") == {"a": 1, "b": 2}

    def test_overwriting_is_possible_where_it_is_meant(self) -> None:
        self.store.store_blob(b"a longer one", "x")
        self.store.store_blob(b"other", "x", overwrite=True)
        assert self.store.retrieve_blob("x") == b"other"
        self.store.store_document({}, "x", overwrite=True)
        assert self.store.retrieve_document("x") == {}

    def test_of_many_that_create_a_document_at_once_one_succeeds(self) -> None:
        barrier, stored, refused = Barrier(8), [], []

        def store(number: int) -> None:
            barrier.wait()
            try:
                self.store.store_document({"number": number}, "same")
                stored.append(number)
            except DocumentExistsError:
                refused.append(number)

        threads = [Thread(target=store, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(stored), len(refused)) == (1, 7)
        assert self.store.retrieve_document("same") == {"number": stored[0]}

    def test_deleting_removes_and_may_be_repeated(self) -> None:
        self.store.store_blob(b"1", "a/b")
        self.store.store_blob(b"2", "a/c")
        for _ in range(2):
            self.store.delete("a/b")
            assert not self.store.document_exists("a/b")
        assert list(self.store.get_document_listing()) == ["a/c"]
        self.store.store_blob(b"3", "a/b")
        assert self.store.retrieve_blob("a/b") == b"3"

    def test_changed_content_is_found_corrupt(self) -> None:
        self.put_raw("documents/x", b"{}", hashlib.sha256(b"{ }").hexdigest())
        for ask in (self.store.retrieve_document, self.store.retrieve_blob):
            with raises(CorruptDocumentError) as error:
                ask("x")
            assert error[0].key == f"{self.name}/documents/x"
        with tempfile.TemporaryDirectory() as folder:
            with raises(CorruptDocumentError):
                self.store.retrieve_file("x", Path(folder) / "file")
            assert list(Path(folder).iterdir()) == []

    def test_what_is_no_document_is_corrupt(self) -> None:
        for number, blob in enumerate((b"", b"{", b"[]", b"\xff", b"1", b"[" * 100_000)):
            self.put_raw(f"documents/{number}", blob)
            with raises(CorruptDocumentError):
                self.store.retrieve_document(str(number))

    def test_what_is_no_json_is_not_stored(self) -> None:
        loop: dict[str, Any] = {}
        loop["loop"] = loop
        documents: Any = ({"a": object()}, {"a": float("nan")}, {"a": "\ud800"}, loop, [], None)
        for document in documents:
            with raises(InvalidRecordError):
                self.store.store_document(document, "x")
        blobs: Any = ("\ud800", None, 5, [1])
        for blob in blobs:
            with raises(InvalidRecordError):
                self.store.store_blob(blob, "x")
        assert not self.store.document_exists("x")

    def test_keys_that_could_lead_elsewhere_are_refused(self) -> None:
        for key in HOSTILE_KEYS:
            asks: Any = (
                self.store.retrieve_blob,
                self.store.document_exists,
                self.store.delete,
                lambda key: self.store.store_blob(b"", key),
                lambda key: self.store.store_document({}, key),
            )
            for ask in asks:
                with raises(InvalidArgumentError) as error:
                    ask(key)
                str(error[0]).encode()
        assert list(self.backend.keys(self.name)) == []

    def test_the_longest_id_is_stored(self) -> None:
        longest = "x" * MAX_ID_LENGTH
        self.store.store_blob(b"1", f"{longest}/{longest}")
        assert self.store.retrieve_blob(f"{longest}/{longest}") == b"1"
        assert list(self.store.get_document_listing()) == [f"{longest}/{longest}"]

    def test_before_connecting_everything_is_refused(self) -> None:
        store = CephStore(self.name, backend=self.backend)
        assert not store.is_connected()
        asks: Any = (
            store.check_connection,
            store.get_document_listing,
            store.iterate_results,
            lambda: store.store_document({}, "x"),
            lambda: store.store_documents([]),
            lambda: store.retrieve_document("x"),
            lambda: store.retrieve_blobs([]),
            lambda: store.document_exists("x"),
            lambda: store.delete("x"),
        )
        for ask in asks:
            with raises(NotConnectedError):
                ask()
        store.connect()
        assert store.is_connected()
        store.check_connection()

    # --- large ones ----------------------------------------------------------------------------

    def test_a_file_of_any_size_comes_back_as_it_was_stored(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "source", Path(folder) / "target"
            for key, blocks in (("none", 0), ("small", 1), ("large", 20)):
                with source.open("wb") as file:
                    for number in range(blocks):
                        file.write(
                            hashlib.sha256(f"{self.name} {number}".encode()).digest() * 2**15
                        )
                    file.write(key.encode())
                self.store.store_file(source, key)
                self.store.retrieve_file(key, target)
                assert target.read_bytes() == source.read_bytes()
            self.store.store_file(source, "large")
            source.write_bytes(b"other")
            with raises(DocumentExistsError):
                self.store.store_file(source, "large")
            self.store.store_file(source, "large", overwrite=True)
            assert self.store.retrieve_blob("large") == b"other"
            for path in (Path(folder) / "missing", Path(folder), Path("/dev/zero"), "a\0b"):
                with raises(InvalidArgumentError):
                    self.store.store_file(path, "missing")
            for path in (Path(folder), Path(folder) / "no" / "x", "", "a\0b"):
                with raises(InvalidArgumentError):
                    self.store.retrieve_file("large", path)
        assert not self.store.document_exists("missing")

    def test_a_file_that_changed_while_it_was_read_is_not_stored(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "source"
            for size in (10, 2**23 + 1):
                source.write_bytes(b"x" * size)
                with raises(InvalidRecordError):
                    self.backend.put_file(f"{self.name}/x", source, "0" * 64)
        assert list(self.backend.keys(self.name)) == []

    def test_what_is_larger_than_allowed_is_not_read(self) -> None:
        self.store.store_blob(b"12345", "x")
        key = f"{self.name}/documents/x"
        assert self.backend.facts(key).size == 5
        assert self.backend.stream(key)[0].size == 5
        assert self.backend.get(key, at_most=5).blob == b"12345"
        with raises(DocumentTooLargeError) as error:
            self.backend.get(key, at_most=4)
        assert (error[0].size, error[0].limit) == (5, 4)

    # --- many ----------------------------------------------------------------------------------

    def test_many_documents_are_stored_and_read_in_order(self) -> None:
        documents = {f"x-{number:03}": {"number": number} for number in range(150)}
        assert self.store.store_documents(documents.items()) == 150
        assert list(self.store.get_document_listing()) == list(documents)
        assert dict(self.store.iterate_results()) == documents
        backwards = sorted(documents, reverse=True)
        assert [key for key, _ in self.store.retrieve_blobs(backwards)] == backwards
        assert self.store.store_documents(documents.items()) == 150

    def test_a_listing_is_whole_however_many_there_are(self) -> None:
        documents: dict[str, dict[str, Any]] = {f"x-{number:04}": {} for number in range(self.MANY)}
        self.store.store_documents(documents.items())
        assert list(self.store.get_document_listing()) == list(documents)

    def test_the_keys_of_a_folder_stand_together(self) -> None:
        keys = {"a/x", "a-b", "a/b-c", "a/b/c", "a/b/d", "a0"}
        for key in keys:
            self.store.store_blob(b"", key)
        listed = list(self.store.get_document_listing())
        assert set(listed) == keys
        assert [key for key in listed if "/" not in key] == ["a-b", "a0"]
        begin = min(map(listed.index, ("a/x", "a/b-c", "a/b/c", "a/b/d")))
        assert all(key.startswith("a/") for key in listed[begin : begin + 4])
        assert listed.index("a/b/d") == listed.index("a/b/c") + 1
        below = [key for key in listed if key.startswith("a/b/")]
        assert list(self.store.get_document_listing(below="a/b")) == below

    def test_one_bad_document_does_not_stop_the_others(self) -> None:
        self.store.store_documents((f"x-{number}", {}) for number in range(5))
        self.put_raw("documents/x-2", b"{}", "0" * 64)
        self.put_raw("documents/x-3", b"[]")
        found = dict(self.store.retrieve_blobs(["x-0", "x-2", "missing", "../x", "x-4"]))
        assert (found["x-0"], found["x-4"]) == (b"{}", b"{}")
        assert isinstance(found["x-2"], CorruptDocumentError)
        assert isinstance(found["missing"], NotFoundError)
        assert isinstance(found["../x"], InvalidArgumentError)
        skipped: list[StoragesError] = []
        results = self.store.iterate_results(on_skipped=skipped.append)
        assert [key for key, _ in results] == ["x-0", "x-1", "x-4"]
        assert [type(error) for error in skipped] == [CorruptDocumentError] * 2

    def test_one_document_that_cannot_be_stored_ends_storing_many(self) -> None:
        with raises(InvalidRecordError):
            self.store.store_documents([("a", {}), ("b", {"x": object()}), ("c", {})])
        assert self.store.store_documents([("a", {}), ("b", {}), ("c", {})]) == 3

    def test_reading_many_may_be_given_up(self) -> None:
        self.store.store_documents((f"x-{number:03}", {}) for number in range(100))
        results = self.store.iterate_results()
        assert next(results) == ("x-000", {})
        results.close()  # type: ignore[attr-defined]
        assert self.store.retrieve_document("x-099") == {}

    def test_a_store_sees_nothing_of_its_neighbours(self) -> None:
        neighbours = ("documents2", "documents-2", "document", "other/documents")
        for name in neighbours:
            self.put_raw(f"{name}/x", b"{}")
        assert list(self.store.get_document_listing()) == []
        assert not self.store.document_exists("x")

    def test_strange_keys_do_not_stop_a_listing(self) -> None:
        self.put_raw("documents/.hidden", b"{}")
        self.put_raw("documents/a b", b"{}")
        self.put_raw("documents/é", b"{}")
        self.store.store_document({}, "good")
        skipped: list[Any] = []
        assert list(self.store.get_document_listing(on_skipped=skipped.append)) == ["good"]
        assert all(isinstance(error, UnexpectedKeyError) for error in skipped)
        names = {error.key.rpartition("/")[2] for error in skipped}
        assert names == {".hidden", "a b", "é"}


@contextmanager
def raises(kind: type[StoragesError]) -> Iterator[list[Any]]:
    """Expect an error of this kind; it is in the list afterwards."""
    caught: list[Any] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
    else:
        raise AssertionError(f"no {kind.__name__} was raised")
