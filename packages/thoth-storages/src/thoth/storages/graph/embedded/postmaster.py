"""One PostgreSQL server as its supervisor sees it: make the cluster, start, adopt, watch, stop.

PostgreSQL calls its first process the postmaster; the others are its children.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from thoth.storages.exceptions import (
    EmbeddedServerError,
    InitialisationError,
    ServerStartError,
    ServerVersionError,
    SocketDirectoryError,
)

from .binaries import BINDIR_VARIABLE
from .layout import (
    PORT,
    SUPERUSER,
    Layout,
    is_locked,
    log_size,
    log_tail,
    open_lock,
    open_log,
    read_limited,
    sync,
    sync_tree,
    try_lock,
    write_atomically,
)
from .processes import Process, find_server_processes

INITDB_PATIENCE = 300.0
"""Seconds that initdb may take; a slow disk needs most of it to make the files durable."""

FAST_SHUTDOWN_PATIENCE = 60.0
"""Seconds that a fast shutdown may take before the server is ended without its checkpoint."""

IMMEDIATE_SHUTDOWN_PATIENCE = 5.0
LEFTOVER_PATIENCE = 10.0
VERSION_PATIENCE = 10.0

SOCKET_PATH_LIMIT = 103
"""Bytes of a socket's path: 107 on Linux, 103 on macOS, a final NUL apart."""

_SOCKET_PARENTS = ("/tmp", "/var/tmp")  # noqa: S108 - a private directory is made inside
_POLL = 0.002
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C"}

SETTINGS = {
    # The network is never listened to, whatever the cluster's own files say.
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    # What was accepted is on disk, and stays there when the machine stops.
    "fsync": "on",
    "full_page_writes": "on",
    # Modest, for a laptop. There are no replicas: the write-ahead log serves recovery alone.
    "shared_buffers": "128MB",
    "max_connections": "100",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log goes to the descriptor that the supervisor opened and keeps short.
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}

