"""Retention: removing validations whose time is over, with their jobs and results."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

from thoth.dependency_monkey.jobs.queue import trim_log
from thoth.storages import StoragesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase

BATCH = 500
"""So many validations are removed in one transaction."""
INTERVAL = 600.0
"""Seconds from one pass to the next."""
QUEUE_LOG_AGE = timedelta(days=7)
"""How long the queue's log is kept."""

_logger = logging.getLogger("thoth.dependency_monkey.jobs")


class Retention:
    """Removes what has expired, again and again; any number may run, in any processes.

    When a validation expires was settled when it was accepted. `interval` is in seconds.
    """

    def __init__(
        self,
        graph: GraphDatabase,
        *,
        interval: float = INTERVAL,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._graph = graph
        self._interval = interval
        self._clock = clock

    def run_once(self) -> int:
        """Remove everything that has expired by now; return how many validations that were.

        Blocks, in short transactions. Raises what the graph does.
        """
        now, removed = self._clock(), 0
        while gone := self._graph.validations.expire(now, at_most=BATCH):
            removed += gone
        trim_log(self._graph, now - QUEUE_LOG_AGE)
        return removed

    async def run(self, stopping: asyncio.Event) -> None:
        """Remove what has expired until told to stop; a database that is away is tried again."""
        while not stopping.is_set():
            try:
                removed = await asyncio.to_thread(self.run_once)
            except (StoragesError, psycopg.Error) as error:
                _logger.warning("Expired validations could not be removed: %s", error)
            else:
                if removed:
                    _logger.info("Removed %d expired validations", removed)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._interval)
