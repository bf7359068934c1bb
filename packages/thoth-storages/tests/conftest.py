"""One embedded server for the session, an empty database for each test that asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages import GraphDatabase
from thoth.storages.testing import empty_database
from thoth.storages.testing.fixtures import empty_settings, server_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages import StoragesSettings
    from thoth.storages.graph.connections import ConnectionParameters

__all__ = ["empty_graph", "empty_settings", "graph", "server_parameters"]

EMPTY = """
    TRUNCATE package_index, page, artifact_metadata, result, validation_job, validation
"""


@pytest.fixture
def empty_graph(empty_settings: StoragesSettings) -> Iterator[GraphDatabase]:
    """Connected, without tables."""
    with GraphDatabase(empty_settings) as graph:
        yield graph


@pytest.fixture(scope="module")
def _module_settings(server_parameters: ConnectionParameters) -> Iterator[StoragesSettings]:
    with empty_database(server_parameters) as settings:
        yield settings


@pytest.fixture(scope="module")
def _module_graph(_module_settings: StoragesSettings) -> Iterator[GraphDatabase]:
    with GraphDatabase(_module_settings) as graph:
        graph.initialize_schema()
        yield graph


@pytest.fixture
def graph(_module_graph: GraphDatabase) -> GraphDatabase:
    """Connected, with tables, all of them empty."""
    with _module_graph.migration_connection() as connection:
        connection.execute(EMPTY)
    return _module_graph
