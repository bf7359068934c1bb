"""A real database with a queue, workers in this process, and workers to be killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from thoth.dependency_monkey.jobs.executors import InlineExecutor
from thoth.dependency_monkey.jobs.queue import install_queue
from thoth.dependency_monkey.jobs.worker import Worker, WorkerLimits
from thoth.storages import GraphDatabase
from thoth.storages.testing import empty_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thoth.dependency_monkey.jobs.executors import Executor
    from thoth.storages import StoragesSettings
    from thoth.storages.graph.connections import ConnectionParameters

WORKER = Path(__file__).with_name("worker_process.py")


@pytest.fixture(scope="session")
def _database_with_queue(
    server_parameters: ConnectionParameters, migrated_database: StoragesSettings
) -> Iterator[StoragesSettings]:
    with empty_database(server_parameters, like=migrated_database) as settings:
        with GraphDatabase(settings) as graph:
            install_queue(graph)
        yield settings


@pytest.fixture
def settings(
    server_parameters: ConnectionParameters, _database_with_queue: StoragesSettings
) -> Iterator[StoragesSettings]:
    """Lend the database of `graph`."""
    with empty_database(server_parameters, like=_database_with_queue) as settings:
        yield settings


@pytest.fixture
def graph(settings: StoragesSettings) -> Iterator[GraphDatabase]:
    """Connected, with tables and a queue, all of them empty."""
    with GraphDatabase(settings) as graph:
        yield graph


def quick(**changes: float) -> WorkerLimits:
    """Return limits with which a test does not wait long."""
    defaults = {"heartbeat_timeout": 1.0, "poll": 0.2, "retry": 0.05, "grace": 1.0}
    return WorkerLimits(**{**defaults, **changes})  # type: ignore[arg-type]


class Process:
    """A worker in a process of its own."""

    def __init__(self, settings: StoragesSettings, seconds: float, attempts: int = 3) -> None:
        given = {"server": settings.server, "data_dir": str(settings.data_dir)}
        arguments = [msgspec.json.encode(given).decode(), str(seconds), str(attempts)]
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), *arguments], stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def line(self) -> list[str]:
        """Return the words of the next line that it writes."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()


class Workers:
    """Starts workers on loops of their own."""

    process = Process

    def __init__(self, graph: GraphDatabase) -> None:
        self._graph = graph

    @contextmanager
    def at_work(self, executor: Executor, **limits: float) -> Iterator[Worker]:
        """Have a worker at work meanwhile; it is stopped at the end."""
        worker = Worker(self._graph, executor, limits=quick(**limits))
        thread = threading.Thread(target=lambda: asyncio.run(worker.run()))
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join(30)
            assert not thread.is_alive()

    def inline(self, answer: Callable[..., object], **options: float) -> InlineExecutor:
        return InlineExecutor(answer, **options)  # type: ignore[arg-type]


@pytest.fixture
def workers(graph: GraphDatabase) -> Workers:
    return Workers(graph)


def eventually(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"still not so after {seconds:g} s"
        time.sleep(0.01)


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., None]:
    return eventually
