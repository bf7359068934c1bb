"""A local store beside the graph, for tests that sync what lies in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from thoth.storages import SolverResultsStore

if TYPE_CHECKING:
    from pathlib import Path

    from thoth.storages import GraphDatabase, StoragesSettings


@pytest.fixture
def settings(graph: GraphDatabase, tmp_path: Path) -> StoragesSettings:
    """Those of `graph`, with documents in a folder of the test's own."""
    return msgspec.structs.replace(graph.settings, data_dir=tmp_path)


@pytest.fixture
def solvers(settings: StoragesSettings) -> SolverResultsStore:
    """The connected store of solver documents that `settings` name."""
    store = SolverResultsStore(settings=settings)
    store.connect()
    return store
