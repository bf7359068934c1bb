"""Sizes, counts and the health of the database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from thoth.storages import GraphDatabase, InvalidArgumentError, SchemaMismatchError
from thoth.storages.graph.embedded.layout import Layout, is_locked
from thoth.storages.graph.models import Base, BaseExtension, Dependency, Release
from thoth.storages.graph.models_performance import PerformanceIndicatorBase
from thoth.storages.graph.release_records import ReleaseRecord
from thoth.storages.testing import temporary_settings

if TYPE_CHECKING:
    from thoth.storages import StoragesSettings


INDICATORS = [
    mapper.class_
    for mapper in Base.registry.mappers
    if issubclass(mapper.class_, PerformanceIndicatorBase)
]


def record(graph: GraphDatabase, number: int) -> None:
    records = [
        ReleaseRecord("six", f"1.{minor}", dependencies=("attrs",)) for minor in range(number)
    ]
    graph.releases.record(records)


def run(graph: GraphDatabase, statement: str) -> None:
    with graph.migration_connection() as connection:
        connection.autocommit = True
        connection.execute(statement)


def test_every_table_is_counted_once(graph: GraphDatabase) -> None:
    record(graph, 3)
    main, related = graph.get_main_table_count(), graph.get_relation_table_count()
    indicators = graph.get_performance_table_count()
    assert sorted([*main, *related, *indicators]) == sorted(Base.metadata.tables)
    assert (main["release"], main["package"], related["dependency"]) == (3, 2, 3)
    assert set(indicators) == {model.__tablename__ for model in INDICATORS}
    assert list(main) == sorted(main)


def test_a_model_is_counted(graph: GraphDatabase) -> None:
    record(graph, 2)
    assert graph.get_entity_count(Release) == 2
    assert graph.get_entity_count(Dependency) == 2
    for model in INDICATORS:
        assert graph.get_entity_count(model) == 0


@pytest.mark.parametrize("entity", [Base, BaseExtension, int, "release", None, Release()])
def test_what_is_no_model_is_refused(graph: GraphDatabase, entity: object) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        graph.get_entity_count(entity)
    assert caught.value.argument == "entity"


def test_an_initialised_schema_has_one_mark(empty_graph: GraphDatabase) -> None:
    with pytest.raises(SchemaMismatchError):
        empty_graph.get_alembic_version_count_all()
    empty_graph.initialize_schema()
    assert empty_graph.get_alembic_version_count_all() == 1


def test_tables_of_every_schema_are_counted_and_measured(own_graph: GraphDatabase) -> None:
    run(own_graph, "CREATE SCHEMA aside")
    run(own_graph, 'CREATE TABLE aside."odd \'name" AS SELECT generate_series(1, 9999) AS id')
    run(own_graph, 'CREATE INDEX ON aside."odd \'name" (id)')
    *public, last = own_graph.get_table_sizes()
    assert {entry["schema"] for entry in public} == {"public"}
    assert [entry["table"] for entry in public] == sorted(entry["table"] for entry in public)
    rows = {entry["table"]: entry["rows"] for entry in public}
    assert rows.pop("alembic_version") == 1
    assert set(rows.values()) == {0}
    assert (last["schema"], last["table"], last["rows"]) == ("aside", "odd 'name", 9999)
    assert last["table_bytes"] > 9999 * 4
    assert last["index_bytes"] > 9999 * 4
    server = own_graph.settings.server
    assert server is not None
    assert own_graph.get_database_name() == server.database


def test_the_size_is_in_bytes_and_grows(graph: GraphDatabase) -> None:
    before = graph.get_database_size()
    run(
        graph,
        "CREATE TABLE of_somebody_else AS SELECT repeat('x', 1000) FROM generate_series(1, 9999)",
    )
    assert graph.get_database_size() - before > 8_000_000
    run(graph, "DROP TABLE of_somebody_else")


def test_gaps_that_deleted_rows_leave_are_bloat(graph: GraphDatabase) -> None:
    record(graph, 4000)
    run(graph, "ANALYZE release")
    (full,) = (each for each in graph.get_bloat_data() if each["table"] == "release")
    assert full["live_rows"] == 4000
    assert full["bloat_ratio"] < 0.2
    (index,) = (each for each in graph.get_index_bloat_data() if each["index"] == "release_pkey")
    assert index["table"] == "release"
    assert index["bloat_ratio"] < 0.3
    run(graph, "DELETE FROM release WHERE id % 5 <> 0")
    run(graph, "VACUUM ANALYZE release")
    (sparse,) = (each for each in graph.get_bloat_data() if each["table"] == "release")
    assert sparse["bloat_ratio"] > 0.6
    assert sparse["size"] - sparse["expected_size"] == sparse["bloat_size"]
    (index,) = (each for each in graph.get_index_bloat_data() if each["index"] == "release_pkey")
    assert index["bloat_ratio"] > 0.5


def test_tables_without_statistics_have_no_estimate(own_graph: GraphDatabase) -> None:
    data = own_graph.get_bloat_data()
    assert {each["table"] for each in data} == {*Base.metadata.tables, "alembic_version"}
    assert {each["bloat_size"] for each in data} == {None}


def test_a_sound_database_is_not_corrupted(graph: GraphDatabase) -> None:
    record(graph, 10)
    assert not graph.is_database_corrupted()


def test_an_invalid_index_is_damage(own_graph: GraphDatabase) -> None:
    run(
        own_graph,
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'release_package_index_id_idx'::regclass",
    )
    assert own_graph.is_database_corrupted()


@pytest.mark.slow
def test_a_block_that_was_overwritten_is_damage() -> None:
    with temporary_settings() as settings:
        with GraphDatabase(settings) as graph:
            graph.initialize_schema()
            record(graph, 100)
            with graph.migration_connection() as connection:
                row = connection.execute("SELECT pg_relation_filepath('release')").fetchone()
            assert row is not None
            assert not graph.is_database_corrupted()
        wait_until_stopped(settings)
        relation = settings.data_dir / "postgresql" / "cluster" / str(row[0])
        content = bytearray(relation.read_bytes())
        content[4000:4100] = b"garbage..." * 10
        relation.write_bytes(content)
        with GraphDatabase(settings) as graph:
            assert graph.is_database_corrupted()
            assert graph.is_database_corrupted()
            assert graph.get_database_size() > 0


def wait_until_stopped(settings: StoragesSettings) -> None:
    layout = Layout(settings.data_dir / "postgresql")
    deadline = time.monotonic() + 60
    while is_locked(layout.supervisor_lock):
        assert time.monotonic() < deadline
        time.sleep(0.02)
