"""Documents of finished validations: stored, synced and removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from thoth.storages import GraphDatabase, ValidationResultsStore, sync_documents
from thoth.storages.graph.queries import validation_documents
from thoth.storages.sync.validation_loop import ValidationLoop
from thoth.storages.testing.validation_contract import failed, new_validation, no_queue, succeeded
from thoth.storages.testing.validation_documents import answer, metadata_of

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
    from thoth.storages import StoragesSettings

__all__ = ["_other_graph", "loop", "other_graph", "store"]

TAKE_ID = """
    INSERT INTO validation
           (id, job_id, ecosystem, created_at, expires_at, stack_specification, request)
    SELECT %(id)s, job_id, ecosystem, created_at, expires_at, stack_specification, request
      FROM validation WHERE id = %(like)s
"""


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


def test_a_validation_of_another_ecosystem_comes_back_without_stacks(
    graph: GraphDatabase,
    other_graph: GraphDatabase,
    loop: ValidationLoop,
    settings: StoragesSettings,
) -> None:
    for ecosystem in ("npm", "pypi"):
        new = new_validation("left-pad", ecosystem=ecosystem)
        graph.validations.accept_finished(new, succeeded("", result=answer(("left-pad", "1.0"))))
    assert loop.store() == 2
    assert rebuilt(other_graph, settings)["validation"].synced == 2
    assert contents(other_graph) == contents(graph)
    assert graph.get_python_software_stack_count_all(software_stack_type="VALIDATION") == 1


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
