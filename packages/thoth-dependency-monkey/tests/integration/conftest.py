"""Applications on real ports; a read-through index before indexes that tests make up."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from thoth.dependency_monkey.api.app import create_read_through_app
from thoth.dependency_monkey.api.serving import served
from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.read_through import ReadThrough
from thoth.dependency_monkey.validation.store import MemoryFactStore
from thoth.storages.testing.fixtures import (
    empty_settings,
    migrated_database,
    migrated_settings,
    server_parameters,
    session_data_dir,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = [
    "empty_settings",
    "migrated_database",
    "migrated_settings",
    "server_parameters",
    "session_data_dir",
]

_LIMITS = IndexLimits(retries=1, backoff=0.01)


class ReadThroughSite:
    """A running read-through index. `url` is that of all indexes, `store` what it records into."""

    def __init__(self, root: str, store: Any) -> None:
        self.root = root
        self.store = store
        self.url = self.url_of("default")

    def url_of(self, name: str) -> str:
        return f"{self.root}/index/{name}/simple/"


@contextmanager
def _running(build: Callable[[AsyncExitStack], Awaitable[Any]]) -> Iterator[str]:
    """Serve the application that `build` makes in the server's own event loop; give its URL.

    What `build` opens on the stack that it is given is closed after the server.
    """
    ports: list[int] = []
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        try:
            async with AsyncExitStack() as opened:
                application = await build(opened)
                ports.append(await opened.enter_async_context(served(application, "127.0.0.1", 0)))
                started.set()
                await stop.wait()
        finally:
            started.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    started.wait()
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="session")
def running() -> Callable[..., AbstractContextManager[str]]:
    """Serve an application in a thread; see `_running`."""
    return _running


@pytest.fixture
def read_through() -> Iterator[Callable[..., ReadThroughSite]]:
    """Start a read-through index: names and URLs of the real ones, by priority."""
    with ExitStack() as stack:

        def start(
            *,
            store: Any = None,
            limits: IndexLimits = _LIMITS,
            max_age: float = 600.0,
            trust_env: bool = False,
            **urls: str,
        ) -> ReadThroughSite:
            facts = MemoryFactStore() if store is None else store

            async def build(opened: AsyncExitStack) -> Any:
                named = []
                for name, url in urls.items():
                    client = HttpIndex(url, limits=limits, trust_env=trust_env)
                    await opened.enter_async_context(client)
                    named.append(NamedIndex(name, client.url, client))
                read_through = ReadThrough(named, facts, max_age=max_age)
                await opened.enter_async_context(read_through)
                return create_read_through_app(read_through)

            return ReadThroughSite(stack.enter_context(_running(build)), facts)

        yield start
