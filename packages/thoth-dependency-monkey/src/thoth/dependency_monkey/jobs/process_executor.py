"""The executor that starts each validator as a local process, confined.

A validator gets the variables of the contract and nothing of ours: no environment, no input, no
open file, a directory of its own that is removed afterwards. Its output is read up to a limit, its
time, memory, processor time and files are limited, and no process of it outlives its run.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from thoth.dependency_monkey.errors import Reason
from thoth.dependency_monkey.jobs import confinement
from thoth.dependency_monkey.jobs.executors import (
    failed_job,
    interrupted_failure,
    settled_failure,
)
from thoth.dependency_monkey.validation.document import LARGEST_DOCUMENT, decode_document
from thoth.dependency_monkey.validation.question import Question
from thoth.dependency_monkey.validation.raw_log import raw_log
from thoth.dependency_monkey.validation.validator import (
    EXIT_CONCLUSION,
    EXIT_MALFORMED,
    EXIT_UNDECIDED,
    question_environment,
)
from thoth.storages import FinishedJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.storages import JobRecord

VALIDATOR = (sys.executable, "-I", "-m", "thoth.dependency_monkey.validation.validator")

_PIECE = 64 * 1024
_LAST_WORDS = 2.0
_DEATH = 7.0
# No process comes to these by a fault of its own, as it does to SIGSEGV or SIGABRT.
_SENT_BY_OTHERS = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """What a validator process may use. Times in seconds, sizes in bytes.

    validation_seconds: the validator is told to come to a conclusion in this time.
    grace_seconds: on top of it, to start and to report; then all its processes are killed.
    address_space, cpu_seconds, open_files, file_bytes: of each process (setrlimit). Address space
        is not limited on macOS, which cannot.
    document_bytes: of standard output; a process that writes more is killed.
    log_bytes: kept of the beginning and of the end of standard error, each.
    niceness: by how much the processes give way to others.
    """

    validation_seconds: float = 60.0
    grace_seconds: float = 15.0
    address_space: int = 2 * 1024**3
    cpu_seconds: int = 90
    open_files: int = 256
    file_bytes: int = 64 * 1024**2
    document_bytes: int = LARGEST_DOCUMENT
    log_bytes: int = 256 * 1024
    niceness: int = 5


class ProcessExecutor:
    """Runs the validator program for each job; see `executors.Executor`.

    `index_url` is the read-through index, the one server that validators know of. `command` is the
    validator, its first part an absolute path. Safe for any number of runs at once on one loop.
    """

    def __init__(
        self,
        index_url: str,
        *,
        limits: ProcessLimits | None = None,
        command: Sequence[str] = VALIDATOR,
    ) -> None:
        self._index_url = index_url
        self._limits = limits or ProcessLimits()
        self._command = tuple(command)

    async def run(self, job: JobRecord, *, cancelled: asyncio.Event) -> FinishedJob:
        """Answer a job by a validator process.

        Whatever the process does, a `FinishedJob` says so. Takes at most `validation_seconds` and
        `grace_seconds`, or a second from when `cancelled` is set, plus the time to clear up. Raises
        `OSError` where the machine cannot start a process now: another attempt may do better.
        """
        try:
            variables = question_environment(Question.decode(job.request))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return failed_job(Reason.INTERNAL_ERROR, f"the job cannot be read: {error}")
        directory = await asyncio.to_thread(tempfile.mkdtemp, prefix="thoth-validator-")
        try:
            run = _Run(self._limits)
            started = await run.start(self._command, self._environment(variables, directory))
            if started is not None:
                return started
            await run.watch(cancelled)
            return await asyncio.to_thread(run.finished)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True))

    def _environment(self, variables: dict[str, str], directory: str) -> dict[str, str]:
        return {
            **variables,
            "INDEX_URL": self._index_url,
            "THOTH_TIMEOUT": f"{self._limits.validation_seconds:g}",
            "HOME": directory,
            "TMPDIR": directory,
            "LC_ALL": "C.UTF-8",
        }


class _Run:
    """One validator process from its start to its end."""

    def __init__(self, limits: ProcessLimits) -> None:
        self._limits = limits
        self._process: asyncio.subprocess.Process
        self._readers: list[asyncio.Task[None]] = []
        self._document = bytearray()
        self._log = _Log(limits.log_bytes)
        self._too_much = asyncio.Event()
        self._stopped: Reason | None = None
        self._began = time.monotonic()
        self._took = 0.0

    async def start(
        self, command: Sequence[str], environment: dict[str, str]
    ) -> FinishedJob | None:
        """Start the process; return how the job failed where it can never be started."""
        limits = self._limits
        confined = {
            "executor": os.getpid(),
            "cpu_seconds": limits.cpu_seconds,
            "open_files": limits.open_files,
            "file_bytes": limits.file_bytes,
            "core_bytes": 0,
            "niceness": limits.niceness,
        }
        if sys.platform != "darwin":
            confined["address_space"] = limits.address_space
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(Path(confinement.__file__)),
                ",".join(f"{name}={number}" for name, number in confined.items()),
                environment["HOME"],
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                cwd=environment["HOME"],
                start_new_session=True,
            )
        except ValueError as error:
            return failed_job(Reason.INTERNAL_ERROR, f"the validator cannot be asked: {error}")
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            return failed_job(Reason.LIMIT_EXCEEDED, "the request is too large to be handed on")
        assert self._process.stdout is not None  # noqa: S101 - they are pipes
        assert self._process.stderr is not None  # noqa: S101
        self._readers = [
            asyncio.create_task(self._read_document(self._process.stdout)),
            asyncio.create_task(self._read_log(self._process.stderr)),
        ]
        return None

    async def watch(self, cancelled: asyncio.Event) -> None:
        """Wait for the end of the process, or bring it about."""
        ends = asyncio.create_task(self._process.wait())
        reasons: dict[asyncio.Task[Any], Reason | None] = {
            ends: None,
            asyncio.create_task(cancelled.wait()): Reason.CANCELLED,
            asyncio.create_task(self._too_much.wait()): Reason.LIMIT_EXCEEDED,
        }
        allowed = self._limits.validation_seconds + self._limits.grace_seconds
        try:
            done, _ = await asyncio.wait(
                reasons, timeout=allowed, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                self._stopped = Reason.TIMED_OUT
            elif ends not in done:
                self._stopped = reasons[done.pop()]
        finally:
            self._took = time.monotonic() - self._began
            await asyncio.shield(self._end(ends, [task for task in reasons if task is not ends]))

    async def _end(self, ends: asyncio.Task[int], others: list[asyncio.Task[Any]]) -> None:
        """See to it that nothing of the process is left, and read its last words."""
        for task in others:
            task.cancel()
        if not ends.done():
            with suppress(ProcessLookupError):
                self._process.terminate()
            await asyncio.wait([ends], timeout=_DEATH)
        if not ends.done() or self._process.returncode == -signal.SIGKILL:
            # The confining process itself may have been killed; the group may live on.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await asyncio.wait([ends], timeout=_DEATH)
        await asyncio.wait(self._readers, timeout=_LAST_WORDS)
        left = [ends, *self._readers, *others]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _read_document(self, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(_PIECE):
            # Read on where it is too much: what fills a pipe can neither write nor be waited for.
            if not self._too_much.is_set():
                self._document += piece
            if len(self._document) > self._limits.document_bytes:
                self._too_much.set()
                self._document.clear()

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(_PIECE):
            self._log.add(piece)

    # -- what came out -------------------------------------------------------------------------

    def finished(self) -> FinishedJob:
        """Say what came of it all; takes its time for large documents."""
        code = self._process.returncode
        log = self._log.read()
        match self._stopped:
            case Reason.CANCELLED:
                return self._failed(Reason.CANCELLED, "stopped, since nobody waits for it", log)
            case Reason.TIMED_OUT:
                return self._failed(Reason.TIMED_OUT, "stopped, since it took too long", log)
            case Reason.LIMIT_EXCEEDED:
                text = f"stopped, since it wrote more than {self._limits.document_bytes} bytes"
                return self._failed(Reason.LIMIT_EXCEEDED, text, log)
        if code in (EXIT_CONCLUSION, EXIT_UNDECIDED):
            return self._reported(code, log)
        if code == EXIT_MALFORMED:
            text = f"ended with exit code {code}: it refused the request as malformed"
            return settled_failure(log, self._summary(text))
        if code == -signal.SIGXCPU:
            text = f"killed, since it used more than {self._limits.cpu_seconds} s of processor time"
            return self._failed(Reason.LIMIT_EXCEEDED, text, log)
        if code is not None and -code in _SENT_BY_OTHERS:
            return interrupted_failure(log, self._summary(f"killed by {_signal_name(-code)}"))
        if code is not None and code < 0:
            return self._failed(Reason.INTERNAL_ERROR, f"killed by {_signal_name(-code)}", log)
        return self._failed(Reason.INTERNAL_ERROR, f"ended with exit code {code}", log)

    def _reported(self, code: int, log: str) -> FinishedJob:
        try:
            answer = decode_document(bytes(self._document)).result
            fault = None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            fault = f"exit code {code}, but no document: {error}"
        else:
            if (answer.valid is None) != (code == EXIT_UNDECIDED):
                fault = f"exit code {code}, but the verdict is {answer.valid}"
            elif answer.phase != ("failed" if answer.valid is None else "succeeded"):
                fault = f"the verdict is {answer.valid}, but the phase is {answer.phase[:20]}"
            elif answer.reason not in Reason.__members__.values():
                fault = "the document has no known reason"
        if fault is not None:
            return self._failed(Reason.INTERNAL_ERROR, fault, log)
        # What the validator reported is not kept as such: nothing is stored under that id.
        answer = msgspec.structs.replace(answer, document_id=None)
        return FinishedJob(
            phase="failed" if answer.valid is None else "succeeded",
            valid=answer.valid,
            reason=answer.reason or "",
            result=msgspec.json.encode(answer),
            raw_log=raw_log(log, self._summary(f"ended with exit code {code}")),
        )

    def _failed(self, reason: Reason, text: str, log: str) -> FinishedJob:
        return failed_job(reason, log, self._summary(text))

    def _summary(self, text: str) -> str:
        return f"validator: {text}, after {self._took:.2f} s"


class _Log:
    """Bytes of which the beginning and the end are kept."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def add(self, piece: bytes) -> None:
        room = self._kept - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        if not piece:
            return
        self._tail.append(piece)
        self._tail_size += len(piece)
        while self._tail_size - len(self._tail[0]) >= self._kept:
            self._tail_size -= len(self._tail[0])
            self._dropped += len(self._tail.popleft())

    def read(self) -> str:
        gap = f"\n[{self._dropped} bytes left out]\n".encode() if self._dropped else b""
        return (bytes(self._head) + gap + b"".join(self._tail)).decode("utf-8", "replace")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
