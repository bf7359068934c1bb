"""The service over HTTP beside `uv pip compile`, live index; and how fast the service starts.

Every stack is posted once, so that a job fetches its facts. Then the service is started again, and
each stack is timed from POST until the finished validation, `raw_log` included, is in the client's
hands: the first time (nothing in memory yet) and the median of later times, each marked with who
answered: the fast path (the POST's own answer is final) or a job. uv runs as a whole process with
its cache filled, `--offline`. Prints a table in Markdown.

    uv run --group benchmark python benchmarks/over_http.py [--stacks small,boto] [--repeat 9]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from measuring import DEPENDENCY_MONKEY, UV_COMPILE, environment, place, stacks, timed

from thoth.dependency_monkey.cli.configuration import Places, discover_indexes
from thoth.dependency_monkey.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

VALIDATIONS = "/api/v0alpha0/validations/"
UNFINISHED = ("pending", "running", "unknown")
STARTS = 3
LONGEST = 300.0
"""Seconds that a start, or a validation, may take."""


def variables(directory: Path) -> dict[str, str]:
    """Return the environment of the service: the indexes that uv uses, its own database."""
    found = discover_indexes(Settings.from_environment(), Places.here()).indexes
    if any(index.credentials is not None for index in found):
        raise SystemExit("the index needs credentials: set THOTH_INDEX_URL for this run")
    *extra, default = [index.url for index in found]
    return environment(
        THOTH_INDEX_URL=default,
        THOTH_EXTRA_INDEX_URL=" ".join(extra),
        THOTH_DATA_DIR=str(directory / "thoth"),
        THOTH_PG_LINGER="0",
        # uv does not look at the age of what it has, offline.
        THOTH_MAX_AGE="86400",
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def service(own: Mapping[str, str], log: Path) -> Iterator[tuple[int, float]]:
    """Lend a running service: its port, and the seconds from its start until it was ready."""
    port = free_port()
    command = [DEPENDENCY_MONKEY, "serve", "--port", str(port)]
    with log.open("ab") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(command, env=own, stdout=errors, stderr=errors)
        try:
            while not is_ready(port):
                if process.poll() is not None or time.perf_counter() - begin > LONGEST:
                    raise SystemExit(f"the service did not start:\n{log.read_text()}")
                time.sleep(0.005)
            yield port, time.perf_counter() - begin
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            time.sleep(2)  # its database ends after it


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Client:
    """One connection that is kept open while it is in use, as a busy client has it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        encoded = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, encoded, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status not in (200, 201):
            raise SystemExit(f"{method} {path}: {response.status} {content[:500]!r}")
        answer: dict[str, Any] = json.loads(content)
        return answer

    def validate(self, stack: str) -> tuple[float, bool, dict[str, Any]]:
        """Return the seconds until the validation is finished, whether at once, and what it is."""
        begin = time.perf_counter()
        validation = self.ask("POST", VALIDATIONS, {"stack_specification": stack})
        at_once = validation["phase"] not in UNFINISHED
        while validation["phase"] in UNFINISHED:
            if time.perf_counter() - begin > LONGEST:
                raise SystemExit(f"no answer within {LONGEST:g} s: {validation}")
            time.sleep(0.01)
            validation = self.ask("GET", VALIDATIONS + validation["id"])
        return time.perf_counter() - begin, at_once, validation


def by_uv(text: str, repeat: int, directory: Path) -> float:
    theirs = environment(UV_CACHE_DIR=str(directory / "uv"))
    timed([*UV_COMPILE], text, theirs)
    return statistics.median(
        timed([*UV_COMPILE, "--offline"], text, theirs)[0] for _ in range(repeat)
    )


def row(port: int, name: str, text: str, repeat: int, directory: Path) -> str:
    uv = by_uv(text, repeat, directory)
    client = Client(port)
    first, first_at_once, validation = client.validate(text)
    runs = [client.validate(text)[:2] for _ in range(repeat)]
    median = statistics.median(seconds for seconds, _ in runs)
    fast = sum(at_once for _, at_once in runs)
    verdict = {True: "valid", False: "not valid", None: "could not tell"}[validation["valid"]]
    return (
        f"| {name} | {verdict} | {first * 1e3:.0f} ms{'' if first_at_once else ' (job)'} "
        f"| {median * 1e3:.1f} ms | {fast} of {repeat} | {uv * 1e3:.0f} ms | {uv / median:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stacks", default=",".join(stacks()))
    parser.add_argument("--repeat", type=int, default=9)
    chosen = parser.parse_args()
    texts = {name: stacks()[name] for name in chosen.stacks.split(",")}
    with place(leave_after=2) as directory:
        own, log = variables(directory), directory / "log"
        with service(own, log) as (port, seconds):
            print(f"start-up, data directory made: {seconds:.2f} s\n")
            for text in texts.values():
                Client(port).validate(text)
        starts = []
        for _ in range(STARTS - 1):
            with service(own, log) as (_, seconds):
                starts.append(seconds)
        with service(own, log) as (port, seconds):
            starts.append(seconds)
            print("| stack | answer | first | later | at once | uv, warm | uv / later |")
            print("|---|---|---|---|---|---|---|")
            for name, text in texts.items():
                print(row(port, name, text, chosen.repeat, directory), flush=True)
    shown = ", ".join(f"{seconds:.2f}" for seconds in starts)
    print(f"\nstart-up, existing data directory, database stopped: {shown} s")
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load average {load}")


if __name__ == "__main__":
    main()
