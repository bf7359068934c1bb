"""Documents of validations that are broken, or not what they seem to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import (
    GraphDatabase,
    InvalidDocumentError,
    ValidationResultsStore,
    sync_documents,
)
from thoth.storages.sync.validation_documents import read_validation_document
from thoth.storages.testing.validation_contract import new_validation, no_queue

from .validating import _other_graph, finish, id_of, loop, other_graph, rebuilt, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thoth.storages import StoragesSettings
    from thoth.storages.sync.validation_loop import ValidationLoop

__all__ = ["_other_graph", "loop", "other_graph", "store"]


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
