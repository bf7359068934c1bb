"""The client's side: acquire the server of a data directory, use it, release it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pwd
import select
import socket
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from thoth.storages import exceptions
from thoth.storages.exceptions import (
    DataDirectoryError,
    DataDirectoryOwnerError,
    EmbeddedServerError,
    ServerStartError,
    ServerTimeoutError,
)

from .binaries import BINDIR_VARIABLE, locate
from .layout import (
    DATABASE,
    PORT,
    SUPERUSER,
    Layout,
    Order,
    State,
    is_locked,
    log_size,
    log_tail,
    open_lock,
    open_log,
    read_state,
    try_lock,
    unlock,
    wait_for_lock,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_PROTOCOL = 196_608
_CANNOT_CONNECT_NOW = b"C57P03\0"
_READY_FOR_QUERY = b"Z\0\0\0\5"
_TERMINATE = b"X\0\0\0\4"
_ANSWER_PATIENCE = 1.0
_ANSWER_LIMIT = 65_536
_REPORT_LIMIT = 65_536
_HINT = "Name a directory that you own and can write to in THOTH_DATA_DIR."


class ServerLease:
    """A use of the server: it runs at least until every lease is released or its holder ends.

    A context manager. A lease is inherited by a fork, and then ends when both have released it.
    """

    def __init__(self, users: IO[bytes], state: State) -> None:
        self._users = users
        self._state = state

    @property
    def connection_parameters(self) -> dict[str, str | int]:
        """What `psycopg.connect(**parameters)` needs.

        `requirepeer` lets libpq refuse a server that runs as an unexpected user; the empty
        `hostaddr` keeps PGHOSTADDR from leading elsewhere.
        """
        return {
            "host": self._state.socket_directory,
            "hostaddr": "",
            "port": PORT,
            "user": SUPERUSER,
            "dbname": DATABASE,
            "requirepeer": self._state.server_user,
        }

    def release(self) -> None:
        """End this use; connections should be closed before. May be called again."""
        self._users.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


class EmbeddedServer:
    """The PostgreSQL server of one data directory, started when needed.

    `linger` is how many seconds the server outlives its last user (that of the client which
    started it counts), `user` the operating system user that runs it when this process is root's
    (default: nobody), `bindir` the directory of initdb and postgres (default: THOTH_PG_BINDIR,
    else the wheel's), `timeout` how many seconds `acquire` may take in all. With `durable` false,
    what was accepted is lost or broken when the machine stops (but not when a process does): for
    data that are thrown away. A server that runs already stays as it was started. Making the object
    touches no file. Raises ValueError if a number of seconds makes no sense.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        linger: float = 60.0,
        user: str | None = None,
        bindir: Path | None = None,
        timeout: float = 60.0,
        durable: bool = True,
    ) -> None:
        # Written so that NaN, which compares as false, is refused as well.
        if not (linger >= 0 and timeout > 0):
            raise ValueError("linger must be at least 0 and timeout more than 0 seconds")
        named = os.environ.get(BINDIR_VARIABLE)
        self.data_dir = data_dir
        self.linger = linger
        self.user = user
        self.bindir = bindir if bindir is not None or not named else Path(named)
        self.timeout = timeout
        self.durable = durable

    def acquire(self) -> ServerLease:
        """Start or adopt the server and return once it accepts connections.

        Safe from any number of processes and threads at once. Raises subclasses of
        EmbeddedServerError; the directory is then as usable as before.
        """
        deadline = time.monotonic() + self.timeout
        layout = Layout(Path(os.path.realpath(self.data_dir)))
        with _directory_errors(layout.root):
            _prepare(layout.root)
            users = open_lock(layout.users_lock)
            try:
                self._join_users(layout, users, deadline)
                return ServerLease(users, self._running_server(layout, deadline))
            except BaseException:
                users.close()
                raise

    def is_supervised(self) -> bool:
        """Tell whether a supervisor is there, to end the server after its last user."""
        return is_locked(Layout(Path(os.path.realpath(self.data_dir))).supervisor_lock)

    def _join_users(self, layout: Layout, users: IO[bytes], deadline: float) -> None:
        if not wait_for_lock(users, deadline, shared=True):
            raise self._out_of_time(layout)
        os.utime(users.fileno())

    def _running_server(self, layout: Layout, deadline: float) -> State:
        """Return the state of a server that answers. The caller holds the users' lock."""
        pause = 0.001
        while True:
            state = read_state(layout.state)
            if state is not None and is_locked(layout.supervisor_lock) and _answers(state):
                return state
            with _attempt(layout.start_lock) as mine:
                if mine and not is_locked(layout.supervisor_lock):
                    self._start_supervisor(layout, deadline)
                    continue
            if time.monotonic() >= deadline:
                raise self._out_of_time(layout)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.02)

    def _start_supervisor(self, layout: Layout, deadline: float) -> None:
        binaries = locate(self.bindir)
        order = Order(
            data_dir=str(layout.root),
            bindir=str(binaries.bindir),
            carrier=str(binaries.carrier) if binaries.carrier is not None else None,
            linger=self.linger,
            user=self.user,
            durable=self.durable,
        )
        log_start = log_size(layout.log)
        line = self._ask_supervisor(layout, order, deadline)
        if line is None:
            raise self._out_of_time(layout)
        if not line:
            raise ServerStartError(
                "The server's supervisor ended without a report",
                layout.root,
                "See the end of the log.",
                log_tail(layout.log, log_start),
            )
        message = json.loads(line)
        if "error" in message:
            raise _reported(message)

    def _ask_supervisor(self, layout: Layout, order: Order, deadline: float) -> bytes | None:
        """Start a supervisor; return its report, empty if none came, None if time ran out."""
        with (
            open_log(layout.log) as log,
            _pipe() as (order_end, order_source),
            _pipe() as (report_source, report_end),
        ):
            try:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(Path(__file__).parent), str(layout.root)],
                    stdin=order_end,
                    stdout=report_end,
                    stderr=log,
                    cwd="/",
                    env={"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C"},
                    start_new_session=True,
                )
            except OSError as error:
                raise ServerStartError(
                    f"The server's supervisor needs a Python interpreter ({error.strerror})",
                    sys.executable,
                    "Run from an ordinary interpreter, or name a server in KNOWLEDGE_GRAPH_HOST.",
                ) from error
            report_end.close()
            order_source.write(order.encode())
            order_source.close()
            # It detaches at once: what is waited for is not the supervisor itself.
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            return _read_line(report_source, deadline)

    def _out_of_time(self, layout: Layout) -> ServerTimeoutError:
        return ServerTimeoutError(
            f"The server did not accept connections within {self.timeout:g} s",
            layout.root,
            "It may be recovering from a crash: try again, or allow more time.",
            log_tail(layout.log),
        )


