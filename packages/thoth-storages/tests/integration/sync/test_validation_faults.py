"""Documents of finished validations, whatever goes wrong while they are stored and synced."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import (
    GraphDatabase,
    InvalidDocumentError,
    StoreFullError,
    StoreRefusedError,
    StoreUnreachableError,
    ValidationResultsStore,
)
from thoth.storages.sync.validation_loop import ValidationLoop
from thoth.storages.testing import connection_variables
from thoth.storages.testing.validation_contract import in_parallel
from thoth.storages.testing.validation_documents import metadata_of

from .validating import (
    NOW,
    _other_graph,
    contents,
    finish,
    id_of,
    loop,
    other_graph,
    rebuilt,
    store,
)

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from thoth.storages import StoragesSettings

__all__ = ["_other_graph", "loop", "other_graph", "store"]


class Away:
    """A store that fails, as long as it does."""

    def __init__(self, store: ValidationResultsStore, error: Exception) -> None:
        self._put, self._error = store.ceph.store_blob, error
        self.is_away = True

    def __call__(self, *arguments: Any, **options: Any) -> str:
        if self.is_away:
            raise self._error
        return self._put(*arguments, **options)


@pytest.mark.parametrize(
    "error",
    [
        StoreUnreachableError("store", "put", "gone"),
        StoreFullError("store", "put", "full"),
        StoreRefusedError("store", "put", "read-only"),
    ],
)
def test_a_store_that_is_away_leaves_all_of_it_for_later(
    graph: GraphDatabase,
    loop: ValidationLoop,
    store: ValidationResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    away = Away(store, error)
    monkeypatch.setattr(store.ceph, "store_blob", away)
    for _ in range(3):
        finish(graph)
    for _ in range(2):
        with pytest.raises(type(error)):
            loop.store()
        assert graph.validation_documents.count_waiting()["store"] == 3
    away.is_away = False
    assert loop.store() == 3
    assert store.get_document_count() == 3


def test_one_that_cannot_be_stored_is_logged_and_does_not_stop_the_others(
    graph: GraphDatabase,
    loop: ValidationLoop,
    store: ValidationResultsStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    records = [finish(graph) for _ in range(3)]
    other = {"metadata": {"document_id": id_of(records[1])}, "result": {}}
    store.store_document(other)
    with caplog.at_level(logging.WARNING):
        assert loop.store() == 3
    assert caplog.text.count(id_of(records[1])) == 1
    assert graph.validation_documents.count_waiting()["store"] == 1
    assert loop.store() == 0
    assert store.get_document_count() == 3
    assert store.retrieve_document(id_of(records[1])) == other


def test_a_document_that_was_stored_but_not_noted_is_that_of_the_next_try_too(
    graph: GraphDatabase, store: ValidationResultsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = finish(graph)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    first = ValidationLoop(graph, metadata_of, store=store, lease=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(ValidationLoop, "_sync", killed)
        with pytest.raises(KeyboardInterrupt):
            first.store()
    assert store.get_document_count() == 1
    assert graph.validation_documents.count_waiting()["store"] == 1

    def of_another_host(validation: Any) -> dict[str, Any]:
        return {**metadata_of(validation), "hostname": "another"}

    assert ValidationLoop(graph, of_another_host, store=store).store() == 1
    assert graph.validation_documents.count_waiting()["store"] == 0
    document = store.retrieve_document(id_of(record))
    assert document["metadata"]["hostname"] != "another"
    assert graph.get_relation_table_count()["stack_lock_release"] == 2


# Dies where it has stored the documents of three jobs, and noted nothing.
DYING = """
import os, signal
from datetime import timedelta
from thoth.storages import GraphDatabase
from thoth.storages.sync.validation_loop import ValidationLoop
from thoth.storages.testing.validation_documents import metadata_of

ValidationLoop._sync = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with GraphDatabase() as graph:
    ValidationLoop(graph, metadata_of, lease=timedelta(0)).store(at_most=3)
