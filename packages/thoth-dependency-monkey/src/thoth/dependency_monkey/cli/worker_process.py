"""A worker in a process of its own, started again when it dies, stopped with whoever started it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 10.0
"""A worker that lived so long is started again after the first pause."""
STOP_SECONDS = 20.0

_logger = structlog.get_logger("thoth.dependency_monkey.serve")


class WorkerProcess:
    """Keeps one `dependency-monkey worker` alive; an async context manager.

    `environ` is the worker's environment, `arguments` what its command is given.
    """

    def __init__(self, arguments: list[str], environ: Mapping[str, str]) -> None:
        self._command = [sys.executable, "-m", "thoth.dependency_monkey.cli", "worker", *arguments]
        self._environ = dict(environ)
        self._keeping: asyncio.Task[None]
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> WorkerProcess:
        """Start the worker."""
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the worker: it gives its jobs back, or is killed after `STOP_SECONDS`."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            _logger.warning("the worker did not stop and is killed", pid=process.pid)
            process.kill()
            await process.wait()

    @property
    def pid(self) -> int | None:
        """The id of the process that runs now, None between two."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process is not None else None

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            # A session of its own: a terminal's Ctrl-C is for us, and we tell the worker. Its
            # standard input ends when we do, however that happens.
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environ,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            began = loop.time()
            code = await self._process.wait()
            if loop.time() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            _logger.warning("the worker ended and is started again", code=code, after=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
