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
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

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
GRACE = 10.0
"""Seconds for what is being stored when it is to stop; what is left then is left to others."""
NICENESS = 5
"""By how much the thread that stores gives way to others, on Linux, as validators do."""

_logger = logging.getLogger("thoth.dependency_monkey.jobs")


class Documents:
    """Stores documents again and again; any number may run, in any processes.

    `interval`, `longest_pause` and `grace` are in seconds.
    """

    def __init__(
        self,
        graph: GraphDatabase,
        *,
        interval: float = INTERVAL,
        rest: float = REST,
        longest_pause: float = LONGEST_PAUSE,
        grace: float = GRACE,
    ) -> None:
        self._loop = ValidationLoop(graph, metadata_of)
        self._interval = interval
        self._rest = rest
        self._longest_pause = longest_pause
        self._grace = grace

    def run_once(self) -> int:
        """Remove some documents and store some; return how many documents and jobs these were.

        Blocks. Raises what says that the store or the graph is away.
        """
        # In this order, since a store that is full takes none before some are gone.
        return self._loop.remove() + self._loop.store()

    async def run(self, stopping: asyncio.Event) -> bool:
        """Store what is to be stored until told to stop; return whether that ended, too.

        A store or a database that is away is tried again after ever longer pauses, without end. One
        that does not answer by the end of the grace leaves threads behind that wait for it.
        """
        pause = self._interval
        while not stopping.is_set():
            began = time.monotonic()
            working = self._begin()
            if not await self._is_done(working, stopping):
                _logger.warning("Documents are left to others: the store does not answer")
                return False
            try:
                done = working.result()
            except (StoragesError, psycopg.Error) as error:
                _logger.warning("Documents wait, trying again in %.0f s: %s", pause, error)
            except Exception:
                _logger.exception("Documents wait, trying again in %.0f s", pause)
            else:
                pause = self._interval
                wait = (time.monotonic() - began) * self._rest if done else self._interval
                await _pass(stopping, wait)
                continue
            await _pass(stopping, pause)
            pause = min(2 * pause, self._longest_pause)
        return True

    def _begin(self) -> asyncio.Future[int]:
        """Begin to store some, in a thread of its own that no process waits for."""
        outcome: Future[int] = Future()
        outcome.set_running_or_notify_cancel()

        def work() -> None:
            # What this thread starts, to store many at once, gives way as it does.
            _give_way()
            try:
                outcome.set_result(self.run_once())
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                outcome.set_exception(error)

        threading.Thread(target=work, name="documents", daemon=True).start()
        return asyncio.wrap_future(outcome)

    async def _is_done(self, working: asyncio.Future[int], stopping: asyncio.Event) -> bool:
        """Wait for what was begun; say whether it was done before the grace was over."""
        told = asyncio.ensure_future(stopping.wait())
        either: set[asyncio.Future[Any]] = {working, told}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await asyncio.wait({working}, timeout=self._grace)
        finally:
            told.cancel()
        if working.done():
            return True
        working.cancel()
        return False


async def _pass(stopping: asyncio.Event, seconds: float) -> None:
    """Let time pass, until it is to stop at the latest."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


def _give_way() -> None:
    # Elsewhere a thread has no priority of its own.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            own = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, own + NICENESS)
