"""What a data directory holds, and the locks and the state that processes share through it.

Four lock files, never removed, each with one meaning (`flock`, so that the kernel frees them
whatever way a process ends):

- `users.lock`: shared by every client for as long as it uses the server; the supervisor takes it
  exclusively before it stops the server, so that no client can arrive meanwhile;
- `start.lock`: held by the client that starts a supervisor, until that one has reported;
- `supervisor.lock`: held by the supervisor for its life;
- `server.lock`: inherited by PostgreSQL's processes; free means that none of them is left.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
import sys
import time
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PORT = 5432
"""Part of the socket's file name only: the server never listens on a network."""

SUPERUSER = "postgres"
DATABASE = "postgres"

LOG_LIMIT = 1024 * 1024
"""Bytes after which the server's log is moved to `server.log.1`, replacing the previous one."""

LOG_TAIL = 4096
"""Bytes of the log that an error carries at most."""

STATE_LIMIT = 65_536
"""Bytes that are read at most of a state file or of `postmaster.pid`."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one data directory; `root` is an absolute path without symbolic links."""

    root: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own directory, mode 0700, owned by the server's user."""
        return self.root / "cluster"

    @property
    def users_lock(self) -> Path:
        """Held shared by clients."""
        return self.root / "users.lock"

    @property
    def start_lock(self) -> Path:
        """Held by the client that starts a supervisor."""
        return self.root / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor."""
        return self.root / "supervisor.lock"

    @property
    def server_lock(self) -> Path:
        """Held by PostgreSQL's processes."""
        return self.root / "server.lock"

    @property
    def state(self) -> Path:
        """How to reach the server; exists while it accepts connections."""
        return self.root / "state.json"

    @property
    def socket_record(self) -> Path:
        """The path of the socket's directory, written before that one is made."""
        return self.root / "socket.path"

    @property
    def log(self) -> Path:
        """The log of the server and its supervisor."""
        return self.root / "server.log"

    @property
    def authentication(self) -> Path:
        """The server's pg_hba.conf."""
        return self.root / "pg_hba.conf"

    @property
    def identities(self) -> Path:
        """The server's pg_ident.conf."""
        return self.root / "pg_ident.conf"


@dataclass(frozen=True, slots=True)
class State:
    """A server that accepts connections: its socket's directory and whom it runs as."""

    socket_directory: str
    server_user: str
    server_pid: int
    supervisor_pid: int

    @property
    def socket(self) -> str:
        """Path of the socket."""
        return f"{self.socket_directory}/.s.PGSQL.{PORT}"


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks of the supervisor that it starts; paths are absolute."""

    data_dir: str
    bindir: str
    carrier: str | None
    linger: float
    user: str | None
    durable: bool

    def encode(self) -> bytes:
        """Return the order as the supervisor reads it."""
        return json.dumps(asdict(self)).encode()


def read_state(path: Path) -> State | None:
    """Return what the supervisor published, or None if there is nothing (valid)."""
    try:
        fields = json.loads(read_limited(path))
        return State(
            socket_directory=str(fields["socket_directory"]),
            server_user=str(fields["server_user"]),
            server_pid=int(fields["server_pid"]),
            supervisor_pid=int(fields["supervisor_pid"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write_state(path: Path, state: State) -> None:
    """Publish the state atomically."""
    write_atomically(path, json.dumps(asdict(state)).encode(), 0o600)


def write_atomically(path: Path, content: bytes, mode: int) -> None:
    """Replace a file of ours as a whole."""
    partial = path.with_name(path.name + ".partial")
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)
    partial.replace(path)


def sync(path: Path) -> None:
    """Make a file's content or a directory's entries durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """Make a directory and all below it durable.

    With one call for the whole file system where that is to be had: a thousand calls, one for
    each file, take seconds on a busy machine.
    """
    if _sync_file_system(root):
        return
    for path in (*root.rglob("*"), root):
        if not path.is_symlink():
            sync(path)


def _sync_file_system(root: Path) -> bool:
    """Tell whether the system could do it; what it could not write is an OSError."""
    if sys.platform != "linux":
        return False
    # Needed once in the life of a data directory, and slow to import.
    import ctypes

    system = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(root, os.O_RDONLY)
    try:
        if system.syncfs(descriptor) == 0:
            return True
    finally:
        os.close(descriptor)
    number = ctypes.get_errno()
    if number in {errno.ENOSYS, errno.EPERM}:
        return False
    raise OSError(number, os.strerror(number), str(root))


def read_limited(path: Path) -> bytes:
    """Read a small regular file that an unprivileged process may have put there.

    Neither a symbolic link nor a FIFO nor an endless file can mislead or stop the reader.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"not a regular file: {path}")
        return file.read(STATE_LIMIT)


def open_lock(path: Path) -> IO[bytes]:
    """Open a lock file, made if it is missing."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "r+b", buffering=0)


def try_lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Take the lock without waiting; tell whether it was had."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(file: IO[bytes], deadline: float, *, shared: bool = False) -> bool:
    """Take the lock, waiting until `deadline` (of `time.monotonic`); tell whether it was had."""
    pause = 0.001
    while not try_lock(file, shared=shared):
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    return True


def unlock(file: IO[bytes]) -> None:
    """Give the lock back, in forked copies of this process too."""
    fcntl.flock(file, fcntl.LOCK_UN)


def is_locked(path: Path) -> bool:
    """Tell whether someone holds the lock exclusively."""
    with open_lock(path) as file:
        free = try_lock(file, shared=True)
        if free:
            unlock(file)
        return not free


def open_log(path: Path) -> IO[bytes]:
    """Open the log for appending; every writer may truncate it at any time."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)


def log_size(path: Path) -> int:
    """Return the log's present size in bytes, 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def log_tail(path: Path, since: int = 0) -> str:
    """Return how the log ends: at most LOG_TAIL bytes, nothing from before offset `since`."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - LOG_TAIL, since if since <= size else 0))
            return file.read(LOG_TAIL).decode(errors="replace")
    except OSError:
        return ""


def bound_log(path: Path) -> None:
    """Move a log that has grown over LOG_LIMIT aside; at most its last LOG_LIMIT bytes are kept.

    The file is copied and truncated, not renamed: the server goes on writing to it.
    """
    if log_size(path) <= LOG_LIMIT:
        return
    with path.open("r+b") as file:
        file.seek(-LOG_LIMIT, os.SEEK_END)
        write_atomically(path.with_name(path.name + ".1"), file.read(LOG_LIMIT), 0o600)
        file.truncate(0)
