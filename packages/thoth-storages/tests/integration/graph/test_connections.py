"""Doing something else while the server is waited for."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from thoth.storages.graph.connections import working_meanwhile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from thoth.storages import GraphDatabase


@pytest.fixture
def interrupted_soon() -> Iterator[None]:
    """Interrupt the process, as Ctrl-C does, in a moment."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_work_is_done_while_the_server_is_waited_for_and_no_longer(graph: GraphDatabase) -> None:
    done: list[None] = []

    def work() -> bool:
        done.append(None)
        return len(done) < 3

    with graph.connection() as connection:
        with working_meanwhile(connection, work):
            connection.execute("SELECT pg_sleep(0.2)")
        count = len(done)
        assert count >= 3
        connection.execute("SELECT pg_sleep(0.01)")
    with graph.connection() as connection:
        connection.execute("SELECT pg_sleep(0.01)")
    assert len(done) == count


def test_work_is_not_waited_for_where_the_answer_is_there(graph: GraphDatabase) -> None:
    with graph.connection() as connection, working_meanwhile(connection, lambda: True):
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize("is_working", [False, True])
@pytest.mark.usefixtures("interrupted_soon")
def test_an_interrupt_meanwhile_leaves_the_graph_usable(
    graph: GraphDatabase, is_working: bool
) -> None:
    def work() -> bool:
        time.sleep(0.01)
        return is_working

    with (
        pytest.raises(KeyboardInterrupt),
        graph.connection() as connection,
        working_meanwhile(connection, work),
        connection.transaction(),
    ):
        connection.execute("SELECT pg_sleep(30)")
    with graph.connection() as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
