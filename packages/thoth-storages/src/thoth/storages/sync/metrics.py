"""Metrics of Prometheus on syncing: what runs counted, and how that reaches a push gateway.

A run ends before anybody could scrape it, so it pushes. The client library is imported when metrics
are made, not before.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from thoth.storages.settings import check_endpoint_url
from thoth.storages.sync.syncing import FAILED, SKIPPED, SYNCED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client import CollectorRegistry

PUSH_SECONDS = 10.0
"""How long a push may take in all, the look-up of the gateway's name included."""
JOB = "thoth-storages-sync"
"""The job that pushed metrics belong to."""
ENDED, STOPPED = "ended", "stopped"
_OUTCOMES = (SYNCED, SKIPPED, FAILED)
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_TAKEN = frozenset({200, 202})

_logger = logging.getLogger(__name__)


class SyncMetrics:
    """What runs of `sync_documents` that are given this counted; safe for threads.

    `registry` has the metrics: one of this object's own, unless another is given.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry() if registry is None else registry
        labels = ("kind", "outcome")
        self._documents: Any = Counter(
            "thoth_sync_documents",
            "Documents that were looked at, by what became of them.",
            labels,
            registry=self.registry,
        )
        self._seconds: Any = Counter(
            "thoth_sync_seconds",
            "Time spent on documents, of all processes: reading and writing them, or finding that "
            "they are in the graph.",
            labels,
            registry=self.registry,
        )
        self._document_seconds: Any = Histogram(
            "thoth_sync_document_seconds",
            "Time that reading and writing a document took, of those that were read.",
            labels,
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._runs: Any = Counter(
            "thoth_sync_runs",
            "Runs, by how they went: ended, or stopped by an error.",
            ("outcome",),
            registry=self.registry,
        )
        self._last_run: Any = Gauge(
            "thoth_sync_last_run_seconds", "Time that the last run took.", registry=self.registry
        )
        self._last_success: Any = None
        self._lock = threading.Lock()
        self._pushing: threading.Thread | None = None
        for outcome in (ENDED, STOPPED):
            self._runs.labels(outcome)

    @contextmanager
    def run(self, kinds: Iterable[str]) -> Iterator[None]:
        """Count a run of documents of these kinds, as long as the block takes."""
        for kind in kinds:
            for outcome in _OUTCOMES:
                self._documents.labels(kind, outcome)
                self._seconds.labels(kind, outcome)
        began = time.monotonic()
        outcome = STOPPED
        try:
            yield
            outcome = ENDED
            self._succeeded()
        finally:
            self._runs.labels(outcome).inc()
            self._last_run.set(time.monotonic() - began)

    def count(self, kind: str, outcome: str, seconds: float | None) -> None:
        """Count a document; `seconds` None: it was not even read."""
        if seconds is not None:
            self._document_seconds.labels(kind, outcome).observe(seconds)
        self.count_many(kind, outcome, 1, seconds or 0.0)

    def count_many(self, kind: str, outcome: str, documents: int, seconds: float) -> None:
        """Count documents of which it was told together what became of them."""
        self._documents.labels(kind, outcome).inc(documents)
        self._seconds.labels(kind, outcome).inc(seconds)

    def push(self, gateway_url: str, *, deployment_name: str) -> bool:
        """Push to a gateway, in the group of a deployment; say whether it took the metrics.

        Those of the same names in the group are replaced, others stay. Takes `PUSH_SECONDS` at
        most. What goes wrong is a warning in the log. Raises `SettingsError` for what is no URL of
        a gateway.
        """
        url = check_endpoint_url(gateway_url, variable="THOTH_METRICS_PUSHGATEWAY_URL")
        if self._pushing is not None and self._pushing.is_alive():
            _logger.warning("Metrics were not pushed: %s is still to answer the last push", url)
            return False
        problems = ["it did not answer in time"]

        def push() -> None:
            from prometheus_client import pushadd_to_gateway

            try:
                group = {"deployment_name": deployment_name}
                pushadd_to_gateway(url, JOB, self.registry, group, PUSH_SECONDS, _posting)
                problems.clear()
            except Exception as error:  # noqa: BLE001 - whatever it is, the run has succeeded
                problems[:] = [str(error) or type(error).__name__]

        # Neither the look-up of a name nor an answer that trickles obeys the time-out of a socket.
        self._pushing = threading.Thread(target=push, name="thoth-sync-push", daemon=True)
        self._pushing.start()
        self._pushing.join(PUSH_SECONDS)
        found = list(problems)
        if found:
            _logger.warning("Metrics were not pushed to %s: %s", url, found[0])
        return not found

    def _succeeded(self) -> None:
        # Not there until a run has succeeded: a push would replace the time of another's success.
        with self._lock:
            if self._last_success is None:
                from prometheus_client import Gauge

                self._last_success = Gauge(
                    "thoth_sync_last_success_timestamp_seconds",
                    "When a run ended last, since 1970; some of its documents may have failed.",
                    registry=self.registry,
                )
        self._last_success.set(time.time())


def _posting(
    url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes
) -> Callable[[], None]:
    """Return what sends a request to this very URL: no proxy, no redirection."""

    def post() -> None:
        from http.client import HTTPConnection, HTTPSConnection
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        made = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = made(parts.hostname or "", parts.port, timeout=timeout)
        try:
            connection.request(method, parts.path, data, dict(headers))
            status = connection.getresponse().status
        finally:
            connection.close()
        if status not in _TAKEN:
            raise OSError(f"it answered with status {status}")

    return post
