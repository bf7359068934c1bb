"""The process that starts a server, keeps it, and ends it when its last user has gone.

It runs detached, in its own session, with no more than the standard library. One supervisor at
most holds a data directory's `supervisor.lock`; whoever comes second says so and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from thoth.storages.exceptions import (
    DataDirectoryError,
    DataDirectoryUnreachableError,
    EmbeddedServerError,
    ServerUserError,
)

from .binaries import BINDIR_VARIABLE, Binaries, install_copy
from .layout import (
    Layout,
    Order,
    State,
    bound_log,
    open_lock,
    try_lock,
    unlock,
    wait_for_lock,
    write_state,
)
from .postmaster import Account, Postmaster

DEFAULT_ROOT_USER = "nobody"
RESTART_LIMIT = 3
RESTART_WINDOW = 60.0

_LOCK_PATIENCE = 1.0
_READY_POLL = 0.002
_LONGEST_PAUSE = 0.5
_SHORTEST_PAUSE = 0.02


class _Terminated(Exception):  # noqa: N818 - it is not an error
    """The supervisor was told to end, or nobody is waiting for the server any more."""


class Supervisor:
    """Serves one order until it is told to end or the last user has gone."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._layout = Layout(Path(order.data_dir))
        self._users = open_lock(self._layout.users_lock)
        self._idle_since: float | None = None
        self._terminated = False
        self._restarts: list[float] = []
        self._pause = min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, order.linger / 10))
        self._wakeup, wakeup = os.pipe()
        for descriptor in (self._wakeup, wakeup):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._terminate)

    def _terminate(self, *_: object) -> None:
        self._terminated = True

    def serve(self) -> None:
        """Serve the order. Raises EmbeddedServerError if the server could not be started."""
        account = server_account(self._order.user)
        binaries = self._usable_binaries(account)
        postmaster = Postmaster(self._layout, binaries.bindir, account, durable=self._order.durable)
        try:
            postmaster.initialise()
            if not postmaster.adopt():
                postmaster.start()
            self._publish(postmaster, account)
            report({"ready": True})
            self._watch(postmaster, account)
        except _Terminated:
            pass
        finally:
            self._layout.state.unlink(missing_ok=True)
            postmaster.stop()

    def _usable_binaries(self, account: Account) -> Binaries:
        carrier = Path(self._order.carrier) if self._order.carrier is not None else None
        binaries = Binaries(bindir=Path(self._order.bindir), carrier=carrier)
        if not account.foreign:
            return binaries
        check_reachable(self._layout.root, account, "THOTH_DATA_DIR")
        binaries = install_copy(binaries, self._layout.root.parent)
        check_reachable(binaries.bindir, account, BINDIR_VARIABLE)
        return binaries

    def _publish(self, postmaster: Postmaster, account: Account) -> None:
        """Wait until the server accepts connections, then tell the clients where it is."""
        while not postmaster.is_ready():
            if not postmaster.is_running():
                raise postmaster.start_failure()
            if self._terminated or self._users_gone():
                raise _Terminated
            time.sleep(_READY_POLL)
        state = State(
            socket_directory=str(postmaster.socket_directory),
            server_user=account.name,
            server_pid=postmaster.pid,
            supervisor_pid=os.getpid(),
        )
        write_state(self._layout.state, state)

    def _watch(self, postmaster: Postmaster, account: Account) -> None:
        while not (self._terminated or self._users_gone()):
            select.select([self._wakeup], [], [], self._pause)
            with contextlib.suppress(BlockingIOError):
                os.read(self._wakeup, 4096)
            bound_log(self._layout.log)
            if not postmaster.is_running() or not postmaster.has_socket():
                self._restart(postmaster, account)

    def _restart(self, postmaster: Postmaster, account: Account) -> None:
        now = time.monotonic()
        self._restarts = [at for at in self._restarts if now - at < RESTART_WINDOW] + [now]
        self._layout.state.unlink(missing_ok=True)
        if len(self._restarts) > RESTART_LIMIT:
            raise _Terminated
        postmaster.stop()
        postmaster.start()
        self._publish(postmaster, account)

    def _users_gone(self) -> bool:
        """Tell whether nobody has used the server for the linger; if so, the lock is kept.

        A client that arrives from then on waits for the lock, and so for the end of this process.
        """
        if not try_lock(self._users):
            self._idle_since = None
            return False
        now = time.time()
        # A client that came and went between two looks has left its time on the lock file.
        last_use = os.fstat(self._users.fileno()).st_mtime
        if self._idle_since is None or self._idle_since > now:
            self._idle_since = now
        idle_since = max(self._idle_since, last_use) if last_use <= now else self._idle_since
        if now - idle_since >= self._order.linger:
            return True
        unlock(self._users)
        return False


