"""What happens when the server or its connections go away, refuse or keep us waiting."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from thoth.storages import (
    DatabaseBusyError,
    DatabaseError,
    DatabaseRefusedError,
    DatabaseUnreachableError,
    GraphDatabase,
    GraphServer,
    StoragesSettings,
)
from thoth.storages.graph import connections
from thoth.storages.testing import temporary_settings
from thoth.storages.testing.contracts import INDEX, page

if TYPE_CHECKING:
    from collections.abc import Callable


def interrupt_a_record(graph: GraphDatabase, with_function: str) -> DatabaseError:
    """Interrupt `pages.record` while it waits for a lock; return the error that it raised."""
    with (
        graph.migration_connection() as blocker,
        psycopg.connect(graph.construct_connection_string(), autocommit=True) as observer,
        ThreadPoolExecutor(1) as thread,
    ):
        blocker.execute("LOCK TABLE page")
        pages = [page("first"), page("second")]
        running = thread.submit(graph.pages.record, INDEX, pages)
        deadline = time.monotonic() + 20
        interrupted = False
        while not interrupted and time.monotonic() < deadline:
            interrupted = bool(
                observer.execute(
                    f"SELECT {with_function}(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ).fetchall()
            )
        error = running.exception(timeout=20)
    assert isinstance(error, DatabaseError)
    return error


def test_a_connection_lost_in_a_query_is_typed_and_the_next_call_connects(
    graph: GraphDatabase,
) -> None:
    before = graph.stats()["failures"]
    error = interrupt_a_record(graph, "pg_terminate_backend")
    assert isinstance(error, DatabaseUnreachableError)
    assert graph.stats()["failures"] == before + 1
    assert graph.pages.get(INDEX, ["first", "second"], format=1) == {}
    graph.pages.record(INDEX, [page("first")])
    assert graph.pages.get(INDEX, ["first"], format=1)


def test_a_statement_that_takes_too_long_is_typed(graph: GraphDatabase) -> None:
    error = interrupt_a_record(graph, "pg_cancel_backend")
    assert isinstance(error, DatabaseBusyError)
    assert error.sqlstate == "57014"
    assert graph.pages.get(INDEX, ["first", "second"], format=1) == {}


def test_connections_that_died_while_idle_are_replaced_before_anybody_notices(
    graph: GraphDatabase,
) -> None:
    before = graph.stats()["failures"]
    with psycopg.connect(graph.construct_connection_string(), autocommit=True) as observer:
        observer.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert graph.pages.get(INDEX, ["six"], format=1) == {}
    assert graph.stats()["failures"] == before


def test_a_read_only_database_refuses_what_changes_it(own_graph: GraphDatabase) -> None:
    with psycopg.connect(own_graph.construct_connection_string(), autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    own_graph.disconnect()
    own_graph.connect()
    with pytest.raises(DatabaseRefusedError) as caught:
        own_graph.pages.record(INDEX, [page("six")])
    assert caught.value.sqlstate == "25006"
    assert own_graph.pages.get(INDEX, ["six"], format=1) == {}


def test_more_callers_than_connections_wait_for_each_other(graph: GraphDatabase) -> None:
    before = graph.stats()["connections"]
    barrier = threading.Barrier(24)

    def ask(number: int) -> None:
        barrier.wait(30)
        graph.pages.record(INDEX, [page(f"package-{number}")])

    with ThreadPoolExecutor(24) as threads:
        list(threads.map(ask, range(24)))
    names = [f"package-{number}" for number in range(24)]
    assert len(graph.pages.get(INDEX, names, format=1)) == 24
    assert graph.stats()["connections"] - before <= connections.MAX_CONNECTIONS


def test_waiting_for_a_connection_has_an_end(
    graph: GraphDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WAIT_SECONDS", 0.1)
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 1)
    with GraphDatabase(graph.settings) as one_at_a_time:
        with one_at_a_time._connection(), pytest.raises(DatabaseBusyError):
            one_at_a_time.pages.get(INDEX, [], format=1)
        assert one_at_a_time.pages.get(INDEX, [], format=1) == {}


def unreachable(**changes: object) -> GraphDatabase:
    server = GraphServer(**{"host": "127.0.0.1", "password": "hunter2", **changes})
    return GraphDatabase(StoragesSettings(data_dir=Path("/nonexistent"), server=server))


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "changes",
    [
        lambda: {"port": closed_port()},
        lambda: {"host": "no-such-host.invalid"},
        lambda: {"host": "/nonexistent/socket"},
        lambda: {"port": closed_port(), "database": "other"},
    ],
)
def test_a_server_that_is_not_there_is_a_clear_error(
    changes: Callable[[], dict[str, object]],
) -> None:
    graph = unreachable(**changes())
    with pytest.raises(DatabaseUnreachableError, match="KNOWLEDGE_GRAPH_HOST") as caught:
        graph.connect()
    assert "hunter2" not in str(caught.value)
    assert not graph.is_connected()


def test_a_server_that_speaks_something_else_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def answer() -> None:
            listener.settimeout(0.1)
            while not stop.is_set():
                try:
                    client, _ = listener.accept()
                except TimeoutError:
                    continue
                with client:
                    client.recv(1024)
                    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with pytest.raises(DatabaseUnreachableError):
                unreachable(port=listener.getsockname()[1]).connect()
        finally:
            stop.set()
            thread.join()


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections._SESSION, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        with pytest.raises(DatabaseUnreachableError):
            unreachable(port=listener.getsockname()[1], database="other").connect()
        assert time.monotonic() - started < 10


@pytest.mark.slow
def test_an_embedded_server_whose_supervisor_was_killed_ends_with_its_last_user() -> None:
    with temporary_settings() as settings:
        with GraphDatabase(settings):
            state = json.loads((settings.data_dir / "postgresql" / "state.json").read_text())
            os.kill(state["supervisor_pid"], signal.SIGKILL)
            wait_for_the_end_of(state["supervisor_pid"])
        wait_for_the_end_of(state["server_pid"])


def wait_for_the_end_of(pid: int) -> None:
    deadline = time.monotonic() + 30
    with suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.slow
def test_an_embedded_server_that_was_killed_comes_back() -> None:
    with temporary_settings() as settings, GraphDatabase(settings) as graph:
        graph.initialize_schema()
        graph.pages.record(INDEX, [page("six")])
        pid_file = settings.data_dir / "postgresql" / "cluster" / "postmaster.pid"
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
        deadline = time.monotonic() + 30
        while True:
            try:
                found = graph.pages.get(INDEX, ["six"], format=1)
                break
            except DatabaseUnreachableError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert found["six"].facts == page("six").facts
