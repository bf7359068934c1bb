"""One embedded server for the session, an empty database for each test that asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages import DatabaseError, GraphDatabase
from thoth.storages.testing import empty_database
from thoth.storages.testing.fixtures import (
    empty_settings,
    migrated_database,
    migrated_settings,
    server_parameters,
    session_data_dir,
)
from thoth.storages.testing.rows import natural_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thoth.storages import StoragesSettings
    from thoth.storages.graph.connections import ConnectionParameters

__all__ = [
    "empty_graph",
    "empty_settings",
    "graph",
    "migrated_database",
    "migrated_settings",
    "own_graph",
    "server_parameters",
    "session_data_dir",
]

# Much faster than TRUNCATE where tables are nearly empty; in any order, since nothing is left over.
EMPTY = """
    DO $$ DECLARE name text; BEGIN
        SET LOCAL session_replication_role = replica;
        FOR name IN SELECT relname FROM pg_class
                     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                       AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
        LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
    END $$
"""


@pytest.fixture
def empty_graph(empty_settings: StoragesSettings) -> Iterator[GraphDatabase]:
    """Connected, without tables."""
    with GraphDatabase(empty_settings) as graph:
        yield graph


@pytest.fixture
def own_graph(migrated_settings: StoragesSettings) -> Iterator[GraphDatabase]:
    """Connected, with tables, in a database that the test may change as it likes."""
    with GraphDatabase(migrated_settings) as graph:
        yield graph


@pytest.fixture(scope="module")
def _module_settings(
    server_parameters: ConnectionParameters, migrated_database: StoragesSettings
) -> Iterator[StoragesSettings]:
    with empty_database(server_parameters, like=migrated_database) as settings:
        yield settings


@pytest.fixture(scope="module")
def _module_graph(_module_settings: StoragesSettings) -> Iterator[GraphDatabase]:
    with GraphDatabase(_module_settings) as graph:
        yield graph


@pytest.fixture
def empty_tables(_module_graph: GraphDatabase) -> Callable[[], None]:
    """Empties the tables of `graph`, and its cache."""

    def empty() -> None:
        # A session that has done this before does it ten times as fast as a new one.
        try:
            with _module_graph.connection() as connection:
                connection.execute(EMPTY)
        except DatabaseError:  # the test before has ended the session
            with _module_graph.migration_connection() as connection:
                connection.execute(EMPTY)
        _module_graph.cache_clear()

    return empty


@pytest.fixture
def graph(_module_graph: GraphDatabase, empty_tables: Callable[[], None]) -> GraphDatabase:
    """Connected, with tables, all of them empty."""
    empty_tables()
    return _module_graph


# What is recorded of releases becomes rows of these.
OF_RELEASES = (
    "artifact",
    "dependency",
    "package",
    "package_index",
    "release",
    "release_metadata",
    "requirement",
)


@pytest.fixture(scope="session")
def recorded() -> Callable[[GraphDatabase], list[tuple[str, object]]]:
    """Gives what a graph holds of releases: (table, row by natural keys), in one order."""

    def rows(graph: GraphDatabase) -> list[tuple[str, object]]:
        found = natural_rows(graph, OF_RELEASES)
        return [(table, row) for table, texts in found.items() for row in texts]

    return rows


# What documents of runs become.
OF_RUNS = (
    "adviser_run",
    "adviser_product",
    "adviser_unresolved",
    "provenance_run",
    "provenance_finding",
    "revsolver_run",
    "revsolver_dependent",
    "software_stack",
    "stack_lock_release",
    "package",
    "requirement",
)


@pytest.fixture(scope="session")
def run_contents() -> Callable[[GraphDatabase], dict[str, list[str]]]:
    """Gives what a graph holds of runs on stacks and of reverse solvers, by what it is, sorted."""
    return lambda graph: natural_rows(graph, OF_RUNS)
