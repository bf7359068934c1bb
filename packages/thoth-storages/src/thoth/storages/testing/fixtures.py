"""Fixtures for pytest: a database server for the session, a database for each test.

Import them into a `conftest.py`, each with those that it names. No other module here needs pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages.graph.database import GraphDatabase
from thoth.storages.graph.embedded import EmbeddedServer
from thoth.storages.testing.servers import empty_database, served_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thoth.storages.graph.connections import ConnectionParameters
    from thoth.storages.settings import StoragesSettings


@pytest.fixture(scope="session")
def session_data_dir() -> Iterator[Path]:
    """Lend a data directory of the session's own, whose server runs."""
    with served_data_dir() as data_dir:
        yield data_dir


@pytest.fixture(scope="session")
def server_parameters(session_data_dir: Path) -> Iterator[ConnectionParameters]:
    """Lend the session's server."""
    with EmbeddedServer(session_data_dir / "postgresql").acquire() as lease:
        yield dict(lease.connection_parameters)


@pytest.fixture(scope="session")
def migrated_database(server_parameters: ConnectionParameters) -> Iterator[StoragesSettings]:
    """Lend a database with all tables, for `empty_database` to copy; not to be connected to."""
    with empty_database(server_parameters) as settings:
        with GraphDatabase(settings) as graph:
            graph.initialize_schema()
        yield settings


@pytest.fixture
def empty_settings(server_parameters: ConnectionParameters) -> Iterator[StoragesSettings]:
    """Lend a database without tables, which goes with the test."""
    with empty_database(server_parameters) as settings:
        yield settings


@pytest.fixture
def migrated_settings(
    server_parameters: ConnectionParameters, migrated_database: StoragesSettings
) -> Iterator[StoragesSettings]:
    """Lend a database with tables, all of them empty, which goes with the test."""
    with empty_database(server_parameters, like=migrated_database) as settings:
        yield settings
