"""Documents are synced from a real S3 server, and the line to it may be cut at any point."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import msgspec
import pytest

from thoth.storages import (
    GraphDatabase,
    InspectionsStore,
    ObjectStoreServer,
    SolverResultsStore,
    StoreUnreachableError,
    sync_documents,
)
from thoth.storages.testing import inspection_document, solver_documents

if TYPE_CHECKING:
    from .conftest import Cutter

COUNT = 60


def test_what_was_synced_when_the_store_went_away_stays_and_the_next_run_goes_on(
    graph: GraphDatabase, seaweedfs: ObjectStoreServer, cut: tuple[Cutter, ObjectStoreServer]
) -> None:
    cutter, through = cut
    settings = msgspec.structs.replace(
        graph.settings, object_store=seaweedfs, deployment_name=f"test-{uuid.uuid4().hex}"
    )
    store = SolverResultsStore(settings=settings)
    store.connect()
    store.store_documents(solver_documents(COUNT, dependencies=8))
    behind = msgspec.structs.replace(settings, object_store=through)

    counted = 0
    # Sixteen are read at once: the first one, without which none is written, may be cut as well.
    for received in (2_000, 5_000, *[600_000] * 10):
        cutter.received_at_most = received
        with pytest.raises(StoreUnreachableError):
            sync_documents(graph=graph, settings=behind, graceful=True, kinds=["solver"])
        with graph.migration_connection() as connection:
            row = connection.execute("SELECT count(*) FROM solver_result").fetchone()
        assert row is not None
        assert counted <= row[0] < COUNT
        counted = row[0]
        if counted > 0:
            break
    assert counted > 0

    cutter.received_at_most = float("inf")
    counts = sync_documents(graph=graph, settings=behind, kinds=["solver"])["solver"]
    assert counts == (COUNT, COUNT - counted, counted, 0)


def test_inspections_are_put_together_from_their_parts_by_several_processes(
    graph: GraphDatabase, seaweedfs: ObjectStoreServer
) -> None:
    settings = msgspec.structs.replace(
        graph.settings, object_store=seaweedfs, deployment_name=f"test-{uuid.uuid4().hex}"
    )
    store = InspectionsStore(settings=settings)
    store.connect()
    for number in range(3):
        made = inspection_document(number)
        inspection = store.open(made["document_id"])
        inspection.build.store_specification(made["specification"])
        for item, result in enumerate(made["results"]):
            inspection.results.store_result(item, result)
            inspection.results.store_hardware_info(item, result["hwinfo"])
    for expected in ((3, 3, 0, 0), (3, 0, 3, 0)):
        counts = sync_documents(graph=graph, settings=settings, jobs=2)
        assert counts["inspection"] == expected
    assert graph.get_pending_inspections_all() == []
