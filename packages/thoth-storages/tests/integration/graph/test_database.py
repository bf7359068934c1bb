"""Connecting, and the life of the schema."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psycopg
import pytest

from thoth.storages import (
    AlreadyConnectedError,
    GraphDatabase,
    GraphServer,
    NotConnectedError,
    NotFoundError,
    SchemaMismatchError,
    StoragesSettings,
)
from thoth.storages.graph.models import Base
from thoth.storages.graph.schema import script_revisions
from thoth.storages.testing import temporary_settings
from thoth.storages.testing.contracts import INDEX, page

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = script_revisions()[-1]


def run_sql(graph: GraphDatabase, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(graph.construct_connection_string(), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def tables(graph: GraphDatabase) -> set[object]:
    found = run_sql(graph, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in found}


@dataclass
class MissingDatabase:
    settings: StoragesSettings


@pytest.fixture
def missing(empty_settings: StoragesSettings) -> Iterator[MissingDatabase]:
    """Settings that name a database which does not exist on its server."""
    assert empty_settings.server is not None
    name = f"missing \"database' {empty_settings.server.database}"[:63]
    server = msgspec.structs.replace(empty_settings.server, database=name)
    yield MissingDatabase(msgspec.structs.replace(empty_settings, server=server))
    with GraphDatabase(empty_settings) as graph:
        quoted = '"' + name.replace('"', '""') + '"'
        run_sql(graph, f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")


def test_connecting_twice_is_an_error(empty_graph: GraphDatabase) -> None:
    with pytest.raises(AlreadyConnectedError):
        empty_graph.connect()
    assert empty_graph.is_connected()


def test_disconnecting_ends_it_and_connecting_again_works(empty_graph: GraphDatabase) -> None:
    empty_graph.disconnect()
    assert not empty_graph.is_connected()
    with pytest.raises(NotConnectedError):
        empty_graph.is_schema_up2date()
    with pytest.raises(NotConnectedError):
        empty_graph.disconnect()
    empty_graph.connect()
    assert empty_graph.is_connected()


def test_a_with_block_connects_and_disconnects(empty_settings: StoragesSettings) -> None:
    with GraphDatabase(empty_settings) as graph:
        assert graph.is_connected()
    assert not graph.is_connected()


def test_no_connection_is_left_behind(empty_settings: StoragesSettings) -> None:
    with GraphDatabase(empty_settings) as graph:
        graph.initialize_schema()
        string = graph.construct_connection_string()
    with psycopg.connect(string) as connection:
        others = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        ).fetchone()
    assert others == (0,)


@pytest.mark.parametrize("name", ["initialize_schema", "initilize_schema"])
def test_initialising_makes_the_tables_and_may_be_repeated(
    empty_graph: GraphDatabase, name: str
) -> None:
    assert not empty_graph.is_schema_up2date()
    with pytest.raises(NotFoundError, match="initialize_schema"):
        empty_graph.get_table_alembic_version_head()
    for _ in range(3):
        getattr(empty_graph, name)()
    assert empty_graph.is_schema_up2date()
    assert empty_graph.get_table_alembic_version_head() == HEAD
    assert tables(empty_graph) == {"alembic_version", *Base.metadata.tables}


def test_initialising_keeps_what_is_stored(empty_graph: GraphDatabase) -> None:
    empty_graph.initialize_schema()
    empty_graph.pages.record(INDEX, [page("six")])
    empty_graph.initialize_schema()
    assert empty_graph.pages.get(INDEX, ["six"], format=1)


def test_dropping_removes_our_tables_and_the_mark_and_nothing_else(
    empty_graph: GraphDatabase,
) -> None:
    run_sql(empty_graph, "CREATE TABLE of_somebody_else ()")
    empty_graph.drop_all()
    empty_graph.initialize_schema()
    empty_graph.pages.record(INDEX, [page("six")])
    empty_graph.drop_all()
    assert tables(empty_graph) == {"of_somebody_else"}
    assert not empty_graph.is_schema_up2date()
    empty_graph.initialize_schema()
    assert empty_graph.pages.get(INDEX, ["six"], format=1) == {}


def test_without_a_schema_every_query_says_what_to_do(empty_graph: GraphDatabase) -> None:
    for query in (
        lambda: empty_graph.pages.get(INDEX, ["six"], format=1),
        lambda: empty_graph.pages.record(INDEX, [page("six")]),
        lambda: empty_graph.artifact_metadata.get([bytes(32)], format=1),
    ):
        with pytest.raises(SchemaMismatchError, match="initialize_schema") as caught:
            query()
        assert (caught.value.found, caught.value.expected) == (None, HEAD)


def test_a_missing_database_is_made_by_initialising(missing: MissingDatabase) -> None:
    with GraphDatabase(missing.settings) as graph:
        assert graph.is_connected()
        assert not graph.is_schema_up2date()
        with pytest.raises(SchemaMismatchError, match="initialize_schema"):
            graph.pages.get(INDEX, ["six"], format=1)
        graph.drop_all()
        graph.initialize_schema()
        graph.pages.record(INDEX, [page("six")])
        assert graph.is_schema_up2date()


# Forked after the imports, so that the processes meet in the database and not in the file cache.
EIGHT_INITIALISERS = """
import os
import thoth.storages.graph.migrations, thoth.storages.graph.models
from thoth.storages import GraphDatabase

