"""`thoth-storages sync`: documents of the store, or of files, into the graph."""

from __future__ import annotations

import itertools
import math
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from thoth.storages.cli.arguments import ArgumentError, moment
from thoth.storages.cli.escape import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from click._termui_impl import ProgressBar

    from thoth.storages.graph.database import GraphDatabase
    from thoth.storages.settings import StoragesSettings
    from thoth.storages.sync.metrics import SyncMetrics
    from thoth.storages.sync.run import SyncCounts

DEFAULT_INTERVAL = 60.0
MAX_INTERVAL = 86_400.0
EXIT_FAILED = 1
_LOCAL = "--local"
_EPILOG = """\b
Examples:
  thoth-storages sync
  thoth-storages sync --kind solver --since 2026-01-31 --jobs 2
  thoth-storages sync --graceful --local documents/*.json
  thoth-storages sync --watch --graceful --interval 10"""


class Moment(click.ParamType["datetime"]):
    """A date or a moment of ISO 8601, in UTC where it says no zone."""

    name = "date"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment that a text tells."""
        try:
            return moment(value)
        except ArgumentError as error:
            self.fail(f"{error}.", param, ctx)


class Seconds(click.FloatRange):
    """A time to pause, which is a number."""

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds that a text tells."""
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return seconds


class SyncCommand(click.Command):
    """A command whose option `--local` takes all paths that follow it, as a shell gives them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat `--local` before each path but the first."""
        repeated: list[str] = []
        is_path = False
        for number, text in enumerate(args):
            if text == "--":
                repeated += args[number:]
                break
            if is_path and not text.startswith("-") and args[number - 1] != _LOCAL:
                repeated.append(_LOCAL)
            is_path = text == _LOCAL or (is_path and not text.startswith("-"))
            repeated.append(text)
        return super().parse_args(ctx, repeated)


@click.command("sync", cls=SyncCommand, epilog=_EPILOG)
@click.argument("document_ids", nargs=-1, metavar="[ID]...")
@click.option(
    _LOCAL,
    "paths",
    multiple=True,
    metavar="PATH...",
    help="Files to sync, up to the next option. Their base names, without .json, are their ids.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="K",
    help="List the documents of this kind only, such as solver. Repeatable.",
)
@click.option("--force", is_flag=True, help="Sync again what is in the graph already.")
@click.option("--graceful", is_flag=True, help="Count a broken document as failed, and go on.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that work."
)
@click.option(
    "--since",
    type=Moment(),
    metavar="DATE",
    help="List documents from this date on: 2026-01-31, 2026-01-31T12:00:00+02:00. Without a "
    "zone it is in UTC.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Go on, looking for new documents until interrupted; after the first time also where the "
    "store or the graph is away meanwhile.",
)
@click.option(
    "--interval",
    type=Seconds(0, MAX_INTERVAL),
    default=DEFAULT_INTERVAL,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: how long to pause in between.",
)
def sync(
    document_ids: tuple[str, ...],
    paths: tuple[str, ...],
    kinds: tuple[str, ...],
    jobs: int,
    since: datetime | None,
    interval: float,
    *,
    force: bool,
    graceful: bool,
    watch: bool,
) -> int:
    """Sync documents into the graph: those named, or else all that the stores have.

    What is in the graph already is skipped. The first document that cannot be synced ends the run,
    unless --graceful. It may be ended at any time: nothing is half written.
    """
    if document_ids and paths:
        raise click.UsageError("Give IDs or --local, not both.")
    if (document_ids or paths) and (kinds or since or watch):
        raise click.UsageError("--kind, --since and --watch are for listing: give no documents.")
    _check_kinds(kinds)
    from thoth.storages.cli.opening import existing_graph

    with existing_graph() as graph:
        # Where there are no tables this says so, even if there is nothing to sync.
        graph.get_table_alembic_version_head()
        metrics = _metrics(graph.settings)

        def once() -> int:
            return _run(
                graph,
                metrics,
                document_ids=paths or document_ids or None,
                is_local=bool(paths),
                kinds=kinds or None,
                since=since,
                jobs=jobs,
                force=force,
                graceful=graceful,
            )

        code = once()
        while watch and (graceful or not code):
            time.sleep(interval)
            code = _unless_away(once)
        return code


def _check_kinds(kinds: tuple[str, ...]) -> None:
    from thoth.storages.sync.handlers import known_handlers

    known = known_handlers() if kinds else {}
    for kind in kinds:
        if kind not in known:
            expected = ", ".join(known)
            raise click.BadParameter(f"{kind[:100]!a} is none of {expected}.", param_hint="--kind")


def _unless_away(once: Callable[[], int]) -> int:
    """Sync once more; where the store or the graph is away, say so, and that there is no code."""
    from thoth.storages.exceptions import DatabaseError, DocumentStoreError, EmbeddedServerError

    try:
        return once()
    except (DatabaseError, DocumentStoreError, EmbeddedServerError) as error:
        click.echo(f"error: {visible(str(error))} Trying again.", err=True)
        return 0


def _progress_bar() -> ProgressBar[int]:
    """Return a bar on standard error, which is not seen where that is no terminal."""
    return click.progressbar(
        itertools.repeat(1),
        label="Syncing",
        file=sys.stderr,
        show_pos=True,
        hidden=not sys.stderr.isatty(),
    )


def _metrics(settings: StoragesSettings) -> SyncMetrics | None:
    """Return what counts where there is a gateway for it."""
    if settings.pushgateway_url is None:
        return None
    from thoth.storages.sync.metrics import SyncMetrics

    return SyncMetrics()


@contextmanager
def _pushed(metrics: SyncMetrics | None, settings: StoragesSettings) -> Iterator[None]:
    """Push metrics at the end of a run, stopped by an error or not; not where it is interrupted."""

    def push() -> None:
        if metrics is not None and settings.pushgateway_url is not None:
            metrics.push(settings.pushgateway_url, deployment_name=settings.deployment_name)

    try:
        yield
    except Exception:
        push()
        raise
    push()


def _run(graph: GraphDatabase, metrics: SyncMetrics | None, **arguments: object) -> int:
    """Sync once; write a summary, and return the exit code."""
    from thoth.storages.exceptions import (
        CorruptDocumentError,
        DocumentTooLargeError,
        InvalidArgumentError,
        InvalidDocumentError,
        NotFoundError,
        UnexpectedKeyError,
    )
    from thoth.storages.sync.run import sync_documents

    with _progress_bar() as bar:

        def progressed(_: str, counts: SyncCounts) -> None:
            bar.update(counts.processed)

        try:
            with _pushed(metrics, graph.settings):
                counted = sync_documents(
                    graph=graph,
                    on_progress=progressed,
                    metrics=metrics,
                    **arguments,  # type: ignore[arg-type]
                )
        except (
            CorruptDocumentError,
            DocumentTooLargeError,
            InvalidArgumentError,
            InvalidDocumentError,
            NotFoundError,
            UnexpectedKeyError,
        ) as error:
            click.echo(f"error: {visible(str(error))}", err=True)
            return EXIT_FAILED
    click.echo(_summary(counted))
    return EXIT_FAILED if any(counts.failed for counts in counted.values()) else 0


def _summary(counted: Mapping[str, SyncCounts]) -> str:
    from thoth.storages.cli.output import columns
    from thoth.storages.sync.run import SyncCounts

    rows = [(kind, *counts) for kind, counts in counted.items()]
    numbers = range(1, len(SyncCounts._fields) + 1)
    return columns(rows, heads=("kind", *SyncCounts._fields), right=numbers)
