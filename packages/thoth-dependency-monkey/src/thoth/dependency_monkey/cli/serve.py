"""`dependency-monkey serve`: the validation service, all of it, on one machine."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
from thoth.dependency_monkey.ecosystems.pypi.target import parse_target, target_for
from thoth.dependency_monkey.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thoth.dependency_monkey.api.health import Check
    from thoth.dependency_monkey.cli.configuration import ConfiguredIndex
    from thoth.dependency_monkey.validation.service import Terms
    from thoth.storages import GraphDatabase

DEFAULT_PORT = 8080


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=DEFAULT_PORT,
    show_default=True,
    help="The port to listen on; 0 for a free one, which the log names.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    default=lambda: os.cpu_count() or 1,
    show_default="one a processor",
    help="How many validations to work on at once; 0 where `dependency-monkey worker` runs "
    "elsewhere.",
)
@click.option(
    "--database",
    metavar="URL",
    help="postgresql://USER:PASSWORD@HOST:PORT/NAME, or embedded. Default: KNOWLEDGE_GRAPH_*, "
    "then embedded.",
)
@click.option("--data-dir", metavar="DIR", help="Where the embedded database lives.")
@click.option("--debug", is_flag=True, help="Log everything.")
def serve(
    host: str, port: int, workers: int, database: str | None, data_dir: str | None, *, debug: bool
) -> int:
    """Run the validation service: API, workers and, unless another is named, the database.

    Ends with SIGINT or SIGTERM: what is being answered is answered, and what is being worked on is
    taken up again after the next start.
    """
    from thoth.dependency_monkey.cli.logs import configure_logs
    from thoth.dependency_monkey.cli.places import environment_with

    configure_logs(debug=debug)
    environ = environment_with(database, data_dir)
    asyncio.run(_serve(host, port, workers, environ, debug=debug))
    return 0


async def _serve(
    host: str, port: int, workers: int, environ: Mapping[str, str], *, debug: bool
) -> None:
    import structlog

    from thoth.dependency_monkey.api.serving import free_port, served
    from thoth.dependency_monkey.cli.machinery import (
        connected_graph,
        opened_read_through,
        stop_event,
    )
    from thoth.dependency_monkey.cli.places import service_indexes
    from thoth.dependency_monkey.cli.worker_process import WorkerProcess

    logger = structlog.get_logger("thoth.dependency_monkey.serve")
    stop = stop_event()
    settings = Settings.from_environment(environ)
    indexes = service_indexes(settings)
    accepted_on = terms(settings, indexes)
    port = free_port(host, port)
    async with AsyncExitStack() as stack:
        # The database comes up while the rest is imported.
        connecting = asyncio.create_task(
            stack.enter_async_context(connected_graph(environ)), name="connect"
        )
        await asyncio.sleep(0)
        from thoth.dependency_monkey.api.app import create_app
        from thoth.dependency_monkey.api.metrics import Metrics
        from thoth.dependency_monkey.jobs.finished import hearing
        from thoth.dependency_monkey.jobs.queue import enqueue
        from thoth.dependency_monkey.validation.fast_path import FastPath
        from thoth.dependency_monkey.validation.service import ValidationService
        from thoth.dependency_monkey.validation.store import GraphFactStore

        graph = await connecting
        read_through = await stack.enter_async_context(
            opened_read_through(indexes, graph, settings)
        )
        named = [(index.name, index.url) for index in indexes]
        fast_path = FastPath(named, GraphFactStore(graph))
        service = ValidationService(
            graph.validations, accepted_on, enqueue=enqueue, fast_path=fast_path
        )
        stack.push_async_callback(partial(asyncio.to_thread, service.close))
        metrics = Metrics()
        await stack.enter_async_context(hearing(graph, metrics.count_finished))
        application = create_app(
            service,
            read_through,
            checks=checks(graph),
            metrics=metrics,
            count_unfinished=graph.validations.count_unfinished,
            count_waiting=graph.validation_documents.count_waiting,
        )
        await stack.enter_async_context(served(application, host, port))
        if workers:
            arguments = ["--jobs", str(workers), "--until-input-ends"]
            arguments += ["--debug"] if debug else []
            await stack.enter_async_context(WorkerProcess(arguments, environ))
        shown = f"[{host}]" if ":" in host else host
        logger.info("serving", url=f"http://{shown}:{port}/", workers=workers)
        await stop.wait()
        logger.info("stopping")


def terms(settings: Settings, indexes: Sequence[ConfiguredIndex]) -> Terms:
    """Return what holds for the validations of this service. Raises `RequestError`."""
    from thoth.dependency_monkey.validation.service import Terms

    target = target_for() if settings.target is None else parse_target(settings.target)
    return Terms(
        targets=(target.id,),
        index_urls=tuple(index.url for index in indexes),
        policy=Policy(max_age=settings.max_age),
        retention=timedelta(days=settings.retention_days),
    )


def checks(graph: GraphDatabase) -> dict[str, Check]:
    """Return what readiness looks at."""

    async def database() -> str:
        revision = await asyncio.to_thread(graph.get_table_alembic_version_head)
        if revision != graph.get_script_alembic_version_head():
            raise RuntimeError(revision)
        return f"schema {revision}"

    return {"database": database}
