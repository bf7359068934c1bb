"""The application behind real sockets, over the in-memory twin of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from thoth.dependency_monkey.api.app import create_app
from thoth.dependency_monkey.api.metrics import Metrics
from thoth.dependency_monkey.testing import InMemoryIndex
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.fast_path import FastPath
from thoth.dependency_monkey.validation.read_through import ReadThrough
from thoth.dependency_monkey.validation.service import Terms, ValidationService
from thoth.dependency_monkey.validation.store import MemoryFactStore
from thoth.storages.testing import InMemoryValidations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager, AsyncExitStack
    from uuid import UUID

INDEX = "https://index.example/simple/"
TARGET = "cp312-manylinux_2_28_x86_64"


class Site:
    """A running service, and what stands behind it."""

    def __init__(self) -> None:
        self.store: Any = InMemoryValidations()
        self.facts = MemoryFactStore()
        self.queued: list[UUID] = []
        self.checks: dict[str, Any] = {}
        self.metrics = Metrics()
        self.unfinished: dict[str, int] = {}
        self.url = ""

    def count_unfinished(self) -> dict[str, int]:
        return self.unfinished

    def service(self) -> ValidationService:
        return ValidationService(
            self.store,
            Terms((TARGET,), (INDEX,)),
            enqueue=lambda _, job_id: self.queued.append(job_id),
            fast_path=FastPath([("index", INDEX)], self.facts),
        )

    def application(self) -> Any:
        index = NamedIndex("index", INDEX, InMemoryIndex({"six": {"1.17.0": []}}, url=INDEX))
        return create_app(
            self.service(),
            ReadThrough([index], self.facts),
            checks=self.checks,
            metrics=self.metrics,
            count_unfinished=lambda: self.count_unfinished(),
        )

    def client(self, **options: Any) -> httpx2.Client:
        given = {"timeout": 60.0, **options}
        return httpx2.Client(base_url=self.url, trust_env=False, verify=False, **given)


@pytest.fixture(scope="module")
def site(running: Callable[..., AbstractContextManager[str]]) -> Iterator[Site]:
    """A service whose store is shared by the tests of a module."""
    made = Site()

    async def build(_: AsyncExitStack) -> Any:
        return made.application()

    with running(build) as made.url:
        yield made


@pytest.fixture
def http(site: Site) -> Iterator[httpx2.Client]:
    with site.client() as client:
        yield client
