# ruff: noqa: PTH106, PTH108, PTH114, PTH118, PTH123, SIM105 - more imports start slower
"""The process between an executor and a validator: sets limits, and leaves nothing behind.

Run by path, isolated and with little of the standard library, so that it starts in milliseconds:
`python -I -S confinement.py LIMITS DIRECTORY COMMAND...`, where LIMITS is `name=number,...`. It
ends as the command ends, by exit code or by signal, after every descendant of the command is gone,
those included that left its session (Linux), and DIRECTORY with them. SIGTERM ends all of them
at once, and so does the end of the executor.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLEARING_SECONDS = 5.0
_NOT_STARTED = 127

RESOURCES = {
    "address_space": resource.RLIMIT_AS,
    "cpu_seconds": resource.RLIMIT_CPU,
    "open_files": resource.RLIMIT_NOFILE,
    "file_bytes": resource.RLIMIT_FSIZE,
    "core_bytes": resource.RLIMIT_CORE,
}


class _StopError(Exception):
    """The executor wants the command stopped."""


def _stop(*_: object) -> NoReturn:
    raise _StopError


def main(arguments: list[str]) -> NoReturn:
    """Run the command under its limits; never returns."""
    pairs = (pair.partition("=") for pair in arguments[0].split(","))
    limits = {name: int(number) for name, _, number in pairs}
    status = signal.SIGKILL.value
    try:
        signal.signal(signal.SIGTERM, _stop)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        _end_with(limits["executor"], signal.SIGTERM)
        own = os.getpid()
        command = os.fork()
        if command == 0:
            _become(arguments[2:], limits, own)
        status = _await(command)
    except _StopError:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _clear()
    _remove(arguments[1])
    _end_as(status)


def _prctl(option: int, value: int) -> None:
    if _LINUX and ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _end_with(parent: int, signal_number: int) -> None:
    """Have the kernel send this process a signal when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        # It ended before the kernel knew.
        raise _StopError


def _become(command: list[str], limits: dict[str, int], parent: int) -> NoReturn:
    """Turn this process into the command."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _end_with(parent, signal.SIGKILL)
        for name, kind in RESOURCES.items():
            if name in limits:
                # The hard limit of processor time kills; the soft one says why.
                spare = kind == resource.RLIMIT_CPU
                resource.setrlimit(kind, (limits[name], limits[name] + spare))
        os.nice(limits["niceness"])
        if _LINUX:
            # Of all processes here, the system should rather kill this one.
            try:
                _write("/proc/self/oom_score_adj", b"500")
            except OSError:
                pass
        os.execv(command[0], command)  # noqa: S606 - the executor's own command
    except BaseException as error:  # noqa: BLE001 - nothing of the parent's may run on in here
        os.write(2, f"cannot start {command[0]}: {error}\n".encode())
    finally:
        os._exit(_NOT_STARTED)


def _await(command: int) -> int:
    while True:
        # Any child: orphans of the command's become ours.
        child, status = os.waitpid(-1, 0)
        if child == command:
            return status


def _clear() -> None:
    """Kill what the command left behind, until nothing is left; gives up after a while."""
    until = time.monotonic() + _CLEARING_SECONDS
    while time.monotonic() < until:
        for child in _children():
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            reaped, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not reaped:
            time.sleep(0.002)


def _children() -> list[int]:
    own = os.getpid()
    try:
        return [int(pid) for pid in _read(f"/proc/self/task/{own}/children").split()]
    except OSError:
        return []


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _remove(directory: str) -> None:
    """Remove the command's directory: the executor may be gone by now."""
    try:
        for path, directories, files in os.walk(directory, topdown=False):
            for name in files:
                os.unlink(os.path.join(path, name))
            for name in directories:
                inner = os.path.join(path, name)
                (os.unlink if os.path.islink(inner) else os.rmdir)(inner)
        os.rmdir(directory)
    except OSError as error:
        os.write(2, f"cannot remove {directory}: {error}\n".encode())


def _end_as(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main(sys.argv[1:])