def initialise():
    with GraphDatabase() as graph:
        graph.initialize_schema()
        assert graph.is_schema_up2date()

children = []
for _ in range(8):
    child = os.fork()
    if child == 0:
        initialise()
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
"""


@pytest.mark.slow
def test_eight_processes_may_initialise_at_once(missing: MissingDatabase) -> None:
    server = missing.settings.server
    assert server is not None
    done = subprocess.run(
        [sys.executable, "-c", EIGHT_INITIALISERS],
        env={
            "PATH": "/usr/bin:/bin",
            "KNOWLEDGE_GRAPH_HOST": server.host,
            "KNOWLEDGE_GRAPH_USER": server.user,
            "KNOWLEDGE_GRAPH_DATABASE": server.database,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_schema_newer_than_the_code_is_an_error_that_says_what_to_do(
    own_graph: GraphDatabase,
) -> None:
    run_sql(own_graph, "UPDATE alembic_version SET version_num = '9999'")
    for change in (own_graph.initialize_schema, own_graph.drop_all):
        with pytest.raises(SchemaMismatchError, match="upgrade thoth-storages") as caught:
            change()
        assert (caught.value.found, caught.value.expected) == ("9999", HEAD)
    assert not own_graph.is_schema_up2date()
    assert own_graph.get_table_alembic_version_head() == "9999"


def test_a_running_release_goes_on_while_a_newer_one_migrates(own_graph: GraphDatabase) -> None:
    run_sql(own_graph, "UPDATE alembic_version SET version_num = '9999'")
    run_sql(own_graph, "ALTER TABLE page ADD COLUMN of_the_newer_release int")
    own_graph.pages.record(INDEX, [page("six")])
    assert own_graph.pages.get(INDEX, ["six"], format=1)


def test_the_log_says_which_server(
    empty_settings: StoragesSettings, caplog: pytest.LogCaptureFixture
) -> None:
    assert empty_settings.server is not None
    caplog.set_level(logging.INFO, "thoth.storages")
    with GraphDatabase(empty_settings):
        pass
    assert empty_settings.server.database in caplog.text
    assert "Statistics" not in caplog.text


def test_statements_and_statistics_are_logged_where_asked(
    empty_settings: StoragesSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "thoth.storages")
    settings = msgspec.structs.replace(empty_settings, debug_queries=True, log_stats=True)
    with GraphDatabase(settings) as graph:
        graph.initialize_schema()
        caplog.clear()
        graph.pages.record(INDEX, [page("a-name", facts=b"a-value")])
        assert "INSERT INTO page" in caplog.text
        assert "a-name" not in caplog.text
        assert "a-value" not in caplog.text
        assert graph.stats()["statements"] > 0
    assert "Statistics of the knowledge graph: {'connections'" in caplog.text


def test_the_connection_string_opens_the_same_database(empty_graph: GraphDatabase) -> None:
    assert empty_graph.settings.server is not None
    found = run_sql(empty_graph, "SELECT current_database()")
    assert found == [(empty_graph.settings.server.database,)]


def test_the_embedded_server_serves_without_any_setting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "thoth.storages")
    with temporary_settings() as settings:
        graph = GraphDatabase(settings)
        assert graph.is_new
        assert not settings.data_dir.joinpath("postgresql").exists()
        with graph:
            graph.initialize_schema()
            graph.pages.record(INDEX, [page("six")])
            assert not graph.is_new
            assert run_sql(graph, "SELECT package FROM page") == [("six",)]
            with GraphDatabase(settings) as second:
                assert second.pages.get(INDEX, ["six"], format=1)
        assert f"the embedded server in {settings.data_dir}" in caplog.text
        with GraphDatabase(settings) as again:
            assert again.is_schema_up2date()
            assert again.pages.get(INDEX, ["six"], format=1)


def test_a_configured_server_is_never_new() -> None:
    settings = StoragesSettings(data_dir=Path("/nonexistent"), server=GraphServer(host="x.example"))
    assert not GraphDatabase(settings).is_new
