"""Recognising PostgreSQL's processes by what they are, never by a process id alone.

A process id is reused, and a dead process that nobody waited for (a zombie) still has one. On
Linux `/proc` tells all; elsewhere `ps` does.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = frozenset({"postgres", "initdb"})
_PROC = Path("/proc")
_PS_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Process:
    """A running process; `started` tells two processes with the same id apart (0: unknown)."""

    pid: int
    uid: int
    started: int

    def is_running(self) -> bool:
        """Tell whether this very process still runs; a zombie does not."""
        if sys.platform == "linux":
            return _linux_start(self.pid) == self.started
        with contextlib.suppress(OSError):
            os.kill(self.pid, 0)
            return True
        return False

    def signal(self, number: int) -> None:
        """Send a signal if the process still runs."""
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def find_server_processes(directory: Path, title: str, uid: int) -> list[Process]:
    """Return the running processes of PostgreSQL that work in `directory`, owned by `uid`.

    `title` is the name that the server shows in its processes' titles (its `cluster_name`); it is
    used where a process's working directory cannot be had.
    """
    if sys.platform == "linux":
        return _linux_processes(directory, uid)
    return _listed_processes(directory, title, uid)


def _linux_processes(directory: Path, uid: int) -> list[Process]:
    found = []
    for entry in os.scandir(_PROC):
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid != uid:
                continue
            path = Path(entry.path)
            # The name is checked because a shell may stand in the directory as well.
            if _linux_name(path) not in _PROGRAMS or (path / "cwd").readlink() != directory:
                continue
        except OSError:
            continue
        started = _linux_start(int(entry.name))
        if started is not None:
            found.append(Process(pid=int(entry.name), uid=uid, started=started))
    return found


def _linux_name(entry: Path) -> str:
    return (entry / "comm").read_text(errors="replace").rstrip("\n")


def _linux_start(pid: int) -> int | None:
    """Return when the process started, in ticks since boot; None if it does not run."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The program's name, in parentheses, may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZXx" else int(fields[19])


def _listed_processes(directory: Path, title: str, uid: int) -> list[Process]:
    # One option for each column: POSIX lets an empty header take the rest of its argument.
    columns = [
        word for column in ("pid", "uid", "stat", "command") for word in ("-o", f"{column}=")
    ]
    command = ["/bin/ps", "-A", "-ww", *columns]
    listing = subprocess.run(
        command, capture_output=True, check=False, timeout=_PS_TIMEOUT, stdin=subprocess.DEVNULL
    )
    found = []
    for line in listing.stdout.decode(errors="replace").splitlines():
        fields = line.split(None, 3)
        if len(fields) < 4 or fields[2].startswith("Z") or int(fields[1]) != uid:
            continue
        words = fields[3]
        program = words.split(None, 1)[0].rpartition("/")[2]
        titled = words.startswith(f"postgres: {title}:")
        if titled or (program in _PROGRAMS and f" -D {directory} " in f"{words} "):
            found.append(Process(pid=int(fields[0]), uid=uid, started=0))
    return found
