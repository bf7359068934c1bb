"""The queue's tables, and queuing in the transaction that accepts a validation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from thoth.dependency_monkey.jobs.queue import enqueue, install_queue, trim_log
from thoth.storages import DatabaseRefusedError, GraphDatabase
from thoth.storages.testing.validation_contract import in_parallel, new_validation

if TYPE_CHECKING:
    from uuid import UUID

    from thoth.storages import StoragesSettings
    from thoth.storages.graph.connections import Connection


def queued(graph: GraphDatabase) -> list[bytes]:
    with graph.migration_connection() as connection:
        rows = connection.execute("SELECT payload FROM queue.pgqueuer ORDER BY id").fetchall()
    return [row[0] for row in rows]


def tables(graph: GraphDatabase) -> list[str]:
    with graph.migration_connection() as connection:
        rows = connection.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'queue' ORDER BY 1"
        ).fetchall()
    return [row[0] for row in rows]


def test_an_accepted_validation_is_queued_and_an_equal_one_is_not_queued_again(
    graph: GraphDatabase,
) -> None:
    first = graph.validations.accept(new_validation(), enqueue=enqueue)
    graph.validations.accept(new_validation(), enqueue=enqueue)
    assert queued(graph) == [first.job_id.bytes]


def test_what_is_rolled_back_is_neither_accepted_nor_queued(graph: GraphDatabase) -> None:
    def enqueue_and_fail(connection: Connection, job_id: UUID) -> None:
        enqueue(connection, job_id)
        assert connection.execute("SELECT count(*) FROM queue.pgqueuer").fetchone() == (1,)
        connection.execute("SELECT 1 / 0")

    new = new_validation()
    with pytest.raises(DatabaseRefusedError):
        graph.validations.accept(new, enqueue=enqueue_and_fail)
    assert queued(graph) == []
    assert graph.validations.get(new.id) is None
    assert graph.validations.count_unfinished() == {}


def test_a_missing_queue_accepts_nothing(migrated_settings: StoragesSettings) -> None:
    new = new_validation()
    with GraphDatabase(migrated_settings) as graph:
        with pytest.raises(Exception, match=r"queue|schema"):
            graph.validations.accept(new, enqueue=enqueue)
        assert graph.validations.get(new.id) is None


def test_a_connection_that_is_killed_in_between_leaves_nothing(graph: GraphDatabase) -> None:
    def enqueue_and_die(connection: Connection, job_id: UUID) -> None:
        enqueue(connection, job_id)
        with graph.migration_connection() as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        connection.execute("SELECT 1")

    new = new_validation()
    with pytest.raises(Exception, match="terminat"):
        graph.validations.accept(new, enqueue=enqueue_and_die)
    assert queued(graph) == []
    assert graph.validations.get(new.id) is None


def test_eight_writers_at_once_queue_each_job_once(graph: GraphDatabase) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            graph.validations.accept(new_validation(f"own {number} {turn}"), enqueue=enqueue)
            graph.validations.accept(new_validation(f"shared {turn}"), enqueue=enqueue)

    in_parallel(8, write)
    assert len(queued(graph)) == len(set(queued(graph))) == 8 * 10 + 10
    assert len(graph.validations.list(1_000)[0]) == 2 * 8 * 10


def test_the_queue_is_installed_once_however_many_do_it_at_once(
    empty_settings: StoragesSettings,
) -> None:
    def install(_number: int) -> None:
        with GraphDatabase(empty_settings) as graph:
            install_queue(graph)
            install_queue(graph)

    in_parallel(4, install)
    with GraphDatabase(empty_settings) as graph:
        assert "pgqueuer_pkey" in tables(graph)


def test_tables_of_another_release_of_the_library_are_brought_up_to_date(
    graph: GraphDatabase,
) -> None:
    graph.validations.accept(new_validation(), enqueue=enqueue)
    before, entries = tables(graph), queued(graph)
    with graph.migration_connection() as connection:
        connection.execute("DROP INDEX queue.pgqueuer_picked_heartbeat_idx")
        connection.execute("COMMENT ON SCHEMA queue IS 'pgqueuer 1.5.0'")
    install_queue(graph)
    assert tables(graph) == before
    assert queued(graph) == entries


def test_the_environment_does_not_rename_what_the_queue_is_made_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import subprocess
    import sys

    code = (
        "from thoth.dependency_monkey.jobs import library;"
        "print(library.NAMES.qualified.queue_table, library.NAMES.channel, library.NAMES.trigger)"
    )
    for name in ("CHANNEL", "TRIGGER", "PGQUEUER_PREFIX", "PGQUEUER_SCHEMA", "QUEUE_TABLE"):
        monkeypatch.setenv(name, "another")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["queue.pgqueuer", "thoth_queue", "tg_pgqueuer_changed"]


def test_migrations_of_the_graph_leave_the_queue_alone(graph: GraphDatabase) -> None:
    before = tables(graph)
    graph.drop_all()
    graph.initialize_schema()
    assert tables(graph) == before != []


def test_the_log_of_the_queue_is_trimmed(graph: GraphDatabase) -> None:
    graph.validations.accept(new_validation(), enqueue=enqueue)
    now = datetime.now(UTC)
    assert trim_log(graph, now - timedelta(minutes=1)) == 0
    assert trim_log(graph, now + timedelta(minutes=1)) == 1
    assert len(queued(graph)) == 1


def test_a_server_that_refuses_is_said_so(graph: GraphDatabase) -> None:
    with graph.migration_connection() as connection:
        connection.execute("COMMENT ON SCHEMA queue IS NULL")
    with pytest.raises(psycopg.Error, match="already exists"):
        install_queue(graph)