"""


def test_who_is_killed_with_documents_in_hand_leaves_them_to_others(
    graph: GraphDatabase, loop: ValidationLoop, store: ValidationResultsStore, tmp_path: Path
) -> None:
    for number in range(5):
        finish(graph, f"six<{number}")
    environ = connection_variables(graph.settings) | {"THOTH_DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", DYING], env=environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert store.get_document_count() == 3
    assert graph.validation_documents.count_waiting()["store"] == 5
    assert loop.store() == 5
    assert graph.validation_documents.count_waiting()["store"] == 0
    assert store.get_document_count() == 5
    assert graph.get_python_software_stack_count_all(software_stack_type="VALIDATION") == 5


def test_an_answer_that_is_none_stops_no_other(
    graph: GraphDatabase,
    store: ValidationResultsStore,
) -> None:
    failures: dict[str, Exception] = {}
    bad = finish(graph, "bad", ("?", "1"))
    good = finish(graph, "good")
    odd = finish(graph, "odd", result=b"[]")
    torn = finish(graph, "torn", result=b'{"results": 7, "and')
    loop = ValidationLoop(graph, metadata_of, store=store, on_failed=failures.__setitem__)
    assert loop.store() == 4
    assert list(store.get_document_listing()) == sorted(map(id_of, (good, odd, torn)))
    assert failures.keys() == {id_of(bad)}
    assert isinstance(failures[id_of(bad)], InvalidDocumentError)
    assert graph.validation_documents.count_waiting()["store"] == 1


def test_metadata_that_cannot_be_made_stops_no_other(
    graph: GraphDatabase, store: ValidationResultsStore
) -> None:
    good, bad = finish(graph, "good"), finish(graph, "bad")
    failures: dict[str, Exception] = {}

    def metadata(validation: Any) -> dict[str, Any]:
        if validation.id == bad.id:
            raise RuntimeError("of this one")
        return metadata_of(validation)

    loop = ValidationLoop(graph, metadata, store=store, on_failed=failures.__setitem__)
    assert loop.store() == 2
    assert list(store.get_document_listing()) == [id_of(good)]
    assert isinstance(failures[id_of(bad)], InvalidDocumentError)
    assert "of this one" in str(failures[id_of(bad)])


def test_one_that_the_database_refuses_stops_no_other(
    graph: GraphDatabase, store: ValidationResultsStore
) -> None:
    failures: dict[str, Exception] = {}
    finish(graph, "good")
    bad = finish(graph, "bad", ("refused", "1"))
    loop = ValidationLoop(graph, metadata_of, store=store, on_failed=failures.__setitem__)
    with graph.migration_connection() as connection:
        connection.execute("ALTER TABLE package ADD CONSTRAINT test CHECK (name <> 'refused')")
    try:
        assert loop.store() == 2
    finally:
        with graph.migration_connection() as connection:
            connection.execute("ALTER TABLE package DROP CONSTRAINT test")
    assert failures.keys() == {id_of(bad)}
    assert graph.validation_documents.count_waiting()["store"] == 1
    assert graph.get_python_software_stack_count_all(software_stack_type="VALIDATION") == 1


def test_what_somebody_took_up_is_left_alone_until_the_lease_is_over(
    graph: GraphDatabase, loop: ValidationLoop
) -> None:
    finish(graph)
    queue = graph.validation_documents
    assert len(queue.claim(at_most=5, lease=timedelta(minutes=1))) == 1
    assert loop.store() == 0
    with graph.migration_connection() as connection:
        connection.execute("UPDATE validation_job SET document_due_at = now()")
    assert loop.store() == 1


def test_many_at_once_store_each_document_once(
    graph: GraphDatabase,
    store: ValidationResultsStore,
    settings: StoragesSettings,
    other_graph: GraphDatabase,
) -> None:
    records = [finish(graph, f"flask\nsix<{number}") for number in range(2, 42)]
    for record in records[::7]:
        graph.validations.delete(record.id)
    stored: list[UUID] = []

    def metadata(validation: Any) -> dict[str, Any]:
        stored.append(validation.id)
        return metadata_of(validation)

    def work(_: int) -> None:
        mine = ValidationLoop(graph, metadata, store=store)
        while mine.store(at_most=3) or mine.remove(at_most=3):
            pass

    in_parallel(4, work)
    assert len(stored) == len(set(stored)) == 34
    assert graph.validation_documents.count_waiting() == {"store": 0, "remove": 0}
    in_parallel(3, lambda _: rebuilt(other_graph, settings) and None)
    assert contents(other_graph) == contents(graph)
