"""The application behind real sockets, over the in-memory twin of the store."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from thoth.dependency_monkey.api.app import create_app
from thoth.dependency_monkey.api.serving import served
from thoth.dependency_monkey.testing import InMemoryIndex
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.fast_path import FastPath
from thoth.dependency_monkey.validation.read_through import ReadThrough
from thoth.dependency_monkey.validation.service import Terms, ValidationService
from thoth.dependency_monkey.validation.store import MemoryFactStore
from thoth.storages.testing import InMemoryValidations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

INDEX = "https://index.example/simple/"
TARGET = "cp312-manylinux_2_28_x86_64"


@contextmanager
def running(build: Callable[[], Any]) -> Iterator[str]:
    """Serve what `build` makes, called in the server's own event loop; give its URL."""
    ready: list[str] = []
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        try:
            async with served(build(), "127.0.0.1", 0) as port:
                ready.append(f"http://127.0.0.1:{port}")
                started.set()
                await stop.wait()
        finally:
            started.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    started.wait()
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


class Site:
    """A running service, and what stands behind it."""

    def __init__(self) -> None:
        self.store: Any = InMemoryValidations()
        self.facts = MemoryFactStore()
        self.queued: list[UUID] = []
        self.checks: dict[str, Any] = {}
        self.url = ""

    def service(self) -> ValidationService:
        return ValidationService(
            self.store,
            Terms((TARGET,), (INDEX,)),
            enqueue=lambda _, job_id: self.queued.append(job_id),
            fast_path=FastPath([("index", INDEX)], self.facts),
        )

    def application(self) -> Any:
        index = NamedIndex("index", INDEX, InMemoryIndex({"six": {"1.17.0": []}}, url=INDEX))
        return create_app(self.service(), ReadThrough([index], self.facts), checks=self.checks)

    def client(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, trust_env=False, verify=False, **options)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A service whose store is shared by the tests of a module."""
    made = Site()
    with running(made.application) as made.url:
        yield made


@pytest.fixture
def http(site: Site) -> Iterator[httpx2.Client]:
    with site.client() as client:
        yield client
