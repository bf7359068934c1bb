"""Metrics in the text format of Prometheus, in a registry of their own.

Workers are other processes, perhaps on other machines: what became of jobs comes from the database.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from litestar import Response, get
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from thoth.dependency_monkey.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from litestar.handlers import HTTPRouteHandler

    from thoth.dependency_monkey.jobs.finished import FinishedNotice

Count: TypeAlias = "Callable[[], Mapping[Any, int]]"
"""Counts unfinished jobs by phase, or documents by what they wait for; may block, may raise."""

COUNT_SECONDS = 2.0
"""How long a scrape waits for the database."""

_TEXT_FORMAT = "text/plain; version=1.0.0"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_JOB_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
_ATTEMPTS = (1, 2, 3, 5, 10, 20)
_UNFINISHED = ("pending", "running", "unknown")
_WAITING = ("store", "remove")
_REASONS = frozenset(Reason)


class Metrics:
    """What the process counts; safe for threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests: Any = Counter(
            "thoth_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds: Any = Histogram(
            "thoth_http_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._in_progress: Any = Gauge(
            "thoth_http_requests_in_progress",
            "Requests that are being answered.",
            registry=self.registry,
        )
        self._validations: Any = Counter(
            "thoth_validations_accepted",
            "Validations that were accepted, by the way they went: at once, or by a job.",
            ("ecosystem", "way"),
            registry=self.registry,
        )

        self._jobs: Any = Gauge(
            "thoth_jobs",
            "Jobs that have not finished, by phase, of all workers.",
            ("phase",),
            registry=self.registry,
        )
        self._documents: Any = Gauge(
            "thoth_documents_waiting",
            "Finished jobs whose documents are to be stored, and documents to be removed.",
            ("work",),
            registry=self.registry,
        )
        self._finished: Any = Counter(
            "thoth_jobs_finished",
            "Jobs that have finished, by what came out, of all workers.",
            ("ecosystem", "phase", "reason"),
            registry=self.registry,
        )
        self._job_seconds: Any = Histogram(
            "thoth_job_seconds",
            "Time that the last attempt of a finished job took.",
            ("ecosystem",),
            buckets=_JOB_BUCKETS,
            registry=self.registry,
        )
        self._job_wait: Any = Histogram(
            "thoth_job_wait_seconds",
            "Time from accepting a finished job to its last attempt.",
            ("ecosystem",),
            buckets=_JOB_BUCKETS,
            registry=self.registry,
        )
        self._job_attempts: Any = Histogram(
            "thoth_job_attempts",
            "Attempts that a finished job took.",
            ("ecosystem",),
            buckets=_ATTEMPTS,
            registry=self.registry,
        )

    def begin_request(self) -> None:
        """Count a request that has begun."""
        self._in_progress.inc()

    def end_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._in_progress.dec()
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def count_validation(self, ecosystem: str, *, answered: bool) -> None:
        """Count a validation that was accepted and, with `answered`, answered at once."""
        self._validations.labels(ecosystem, "fast" if answered else "job").inc()

    def count_finished(self, notice: FinishedNotice) -> None:
        """Count a job that has finished."""
        reason = notice.reason if notice.reason in _REASONS else "other"
        self._finished.labels(notice.ecosystem, notice.phase, reason).inc()
        self._job_seconds.labels(notice.ecosystem).observe(notice.ran)
        self._job_wait.labels(notice.ecosystem).observe(notice.waited)
        self._job_attempts.labels(notice.ecosystem).observe(notice.attempt)

    def show_unfinished(self, counts: Mapping[Any, int] | None) -> None:
        """Show how many jobs are in which phase; with None, that nobody knows."""
        _show(self._jobs, _UNFINISHED, counts)

    def show_waiting(self, counts: Mapping[Any, int] | None) -> None:
        """Show how many documents wait for what; with None, that nobody knows."""
        _show(self._documents, _WAITING, counts)


def _show(gauge: Any, labels: Sequence[str], counts: Mapping[Any, int] | None) -> None:
    gauge.clear()
    if counts is not None:
        for label in labels:
            gauge.labels(label).set(counts.get(label, 0))


class _Counting:
    """Asks the database for counts, at most once at a time, and waits only so long."""

    def __init__(self, count: Count | None) -> None:
        self._count = count
        self._asked: asyncio.Future[Mapping[Any, int]] | None = None

    async def counted(self) -> Mapping[Any, int] | None:
        """Return the counts, None where nobody knows them in time."""
        if self._count is None:
            return None
        if self._asked is None:
            # At most one at a time, however often somebody looks while the database hangs.
            self._asked = asyncio.ensure_future(asyncio.to_thread(self._count))
        asked = self._asked
        await asyncio.wait([asked], timeout=COUNT_SECONDS)
        if not asked.done():
            return None
        self._asked = None
        return None if asked.exception() is not None else asked.result()


def metrics_routes(
    metrics: Metrics,
    count_unfinished: Count | None = None,
    count_waiting: Count | None = None,
) -> list[HTTPRouteHandler]:
    """Return the route that shows the metrics.

    With the unfinished jobs and the documents that wait, where these are counted.
    """
    unfinished, waiting = _Counting(count_unfinished), _Counting(count_waiting)

    @get("/metrics")
    async def show() -> Response[bytes]:
        jobs, documents = await asyncio.gather(unfinished.counted(), waiting.counted())
        metrics.show_unfinished(jobs)
        metrics.show_waiting(documents)
        return Response(generate_latest(metrics.registry), media_type=_TEXT_FORMAT)

    return [show]