def is_initialised(data_dir: Path) -> bool:
    """Tell whether the directory holds a cluster. Raises DataDirectoryError if it is closed."""
    with _directory_errors(data_dir):
        try:
            (Layout(data_dir).cluster / "PG_VERSION").stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True


def _prepare(root: Path) -> None:
    """Make the data directory if it is missing, and check that it is ours alone to write.

    Where the server will run as another user, that user has to pass through; it sees no names.
    """
    is_root = os.geteuid() == 0
    for parent in reversed(root.parents):
        if not parent.exists():
            _make_directory(parent, 0o755 if is_root else 0o700)
    _make_directory(root, 0o711 if is_root else 0o700)
    status = root.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise DataDirectoryError("The data directory is not a directory", root, _HINT)
    if status.st_uid != os.geteuid():
        owner = _user_name(status.st_uid)
        raise DataDirectoryOwnerError(
            f"The data directory belongs to {owner}, not to {_user_name(os.geteuid())}",
            root,
            f"Run as {owner}, or name another directory in THOTH_DATA_DIR.",
        )
    if status.st_mode & 0o022:
        raise DataDirectoryOwnerError(
            "Others may write into the data directory", root, "Take that right away: chmod go-w."
        )


def _make_directory(path: Path, mode: int) -> None:
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode)
        # The creator's umask may have taken rights away.
        path.chmod(mode)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


@contextlib.contextmanager
def _directory_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "does not support file locks" if error.errno == errno.ENOLCK else error.strerror
        raise DataDirectoryError(
            f"The data directory cannot be used ({reason})", error.filename or root, _HINT
        ) from error


@contextlib.contextmanager
def _attempt(path: Path) -> Iterator[bool]:
    """Hold the lock if it is free; give it back explicitly, as a fork may have copied it."""
    with open_lock(path) as file:
        held = try_lock(file)
        try:
            yield held
        finally:
            if held:
                unlock(file)


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    source, sink = os.pipe()
    with (
        os.fdopen(source, "rb", buffering=0) as reader,
        os.fdopen(sink, "wb", buffering=0) as writer,
    ):
        yield reader, writer


def _read_line(stream: IO[bytes], deadline: float) -> bytes | None:
    """Return the report, empty if the supervisor ended without one, None if time ran out."""
    content = b""
    while not content.endswith(b"\n") and len(content) < _REPORT_LIMIT:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([stream], [], [], remaining)[0]:
            return None
        block = os.read(stream.fileno(), _REPORT_LIMIT)
        if not block:
            break
        content += block
    return content


def _reported(message: dict[str, list[str]]) -> EmbeddedServerError:
    kind = getattr(exceptions, str(message["error"]))
    error: EmbeddedServerError = kind(*message["arguments"])
    return error


def _answers(state: State) -> bool:
    """Tell whether the server accepts sessions, by PostgreSQL's protocol (version 3.0).

    A session is opened and closed properly, so that the server has nothing to complain of.
    """
    parameters = f"user\0{SUPERUSER}\0database\0{DATABASE}\0\0".encode()
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_PATIENCE)
            connection.connect(state.socket)
            connection.sendall(struct.pack("!ii", len(parameters) + 8, _PROTOCOL) + parameters)
            answer = b""
            while answer[-6:-1] != _READY_FOR_QUERY and len(answer) < _ANSWER_LIMIT:
                block = connection.recv(_ANSWER_LIMIT)
                if not block:
                    # A refusal for any other reason will be the caller's to read.
                    return answer != b"" and _CANNOT_CONNECT_NOW not in answer
                answer += block
            connection.sendall(_TERMINATE)
            return True
    except OSError:
        return False
