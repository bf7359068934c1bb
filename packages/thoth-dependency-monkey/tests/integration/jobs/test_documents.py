"""Documents are stored in the background, whatever else goes on."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import msgspec
import pytest

from thoth.dependency_monkey.jobs.documents import Documents
from thoth.dependency_monkey.validation.question import Question
from thoth.storages import CephStore, GraphDatabase, StoreFullError, ValidationResultsStore
from thoth.storages.testing.validation_contract import new_validation, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from thoth.storages import StoragesSettings, ValidationRecord

QUESTION = Question(
    ecosystem="pypi", stack_specification="six", targets=("cp312-any",), policy={"max_age": 600.0}
)


@pytest.fixture
def graph(settings: StoragesSettings, tmp_path: Path) -> Iterator[GraphDatabase]:
    with GraphDatabase(msgspec.structs.replace(settings, data_dir=tmp_path)) as graph:
        yield graph


@pytest.fixture
def store(graph: GraphDatabase) -> ValidationResultsStore:
    return ValidationResultsStore(settings=graph.settings)


@contextmanager
def running(*documents: Documents) -> Iterator[None]:
    """Have them at work meanwhile; they end when they are told to."""
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()

    async def run() -> None:
        await asyncio.gather(*(each.run(stopping) for each in documents))

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(30)
        assert not thread.is_alive()
        loop.close()


def finish(graph: GraphDatabase) -> ValidationRecord:
    return graph.validations.accept_finished(new_validation(request=QUESTION.encode()), succeeded())


def waiting(graph: GraphDatabase) -> dict[str, int]:
    return graph.validation_documents.count_waiting()


def test_what_finishes_is_stored_and_what_is_deleted_is_removed(
    graph: GraphDatabase, store: ValidationResultsStore, eventually: Callable[..., float]
) -> None:
    store.connect()
    with running(Documents(graph, interval=0.05)):
        records = [finish(graph) for _ in range(20)]
        eventually(lambda: store.get_document_count() == 20)
        graph.validations.delete(records[0].id)
        eventually(lambda: store.get_document_count() == 19)
        eventually(lambda: waiting(graph) == {"store": 0, "remove": 0})
    metadata = next(iter(store.iterate_results()))[1]["metadata"]
    assert metadata["analyzer"] == "thoth-dependency-monkey"
    assert metadata["arguments"] == msgspec.json.decode(QUESTION.encode())


def test_a_store_that_is_away_is_tried_again_and_said(
    graph: GraphDatabase,
    store: ValidationResultsStore,
    tmp_path: Path,
    eventually: Callable[..., float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "documents"
    folder.write_text("in the way")
    finish(graph)
    with running(Documents(graph, interval=0.05, longest_pause=0.1)):
        eventually(lambda: caplog.text.count("Documents wait") >= 2)
        assert waiting(graph) == {"store": 1, "remove": 0}
        folder.unlink()
        eventually(lambda: waiting(graph) == {"store": 0, "remove": 0})
    store.connect()
    assert store.get_document_count() == 1


def test_two_at_once_store_each_document_once(
    graph: GraphDatabase, store: ValidationResultsStore, eventually: Callable[..., float]
) -> None:
    for _ in range(50):
        finish(graph)
    with running(*(Documents(graph, interval=0.05, rest=0.0) for _ in range(2))):
        eventually(lambda: waiting(graph) == {"store": 0, "remove": 0})
    store.connect()
    assert store.get_document_count() == 50
    with graph.migration_connection() as connection:
        named = connection.execute("SELECT count(DISTINCT document_id) FROM validation").fetchone()
    assert named == (50,)


def test_a_full_store_is_rid_of_what_was_deleted(
    graph: GraphDatabase, store: ValidationResultsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = Documents(graph)
    gone = finish(graph)
    documents.run_once()
    graph.validations.delete(gone.id)
    finish(graph)

    def full(*_: object, **__: object) -> NoReturn:
        raise StoreFullError("store", "key", "no room")

    with monkeypatch.context() as patch:
        patch.setattr(CephStore, "store_blob", full)
        with pytest.raises(StoreFullError):
            documents.run_once()
    assert waiting(graph) == {"store": 1, "remove": 0}
    store.connect()
    assert store.get_document_count() == 0
    documents.run_once()
    assert store.get_document_count() == 1


def test_what_no_store_ends_is_left_to_others(
    graph: GraphDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    documents, is_over = Documents(graph, grace=0.05), threading.Event()
    monkeypatch.setattr(documents, "run_once", is_over.wait)

    async def run() -> bool:
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, stopping.set)
        return await documents.run(stopping)

    assert asyncio.run(run()) is False
    assert "left to others" in caplog.text
    is_over.set()


def test_a_fault_of_ours_is_told_and_ends_nothing_else(
    graph: GraphDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    documents = Documents(graph, interval=0.01)
    tries: list[int] = []

    async def run() -> bool:
        stopping, loop = asyncio.Event(), asyncio.get_running_loop()

        def fail() -> int:
            tries.append(1)
            if len(tries) > 1:
                loop.call_soon_threadsafe(stopping.set)
                return 0
            raise RuntimeError("of ours")

        monkeypatch.setattr(documents, "run_once", fail)
        return await documents.run(stopping)

    assert asyncio.run(run()) is True
    assert len(tries) > 1
    assert "RuntimeError: of ours" in caplog.text
