"""The promises of object stores, as a test suite that every kind of store passes.

Inherit it and give it `make_backend()`. It keeps to keys that begin with a name of its own, and
removes what it stored in the end, so that it may be run on a bucket that is in use:

    class TestMyStore(DocumentStoreContract):
        def make_backend(self) -> ObjectBackend: ...

The methods run under pytest or any runner that calls `setup_method`, what begins with `test_`,
and `teardown_method`.
"""
# ruff: noqa: S101, D102 - a test suite, though no framework's

from __future__ import annotations

import hashlib
import secrets
import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

from thoth.storages.documents.ceph import CephStore
from thoth.storages.documents.ids import MAX_ID_LENGTH, new_document_id
from thoth.storages.documents.inspections import InspectionsStore
from thoth.storages.documents.other_stores import BuildLogsStore, CephCache, GraphBackupStore
from thoth.storages.documents.results import AdvisersResultsStore, SolverResultsStore
from thoth.storages.exceptions import (
    CorruptDocumentError,
    DocumentExistsError,
    InvalidArgumentError,
    InvalidRecordError,
    NotConnectedError,
    NotFoundError,
    StoragesError,
    UnexpectedKeyError,
)
from thoth.storages.settings import StoragesSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages.documents.backend import ObjectBackend

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOSTILE_KEYS = (
    *("", ".", "..", "../x", "a/../b", "/etc/passwd", "a//b", "a/", "a/.b", ".incoming/x"),
    *("a\0b", "a\nb", "a b", "a\\b", "a%2fb", "é", "\ud800", "x" * (MAX_ID_LENGTH + 1)),
    *("/".join("a" * 100), None, 7, b"a"),
)


class DocumentStoreContract(ABC):
    """What `CephStore` and the stores built on it promise, on any `ObjectBackend`."""

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

    def deployed(self, store: Any, **parameters: Any) -> Any:
        """Return a connected store of this kind, below the test's own prefix."""
        settings = StoragesSettings(data_dir=Path("/nonexistent"))
        made = store(
            "test", prefix=self.name, backend=self.backend, settings=settings, **parameters
        )
        made.connect()
        return made

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
                with _raises(NotFoundError) as error:
                    ask(key)
                assert key in error[0].what
            with tempfile.TemporaryDirectory() as folder, _raises(NotFoundError):
                self.store.retrieve_file(key, Path(folder) / "file")

    def test_a_document_is_not_overwritten_but_may_be_stored_again(self) -> None:
        self.store.store_document({"a": 1, "b": 2}, "x")
        self.store.store_document({"b": 2, "a": 1}, "x")
        with _raises(DocumentExistsError) as error:
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
            with _raises(CorruptDocumentError) as error:
                ask("x")
            assert error[0].key == f"{self.name}/documents/x"
        with tempfile.TemporaryDirectory() as folder:
            with _raises(CorruptDocumentError):
                self.store.retrieve_file("x", Path(folder) / "file")
            assert list(Path(folder).iterdir()) == []

    def test_what_is_no_document_is_corrupt(self) -> None:
        for number, blob in enumerate((b"", b"{", b"[]", b"\xff", b"1", b"[" * 100_000)):
            self.put_raw(f"documents/{number}", blob)
            with _raises(CorruptDocumentError):
                self.store.retrieve_document(str(number))

    def test_what_is_no_json_is_not_stored(self) -> None:
        loop: dict[str, Any] = {}
        loop["loop"] = loop
        for document in ({"a": object()}, {"a": float("nan")}, {"a": "\ud800"}, loop):
            with _raises(InvalidRecordError):
                self.store.store_document(document, "x")
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
                with _raises(InvalidArgumentError) as error:
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
            with _raises(NotConnectedError):
                ask()
        store.connect()
        assert store.is_connected()
        store.check_connection()

    # --- large ones ----------------------------------------------------------------------------

    def test_a_file_of_any_size_comes_back_as_it_was_stored(self) -> None:
        block = hashlib.sha256(self.name.encode()).digest() * 2**15
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "source", Path(folder) / "target"
            for key, blocks in (("none", 0), ("small", 1), ("large", 20)):
                with source.open("wb") as file:
                    for _ in range(blocks):
                        file.write(block)
                    file.write(key.encode())
                self.store.store_file(source, key)
                self.store.retrieve_file(key, target)
                assert target.read_bytes() == source.read_bytes()
            self.store.store_file(source, "large")
            source.write_bytes(b"other")
            with _raises(DocumentExistsError):
                self.store.store_file(source, "large")
            self.store.store_file(source, "large", overwrite=True)
            assert self.store.retrieve_blob("large") == b"other"
            with _raises(InvalidArgumentError):
                self.store.store_file(Path(folder) / "missing", "missing")
        assert not self.store.document_exists("missing")

    # --- many ----------------------------------------------------------------------------------

    def test_many_documents_are_stored_and_read_in_order(self) -> None:
        documents = {f"x-{number:03}": {"number": number} for number in range(150)}
        assert self.store.store_documents(documents.items()) == 150
        assert list(self.store.get_document_listing()) == list(documents)
        assert dict(self.store.iterate_results()) == documents
        backwards = sorted(documents, reverse=True)
        assert [key for key, _ in self.store.retrieve_blobs(backwards)] == backwards
        assert self.store.store_documents(documents.items()) == 150

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
        with _raises(InvalidRecordError):
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

    # --- results -------------------------------------------------------------------------------

    def test_results_are_stored_under_the_ids_in_them(self) -> None:
        store = self.deployed(AdvisersResultsStore)
        document_id = new_document_id("adviser")
        document = {"metadata": {"document_id": document_id}, "result": {}}
        assert store.store_document(document) == document_id
        assert store.retrieve_document(document_id) == document
        assert list(self.backend.keys(self.name)) == [f"{self.name}/test/adviser/{document_id}"]
        assert dict(store.iterate_results()) == {document_id: document}
        assert store.store_documents([document]) == 1
        assert store.get_document_count() == 1
        store.delete(document_id)
        assert not store.document_exists(document_id)

    def test_requests_are_kept_apart_from_results(self) -> None:
        store = self.deployed(AdvisersResultsStore)
        asked, answered = new_document_id("adviser"), new_document_id("adviser")
        store.store_document({"metadata": {"document_id": answered}, "result": {}})
        store.store_request(asked, {"question": 1})
        assert list(store.get_document_listing()) == [answered]
        assert list(store.get_document_listing(only_requests=True)) == [asked]
        assert [key for key, _ in store.iterate_results()] == [answered]
        assert store.get_document_count() == store.get_document_count(only_requests=True) == 1
        assert store.retrieve_request(asked) == {"question": 1}
        assert store.request_exists(asked)
        assert not store.request_exists(answered)
        assert not store.document_exists(asked)
        for ask in (store.retrieve_document, store.document_exists):
            with _raises(InvalidArgumentError):
                ask(f"{asked}.request")

    def test_dates_choose_by_the_time_in_the_id(self) -> None:
        store = self.deployed(SolverResultsStore)
        ids = {
            day: new_document_id("solver-fedora-32-py38", at=NOON + timedelta(days=day))
            for day in range(-3, 4)
        }
        old = "solver-0123abcd"
        for document_id in (*ids.values(), old):
            store.store_document({"metadata": {"document_id": document_id}, "result": {}})

        def days(**dates: Any) -> list[int]:
            listed = list(store.get_document_listing(**dates))
            assert store.get_document_count(**dates) == len(listed)
            assert [key for key, _ in store.iterate_results(**dates)] == listed
            return sorted(day for day, document_id in ids.items() if document_id in listed)

        today = date(2026, 1, 2)
        assert old in list(store.get_document_listing())
        assert old not in list(store.get_document_listing(start_date=date(2000, 1, 1)))
        assert days() == [-3, -2, -1, 0, 1, 2, 3]
        assert days(start_date=today) == [0, 1, 2, 3]
        assert days(end_date=today) == [-3, -2, -1]
        assert days(end_date=today, include_end_date=True) == [-3, -2, -1, 0]
        assert days(start_date=today, end_date=today) == []
        assert days(start_date=today, end_date=today, include_end_date=True) == [0]
        assert days(start_date=NOON + timedelta(seconds=1)) == [1, 2, 3]
        assert days(start_date=NOON, end_date=NOON, include_end_date=True) == [0]

    def test_documents_under_the_wrong_prefix_are_reported_and_skipped(self) -> None:
        store = self.deployed(SolverResultsStore)
        good = new_document_id("solver-rhel-8-py36")
        store.store_document({"metadata": {"document_id": good}, "result": {}})
        wrong = ("adviser-0123abcd", "nested/solver-0123abcd", "no document")
        for key in wrong:
            self.put_raw(f"test/solver/{key}", b"{}")
        skipped: list[Any] = []
        assert list(store.get_document_listing(on_skipped=skipped.append)) == [good]
        assert all(isinstance(error, UnexpectedKeyError) for error in skipped)
        assert len(skipped) == len(wrong)
        with _raises(InvalidArgumentError):
            store.store_document({"metadata": {"document_id": wrong[0]}, "result": {}})

    def test_a_result_without_an_id_is_refused(self) -> None:
        store = self.deployed(AdvisersResultsStore)
        for document in ({}, {"metadata": None}, {"metadata": {"document_id": None}}):
            with _raises(InvalidRecordError):
                store.store_document(document)

    # --- the other stores ----------------------------------------------------------------------

    def test_an_inspection_has_its_parts(self) -> None:
        inspections = self.deployed(InspectionsStore)
        inspection_id = new_document_id("inspection-test", at=NOON)
        inspection = inspections.open(inspection_id)
        assert not inspection.exists()
        inspection.build.store_specification({"base": "fedora:32"})
        inspection.build.store_dockerfile("FROM fedora:32\n")
        inspection.build.store_log("done")
        for item in (0, 1, 2, 10):
            inspection.results.store_result(item, {"stdout": {"number": item}})
            inspection.results.store_hardware_info(item, {"cpu_info": {}})
            inspection.results.store_log(item, "ran")
        self.put_raw(f"test/inspections/{inspection_id}/results/x/result", b"{}")
        folder = f"{self.name}/test/inspections/{inspection_id}"
        keys = list(self.backend.keys(folder))
        for part in ("build/Dockerfile", "build/specification", "build/log", "results/10/hwinfo"):
            assert f"{folder}/{part}" in keys
        assert inspection.exists()
        assert inspection.build.retrieve_specification() == {"base": "fedora:32"}
        assert inspection.build.retrieve_dockerfile() == "FROM fedora:32\n"
        assert inspection.build.retrieve_log() == "done"
        assert inspection.results.get_items() == [0, 1, 2, 10]
        assert inspection.results.get_results_count() == 4
        assert inspection.results.retrieve_hardware_info(1) == {"cpu_info": {}}
        assert inspection.results.retrieve_log(2) == "ran"
        assert [item for item, _ in inspection.results.iterate_results()] == [0, 1, 2, 10]
        assert inspection.results.retrieve_result(10) == {"stdout": {"number": 10}}
        with _raises(NotFoundError):
            inspection.results.retrieve_result(3)
        strange: tuple[Any, ...] = (-1, True, "0", 10**9)
        for item in strange:
            with _raises(InvalidArgumentError):
                inspection.results.retrieve_result(item)
        other = new_document_id("inspection-test", at=NOON + timedelta(days=1))
        inspections.open(other).build.store_specification({})
        self.put_raw("test/inspections/stray", b"")
        skipped: list[Any] = []
        listed = list(inspections.get_document_listing(on_skipped=skipped.append))
        assert listed == [inspection_id, other]
        assert len(skipped) == 1
        assert list(inspections.get_document_listing(start_date=date(2026, 1, 3))) == [other]

    def test_build_logs_are_stored_by_their_content(self) -> None:
        store = self.deployed(BuildLogsStore)
        document_id = store.store_log("built\n")
        assert document_id == "buildlog-" + hashlib.sha256(b"built\n").hexdigest()
        assert store.store_log(b"built\n") == document_id
        assert store.retrieve_log(document_id) == b"built\n"
        assert list(store.get_document_listing()) == [document_id]
        self.put_raw(f"test/buildlogs/{document_id}", b"other")
        with _raises(CorruptDocumentError):
            store.retrieve_log(document_id)
        with _raises(InvalidArgumentError):
            store.retrieve_log("buildlog-1")

    def test_dumps_are_listed_from_the_oldest(self) -> None:
        store = self.deployed(GraphBackupStore)
        with tempfile.TemporaryDirectory() as folder:
            dump = Path(folder) / "dump"
            made = []
            for day in (1, 0, 2):
                dump.write_bytes(b"dump %d" % day)
                made.append(store.store_dump(dump, suffix=".gz", at=NOON + timedelta(days=day)))
            assert made[1] == "pg_dump-260102120000.sql.gz"
            assert list(store.get_document_listing()) == sorted(made)
            store.retrieve_dump(made[0], dump)
            assert dump.read_bytes() == b"dump 1"
        store.delete(made[0])
        assert not store.document_exists(made[0])

    def test_a_cache_forgets(self) -> None:
        now = 1_000.0
        cache = self.deployed(CephCache, clock=lambda: now)
        cache.store_document_record("kept", {"a": 1}, time_to_live=100)
        cache.store_document_record("short", {"a": 2}, time_to_live=10)
        cache.store_document_record("short", {"a": 3}, time_to_live=10)
        assert cache.retrieve_document_record("short") == {"a": 3}
        self.put_raw("test/general-cache/garbage", b"{}")
        now = 1_010.0
        assert cache.retrieve_document_record("kept") == {"a": 1}
        assert not cache.document_record_exists("short")
        for missing in ("short", "never"):
            with _raises(NotFoundError):
                cache.retrieve_document_record(missing)
        with _raises(CorruptDocumentError):
            cache.retrieve_document_record("garbage")
        assert cache.delete_expired() == 2
        assert list(cache.ceph.get_document_listing()) == ["kept"]
        for seconds in (0, -1, float("nan"), float("inf")):
            with _raises(InvalidArgumentError):
                cache.store_document_record("x", {}, time_to_live=seconds)
        cache.delete_document_record("kept")
        assert not cache.document_record_exists("kept")


@contextmanager
def _raises(kind: type[StoragesError]) -> Iterator[list[Any]]:
    """Expect an error of this kind; it is in the list afterwards."""
    caught: list[Any] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
    else:
        raise AssertionError(f"no {kind.__name__} was raised")
