"""`sync_documents`: which documents are to be synced, and what became of them."""

from __future__ import annotations

import logging
import random
import time
from collections import defaultdict
from contextlib import ExitStack, nullcontext
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from thoth.storages.documents.ids import REQUEST_SUFFIX, problem_of
from thoth.storages.exceptions import InvalidArgumentError, StoragesError
from thoth.storages.graph.database import GraphDatabase
from thoth.storages.sync.document_parts import message_of
from thoth.storages.sync.handlers import kind_of, known_handlers
from thoth.storages.sync.syncing import FAILED, SKIPPED, Named, Outcome, Syncing
from thoth.storages.sync.worker import Task, outcomes_of_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from thoth.storages.settings import StoragesSettings
    from thoth.storages.sync.handlers import Handler
    from thoth.storages.sync.metrics import SyncMetrics

MAX_JOBS = 64
"""At most so many processes sync at once."""
BATCH = 2_000
"""Of so many documents at once the graph is asked which are synced already."""
CHUNK = 128
"""So many documents are given to a process at once."""
UNKNOWN = "unknown"
"""The kind that documents of no known prefix are counted under."""
_SUFFIX = ".json"

_logger = logging.getLogger(__name__)


class SyncCounts(NamedTuple):
    """What became of the documents of a kind: all, written, left alone, not understood."""

    processed: int
    synced: int
    skipped: int
    failed: int


def sync_documents(
    document_ids: Iterable[str] | None = None,
    force: bool = False,
    graceful: bool = False,
    graph: GraphDatabase | None = None,
    is_local: bool = False,
    *,
    kinds: Collection[str] | None = None,
    since: date | None = None,
    jobs: int = 1,
    settings: StoragesSettings | None = None,
    on_progress: Callable[[str, SyncCounts], None] | None = None,
    metrics: SyncMetrics | None = None,
) -> dict[str, SyncCounts]:
    """Sync documents into the graph; return what became of those of each kind that was looked at.

    `document_ids` names them; with `is_local`, files, whose base names without `.json` are their
    ids. Without it, the store of every kind is listed: only of `kinds`, and from the time `since`
    on, where these are given; a document that is deleted meanwhile is not counted. One that is in
    the graph is skipped, before it is fetched, unless `force`d. Each is written in one transaction,
    so that a run may be ended and repeated at any time.

    The first document that cannot be synced ends the run with its error, and nothing of it is in
    the graph; with `graceful` it is logged and counted as failed (under `UNKNOWN` where its prefix
    is unknown) instead. Prefixes are looked at before anything is written.

    `graph` is connected; by default one is for this call. `settings` say where documents are
    (default: those of the graph). `jobs` is how many processes work. `on_progress` is called with a
    kind and what was counted since; `metrics` count the run, of all its processes. Several runs may
    sync the same documents at once.

    Raises `InvalidArgumentError` (a `ValueError`) for an unknown prefix and other arguments; of a
    document `InvalidDocumentError`, `CorruptDocumentError`, `DocumentTooLargeError`,
    `UnexpectedKeyError`, `NotFoundError`, `SyncWorkerError` (with several jobs: it ended the
    process of a worker); with or without `graceful` what says that the store or the graph is away,
    and `SyncWorkerError` of a worker that cannot begin.
    """
    if isinstance(document_ids, str):
        raise InvalidArgumentError("document_ids", document_ids, "must be several ids")
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= MAX_JOBS:
        raise InvalidArgumentError("jobs", jobs, f"must be a number from 1 to {MAX_JOBS}")
    if document_ids is None and is_local:
        raise InvalidArgumentError("document_ids", None, "must name files where is_local is set")
    if document_ids is not None and (kinds is not None or since is not None):
        raise InvalidArgumentError("document_ids", "ids", "must be None with kinds or since")
    handlers = _chosen(known_handlers(), kinds)
    with ExitStack() as stack:
        stack.enter_context(nullcontext() if metrics is None else metrics.run(handlers))
        if graph is None:
            graph = stack.enter_context(GraphDatabase(settings))
        task = Task(
            graph_settings=graph.settings,
            settings=settings or graph.settings,
            handlers=handlers,
            force=force,
            graceful=graceful,
            is_listed=document_ids is None,
        )
        run = _Run(graph, task, jobs, on_progress, metrics)
        try:
            if document_ids is None:
                return run.sync(run.listed(kind, since) for kind in handlers)
            named = run.named(document_ids, is_local=is_local)
            return run.sync(((kind, iter(each)) for kind, each in named.items()))
        finally:
            graph.cache_clear()


def _chosen(handlers: Mapping[str, Handler], kinds: Collection[str] | None) -> dict[str, Handler]:
    if kinds is None:
        return dict(handlers)
    for kind in kinds:
        if kind not in handlers:
            expected = ", ".join(handlers)
            raise InvalidArgumentError("kinds", kind, f"must be of {expected}")
    return {kind: handlers[kind] for kind in dict.fromkeys(kinds)}


