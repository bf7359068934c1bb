"""Retention: removing validations whose time is over, with their jobs and results.

Facts are kept for good, but for one kind: that a package does not exist. Anybody can ask for names
that nobody has, as many as there are.
"""

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

ABSENT_PAGE_AGE = timedelta(days=30)
"""How long it is kept that an index lacks a package, after the index was last asked."""
MOST_ABSENT_PAGES = 100_000
"""That so many packages are lacking is kept after each pass, those asked for last."""
PAGE_BATCH = 10_000
"""So many pages are removed in one transaction."""
BATCH = 500
"""So many validations are removed in one transaction."""
INTERVAL = 600.0
"""Seconds from one pass to the next."""
QUEUE_LOG_AGE = timedelta(days=7)
"""How long the queue's log is kept."""

_logger = logging.getLogger("thoth.dependency_monkey.jobs")


class Retention:
    """Removes what has expired, again and again; any number may run, in any processes.

    When a validation expires was settled when it was accepted. `interval` is in seconds. With
    `keeps_pages` no page is removed: for who may not ask the indexes again.
    """

    def __init__(
        self,
        graph: GraphDatabase,
        *,
        interval: float = INTERVAL,
        keeps_pages: bool = False,
        most_absent_pages: int = MOST_ABSENT_PAGES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._graph = graph
        self._interval = interval
        self._keeps_pages = keeps_pages
        self._most_absent_pages = most_absent_pages
        self._clock = clock

    def run_once(self) -> int:
        """Remove everything that has expired by now; return how many validations that were.

        Blocks, in short transactions. Raises what the graph does.
        """
        now, removed = self._clock(), 0
        while gone := self._graph.validations.expire(now, at_most=BATCH):
            removed += gone
        trim_log(self._graph, now - QUEUE_LOG_AGE)
        if not self._keeps_pages:
            self._forget_absent_pages(now - ABSENT_PAGE_AGE)
        return removed

    def _forget_absent_pages(self, checked_until: datetime) -> None:
        forget, most = self._graph.pages.forget_absent, self._most_absent_pages
        while forget(checked_until, keep=most, at_most=PAGE_BATCH) == PAGE_BATCH:
            pass

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
