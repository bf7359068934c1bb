"""What a run counts, and how it reaches a push gateway: one that serves, is away, or hangs."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from thoth.storages import (
    DatabaseUnreachableError,
    GraphDatabase,
    InvalidDocumentError,
    SettingsError,
    SolverResultsStore,
    SyncMetrics,
    sync_documents,
)
from thoth.storages.sync import metrics as syncing_metrics
from thoth.storages.testing import connection_variables, solver_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thoth.storages import StoragesSettings

DOCUMENTS = "thoth_sync_documents_total"
SECONDS = "thoth_sync_seconds_total"
DOCUMENT_SECONDS = "thoth_sync_document_seconds_count"
RUNS = "thoth_sync_runs_total"
LAST_SUCCESS = "thoth_sync_last_success_timestamp_seconds"


def documents(count: int, *, broken: int = 0) -> list[dict[str, Any]]:
    made = [solver_document(number, dependencies=4) for number in range(count)]
    for document in made[count - broken :]:
        document["result"]["tree"] = "none"
    return made


def parsed(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Read the text format: the values of each sample by its labels' values, in order of names."""
    found: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values = tuple(value for name, value in sorted(sample.labels.items()) if name != "le")
            found[sample.name][values] = sample.value
    return found


def shown(metrics: SyncMetrics) -> dict[str, dict[tuple[str, ...], float]]:
    return parsed(generate_latest(metrics.registry).decode())


@pytest.mark.parametrize("jobs", [1, 2])
def test_documents_are_counted_by_kind_and_outcome_of_all_processes(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore, jobs: int
) -> None:
    solvers.store_documents(documents(40, broken=2))
    metrics = SyncMetrics()
    for _ in range(2):
        sync_documents(graph=graph, settings=settings, graceful=True, jobs=jobs, metrics=metrics)
    told = shown(metrics)
    solver = {outcome: told[DOCUMENTS]["solver", outcome] for outcome in ("synced", "failed")}
    assert solver == {"synced": 38, "failed": 4}
    assert told[DOCUMENTS]["solver", "skipped"] == 38
    assert told[DOCUMENTS]["inspection", "synced"] == 0
    for outcome in ("synced", "skipped", "failed"):
        assert told[SECONDS]["solver", outcome] > 0
    # Those that are found in the graph are not read, so there is nothing to time.
    assert told[DOCUMENT_SECONDS] == {("solver", "synced"): 38, ("solver", "failed"): 4}
    assert told[RUNS] == {("ended",): 2, ("stopped",): 0}


def test_the_run_as_a_whole_is_told(
    graph: GraphDatabase, settings: StoragesSettings, solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(3, broken=1))
    metrics = SyncMetrics()
    with pytest.raises(InvalidDocumentError):
        sync_documents(graph=graph, settings=settings, metrics=metrics)
    told = shown(metrics)
    assert told[RUNS] == {("ended",): 0, ("stopped",): 1}
    assert told[DOCUMENTS]["solver", "failed"] == 1
    assert LAST_SUCCESS not in told
    before = time.time()
    sync_documents(graph=graph, settings=settings, graceful=True, metrics=metrics)
    told = shown(metrics)
    assert before <= told[LAST_SUCCESS][()] <= time.time()
    assert 0 < told["thoth_sync_last_run_seconds"][()] <= time.time() - before


def test_a_graph_that_is_away_is_a_run_that_was_stopped(settings: StoragesSettings) -> None:
    assert settings.server is not None
    away = msgspec.structs.replace(settings.server, host="127.0.0.1", port=1)
    metrics = SyncMetrics()
    with pytest.raises(DatabaseUnreachableError):
        sync_documents(settings=msgspec.structs.replace(settings, server=away), metrics=metrics)
    assert shown(metrics)[RUNS]["stopped",] == 1


def test_metrics_land_in_a_registry_that_is_given() -> None:
    registry = CollectorRegistry()
    assert SyncMetrics(registry).registry is registry
    assert "thoth_sync_runs_total" in parsed(generate_latest(registry).decode())


# --- the gateway ---------------------------------------------------------------------------------


