"""An application on a socket: Granian in this process's event loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from thoth.dependency_monkey.errors import Problem, RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

START_SECONDS = 10.0
STOP_SECONDS = 10.0
"""How long requests that are being answered may take once the server shall stop."""
HEAD_SECONDS = 20
"""How long a client may take to send the head of a request."""
LARGEST_HEAD = 64 * 1024
WAITING_CONNECTIONS = 1024
MAX_CONNECTIONS = 1024


@asynccontextmanager
async def served(application: Any, host: str, port: int) -> AsyncIterator[int]:
    """Serve an ASGI application while the context lasts; gives the port.

    With `port` 0, a free one. At the end, requests that are being answered get `STOP_SECONDS`.
    Raises `RequestError` where the address cannot be had.
    """
    port = free_port(host, port)
    server: Any = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        backlog=WAITING_CONNECTIONS,
        backpressure=MAX_CONNECTIONS,
        websockets=False,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=LARGEST_HEAD
        ),
        log_enabled=False,
    )
    running = asyncio.create_task(server.serve())
    try:
        await _wait_until_open(host, port, running)
        yield port
    finally:
        server.stop()
        _, late = await asyncio.wait([running], timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(running, return_exceptions=True)


def free_port(host: str, port: int) -> int:
    """Return `port`, or a free one for 0, having seen that it can be had.

    Granian's own sockets share a port with whoever has it already, which must not happen. Raises
    `RequestError`.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise RequestError(
            Problem(
                f"{host} port {port} cannot be had: {error.strerror or error}",
                "Give another with --host and --port, or end the program that has it.",
            )
        ) from error


async def _wait_until_open(host: str, port: int, running: asyncio.Task[None]) -> None:
    connected = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
    async with asyncio.timeout(START_SECONDS):
        while True:
            if running.done():
                running.result()
            try:
                _, writer = await asyncio.open_connection(connected, port)
            except OSError:
                await asyncio.sleep(0.005)
            else:
                writer.close()
                return
