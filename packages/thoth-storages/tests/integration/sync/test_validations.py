"""Documents of finished validations: stored, synced and removed, whatever happens meanwhile."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from thoth.storages import (
    GraphDatabase,
    InvalidDocumentError,
    StoreFullError,
    StoreRefusedError,
    StoreUnreachableError,
    SyncCounts,
    ValidationResultsStore,
    sync_documents,
)
from thoth.storages.graph.queries import validation_documents
from thoth.storages.graph.queries.validation_documents import validation_document_id
from thoth.storages.sync.validation_documents import read_validation_document
from thoth.storages.sync.validation_loop import ValidationLoop
from thoth.storages.testing import connection_variables, empty_database
from thoth.storages.testing.rows import natural_rows
from thoth.storages.testing.validation_contract import (
    failed,
    in_parallel,
    new_validation,
    no_queue,
    succeeded,
)
from thoth.storages.testing.validation_documents import TABLES, answer, metadata_of, question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from uuid import UUID

    from thoth.storages import StoragesSettings, ValidationRecord
    from thoth.storages.graph.connections import ConnectionParameters

NOW = timedelta(0)
TAKE_ID = """
    INSERT INTO validation
           (id, job_id, ecosystem, created_at, expires_at, stack_specification, request)
    SELECT %(id)s, job_id, ecosystem, created_at, expires_at, stack_specification, request
      FROM validation WHERE id = %(like)s
