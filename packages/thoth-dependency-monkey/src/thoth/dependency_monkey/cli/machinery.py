"""What the long-running commands are made of: the graph, the read-through index, signals."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
from thoth.dependency_monkey.jobs.queue import install_queue
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.read_through import ReadThrough
from thoth.dependency_monkey.validation.store import GraphFactStore
from thoth.storages import GraphDatabase, StoragesSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from thoth.dependency_monkey.cli.configuration import ConfiguredIndex
    from thoth.dependency_monkey.settings import Settings


@asynccontextmanager
async def connected_graph(environ: Mapping[str, str]) -> AsyncIterator[GraphDatabase]:
    """Lend the knowledge graph, with its schema and the queue; the server is started if need be."""
    graph = GraphDatabase(StoragesSettings.from_environment(environ))
    await asyncio.to_thread(graph.connect)
    try:
        await asyncio.to_thread(graph.initialize_schema)
        await asyncio.to_thread(install_queue, graph)
        yield graph
    finally:
        await asyncio.to_thread(graph.disconnect)


@asynccontextmanager
async def opened_read_through(
    indexes: Sequence[ConfiguredIndex], graph: GraphDatabase, settings: Settings
) -> AsyncIterator[ReadThrough]:
    """Lend a read-through index over the configured indexes."""
    async with AsyncExitStack() as stack:
        named = []
        for index in indexes:
            client = None
            if not settings.offline:
                client = await stack.enter_async_context(
                    HttpIndex(index.url, credentials=index.credentials)
                )
            named.append(NamedIndex(index.name, index.url, client))
        facts = GraphFactStore(graph)
        yield await stack.enter_async_context(ReadThrough(named, facts, max_age=settings.max_age))


def stop_event() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop
