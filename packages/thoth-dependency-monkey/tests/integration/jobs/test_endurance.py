"""Jobs outlive whatever is killed: the database's server, workers, both, at any moment."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from thoth.dependency_monkey.jobs.queue import enqueue, install_queue
from thoth.storages import DatabaseUnreachableError, GraphDatabase
from thoth.storages.testing import temporary_settings
from thoth.storages.testing.validation_contract import new_validation, succeeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thoth.storages import JobRecord, ValidationRecord

Workers = Any


@pytest.fixture
def graph() -> Iterator[GraphDatabase]:
    """Connected to an embedded server of its own, which may be killed."""
    with temporary_settings() as settings, GraphDatabase(settings) as graph:
        graph.initialize_schema()
        install_queue(graph)
        yield graph


def kill_server(data_dir: Path) -> None:
    """Kill PostgreSQL as hard as the machine could."""
    with suppress(FileNotFoundError, ValueError, IndexError, ProcessLookupError):
        text = (data_dir / "postgresql" / "cluster" / "postmaster.pid").read_text()
        os.kill(int(text.splitlines()[0]), signal.SIGKILL)


def accept(graph: GraphDatabase, stack: str) -> ValidationRecord:
    """Accept a validation as a client would that is told to come back."""
    new = new_validation(stack)
    while True:
        try:
            return graph.validations.accept(new, enqueue=enqueue)
        except DatabaseUnreachableError:
            time.sleep(0.05)
            with suppress(DatabaseUnreachableError):
                found = graph.validations.get(new.id)
                if found is not None:
                    return found


def are_finished(graph: GraphDatabase, records: list[ValidationRecord]) -> bool:
    with suppress(DatabaseUnreachableError):
        found = [graph.validations.get(record.id) for record in records]
        return all(each is not None and each.finished_at is not None for each in found)
    return False


def test_a_killed_server_of_the_database_is_only_an_interruption(
    graph: GraphDatabase, workers: Workers, eventually: Any
) -> None:
    async def answer(job: JobRecord) -> Any:
        return succeeded(job.request.decode())

    with workers.at_work(workers.inline(answer), heartbeat_timeout=2.0, attempts=10):
        records = [accept(graph, str(number)) for number in range(20)]
        kill_server(graph.settings.data_dir)
        records += [accept(graph, str(number)) for number in range(20, 40)]
        eventually(lambda: are_finished(graph, records), 60)
    found = [graph.validations.get(record.id) for record in records]
    assert {each.valid for each in found if each is not None} == {True}


@pytest.mark.slow
def test_whatever_is_killed_every_accepted_validation_is_answered_rightly(
    graph: GraphDatabase, workers: Workers, eventually: Any
) -> None:
    luck = random.Random(7)
    settings = graph.settings
    processes = [workers.process(settings, 0.05, 1_000) for _ in range(2)]
    records: list[ValidationRecord] = []
    try:
        for turn in range(40):
            records += [accept(graph, f"{turn} {number}") for number in range(5)]
            time.sleep(luck.uniform(0.0, 0.6))
            if luck.random() < 0.3:
                kill_server(settings.data_dir)
            else:
                victim = luck.randrange(2)
                processes[victim].kill()
                processes[victim] = workers.process(settings, 0.05, 1_000)
        eventually(lambda: are_finished(graph, records), 120)
    finally:
        for process in processes:
            process.kill()
    for record in records:
        found = graph.validations.get(record.id)
        assert found is not None
        assert (found.phase, found.valid) == ("succeeded", True), found
        assert found.raw_log == f"attempt {found.attempt}"
        assert found.result_digest is not None
        assert graph.validations.result(found.result_digest) == record.request
    assert graph.validations.count_unfinished() == {}
    eventually(lambda: are_settled(graph))


def are_settled(graph: GraphDatabase) -> bool:
    """Whether the queue is empty, or holds only what a dead worker had done."""
    with graph.migration_connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM queue.pgqueuer WHERE status <> 'picked'"
        ).fetchone()
    return row == (0,)
