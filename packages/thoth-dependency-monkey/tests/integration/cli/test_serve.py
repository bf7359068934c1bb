"""`serve` as a user runs it: real processes, a real database, a real index."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from thoth.dependency_monkey.testing import Fault, IndexServer
from thoth.storages.testing import temporary_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[5]
COMMAND = [sys.executable, "-m", "thoth.dependency_monkey.cli", "serve"]
SECONDS = 60.0
BASE = "/api/v0alpha0/validations/"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """A running `serve`."""

    def __init__(self, data_dir: Path, index: IndexServer, command: list[str]) -> None:
        self.port = free_port()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(data_dir),
            "THOTH_INDEX_URL": index.url,
            "THOTH_TARGET": "cp312-manylinux_2_28_x86_64",
            "THOTH_PG_LINGER": "0",
        }
        self.data_dir = data_dir
        self.log = data_dir / "serve.log"
        self.command = command
        self.client = httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}", trust_env=False, verify=False, timeout=30
        )

    def start(self, *arguments: str, **environ: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *self.command,
                    *("--port", str(self.port), "--data-dir", str(self.data_dir / "data")),
                    *("--workers", "2", *arguments),
                ],
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait_for(lambda: self.client.get("/readyz").status_code == 200)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=SECONDS)

    def wait_for(self, condition: Any) -> None:
        deadline = time.monotonic() + SECONDS
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if condition():
                    return
            except httpx2.TransportError:
                pass
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def post(self, stack: str) -> dict[str, Any]:
        answer = self.client.post(BASE, json={"stack_specification": stack})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def finished(self, validation: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {}

        def is_final() -> bool:
            shown.update(self.client.get(BASE + validation["id"]).json())
            return shown["phase"] in ("succeeded", "failed")

        self.wait_for(is_final)
        return shown

    def workers(self) -> list[int]:
        return self.children_of(self.process.pid)

    @staticmethod
    def children_of(process: int) -> list[int]:
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                parent = re.search(r"PPid:\s+(\d+)", status.read_text())
            except OSError:
                continue
            if parent and int(parent[1]) == process:
                found.append(int(status.parent.name))
        return found


@contextmanager
def service(command: list[str] = COMMAND) -> Iterator[Service]:
    with temporary_data_dir() as directory, IndexServer() as index:
        (directory / "data").mkdir()
        index.add("six", "1.17.0")
        index.add("boto3", "1.0", requires_dist=["six>=1.10"])
        index.add("old", "1.0", requires_dist=["six<1"])
        made = Service(directory, index, command)
        made.index = index
        try:
            yield made
        finally:
            if made.process.poll() is None:
                made.process.kill()
                made.process.wait()
            made.client.close()


def test_serve_runs_everything_and_ends_cleanly():
    with service() as running:
        running.start()
        first = running.post("boto3")
        assert first["phase"] == "pending"
        answered = running.finished(first)
        assert (answered["phase"], answered["valid"]) == ("succeeded", True)
        assert "six" in answered["raw_log"]

        again = running.post("boto3")
        assert (again["phase"], again["valid"]) == ("succeeded", True), "all facts are fresh"
        assert again["id"] != first["id"]

        refuted = running.finished(running.post("old"))
        assert (refuted["phase"], refuted["valid"]) == ("succeeded", False)
        assert "old requires six<1" in refuted["raw_log"]

        assert running.client.get("/index/default/simple/six/").status_code == 200

        until = time.monotonic() + 20
        while 'thoth_job_seconds_count{ecosystem="pypi"} 2.0' not in (
            shown := running.client.get("/metrics").text
        ):
            assert time.monotonic() < until, shown
            time.sleep(0.05)
        assert 'thoth_jobs{phase="pending"} 0.0' in shown
        for outcome in ("resolved", "version_not_found"):
            labels = f'{{ecosystem="pypi",phase="succeeded",reason="{outcome}"}}'
            assert f"thoth_jobs_finished_total{labels} 1.0" in shown

        assert running.stop() == 0
        events = running.log.read_text()
        assert "Traceback" not in events

        # What was known is known after a new start, and who is asked first decides nothing.
        running.start("--workers", "0")
        assert running.client.get(BASE + first["id"]).json() == answered
        asked = len(running.index.requests)
        assert running.post("boto3\nsix")["valid"] is True
        assert len(running.index.requests) == asked
        assert running.stop(signal.SIGINT) == 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_what_was_accepted_survives_that_everything_is_killed():
    with service() as running:
        running.start("--workers", "0")
        accepted = [running.post(stack) for stack in ("boto3", "old", "six")]
        running.stop(signal.SIGKILL)
        running.start()
        verdicts = [running.finished(validation)["valid"] for validation in accepted]
        assert verdicts == [True, False, True]

        (worker,) = running.workers()
        os.kill(worker, signal.SIGKILL)
        running.index.add("late", "1.0")
        late = running.post("late")
        assert running.finished(late)["valid"] is True
        assert running.workers() != [worker]

        (worker,) = running.workers()
        running.stop(signal.SIGKILL)
        deadline = time.monotonic() + SECONDS
        while Path(f"/proc/{worker}").exists():
            assert time.monotonic() < deadline, "the worker outlived its service"
            time.sleep(0.05)


def test_a_port_that_is_taken_is_an_error_that_says_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [*COMMAND, "--port", port], capture_output=True, text=True, timeout=SECONDS
        )
    assert ended.returncode == 2
    assert f"port {port} cannot be had" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--database", "mysql://host/name"], "no URL of a PostgreSQL database"),
        (["--database", "postgresql://host/name?options=x"], "options"),
        (["--port", "70000"], "--port"),
        (["--workers", "-1"], "--workers"),
    ],
)
def test_a_senseless_option_is_an_error_that_says_so(options, said):
    ended = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=SECONDS)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("debug", "is_on"), [("True", True), ("1", True), ("False", False), ("0", False)]
)
def test_app_py_starts_it_for_a_test_drive(debug, is_on):
    with service([sys.executable, str(ROOT / "app.py")]) as running:
        running.start("--workers", "0", DEBUG=debug)
        assert running.post("six")["phase"] == "pending"
        running.stop()
        assert ('"level": "debug"' in running.log.read_text()) is is_on


@pytest.mark.slow
def test_a_burst_of_validations_is_accepted_and_answered():
    def client(number: int) -> list[tuple[int, dict[str, Any]]]:
        with httpx2.Client(
            base_url=running.client.base_url, trust_env=False, verify=False, timeout=60
        ) as http:
            answers = [
                http.post(BASE, json={"stack_specification": f"{stack}  # {number % 5}"})
                for stack in ("six", "boto3", "old", "nothing", "six<1") * 2
            ]
        assert all(
            answer.status_code == 201 or "retry-after" in answer.headers for answer in answers
        )
        return [(answer.status_code, answer.json()) for answer in answers]

    with service() as running:
        running.start()
        with ThreadPoolExecutor(50) as clients:
            answers = [answer for group in clients.map(client, range(50)) for answer in group]
        assert len(answers) == 500
        assert {status for status, _ in answers} <= {201, 429, 503}
        for status, body in answers:
            if status == 201:
                shown = running.finished(body)
                stack = shown["stack_specification"]
                assert shown["valid"] is (stack in ("six", "boto3")), shown


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_deleting_stops_a_running_validation_within_a_second():
    with service() as running:
        running.index.fault("/simple/six/", Fault(delay=30))
        running.start()
        made = running.post("six")
        running.wait_for(lambda: running.client.get(BASE + made["id"]).json()["phase"] == "running")
        (worker,) = running.workers()
        running.wait_for(lambda: running.children_of(worker))
        began = time.monotonic()
        assert running.client.delete(BASE + made["id"]).status_code == 204
        running.wait_for(lambda: not running.children_of(worker))
        assert time.monotonic() - began < 1.5
        assert running.client.get(BASE + made["id"]).status_code == 404
