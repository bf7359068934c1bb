"""Documents of finished validations, stored and synced in the background, removed when they go.

Answering comes first: what is stored here waits while a store is away, and takes its time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from thoth.dependency_monkey.validation.document import metadata_of
from thoth.storages import StoragesError
from thoth.storages.sync.validation_loop import ValidationLoop

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

INTERVAL = 2.0
"""Seconds after which it is looked again whether a validation has finished."""
REST = 2.0
"""After each batch, rest for so many times as long as it took: answering comes first."""
LONGEST_PAUSE = 60.0
"""Seconds after which a store that is away is tried again, at most."""
NICENESS = 5
"""By how much the thread that stores gives way to others, on Linux, as validators do."""

_logger = logging.getLogger("thoth.dependency_monkey.jobs")


class Documents:
    """Stores documents again and again; any number may run, in any processes.

    `interval` and `longest_pause` are in seconds.
    """

    def __init__(
        self,
        graph: GraphDatabase,
        *,
        interval: float = INTERVAL,
        rest: float = REST,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        self._loop = ValidationLoop(graph, metadata_of)
        self._interval = interval
        self._rest = rest
        self._longest_pause = longest_pause

    def run_once(self) -> int:
        """Store some documents and remove some; return how many jobs and documents these were.

        Blocks. Raises what says that the store or the graph is away.
        """
        return self._loop.store() + self._loop.remove()

    async def run(self, stopping: asyncio.Event) -> None:
        """Store what is to be stored until told to stop.

        A store or a database that is away is tried again after ever longer pauses, without end.
        """
        # What the thread starts, to store many at once, gives way as it does.
        with ThreadPoolExecutor(1, "documents", initializer=_give_way) as thread:
            await self._run(stopping, thread)

    async def _run(self, stopping: asyncio.Event, thread: ThreadPoolExecutor) -> None:
        loop, pause = asyncio.get_running_loop(), self._interval
        while not stopping.is_set():
            began = time.monotonic()
            try:
                done = await loop.run_in_executor(thread, self.run_once)
            except (StoragesError, psycopg.Error) as error:
                _logger.warning("Documents wait, trying again in %.0f s: %s", pause, error)
                wait, pause = pause, min(2 * pause, self._longest_pause)
            else:
                pause = self._interval
                wait = (time.monotonic() - began) * self._rest if done else self._interval
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait)


def _give_way() -> None:
    # Elsewhere a thread has no priority of its own.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            own = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, own + NICENESS)
