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
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from thoth.storages.documents.ids import new_document_id
from thoth.storages.documents.inspections import InspectionsStore
from thoth.storages.documents.other_stores import BuildLogsStore, CephCache, GraphBackupStore
from thoth.storages.documents.results import AdvisersResultsStore, SolverResultsStore
from thoth.storages.exceptions import (
    CorruptDocumentError,
    InvalidArgumentError,
    InvalidRecordError,
    NotFoundError,
    UnexpectedKeyError,
)
from thoth.storages.settings import StoragesSettings
from thoth.storages.testing.object_contract import ObjectStoreContract, raises

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class DocumentStoreContract(ObjectStoreContract):
    """What `CephStore` and the stores built on it promise, on any `ObjectBackend`."""

    def deployed(self, store: Any, **parameters: Any) -> Any:
        """Return a connected store of this kind, below the test's own prefix."""
        settings = StoragesSettings(data_dir=Path("/nonexistent"))
        made = store(
            "test", prefix=self.name, backend=self.backend, settings=settings, **parameters
        )
        made.connect()
        return made

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
            with raises(InvalidArgumentError):
                ask(f"{asked}.request")
        store.store_request(answered, {"question": 2})
        store.delete(answered)
        assert list(store.get_document_listing(only_requests=True)) == [asked]

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
        with raises(InvalidArgumentError):
            store.store_document({"metadata": {"document_id": wrong[0]}, "result": {}})
        found = dict(store.retrieve_blobs([*wrong, f"{good}.request", good]))
        assert isinstance(found.pop(good), bytes)
        assert [type(error) for error in found.values()] == [InvalidArgumentError] * 4

    def test_a_result_without_an_id_is_refused(self) -> None:
        store = self.deployed(AdvisersResultsStore)
        documents: Any = ({}, {"metadata": None}, {"metadata": {"document_id": None}}, None, [])
        for document in documents:
            with raises(InvalidRecordError):
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
        with raises(NotFoundError):
            inspection.results.retrieve_result(3)
        strange: tuple[Any, ...] = (-1, True, "0", 10**9)
        for item in strange:
            with raises(InvalidArgumentError):
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
        with raises(CorruptDocumentError):
            store.retrieve_log(document_id)
        with raises(InvalidArgumentError):
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
            with raises(NotFoundError):
                cache.retrieve_document_record(missing)
        with raises(CorruptDocumentError):
            cache.retrieve_document_record("garbage")
        assert cache.delete_expired() == 2
        assert list(cache.ceph.get_document_listing()) == ["kept"]
        records: Any = ([], None, "x")
        for record in records:
            with raises(InvalidRecordError):
                cache.store_document_record("x", record)
        for seconds in (0, -1, float("nan"), float("inf"), "1"):
            with raises(InvalidArgumentError):
                cache.store_document_record("x", {}, time_to_live=seconds)
        cache.delete_document_record("kept")
        assert not cache.document_record_exists("kept")
