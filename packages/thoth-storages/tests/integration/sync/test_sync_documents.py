"""Documents of a store, or of files, are synced: once in effect, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from thoth.storages import (
    HANDLERS_MAPPING,
    CorruptDocumentError,
    DependencyMonkeyReportsStore,
    GraphDatabase,
    InspectionsStore,
    InvalidArgumentError,
    InvalidDocumentError,
    NotFoundError,
    SolverResultsStore,
    SyncCounts,
    UnexpectedKeyError,
    sync_documents,
)
from thoth.storages.sync import run
from thoth.storages.testing import dependency_monkey_document, inspection_document, solver_document
from thoth.storages.testing.inspection_documents import (
    dependency_monkey_document_id,
    inspection_document_id,
)

from .solving import documents, ids_of, synced

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from thoth.storages import StoragesSettings

NONE = SyncCounts(0, 0, 0, 0)
FAR_AWAY = "solver-rhel-8-py38-990101000000-"


def broken(number: int) -> dict[str, Any]:
    made = solver_document(number, dependencies=8)
    made["result"]["tree"][1]["package_name"] = 7
    return made


def store_inspection(settings: StoragesSettings, number: int, results: Iterable[int]) -> str:
    store = InspectionsStore(settings=settings)
    store.connect()
    made = inspection_document(number, results=3)
    inspection = store.open(made["document_id"])
    inspection.build.store_specification(made["specification"])
    for item in results:
        inspection.results.store_result(item, made["results"][item])
    return str(made["document_id"])


def test_without_ids_all_stores_are_listed(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(3))
    solvers.store_request(ids_of(documents(1))[0], {"asked": True})
    reports = DependencyMonkeyReportsStore(settings=settings)
    reports.connect()
    reports.ceph.store_document(dependency_monkey_document(1), dependency_monkey_document_id(1))
    inspection_id = store_inspection(settings, 9, [0, 1, 2])

    counts = sync_documents(graph=graph, settings=settings)

    assert counts == dict.fromkeys(HANDLERS_MAPPING, NONE) | {
        "solver": SyncCounts(processed=3, synced=3, skipped=0, failed=0),
        "dependency": (1, 1, 0, 0),
        "inspection": (1, 1, 0, 0),
    }
    assert synced(graph) == sorted(ids_of(documents(3)))
    assert graph.dependency_monkey_document_id_exists(dependency_monkey_document_id(1))
    assert graph.inspection_document_id_result_number_exists(inspection_id, 2)
    again = sync_documents(graph=graph, settings=settings)
    skipped = [tuple(each) for each in again.values() if each.processed]
    assert skipped == [(3, 0, 3, 0), (1, 0, 1, 0), (1, 0, 1, 0)]


def test_what_is_synced_is_neither_fetched_nor_decoded_unless_forced(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    made = documents(2)
    solvers.store_documents(made)
    sync_documents(graph=graph, settings=settings)
    for document_id in ids_of(made):
        solvers.ceph.store_blob(b"garbage", document_id, overwrite=True)
    assert sync_documents(ids_of(made), graph=graph, settings=settings) == {"solver": (2, 0, 2, 0)}
    with pytest.raises(InvalidDocumentError):
        sync_documents(ids_of(made), force=True, graph=graph, settings=settings)


def test_which_are_synced_is_asked_once_for_many(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(30))
    sync_documents(graph=graph, settings=settings)
    before = graph.stats()["statements"]
    sync_documents(ids_of(documents(30)), graph=graph, settings=settings)
    assert graph.stats()["statements"] == before + 1


def test_forcing_is_idempotent(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(2))
    for _ in range(2):
        counts = sync_documents(force=True, graph=graph, settings=settings)
        assert counts["solver"] == (2, 2, 0, 0)
    assert len(synced(graph)) == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_without_graceful_the_first_broken_document_ends_the_run(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore, jobs: int
) -> None:
    made = [*documents(3), broken(3), *(solver_document(n, dependencies=8) for n in range(4, 7))]
    solvers.store_documents(made)
    with pytest.raises(InvalidDocumentError) as raised:
        sync_documents(ids_of(made), graph=graph, settings=settings, jobs=jobs)
    assert raised.value.document_id == ids_of(made)[3]
    assert raised.value.path == "result.tree[1].package_name"
    first, last = {*ids_of(made)[:3]}, {*ids_of(made)[4:]}
    assert first <= {*synced(graph)} <= (first if jobs == 1 else first | last)


@pytest.mark.parametrize("jobs", [1, 3])
def test_with_graceful_it_is_counted_and_the_rest_goes_on(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    jobs: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = [*documents(50), broken(50), *(solver_document(n, dependencies=8) for n in (51, 52))]
    solvers.store_documents(made)
    counts = sync_documents(graceful=True, graph=graph, settings=settings, jobs=jobs)
    assert counts["solver"] == (53, 52, 0, 1)
    assert "result.tree[1].package_name" in caplog.text
    assert caplog.text.count(ids_of(made)[50]) == 1
    assert ids_of(made)[50] not in synced(graph)
    solvers.ceph.store_document(solver_document(50), ids_of(made)[50], overwrite=True)
    mended = sync_documents(graceful=True, graph=graph, settings=settings)
    assert mended["solver"] == (53, 1, 52, 0)


def test_garbage_and_what_does_not_exist_are_errors_with_the_id(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    good = documents(1)
    solvers.store_documents(good)
    garbage, missing = FAR_AWAY + "0" * 16, FAR_AWAY + "1" * 16
    solvers.ceph.store_blob(b"\xff{", garbage)
    with pytest.raises(InvalidDocumentError, match=garbage):
        sync_documents([garbage], graph=graph, settings=settings)
    with pytest.raises(NotFoundError, match=missing):
        sync_documents([missing], graph=graph, settings=settings)
    with pytest.raises(InvalidArgumentError, match="request"):
        sync_documents([f"{missing}.request"], graph=graph, settings=settings)
    wanted = [garbage, missing, "solver-../x", *ids_of(good)]
    counts = sync_documents(wanted, graceful=True, graph=graph, settings=settings)
    assert counts == {"solver": (4, 1, 0, 3)}


def test_a_document_whose_bytes_have_changed_is_corrupt(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore, tmp_path: Path
) -> None:
    solvers.store_documents(documents(1))
    (file,) = (path for path in tmp_path.rglob("solver-*") if path.is_file())
    file.write_bytes(file.read_bytes().replace(b"package-", b"Package-", 1))
    with pytest.raises(CorruptDocumentError, match=re.escape(file.name)):
        sync_documents(graph=graph, settings=settings)
    assert synced(graph) == []


def test_a_document_under_the_wrong_prefix_is_an_error_until_it_is_moved(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(2))
    solvers.ceph.store_document({}, "adviser-210101000000-0123456789abcdef")
    with pytest.raises(UnexpectedKeyError, match="adviser-210101000000-0123456789abcdef"):
        sync_documents(graph=graph, settings=settings)
    graceful = sync_documents(graceful=True, graph=graph, settings=settings)
    assert graceful["solver"] == (3, 2, 0, 1)
    solvers.ceph.delete("adviser-210101000000-0123456789abcdef")
    assert sync_documents(graph=graph, settings=settings)["solver"] == (2, 0, 2, 0)


@pytest.mark.parametrize("document_id", ["package-extract-1", "security-si-1", "solver", "solver1"])
def test_an_unknown_prefix_is_a_value_error_before_anything_is_written(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    document_id: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    solvers.store_documents(documents(1))
    wanted = [*ids_of(documents(1)), document_id]
    with pytest.raises(ValueError, match=document_id):
        sync_documents(wanted, graph=graph, settings=settings)
    assert synced(graph) == []
    counts = sync_documents(wanted, graceful=True, graph=graph, settings=settings)
    assert counts == {"solver": (1, 1, 0, 0), run.UNKNOWN: (1, 0, 0, 1)}
    assert document_id in caplog.text


def test_of_a_file_the_base_name_counts(
    graph: GraphDatabase, settings: StoragesSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "inspection-1"
    folder.mkdir()
    made = documents(2)
    paths = [folder / ids_of(made)[0], folder / f"{ids_of(made)[1]}.json"]
    for path, document in zip(paths, made, strict=True):
        path.write_text(json.dumps(document))
    report = folder / dependency_monkey_document_id(4)
    report.write_text(json.dumps(dependency_monkey_document(4)))
    inspection = folder / inspection_document_id(7)
    inspection.write_text(json.dumps(inspection_document(7)))
    given = [*map(str, paths), str(report), str(inspection)]
    kept = list(given)
    counts = sync_documents(given, graph=graph, is_local=True, settings=settings)
    assert counts == {
        "solver": (2, 2, 0, 0),
        "dependency": (1, 1, 0, 0),
        "inspection": (1, 1, 0, 0),
    }
    assert given == kept
    assert synced(graph) == sorted(ids_of(made))
    assert sync_documents(given, graph=graph, is_local=True)["solver"] == (2, 0, 2, 0)


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(
    graph: GraphDatabase, tmp_path: Path
) -> None:
    missing, folder = tmp_path / (FAR_AWAY + "0" * 16), tmp_path / (FAR_AWAY + "1" * 16)
    folder.mkdir()
    pipe = tmp_path / (FAR_AWAY + "2" * 16)
    os.mkfifo(pipe)
    for path in (missing, folder, pipe):
        with pytest.raises(InvalidDocumentError, match=f"cannot be read from {path} "):
            sync_documents([str(path)], graph=graph, is_local=True)


def test_since_and_kinds_choose_what_is_listed(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    from datetime import UTC, datetime, timedelta

    solvers.store_documents(documents(5))
    since = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(seconds=97 * 3)
    counts = sync_documents(graph=graph, settings=settings, kinds=["solver"], since=since)
    assert counts == {"solver": (2, 2, 0, 0)}
    assert synced(graph) == sorted(ids_of(documents(5))[3:])


@pytest.mark.parametrize(
    "wrong",
    [
        {"document_ids": "solver-1"},
        {"jobs": 0},
        {"jobs": run.MAX_JOBS + 1},
        {"jobs": True},
        {"is_local": True},
        {"kinds": ["adviser-x"]},
        {"document_ids": ["solver-1"], "kinds": ["solver"]},
    ],
)
def test_what_is_asked_wrongly_is_refused(graph: GraphDatabase, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        sync_documents(graph=graph, **wrong)


def test_an_inspection_is_put_together_and_looked_at_until_all_repetitions_ended(
    graph: GraphDatabase, settings: StoragesSettings
) -> None:
    inspection_id = store_inspection(settings, 5, [0, 2])
    counts = [
        sync_documents(graph=graph, settings=settings, kinds=["inspection"])["inspection"]
        for _ in range(2)
    ]
    assert counts == [(1, 1, 0, 0), (1, 0, 1, 0)]
    assert graph.get_pending_inspections_all() == [(inspection_id, 1)]
    store_inspection(settings, 5, [1])
    counts = [sync_documents([inspection_id], graph=graph, settings=settings)["inspection"]]
    assert counts == [(1, 1, 0, 0)]
    assert graph.get_pending_inspections_all() == []


def test_an_inspection_in_parts_that_do_not_fit_is_refused(
    graph: GraphDatabase, settings: StoragesSettings
) -> None:
    store = InspectionsStore(settings=settings)
    store.connect()
    building = store.open("inspection-building")
    building.build.store_log("Step 1")
    counts = sync_documents(graph=graph, settings=settings)
    assert counts["inspection"] == NONE
    building.results.store_result(0, {"stdout": {}})
    with pytest.raises(InvalidDocumentError, match="inspection-building: specification is missing"):
        sync_documents(graph=graph, settings=settings)
    building.build.store_specification({})
    store.ceph.store_blob("[1]", "inspection-building/results/1/result")
    with pytest.raises(CorruptDocumentError, match="inspection-building/results/1/result"):
        sync_documents(graph=graph, settings=settings)


def test_the_order_is_random_where_that_is_asked_for(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(12))
    shuffling = msgspec.structs.replace(settings, randomize_listing=True)
    assert sync_documents(graph=graph, settings=shuffling)["solver"] == (12, 12, 0, 0)
    with graph.migration_connection() as connection:
        order = [
            document_id
            for (document_id,) in connection.execute(
                "SELECT document_id FROM solver_result ORDER BY id"
            )
        ]
    assert order != sorted(order)
    assert sorted(order) == sorted(ids_of(documents(12)))


def test_progress_is_told(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(3))
    told: list[tuple[str, SyncCounts]] = []
    sync_documents(graph=graph, settings=settings, on_progress=lambda *each: told.append(each))
    assert told == [("solver", SyncCounts(1, 1, 0, 0))] * 3


def test_without_a_graph_one_is_opened(
    settings: StoragesSettings, solvers: SolverResultsStore, graph: GraphDatabase
) -> None:
    solvers.store_documents(documents(1))
    assert sync_documents(settings=settings)["solver"] == (1, 1, 0, 0)
    assert len(synced(graph)) == 1
