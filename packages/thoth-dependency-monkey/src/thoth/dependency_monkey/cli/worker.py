"""`dependency-monkey worker`: works on the validations that services have accepted."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack, suppress
from threading import Thread
from typing import TYPE_CHECKING

import click

from thoth.dependency_monkey.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOPBACK = "127.0.0.1"


@click.command()
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=lambda: os.cpu_count() or 1,
    show_default="one a processor",
    help="How many validations to work on at once.",
)
@click.option(
    "--database",
    metavar="URL",
    help="As of `dependency-monkey serve`; the same one as the service's.",
)
@click.option("--data-dir", metavar="DIR", help="Where the embedded database lives.")
@click.option(
    "--until-input-ends", is_flag=True, help="Stop as soon as standard input comes to its end."
)
@click.option("--debug", is_flag=True, help="Log everything.")
def worker(
    jobs: int, database: str | None, data_dir: str | None, *, until_input_ends: bool, debug: bool
) -> int:
    """Work on accepted validations, beside or far from `dependency-monkey serve`.

    Each is answered by a validator process that reaches nothing but this worker's read-through
    index. Ends with SIGINT or SIGTERM; what is not finished by then is given back.
    """
    from thoth.dependency_monkey.cli.logs import configure_logs
    from thoth.dependency_monkey.cli.places import environment_with

    configure_logs(debug=debug)
    environ = environment_with(database, data_dir)
    if not asyncio.run(_work(jobs, environ, until_input_ends=until_input_ends)):
        # The interpreter would wait for threads that wait for a store.
        logging.shutdown()
        os._exit(0)
    return 0


async def _work(jobs: int, environ: Mapping[str, str], *, until_input_ends: bool) -> bool:
    """Work until told to stop; return whether no thread of ours is left behind."""
    import structlog

    from thoth.dependency_monkey.api.app import create_read_through_app
    from thoth.dependency_monkey.api.serving import served
    from thoth.dependency_monkey.cli.machinery import (
        connected_graph,
        opened_read_through,
        stop_event,
    )
    from thoth.dependency_monkey.cli.places import service_indexes
    from thoth.dependency_monkey.jobs.documents import Documents
    from thoth.dependency_monkey.jobs.process_executor import ProcessExecutor, ProcessLimits
    from thoth.dependency_monkey.jobs.retention import Retention
    from thoth.dependency_monkey.jobs.worker import Worker, WorkerLimits
    from thoth.dependency_monkey.validation.exchange import ALL_INDEXES

    logger = structlog.get_logger("thoth.dependency_monkey.worker")
    stop = stop_event()
    if until_input_ends:
        _set_at_end_of_input(stop)
    settings = Settings.from_environment(environ)
    indexes = service_indexes(settings)
    async with AsyncExitStack() as stack:
        graph = await stack.enter_async_context(connected_graph(environ))
        read_through = await stack.enter_async_context(
            opened_read_through(indexes, graph, settings)
        )
        application = create_read_through_app(read_through)
        port = await stack.enter_async_context(served(application, LOOPBACK, 0))
        executor = ProcessExecutor(
            f"http://{LOOPBACK}:{port}/index/{ALL_INDEXES}/simple/",
            limits=ProcessLimits(validation_seconds=settings.timeout),
        )
        limits = WorkerLimits(
            jobs=jobs,
            heartbeat_timeout=settings.heartbeat_timeout,
            interruptions=settings.interruptions,
        )
        working = Worker(graph, executor, limits=limits)
        logger.info("working", name=working.name, jobs=jobs)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(working.run())
            storing = tasks.create_task(Documents(graph).run(stop))
            tasks.create_task(Retention(graph, keeps_pages=settings.offline).run(stop))
            await stop.wait()
            logger.info("stopping")
            working.stop()
        return storing.result()


def _set_at_end_of_input(stop: asyncio.Event) -> None:
    """Set an event when standard input ends: whoever started us is gone, or wants us to go."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        while os.read(0, 4096):
            pass
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    # A daemon: it must not keep the process alive that was told to stop by a signal.
    Thread(target=read, name="end-of-input", daemon=True).start()