class Gateway(ThreadingHTTPServer):
    """Takes what is pushed; `status` is what it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.taken: list[tuple[str, str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        gateway = self.server
        assert isinstance(gateway, Gateway)
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        gateway.taken.append((self.command, self.path, body))
        self.send_response(gateway.status)
        self.send_header("location", f"{gateway.url}/elsewhere")
        self.end_headers()

    do_PUT = do_GET = do_POST  # noqa: N815 - as the base class has it

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_gateway_takes_what_was_counted(gateway: Gateway) -> None:
    metrics = SyncMetrics()
    metrics.count("solver", "synced", 0.25)
    assert metrics.push(f"{gateway.url}/", deployment_name="my deployment/1")
    ((method, path, body),) = gateway.taken
    assert method == "POST"
    # A slash needs the gateway's base64 form.
    assert re.fullmatch(r"/metrics/job/thoth-storages-sync/deployment_name@base64/[\w=-]+", path)
    assert parsed(body)[SECONDS] == {("solver", "synced"): 0.25}


@pytest.mark.parametrize("status", [302, 400, 500])
def test_what_a_gateway_refuses_is_a_warning(
    gateway: Gateway, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.status = status
    assert not SyncMetrics().push(gateway.url, deployment_name="test")
    assert len(gateway.taken) == 1
    assert f"not pushed to {gateway.url}: it answered with status {status}" in caplog.text


def test_a_gateway_that_does_not_answer_is_a_warning_after_a_bounded_time(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing_metrics, "PUSH_SECONDS", 0.2)
    metrics = SyncMetrics()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def trickle() -> None:
            client, _ = listener.accept()
            with client:
                while not stop.wait(0.05):
                    client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

        stop = threading.Event()
        trickling = threading.Thread(target=trickle)
        trickling.start()
        assert not metrics.push(url, deployment_name="test")
        assert "did not answer in time" in caplog.text
        assert not metrics.push(url, deployment_name="test")
        assert "still to answer the last push" in caplog.text
        stop.set()
        trickling.join()


@pytest.mark.parametrize(
    "url",
    [
        "gateway:9091",
        "ftp://gateway",
        "http://user:hunter2@gateway",
        "http://gateway/?token=hunter2",
        "http://gateway/#hunter2",
    ],
)
def test_what_is_no_url_of_a_gateway_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="THOTH_METRICS_PUSHGATEWAY_URL") as raised:
        SyncMetrics().push(url, deployment_name="test")
    assert "hunter2" not in str(raised.value)


# --- the command ---------------------------------------------------------------------------------

COMMAND = [sys.executable, "-m", "thoth.storages", "sync"]


@pytest.fixture
def env(graph: GraphDatabase, tmp_path: Path, gateway: Gateway) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("THOTH_", "KNOWLEDGE_GRAPH_"))}
    return {
        **kept,
        **connection_variables(graph.settings),
        "THOTH_DATA_DIR": str(tmp_path),
        "THOTH_METRICS_PUSHGATEWAY_URL": gateway.url,
    }


def run(*arguments: str, env: dict[str, str], code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_the_command_pushes_whether_its_run_ended_or_was_stopped(
    env: dict[str, str], gateway: Gateway, solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(5, broken=1))
    run(env=env, code=1)
    run("--graceful", "--jobs", "2", env=env, code=1)
    stopped, ended = (parsed(body) for _, _, body in gateway.taken)
    assert gateway.taken[0][1] == "/metrics/job/thoth-storages-sync/deployment_name/local"
    assert stopped[RUNS] == {("ended",): 0, ("stopped",): 1}
    assert ended[RUNS] == {("ended",): 1, ("stopped",): 0}
    assert ended[DOCUMENTS]["solver", "failed"] == 1
    assert ended[DOCUMENTS]["solver", "skipped"] == stopped[DOCUMENTS]["solver", "synced"] == 4


def test_a_gateway_that_is_away_fails_no_run(
    env: dict[str, str], solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(1))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    done = run(env=env | {"THOTH_METRICS_PUSHGATEWAY_URL": url})
    assert f"Metrics were not pushed to {url}" in done.stderr
    assert "solver" in done.stdout
    wrong = env | {"THOTH_METRICS_PUSHGATEWAY_URL": "http://user:hunter2@gateway"}
    refused = run(env=wrong, code=2)
    assert "THOTH_METRICS_PUSHGATEWAY_URL" in refused.stderr
    assert "hunter2" not in refused.stderr


def test_watching_pushes_after_every_round(
    env: dict[str, str], gateway: Gateway, solvers: SolverResultsStore
) -> None:
    solvers.store_documents(documents(2))
    watching = subprocess.Popen(
        [*COMMAND, "--watch", "--interval", "0.01"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 60
        while len(gateway.taken) < 3 and watching.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=60)
    finally:
        watching.kill()
    rounds = [parsed(body) for _, _, body in gateway.taken[:3]]
    assert [told[RUNS]["ended",] for told in rounds] == [1, 2, 3]
    assert [told[DOCUMENTS]["solver", "skipped"] for told in rounds] == [0, 2, 4]
    assert [told[DOCUMENTS]["solver", "synced"] for told in rounds] == [2, 2, 2]


def test_without_a_gateway_the_client_library_is_not_imported() -> None:
    script = "import sys; import thoth.storages.cli.commands, thoth.storages.sync.run\n"
    script += "print('prometheus_client' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
