"""Fixtures for pytest: a database server for the session, an empty database for each test.

Import them into a `conftest.py`. No other module here needs pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages.testing.servers import empty_database, temporary_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages.graph.connections import ConnectionParameters
    from thoth.storages.settings import StoragesSettings


@pytest.fixture(scope="session")
def server_parameters() -> Iterator[ConnectionParameters]:
    """Lend a server of the session's own."""
    with temporary_database() as parameters:
        yield parameters


@pytest.fixture
def empty_settings(server_parameters: ConnectionParameters) -> Iterator[StoragesSettings]:
    """Lend a database without tables, which goes with the test."""
    with empty_database(server_parameters) as settings:
        yield settings