"""


@pytest.fixture
def store(settings: StoragesSettings) -> ValidationResultsStore:
    store = ValidationResultsStore(settings=settings)
    store.connect()
    return store


@pytest.fixture
def loop(graph: GraphDatabase, store: ValidationResultsStore) -> ValidationLoop:
    return ValidationLoop(graph, metadata_of, store=store)


@pytest.fixture(scope="module")
def _other_graph(server_parameters: ConnectionParameters) -> Iterator[GraphDatabase]:
    with empty_database(server_parameters) as settings, GraphDatabase(settings) as other:
        other.initialize_schema()
        yield other


@pytest.fixture
def other_graph(_other_graph: GraphDatabase) -> GraphDatabase:
    with _other_graph.migration_connection() as connection:
        connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    return _other_graph


def contents(graph: GraphDatabase) -> dict[str, list[str]]:
    # Jobs are told with their results; one that nobody refers to waits for its removal.
    return natural_rows(graph, set(TABLES).difference({"result"}))


def finish(
    graph: GraphDatabase, stack: str = "flask\nsix<2", *pins: tuple[str, str], **changes: object
) -> ValidationRecord:
    """Accept a validation that is answered already."""
    new = new_validation(stack, request=question(stack))
    result = answer(*(pins or (("flask", "3.0"), ("six", "1.17.0"))), id=str(new.id))
    given = {"result": result, **changes}
    return graph.validations.accept_finished(new, succeeded("", **given))


def id_of(record: ValidationRecord) -> str:
    return validation_document_id(record.id, record.created_at)


def rebuilt(graph: GraphDatabase, settings: StoragesSettings) -> dict[str, SyncCounts]:
    return sync_documents(graph=graph, settings=settings, kinds=["validation"])


# --- the loop ------------------------------------------------------------------------------------


def test_a_finished_validation_is_stored_and_synced_once(
    graph: GraphDatabase, loop: ValidationLoop, store: ValidationResultsStore
) -> None:
    record = finish(graph)
    assert graph.validation_documents.count_waiting() == {"store": 1, "remove": 0}

    assert loop.store() == 1

    assert graph.validation_documents.count_waiting() == {"store": 0, "remove": 0}
    assert list(store.get_document_listing()) == [id_of(record)]
    stacks = graph.get_python_software_stacks_all("six", "1.17.0", software_stack_type="VALIDATION")
    assert [stack["requirements"] for stack in stacks] == [
        {"packages": {"flask": {"version": "*"}, "six": {"version": "<2"}}}
    ]
    assert (stacks[0]["python_version"], stacks[0]["is_external"]) == ("3.12", False)
    written = contents(graph)
    assert loop.store() == 0
    assert sync_documents([id_of(record)], graph=graph, settings=graph.settings) == {
        "validation": (1, 0, 1, 0)
    }
    assert contents(graph) == written


def test_a_document_tells_all_of_a_validation(
    graph: GraphDatabase, loop: ValidationLoop, store: ValidationResultsStore
) -> None:
    record = finish(graph)
    loop.store()
    document = store.retrieve_document(id_of(record))
    assert document["metadata"]["document_id"] == id_of(record)
    assert document["metadata"]["analyzer"] == "test"
    assert document["metadata"]["thoth_deployment_name"] == graph.settings.deployment_name
    result = document["result"]
    assert result["id"] == str(record.id)
    assert result["stack_specification"] == "flask\nsix<2"
    assert (result["phase"], result["valid"], result["reason"]) == ("succeeded", True, "resolved")
    assert result["raw_log"] == record.raw_log
    assert result["request"] == msgspec.json.decode(record.request)
    assert result["answer"]["results"][0]["lock"][1]["name"] == "six"
    assert datetime.fromisoformat(result["created_at"]) == record.created_at
    assert datetime.fromisoformat(result["job"]["finished_at"]) == record.finished_at


def test_an_unfinished_validation_has_no_document_yet(
    graph: GraphDatabase, loop: ValidationLoop
) -> None:
    record = graph.validations.accept(new_validation(), enqueue=no_queue)
    assert loop.store() == 0
    begun = graph.validations.begin(record.job_id, worker="w")
    assert begun is not None
    assert loop.store() == 0
    assert graph.validations.finish(record.job_id, begun.attempt, failed())
    assert loop.store() == 1


def test_validations_that_share_a_job_have_a_document_each(
    graph: GraphDatabase,
    other_graph: GraphDatabase,
    loop: ValidationLoop,
    settings: StoragesSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validation_documents, "PAGE", 2)
    monkeypatch.setattr("thoth.storages.sync.validation_loop.PAGE", 2)
    records = [graph.validations.accept(new_validation(), enqueue=no_queue) for _ in range(5)]
    job_id = records[0].job_id
    begun = graph.validations.begin(job_id, worker="w")
    assert begun is not None
    graph.validations.finish(job_id, begun.attempt, succeeded("", result=answer(("six", "1"))))

    assert loop.store() == 1

    assert rebuilt(other_graph, settings)["validation"].synced == 5
    assert contents(other_graph) == contents(graph)
    assert {other_graph.validations.get(each.id).job_id for each in records} == {job_id}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"result": b""},
        {"result": b"no JSON"},
        {"result": b'{"spaces": 1}'},
        {"result": b"null"},
        {"result": b'{"base64": "eA=="}'},
        {"result": '{"a":1.0,"ä":[1e400,"\\u0041"]}'.encode()},
        {"valid": False, "reason": "unresolvable", "raw_log": "\N{SNOWMAN}\n" * 100},
    ],
)
def test_an_empty_graph_gets_what_the_graph_had(
    graph: GraphDatabase,
    other_graph: GraphDatabase,
    loop: ValidationLoop,
    settings: StoragesSettings,
    changes: dict[str, Any],
) -> None:
    record = finish(graph, **changes)
    loop.store()
    assert rebuilt(other_graph, settings)["validation"] == (1, 1, 0, 0)
    assert contents(other_graph) == contents(graph)
    there, here = other_graph.validations.get(record.id), graph.validations.get(record.id)
    assert there == here == record
    assert there is not None
    assert (record.result_digest is None) == (changes.get("result") == b"")
    if record.result_digest is not None:
        content = other_graph.validations.result(record.result_digest)
        assert content == graph.validations.result(record.result_digest)


def test_a_forced_sync_gives_the_rows_of_the_document_however_often(
    graph: GraphDatabase, loop: ValidationLoop, settings: StoragesSettings
) -> None:
    record = finish(graph)
    loop.store()
    written = contents(graph)
    with graph.migration_connection() as connection:
        connection.execute("UPDATE validation_job SET raw_log = 'changed', reason = 'x'")
        connection.execute("UPDATE validation SET stack_specification = 'changed'")
    for _ in range(2):
        forced = sync_documents([id_of(record)], force=True, graph=graph, settings=settings)
        assert forced == {"validation": (1, 1, 0, 0)}
        assert contents(graph) == written


def test_the_same_lock_is_one_stack_lock_whichever_document_tells_of_it(
    graph: GraphDatabase, loop: ValidationLoop
) -> None:
    finish(graph)
    finish(graph, "Six < 2\nflask")
    finish(graph, "flask\nsix>=1")
    loop.store()
    counts = graph.get_relation_table_count()
    assert counts["stack_lock_release"] == 2
    assert graph.get_python_software_stack_count_all(software_stack_type="VALIDATION") == 2


def test_who_joins_a_job_just_when_it_finishes_gets_a_document_too(
    graph: GraphDatabase, store: ValidationResultsStore
) -> None:
    first, late = graph.validations.accept(new_validation(), enqueue=no_queue), new_validation()
    begun = graph.validations.begin(first.job_id, worker="w")
    assert begun is not None
    joining = Thread(target=lambda: graph.validations.accept(late, enqueue=no_queue))
    loop = ValidationLoop(graph, metadata_of, store=store, lease=NOW)
    # Who joins has found the job, and waits for somebody else who is about to take this very id.
    with graph.migration_connection() as other, other.transaction(force_rollback=True):
        other.execute(TAKE_ID, {"id": late.id, "like": first.id})
        joining.start()
        with graph.migration_connection() as looking:
            while looking.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is None:
                assert joining.is_alive()
        graph.validations.finish(first.job_id, begun.attempt, succeeded())
        assert loop.store() == 1
        assert list(store.get_document_listing()) == [id_of(first)]
    joining.join(30)
    joined = graph.validations.get(late.id)
    assert joined is not None
    assert joined.job_id == first.job_id

    assert loop.store() == 1

    assert store.document_exists(id_of(joined))
    assert graph.validation_documents.count_waiting() == {"store": 0, "remove": 0}


def test_what_was_put_off_by_a_clock_that_was_set_back_is_due(
    graph: GraphDatabase, loop: ValidationLoop, store: ValidationResultsStore
) -> None:
    record = finish(graph)
    with graph.migration_connection() as connection:
        connection.execute("UPDATE validation_job SET document_due_at = now() + interval '1 year'")
    assert loop.store() == 1
    graph.validations.delete(record.id)
    with graph.migration_connection() as connection:
        connection.execute("UPDATE document_removal SET due_at = now() + interval '1 year'")
    assert loop.remove() == 1
    assert store.get_document_count() == 0


# --- removal -------------------------------------------------------------------------------------


def test_deleting_a_validation_removes_its_document(
    graph: GraphDatabase, loop: ValidationLoop, store: ValidationResultsStore
) -> None:
    kept, gone = finish(graph), finish(graph)
    loop.store()
    graph.validations.delete(gone.id)
    assert graph.validation_documents.count_waiting() == {"store": 0, "remove": 1}
    assert loop.remove() == 1
    assert list(store.get_document_listing()) == [id_of(kept)]
    assert graph.validation_documents.count_waiting() == {"store": 0, "remove": 0}
    assert loop.remove() == 0


def test_what_expires_goes_with_its_document(
    graph: GraphDatabase, loop: ValidationLoop, store: ValidationResultsStore
) -> None:
    new = new_validation(expires_at=datetime.now(UTC) + timedelta(hours=1))
    graph.validations.accept_finished(new, succeeded())
    loop.store()
    assert store.get_document_count() == 1
    assert graph.validations.expire(datetime.now(UTC) + timedelta(hours=2), at_most=10) == 1
    assert loop.remove() == 1
    assert store.get_document_count() == 0


@pytest.mark.parametrize("force", [False, True])
def test_a_deleted_validation_is_not_synced_again(
    graph: GraphDatabase, loop: ValidationLoop, settings: StoragesSettings, force: bool
) -> None:
    record = finish(graph)
    loop.store()
    graph.validations.delete(record.id)
    counts = sync_documents(graph=graph, settings=settings, kinds=["validation"], force=force)
    assert counts == {"validation": (1, 0, 1, 0)}
    assert graph.validations.get(record.id) is None
    loop.remove()
    assert rebuilt(graph, settings) == {"validation": (0, 0, 0, 0)}


def test_a_validation_that_is_deleted_while_its_document_is_stored_leaves_none(
    graph: GraphDatabase, store: ValidationResultsStore
) -> None:
    record = finish(graph)

    def metadata(validation: Any) -> dict[str, Any]:
        graph.validations.delete(validation.id)
        assert ValidationLoop(graph, metadata_of, store=store).remove() == 1
        return metadata_of(validation)

    assert ValidationLoop(graph, metadata, store=store).store() == 1
    assert store.get_document_count() == 0
    assert graph.validations.get(record.id) is None
    assert graph.get_relation_table_count()["stack_lock_release"] == 0


def test_a_removal_is_repeated_after_a_while_and_then_forgotten(
    graph: GraphDatabase,
    loop: ValidationLoop,
    store: ValidationResultsStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validation_documents, "REMOVAL_MEMORY", timedelta(0))
    record = finish(graph)
    graph.validations.delete(record.id)
    assert loop.remove() == 1
    store.store_document({"metadata": {"document_id": id_of(record)}, "result": {}})
    assert loop.remove() == 1
    assert store.get_document_count() == 0
    assert loop.remove() == 0
    assert graph.get_main_table_count()["document_removal"] == 0


# --- faults --------------------------------------------------------------------------------------


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


# --- broken documents ----------------------------------------------------------------------------


def changed(*path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        owner: Any = document["result"]
        for key in path[:-1]:
            owner = owner[int(key)] if isinstance(owner, list) else owner[key]
        if value is ...:
            del owner[path[-1]]
        else:
            owner[path[-1]] = value

    return change


LOCK = ("answer", "results", "0", "lock", "0")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (changed("id", value="7"), "result.id"),
        (changed("id", value=...), "result.id"),
        (changed("request", value=...), "result.request"),
        (changed("request", value={"base64": "?"}), "result.request.base64"),
        (changed("answer", value={"base64": 7}), "result.answer.base64"),
        (changed("created_at", value="2026-01-01T00:00:00"), "result.created_at"),
        (changed("created_at", value="9999-12-31T23:59:59-12:00"), "result.created_at"),
        (changed("job", "created_at", value="0001-01-01T00:00:00+12:00"), "result.job.created_at"),
        (changed("phase", value="running"), "result.phase"),
        (changed("valid", value=None), "result.valid"),
        (changed("raw_log", value="\0"), "result.raw_log"),
        (changed("stack_specification", value="a\ud800"), "result.stack_specification"),
        (changed("job", "question", value="00"), "result.job.question"),
        (changed("job", "question", value="xy"), "result.job.question"),
        (changed("job", "attempt", value=2**31), "result.job.attempt"),
        (changed("job", "worker", value="\0"), "result.job.worker"),
        (changed("answer", "results", value=7), "result.answer.results"),
        (changed(*LOCK, "version", value=""), "result.answer.results[0].lock[0].version"),
        (changed(*LOCK, "name", value="?"), "result.answer.results[0].lock[0].name"),
        (changed(*LOCK, "index", value="ftp:x"), "result.answer.results[0].lock[0].index"),
        (
            changed(*LOCK, "artifacts", "0", "sha256", value="00"),
            "result.answer.results[0].lock[0].artifacts[0].sha256",
        ),
    ],
)
def test_a_broken_document_is_refused_with_the_path(
    graph: GraphDatabase,
    loop: ValidationLoop,
    store: ValidationResultsStore,
    change: Callable[[dict[str, Any]], None],
    path: str,
) -> None:
    record = finish(graph)
    loop.store()
    document = store.retrieve_document(id_of(record))
    change(document)
    with pytest.raises(InvalidDocumentError) as refused:
        read_validation_document(document)
    assert refused.value.path == path
    assert refused.value.document_id == id_of(record)


def test_what_is_unknown_or_missing_is_no_fault(
    graph: GraphDatabase, loop: ValidationLoop, store: ValidationResultsStore
) -> None:
    record = finish(graph)
    loop.store()
    document = store.retrieve_document(id_of(record))
    known = read_validation_document(document)
    document["result"]["new"] = document["result"]["job"]["new"] = {"more": 1}
    assert read_validation_document(document) == known
    document["result"]["answer"] = {"results": [{"lock": None}, {}]}
    stacks = read_validation_document(document).stacks
    assert [(stack.lock, stack.environment) for stack in stacks] == [(None, None)] * 2
    document["result"]["ecosystem"] = "npm"
    assert read_validation_document(document).stacks == []


def test_a_document_of_a_validation_that_goes_on_here_is_refused(
    graph: GraphDatabase,
    loop: ValidationLoop,
    store: ValidationResultsStore,
    other_graph: GraphDatabase,
    settings: StoragesSettings,
) -> None:
    record = finish(graph)
    loop.store()
    new = new_validation(id=record.id)
    other_graph.validations.accept(new, enqueue=no_queue)
    with pytest.raises(InvalidDocumentError, match="not finished") as refused:
        rebuilt(other_graph, settings)
    assert refused.value.path == "result.id"
    running = other_graph.validations.get(record.id)
    assert running is not None
    assert running.phase == "pending"


def test_a_document_under_the_name_of_another_is_refused(
    graph: GraphDatabase, loop: ValidationLoop, store: ValidationResultsStore, tmp_path: Path
) -> None:
    first, second = finish(graph), finish(graph)
    loop.store()
    misnamed = tmp_path / f"{id_of(first)}.json"
    misnamed.write_bytes(store.ceph.retrieve_blob(id_of(second)))
    with pytest.raises(InvalidDocumentError) as refused:
        sync_documents([str(misnamed)], graph=graph, is_local=True, force=True)
    assert refused.value.path == "result.id"
