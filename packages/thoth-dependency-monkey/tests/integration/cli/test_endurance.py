"""Accepted means never lost: whatever is killed, whenever, every verdict is the right one.

`THOTH_TEST_SEED` repeats a run as far as its choices go, `THOTH_TEST_ROUNDS` changes its length.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest

from thoth.dependency_monkey.testing import Fault, IndexServer
from thoth.dependency_monkey.validation.result import Validation
from thoth.storages import GraphDatabase, StoragesError, StoragesSettings
from thoth.storages.testing import temporary_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc"),
]

COMMAND = [sys.executable, "-m", "thoth.dependency_monkey.cli"]
BASE = "/api/v0alpha0/validations/"
ROUNDS = int(os.environ.get("THOTH_TEST_ROUNDS", "100"))
FAMILIES = 8
CLIENTS = 3
OPEN_AT_ONCE = 25
PATIENCE = 180.0
KINDS = {
    "validator": 30,
    "worker": 20,
    "server": 17,
    "postmaster": 12,
    "backend": 12,
    "supervisor": 5,
    "everything": 4,
}


@dataclass(frozen=True)
class Answer:
    """What is known of a stack in advance."""

    reason: str
    lock: dict[str, str] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        return self.reason == "resolved"


def stock(index: IndexServer, luck: random.Random) -> dict[str, Answer]:
    """Fill an index that takes its time; return stacks and their answers."""
    answers = {}
    for number in range(FAMILIES):
        app, web, lib = (f"{kind}{number}" for kind in ("app", "web", "lib"))
        index.add(lib, "1.0")
        index.add(lib, "2.0")
        index.add(app, "1.0", requires_dist=[f"{lib}<2"])
        index.add(web, "1.0", requires_dist=[f"{lib}>=2"])
        index.fault(f"/simple/{lib}/", Fault(delay=luck.uniform(0.1, 1.2)))
        answers |= {
            app: Answer("resolved", {app: "1.0", lib: "1.0"}),
            web: Answer("resolved", {web: "1.0", lib: "2.0"}),
            f"{app}\n{web}": Answer("conflict"),
            f"{web}\n{lib}>=1": Answer("resolved", {web: "1.0", lib: "2.0"}),
            f"{lib}>2": Answer("version_not_found"),
            f"absent{number}": Answer("package_not_found"),
        }
    return answers


class Processes:
    """Everything that belongs to a directory: it is in their arguments or their environment."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.kills: Counter[str] = Counter()

    def all(self) -> dict[int, str]:
        """Return the arguments of what runs, by process id."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                arguments = line.decode(errors="replace")
                place = str(self._directory).encode()
                ours = place in (entry / "environ").read_bytes() or place.decode() in arguments
                # PostgreSQL's processes rename themselves, but stay in their directory.
                if ours or str((entry / "cwd").readlink()).startswith(str(self._directory)):
                    found[int(entry.name)] = arguments
        return found

    def of_kind(self, kind: str) -> list[int]:
        """Return the ids of the processes of a kind."""
        running = self.all()
        if kind == "everything":
            return list(running)
        if kind == "postmaster":
            pid = self._postmaster()
            return [pid] if pid in running else []
        marks = {
            "server": ("dependency_monkey.cli serve",),
            "worker": ("dependency_monkey.cli worker",),
            "validator": ("validation.validator",),
            "supervisor": ("graph/embedded",),
            "backend": ("[local]",),
        }[kind]
        return [pid for pid, arguments in running.items() if any(m in arguments for m in marks)]

    def kill_one(self, kind: str, luck: random.Random) -> bool:
        """Kill one of a kind, as hard as the machine could; false where there was none."""
        victims = sorted(self.of_kind(kind))
        if not victims:
            return False
        for pid in victims if kind == "everything" else [luck.choice(victims)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills[kind] += 1
        return True

    def kill_all(self) -> None:
        while victims := self.of_kind("everything"):
            for pid in victims:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def _postmaster(self) -> int:
        path = self._directory / "data" / "postgresql" / "cluster" / "postmaster.pid"
        with suppress(OSError, ValueError, IndexError):
            return int(path.read_text().splitlines()[0])
        return -1


class Manager:
    """Starts the server and a worker beside it, again and again, as a process manager would."""

    def __init__(self, directory: Path, index: IndexServer) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.log = directory / "log"
        self.starts: Counter[str] = Counter()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        for name in ("data", "tmp"):
            (directory / name).mkdir()
            (directory / name).chmod(0o711)
        common = ("--data-dir", str(self.data_dir))
        self._commands = {
            "server": ["serve", "--port", str(self.port), "--workers", "2", *common],
            "worker": ["worker", "--jobs", "2", *common],
        }
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "TMPDIR": str(directory / "tmp"),
            "THOTH_INDEX_URL": index.url,
            "THOTH_TARGET": "cp312-manylinux_2_28_x86_64",
            "THOTH_MAX_AGE": "10",
            "THOTH_PG_LINGER": "0",
            "THOTH_HEARTBEAT_TIMEOUT": "2",
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def keep(self) -> None:
        """Start what does not run."""
        for name, command in self._commands.items():
            process = self._running.get(name)
            if process is not None and process.poll() is None:
                continue
            with self.log.open("ab") as log:
                self._running[name] = subprocess.Popen(
                    [*COMMAND, *command],
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.starts[name] += 1

    def stop(self) -> None:
        """Tell everything to end, and see that it does so cleanly."""
        # What was started a moment ago has to come up before it can be told.
        eventually(lambda: all(map(handles_sigterm, self._running.values())), "all can be told")
        for process in self._running.values():
            process.terminate()
        for name, process in self._running.items():
            assert process.wait(60) == 0, f"the {name} ended with {process.returncode}"

    def reap(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()


def handles_sigterm(process: subprocess.Popen[bytes]) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (handled,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(handled, 16) >> (signal.SIGTERM - 1) & 1)


class Clients:
    """Clients that post all the time, and look at what became of it."""

    def __init__(self, port: int, answers: dict[str, Answer], seed: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._answers = answers
        self._stopping = threading.Event()
        self._lucks = [random.Random(f"{seed} {number}") for number in range(CLIENTS)]
        self.accepted: dict[str, str] = {}
        self.final: dict[str, dict[str, Any]] = {}
        self.problems: list[str] = []
        self.statuses: Counter[str] = Counter()

    @contextmanager
    def posting(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._run, args=(luck,)) for luck in self._lucks]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join(60)

    def client(self) -> httpx2.Client:
        # Certificates are of no use here, and take time to load.
        return httpx2.Client(base_url=self._url, trust_env=False, verify=False, timeout=20)

    def _run(self, luck: random.Random) -> None:
        waiting: list[str] = []
        with self.client() as http:
            while not self._stopping.is_set():
                try:
                    if len(waiting) < OPEN_AT_ONCE:
                        waiting += self._post(http, luck.choice(list(self._answers)))
                    else:
                        first = waiting.pop(0)
                        waiting += [] if self.look(http, first) else [first]
                except httpx2.TransportError:
                    self.statuses["no answer"] += 1
                except Exception as error:  # noqa: BLE001 - the test fails with it
                    self.problems.append(f"{type(error).__name__}: {error}")
                self._stopping.wait(luck.uniform(0.05, 0.2))

    def _post(self, http: httpx2.Client, stack: str) -> list[str]:
        answer = http.post(BASE, json={"stack_specification": stack})
        self.statuses[f"POST {answer.status_code}"] += 1
        if answer.status_code == 503:
            assert "retry-after" in answer.headers
            return []
        assert answer.status_code == 201, answer.text
        body = answer.json()
        assert body["id"] not in self.accepted
        self.accepted[body["id"]] = stack
        return [body["id"]]

    def look(self, http: httpx2.Client, validation_id: str) -> bool:
        """Look at a validation; return whether it is concluded, having seen that rightly so."""
        answer = http.get(BASE + validation_id)
        self.statuses[f"GET {answer.status_code}"] += 1
        if answer.status_code == 503:
            return False
        assert answer.status_code == 200, f"{validation_id}: {answer.status_code}"
        body = answer.json()
        if body["phase"] not in ("succeeded", "failed"):
            assert body["valid"] is body["raw_log"] is None
            return False
        expected = self._answers[body["stack_specification"]].valid
        assert (body["phase"], body["valid"]) == ("succeeded", expected), body
        assert body["raw_log"]
        # The log has the time that it took: another answer would not have the same one.
        assert self.final.setdefault(validation_id, body) == body, "answered twice"
        return True


def eventually(condition: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(httpx2.TransportError, StoragesError):
            if condition():
                return
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.1)


def listed(http: httpx2.Client) -> list[str] | None:
    """Return the ids of all validations, page by page; None where the database is away."""
    ids, url = [], f"{BASE}?limit=200"
    while True:
        page = http.get(url)
        if page.status_code == 503:
            return None
        assert page.status_code == 200
        ids += [each["id"] for each in page.json()]
        following = page.headers.get("link")
        if following is None:
            return ids
        url = following.partition("<")[2].partition(">")[0]


def check_result(graph: GraphDatabase, validation_id: UUID, answers: dict[str, Answer]) -> int:
    """See that the whole result is right; return how often its job was begun."""
    record = graph.validations.get(validation_id)
    assert record is not None
    assert record.result_digest is not None
    content = graph.validations.result(record.result_digest)
    assert content is not None
    result = msgspec.json.decode(content, type=Validation)
    expected = answers[record.stack_specification]
    assert (record.valid, record.reason) == (expected.valid, expected.reason)
    assert (result.valid, result.reason) == (expected.valid, expected.reason)
    assert result.stack_specification == record.stack_specification
    pins = {release.name: release.version for release in result.lock or ()}
    assert pins == expected.lock
    assert (result.explanation is None) == expected.valid
    return record.attempt


def query(graph: GraphDatabase, statement: str) -> tuple[Any, ...]:
    with graph.migration_connection() as connection:
        row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row


@pytest.fixture
def seed() -> int:
    """The seed of a run; pytest shows it where the test fails."""
    given = os.environ.get("THOTH_TEST_SEED")
    chosen = random.SystemRandom().randrange(10**6) if given is None else int(given)
    print(f"THOTH_TEST_SEED={chosen}")  # noqa: T201
    return chosen


def test_whatever_is_killed_every_accepted_validation_is_answered_once_and_rightly(
    seed: int,
) -> None:
    luck = random.Random(seed)
    began = time.monotonic()
    with temporary_data_dir() as directory, IndexServer() as index:
        answers = stock(index, luck)
        manager, processes = Manager(directory, index), Processes(directory)
        clients = Clients(manager.port, answers, seed)
        try:
            with clients.client() as http:
                eventually(lambda: is_ready(manager, http), "ready")
                with clients.posting():
                    for _ in range(ROUNDS):
                        play_a_round(luck, manager, processes)
                        assert not clients.problems
                figures = settle(manager, clients, http, answers)
            manager.stop()
            eventually(lambda: not processes.all(), f"everything ends: {processes.all()}")
        except BaseException:
            print(manager.log.read_text()[-20_000:])  # noqa: T201
            raise
        finally:
            processes.kill_all()
            manager.reap()
        log = manager.log.read_text()
    assert "unexpected error" not in log
    figures |= {
        "seed": seed,
        "rounds": ROUNDS,
        "kills": dict(processes.kills),
        "starts": dict(manager.starts),
        "answers": dict(clients.statuses),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(figures))  # noqa: T201


def is_ready(manager: Manager, http: httpx2.Client) -> bool:
    """Start what does not run: somebody else may have taken the port meanwhile."""
    manager.keep()
    return http.get("/readyz").status_code == 200


def play_a_round(luck: random.Random, manager: Manager, processes: Processes) -> None:
    """Kill something at some moment; restart what a process manager would restart."""
    time.sleep(luck.uniform(0.1, 2.6))
    deadline = time.monotonic() + PATIENCE
    while not kill_something(luck, manager, processes):
        assert time.monotonic() < deadline, "there is nothing to be killed"
    manager.keep()


def kill_something(luck: random.Random, manager: Manager, processes: Processes) -> bool:
    """Kill one of some kind; false where none of it came up within a while.

    A killed supervisor, for one, has no successor before the database has its next user.
    """
    (kind,) = luck.choices(list(KINDS), list(KINDS.values()))
    deadline = time.monotonic() + PATIENCE / 10
    while time.monotonic() < deadline:
        if processes.kill_one(kind, luck):
            return True
        manager.keep()
        time.sleep(0.02)
    return False


def settle(
    manager: Manager, clients: Clients, http: httpx2.Client, answers: dict[str, Answer]
) -> dict[str, Any]:
    """Wait until all is answered, and check all of it. Returns figures."""

    found: list[str] = []

    def all_concluded() -> bool:
        nonlocal found
        manager.keep()
        now = listed(http)
        found = now or []
        return now is not None and all(clients.look(http, each) for each in now)

    eventually(all_concluded, "every validation is concluded")
    assert len(found) == len(set(found))
    assert set(clients.accepted) <= set(found), "an accepted validation is lost"
    for validation_id, stack in clients.accepted.items():
        assert clients.final[validation_id]["stack_specification"] == stack
    settings = StoragesSettings(data_dir=manager.data_dir, pg_linger=0.0)
    with GraphDatabase(settings) as graph:
        eventually(lambda: query(graph, "SELECT count(*) FROM queue.pgqueuer") == (0,), "no entry")
        assert graph.validations.count_unfinished() == {}
        ids = [row for page in pages(graph) for row in page]
        assert sorted(map(str, ids)) == sorted(found)
        attempts = [check_result(graph, each, answers) for each in ids]
        (jobs, begun, most, crashes, interruptions) = query(
            graph,
            "SELECT count(*), sum(attempt), max(attempt), sum(crashes), sum(interruptions)"
            # What was answered at once has no attempts to count: it began when it was accepted.
            " FROM validation_job WHERE started_at > created_at",
        )
    return {
        "accepted": len(clients.accepted),
        "listed": len(found),
        "jobs": jobs,
        "redelivered": begun - jobs,
        "most attempts": most,
        "crashes": crashes,
        "interruptions": interruptions,
        "validations of redelivered jobs": sum(attempt > 1 for attempt in attempts),
    }


def pages(graph: GraphDatabase) -> Iterator[tuple[UUID, ...]]:
    cursor = None
    while True:
        ids, cursor = graph.validations.list(500, cursor)
        yield ids
        if cursor is None:
            return
