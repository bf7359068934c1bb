"""Metrics in the text format of Prometheus, in a registry of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler

_TEXT_FORMAT = "text/plain; version=1.0.0"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


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


def metrics_routes(metrics: Metrics) -> list[HTTPRouteHandler]:
    """Return the route that shows the metrics."""

    @get("/metrics", sync_to_thread=False)
    def show() -> Response[bytes]:
        return Response(generate_latest(metrics.registry), media_type=_TEXT_FORMAT)

    return [show]