FLEETING = {"fsync": "off", "full_page_writes": "off"}
"""Settings of a server whose data need not outlive the machine's next stop."""


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system user that the server runs as; `foreign` if it is not our own."""

    name: str
    uid: int
    gid: int
    foreign: bool


class Postmaster:
    """The server of one data directory. Only the holder of the supervisor's lock may use it."""

    def __init__(self, layout: Layout, bindir: Path, account: Account, *, durable: bool) -> None:
        self._layout = layout
        self._bindir = bindir
        self._account = account
        self._durable = durable
        self._child: subprocess.Popen[bytes] | None = None
        self._adopted: Process | None = None
        self._log_start = log_size(layout.log)
        digest = hashlib.sha256(os.fsencode(layout.cluster)).hexdigest()[:12]
        self._title = f"thoth-{digest}"
        # For subprocess: nothing where the server runs as ourselves, for which no right is needed.
        self._privileges: dict[str, Any] = (
            {"user": account.uid, "group": account.gid, "extra_groups": []}
            if account.foreign
            else {}
        )
        self.socket_directory: Path | None = None

    @property
    def pid(self) -> int:
        """The server's process id, 0 if there is no server."""
        if self._child is not None:
            return self._child.pid
        return self._adopted.pid if self._adopted is not None else 0

    def log_tail(self) -> str:
        """Return what was logged since this object began."""
        return log_tail(self._layout.log, self._log_start)

    # --- the cluster -----------------------------------------------------------------------------

    def initialise(self) -> None:
        """Make the cluster unless there is one. Raises InitialisationError, ServerStartError.

        It is made and synced to disk under another name, then renamed: an interruption leaves
        nothing that could be taken for a cluster.
        """
        if self._layout.cluster.exists():
            return
        with self._claim() as lock:
            for left in self._layout.root.glob("cluster.*.partial"):
                shutil.rmtree(left)
            partial = Path(tempfile.mkdtemp(".partial", "cluster.", self._layout.root))
            if self._account.foreign:
                os.chown(partial, self._account.uid, self._account.gid)
            command = [
                str(self._bindir / "initdb"),
                "-D",
                str(partial),
                f"--username={SUPERUSER}",
                "--encoding=UTF8",
                "--locale=C",
                "--auth=peer",
                "--data-checksums",
                "--no-instructions",
                "--no-sync",
            ]
            process = self._run(command, lock, partial)
            try:
                code = process.wait(INITDB_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code != 0:
                shutil.rmtree(partial, ignore_errors=True)
                raise InitialisationError(
                    f"initdb failed with exit code {code}",
                    self._layout.cluster,
                    "See its messages; a full or read-only disk is the usual cause.",
                    self.log_tail(),
                )
            if self._durable:
                sync_tree(partial)
            partial.rename(self._layout.cluster)
            sync(self._layout.root)

    # --- starting and adopting -------------------------------------------------------------------

    def adopt(self) -> bool:
        """Take over a server that an earlier supervisor left running, if it can be reached.

        One that cannot (its socket is gone, or it is shutting down) is stopped.
        """
        if not is_locked(self._layout.server_lock):
            return False
        lines = self._pid_file()
        found = {str(process.pid): process for process in self._processes()}
        self._adopted = found.get(lines[0].strip()) if lines else None
        if self._adopted is None:
            return False
        self.socket_directory = self._recorded_socket_directory()
        status = lines[7].strip() if len(lines) > 7 else "starting"
        if status == "starting" or (status == "ready" and self.has_socket()):
            return True
        self.stop()
        return False

    def start(self) -> None:
        """Start the server. Raises SocketDirectoryError, ServerStartError."""
        self._log_start = log_size(self._layout.log)
        with self._claim() as lock:
            # No process of this cluster is left, so whatever this file says is out of date; a
            # process id in it that is used again would keep the server from starting.
            with contextlib.suppress(FileNotFoundError):
                (self._layout.cluster / "postmaster.pid").unlink()
            self._remove_socket_directory()
            self.socket_directory = self._make_socket_directory()
            self._write_authentication()
            settings = {
                **SETTINGS,
                **({} if self._durable else FLEETING),
                "cluster_name": self._title,
                "unix_socket_directories": _quoted(str(self.socket_directory)),
                "hba_file": str(self._layout.authentication),
                "ident_file": str(self._layout.identities),
            }
            command = [str(self._bindir / "postgres"), "-D", str(self._layout.cluster)]
            for name, value in settings.items():
                command += ["-c", f"{name}={value}"]
            self._adopted = None
            self._child = self._run(command, lock, self._layout.cluster)

    def start_failure(self) -> EmbeddedServerError:
        """Return why a server that was started has ended, as well as it can be told."""
        cluster = self._layout.cluster
        version, program = self._cluster_version(), self._program_version()
        if not version or f" {version}." in program:
            return ServerStartError(
                "The server ended while it started",
                cluster,
                "See the end of its log.",
                self.log_tail(),
            )
        return ServerVersionError(
            f"The data directory was made by PostgreSQL {version}, the programs are {program}",
            cluster,
            f"Name the programs of PostgreSQL {version} in {BINDIR_VARIABLE}, or another "
            "directory in THOTH_DATA_DIR.",
            self.log_tail(),
        )

    def _cluster_version(self) -> str:
        """Return the major version that made the cluster, empty if that cannot be told."""
        try:
            content = read_limited(self._layout.cluster / "PG_VERSION")
        except (OSError, ValueError):
            return ""
        return content.decode(errors="replace").strip()

    def _program_version(self) -> str:
        command = [str(self._bindir / "postgres"), "--version"]
        result: subprocess.CompletedProcess[bytes] = subprocess.run(
            command,
            check=False,
            capture_output=True,
            timeout=VERSION_PATIENCE,
            env=_ENVIRONMENT,
            **self._privileges,
        )
        return result.stdout.decode(errors="replace").strip()

    def is_running(self) -> bool:
        """Tell whether the server's first process runs."""
        if self._child is not None:
            return self._child.poll() is None
        return self._adopted is not None and self._adopted.is_running()

    def is_ready(self) -> bool:
        """Tell whether the server says that it accepts connections."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[0].strip() == str(self.pid) and lines[7].strip() == "ready"

    def has_socket(self) -> bool:
        """Tell whether the socket is still in its place: directories like /tmp get cleaned."""
        directory = self.socket_directory
        return directory is not None and (directory / f".s.PGSQL.{PORT}").exists()

    # --- stopping --------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the server, fast but cleanly if it can, and remove its socket's directory."""
        for number, patience in (
            (signal.SIGINT, FAST_SHUTDOWN_PATIENCE),
            (signal.SIGQUIT, IMMEDIATE_SHUTDOWN_PATIENCE),
            (signal.SIGKILL, IMMEDIATE_SHUTDOWN_PATIENCE),
        ):
            if self._ends_after(number, patience):
                break
        for left in self._processes():
            left.signal(signal.SIGKILL)
        self._child = self._adopted = None
        self._remove_socket_directory()

    def _ends_after(self, number: int, patience: float) -> bool:
        if not self.is_running():
            return True
        if self._child is not None:
            self._child.send_signal(number)
        elif self._adopted is not None:
            self._adopted.signal(number)
        deadline = time.monotonic() + patience
        while self.is_running():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        return True

    def _remove_socket_directory(self) -> None:
        """Remove the directory of the last socket, which may be an earlier supervisor's."""
        directory = self._recorded_socket_directory()
        if directory is not None:
            for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
                with contextlib.suppress(OSError):
                    (directory / name).unlink()
            with contextlib.suppress(OSError):
                directory.rmdir()
        self._layout.socket_record.unlink(missing_ok=True)
        self.socket_directory = None

    # --- details ---------------------------------------------------------------------------------

    def _run(self, command: list[str], lock: IO[bytes], directory: Path) -> subprocess.Popen[bytes]:
        """Run a program as the server's user: nothing inherited but the log and the lock."""
        with open_log(self._layout.log) as log:
            try:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=directory,
                    env=_ENVIRONMENT,
                    pass_fds=(lock.fileno(),),
                    start_new_session=True,
                    umask=0o077,
                    **self._privileges,
                )
            except OSError as error:
                raise ServerStartError(
                    f"The program cannot be run as {self._account.name} ({error.strerror})",
                    command[0],
                    "Check that this user can read and execute it.",
                ) from error

    def _claim(self) -> IO[bytes]:
        """Return the server's lock, held: no process of PostgreSQL is left on this directory.

        Those that outlived their first process are killed; it cannot answer for them any more.
        """
        lock = open_lock(self._layout.server_lock)
        deadline = time.monotonic() + LEFTOVER_PATIENCE
        while not try_lock(lock):
            for process in self._processes():
                process.signal(signal.SIGKILL)
            if time.monotonic() >= deadline:
                lock.close()
                raise ServerStartError(
                    "Processes that cannot be seen from here (in another container?) still use "
                    "the data directory",
                    self._layout.root,
                    "End them, or name another directory in THOTH_DATA_DIR.",
                )
            time.sleep(_POLL)
        strangers = self._processes()
        if strangers:
            lock.close()
            raise ServerStartError(
                f"A server that was started by hand runs on the data directory "
                f"(process {strangers[0].pid})",
                self._layout.cluster,
                "Stop it, or name another directory in THOTH_DATA_DIR.",
            )
        return lock

    def _processes(self) -> list[Process]:
        """Return PostgreSQL's processes on this cluster, half-made ones included."""
        uid = self._account.uid
        directories = [self._layout.cluster, *self._layout.root.glob("cluster.*.partial")]
        return [
            process
            for directory in directories
            for process in find_server_processes(directory, self._title, uid)
        ]

    def _pid_file(self) -> list[str]:
        try:
            content = read_limited(self._layout.cluster / "postmaster.pid")
        except (OSError, ValueError):
            return []
        return content.decode(errors="replace").splitlines()

    def _write_authentication(self) -> None:
        """Admit one operating system user, ours, as the superuser and nobody else."""
        mode = 0o644 if self._account.foreign else 0o600
        client = pwd.getpwuid(os.geteuid()).pw_name
        rules = "local all all peer map=thoth\n"
        identities = f'thoth "{client}" {SUPERUSER}\n'
        write_atomically(self._layout.authentication, rules.encode(), mode)
        write_atomically(self._layout.identities, identities.encode(), mode)

    def _make_socket_directory(self) -> Path:
        """Make a directory with a name that nobody can foresee, hence nobody can occupy."""
        for parent in (*_SOCKET_PARENTS, str(self._layout.root)):
            path = Path(os.path.realpath(parent)) / f"thoth-{secrets.token_hex(4)}"
            if len(os.fsencode(path)) + len(f"/.s.PGSQL.{PORT}") > SOCKET_PATH_LIMIT:
                continue
            try:
                status = path.parent.stat()
                others_may_rename = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
                if others_may_rename or status.st_uid not in {0, os.geteuid()}:
                    continue
                write_atomically(self._layout.socket_record, os.fsencode(path), 0o600)
                path.mkdir(0o700)
                if self._account.foreign:
                    os.chown(path, self._account.uid, self._account.gid)
            except OSError:
                continue
            return path
        raise SocketDirectoryError(
            "No directory for the server's socket could be made here",
            _SOCKET_PARENTS[0],
            "Give it the usual mode 1777 and some free space.",
        )

    def _recorded_socket_directory(self) -> Path | None:
        """Return the last socket's directory if it is still there and private to the server."""
        try:
            path = Path(os.fsdecode(read_limited(self._layout.socket_record)))
            status = path.lstat()
        except (OSError, ValueError):
            return None
        is_private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700
        return path if is_private and status.st_uid == self._account.uid else None


def _quoted(path: str) -> str:
    """Quote a path for a setting that is a list of paths."""
    return '"' + path.replace('"', '""') + '"'
