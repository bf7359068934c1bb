"""A worker in a process of its own, to be killed. Arguments: settings, seconds, limit.

The limit is that of attempts, those that crash and those that are interrupted alike. A job whose
request is "request of poison" kills the worker.

Each run of a job is a line on standard output: its start, and its end where it came to that.
"""

# ruff: noqa: T201 - what it prints is what the tests read

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from thoth.dependency_monkey.jobs.executors import InlineExecutor
from thoth.dependency_monkey.jobs.worker import Worker, WorkerLimits
from thoth.storages import FinishedJob, GraphDatabase, GraphServer, StoragesSettings

if TYPE_CHECKING:
    from thoth.storages import JobRecord


async def answer(job: JobRecord) -> FinishedJob:
    print("start", job.job_id, job.attempt, flush=True)
    if job.request == b"request of poison":
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(float(sys.argv[2]))
    print("end", job.job_id, job.attempt, flush=True)
    return FinishedJob("succeeded", True, "resolved", job.request, f"attempt {job.attempt}")


def main() -> None:
    given = json.loads(sys.argv[1])
    server = None if given["server"] is None else GraphServer(**given["server"])
    settings = StoragesSettings(data_dir=Path(given["data_dir"]), server=server, pg_linger=0.0)
    with GraphDatabase(settings) as graph:
        limits = WorkerLimits(
            heartbeat_timeout=1.0,
            poll=0.2,
            retry=0.05,
            attempts=int(sys.argv[3]),
            interruptions=int(sys.argv[3]),
        )
        asyncio.run(Worker(graph, InlineExecutor(answer), limits=limits).run())


if __name__ == "__main__":
    main()