class _Run:
    """One call of `sync_documents`."""

    def __init__(
        self,
        graph: GraphDatabase,
        task: Task,
        jobs: int,
        on_progress: Callable[[str, SyncCounts], None] | None,
        metrics: SyncMetrics | None,
    ) -> None:
        self._task = task
        self._jobs = jobs
        self._on_progress = on_progress
        self._metrics = metrics
        self._counts: dict[str, SyncCounts] = {}
        self._syncing = Syncing(
            graph, task.settings, task.handlers, force=task.force, is_listed=task.is_listed
        )

    def listed(self, kind: str, since: date | None) -> tuple[str, Iterator[Named]]:
        """Return a kind with its documents in the store."""

        def skipped(error: StoragesError) -> None:
            key = getattr(error, "key", None) or kind
            self._count(Outcome(kind, key, FAILED, error))

        def listing() -> Iterator[Named]:
            store = self._syncing.store(kind)
            found = store.get_document_listing(start_date=since, on_skipped=skipped)
            return map(Named, found)

        self._counts.setdefault(kind, SyncCounts(0, 0, 0, 0))
        return kind, listing()

    def named(self, document_ids: Iterable[str], *, is_local: bool) -> dict[str, list[Named]]:
        """Return documents by kind, in the order given."""
        found: dict[str, list[Named]] = defaultdict(list)
        for given in dict.fromkeys(document_ids):
            text = str(given)
            document_id = PurePath(text).name.removesuffix(_SUFFIX) if is_local else text
            kind = kind_of(document_id, self._task.handlers)
            problem = problem_of(document_id)
            if kind is None:
                expected = ", ".join(f"{prefix}-" for prefix in self._task.handlers)
                problem = f"must begin with one of {expected}"
            elif document_id.endswith(REQUEST_SUFFIX):
                problem = "must not name a request"
            if problem is None and kind is not None:
                found[kind].append(Named(document_id, text if is_local else None))
            else:
                error = InvalidArgumentError("document_ids", given, problem or "")
                self._count(Outcome(kind or UNKNOWN, document_id, FAILED, error))
        return found

    def sync(self, kinds: Iterable[tuple[str, Iterator[Named]]]) -> dict[str, SyncCounts]:
        """Sync documents by kind; return the counts."""
        chunks = self._chunks(kinds)
        if self._jobs > 1:
            for outcome in outcomes_of_workers(self._task, self._jobs, chunks):
                self._count(outcome)
        else:
            for kind, documents in chunks:
                for outcome in self._syncing.outcomes(kind, documents):
                    self._count(outcome)
        return self._counts

    def _chunks(
        self, kinds: Iterable[tuple[str, Iterator[Named]]]
    ) -> Iterator[tuple[str, Sequence[Named]]]:
        for kind, named in kinds:
            documents = self._in_order(named)
            while batch := list(islice(documents, BATCH)):
                wanted = self._without_synced(kind, batch)
                # Where they are few, each worker has its share.
                share = -(-len(wanted) // self._jobs)
                size = BATCH if self._jobs == 1 else max(1, min(CHUNK, share))
                for start in range(0, len(wanted), size):
                    yield kind, wanted[start : start + size]

    def _in_order(self, documents: Iterator[Named]) -> Iterator[Named]:
        if not self._task.settings.randomize_listing:
            return documents
        shuffled = list(documents)
        random.shuffle(shuffled)
        return iter(shuffled)

    def _without_synced(self, kind: str, documents: list[Named]) -> list[Named]:
        if self._task.force:
            return documents
        began = time.monotonic()
        synced = self._syncing.synced(kind, [each.document_id for each in documents])
        wanted = [each for each in documents if each.document_id not in synced]
        skipped = len(documents) - len(wanted)
        if skipped:
            if self._metrics is not None:
                self._metrics.count_many(kind, SKIPPED, skipped, time.monotonic() - began)
            self._add(kind, SyncCounts(skipped, 0, skipped, 0))
        return wanted

    def _count(self, outcome: Outcome) -> None:
        if self._metrics is not None:
            self._metrics.count(outcome.kind, outcome.outcome, outcome.seconds)
        if outcome.error is not None:
            if not self._task.graceful:
                raise outcome.error
            _logger.warning("Not synced: %s", message_of(outcome.document_id, outcome.error))
        is_failed, is_skipped = outcome.outcome == FAILED, outcome.outcome == SKIPPED
        synced = int(not is_failed and not is_skipped)
        self._add(outcome.kind, SyncCounts(1, synced, int(is_skipped), int(is_failed)))

    def _add(self, kind: str, new: SyncCounts) -> None:
        known = self._counts.get(kind, SyncCounts(0, 0, 0, 0))
        self._counts[kind] = SyncCounts(*map(sum, zip(known, new, strict=True)))
        if self._on_progress is not None:
            self._on_progress(kind, new)