def server_account(user: str | None) -> Account:
    """Return the account that the server runs as. Raises ServerUserError."""
    uid = os.geteuid()
    name = user if user is not None else (DEFAULT_ROOT_USER if uid == 0 else None)
    try:
        entry = pwd.getpwuid(uid) if name is None else pwd.getpwnam(name)
    except KeyError:
        raise ServerUserError(
            f"The user {uid if name is None else name} is not in the system's user database",
            "/etc/passwd",
            "PostgreSQL cannot run as it; run as a user that exists, or name a server in "
            "KNOWLEDGE_GRAPH_HOST.",
        ) from None
    if entry.pw_uid == 0:
        raise ServerUserError(
            "PostgreSQL refuses to run as root", "/etc/passwd", "Choose an unprivileged user."
        )
    if uid not in (0, entry.pw_uid):
        raise ServerUserError(
            f"Only root can run the server as {entry.pw_name}",
            "/etc/passwd",
            "Leave the user out, or run as root.",
        )
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, foreign=entry.pw_uid != uid)


def check_reachable(path: Path, account: Account, variable: str) -> None:
    """Check, as that user, that it can enter every directory down to `path`.

    Raises DataDirectoryUnreachableError with the first directory that stops it, ServerUserError
    if this process may not change its user.
    """
    steps = [*reversed(path.parents), path]
    child = os.fork()
    if child == 0:
        code = 255
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            blocked = (index for index, step in enumerate(steps, 1) if not os.access(step, os.X_OK))
            code = min(next(blocked, 0), 254)
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return
    if code < 0 or code == 255:
        raise ServerUserError(
            f"This process may not become {account.name}",
            path,
            "Run as an ordinary user, or name a server in KNOWLEDGE_GRAPH_HOST.",
        )
    raise DataDirectoryUnreachableError(
        f"The server's user {account.name} cannot enter the directory, on the way to {path}",
        steps[code - 1],
        f"Name one in {variable} that this user can reach, or run as an ordinary user.",
    )


def report(message: dict[str, Any]) -> None:
    """Tell the client that started this process what came of it, and let go of the client."""
    null = os.open(os.devnull, os.O_RDWR)
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(message).encode() + b"\n")
    os.dup2(null, 1)
    os.close(null)


def main() -> None:
    """Read the order, serve it, report once. Ends the process."""
    os.umask(0o077)
    os.chdir("/")
    order = Order(**json.loads(sys.stdin.buffer.read()))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    lock = open_lock(Layout(Path(order.data_dir)).supervisor_lock)
    if not wait_for_lock(lock, time.monotonic() + _LOCK_PATIENCE):
        report({"busy": True})
        return
    try:
        Supervisor(order).serve()
    except EmbeddedServerError as error:
        report({"error": type(error).__name__, "arguments": error.args})
    except OSError as error:
        failure = DataDirectoryError(
            f"The data directory cannot be used ({error.strerror})",
            error.filename or order.data_dir,
            "Check its permissions and the free space, or name another in THOTH_DATA_DIR.",
        )
        report({"error": type(failure).__name__, "arguments": failure.args})
