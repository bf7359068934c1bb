"""Hearing of jobs that finish, whichever worker of the database ran them, and wherever."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Literal

import msgspec
import psycopg

from thoth.dependency_monkey.jobs.queue import connect
from thoth.storages import StoragesError
from thoth.storages.graph.validation_records import FINISHED_CHANNEL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from thoth.storages import GraphDatabase

PAUSE = 1.0
"""Seconds before the database is tried again, once it was away."""

_logger = logging.getLogger("thoth.dependency_monkey.jobs")


class FinishedNotice(msgspec.Struct, frozen=True):
    """How a job ended. `waited` and `ran` are the seconds before and in its last attempt."""

    ecosystem: str
    phase: Literal["succeeded", "failed"]
    reason: str
    attempt: int
    waited: float
    ran: float


_NOTICE = msgspec.json.Decoder(FinishedNotice)


@asynccontextmanager
async def hearing(
    graph: GraphDatabase, heard: Callable[[FinishedNotice], None], *, pause: float = PAUSE
) -> AsyncIterator[None]:
    """Call `heard`, on the event loop, for each job that finishes while the context lasts.

    A database that is away is tried again after `pause` seconds, without end; what finishes
    meanwhile is not heard of.
    """
    listening = asyncio.create_task(_listen(graph, heard, pause))
    try:
        yield
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(
    graph: GraphDatabase, heard: Callable[[FinishedNotice], None], pause: float
) -> None:
    while True:
        try:
            async with await connect(graph) as connection:
                await connection.execute(f"LISTEN {FINISHED_CHANNEL}")
                async with aclosing(connection.notifies()) as notifications:
                    async for notification in notifications:
                        _tell(notification.payload, heard)
        except (psycopg.Error, StoragesError, OSError) as error:
            _logger.debug("Finished jobs cannot be heard of, trying again: %s", error)
        await asyncio.sleep(pause)


def _tell(payload: str, heard: Callable[[FinishedNotice], None]) -> None:
    try:
        notice = _NOTICE.decode(payload)
    except msgspec.DecodeError as error:
        _logger.warning("A notice of a finished job cannot be read: %s", error)
    else:
        heard(notice)
