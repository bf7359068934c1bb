"""Syncing in several processes: most of the time is spent in our own code, which threads share.

Each worker is a process that says when it is ready, is given some documents at a time, and tells
what became of each. It ends with the process that started it, however that one ends: its input ends
then.
"""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from pickle import PickleError
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from thoth.storages.exceptions import InvalidArgumentError, StoragesError, SyncWorkerError
from thoth.storages.sync.syncing import FAILED, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from thoth.storages.settings import StoragesSettings
    from thoth.storages.sync.handlers import Handler
    from thoth.storages.sync.syncing import Named

Chunk: TypeAlias = "tuple[str, Sequence[Named]]"
"""A kind, and documents of it that a worker is given at once."""

STOP_SECONDS = 10.0
"""How long a worker that has nothing to do may take to end before it is killed."""


class Task(NamedTuple):
    """What every worker of a run is told at first; `graceful` as in `sync_documents`."""

    graph_settings: StoragesSettings
    settings: StoragesSettings
    handlers: Mapping[str, Handler]
    force: bool
    graceful: bool
    is_listed: bool


class _Worker:
    """A process and its two pipes; `kind` and `left` are what it was given and has not done."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None  # noqa: S101 - asked for
        assert self._process.stdout is not None  # noqa: S101
        self._tasks: Connection[Any, Any] = Connection(
            os.dup(self._process.stdin.fileno()), readable=False
        )
        self.answers: Connection[Any, Any] = Connection(
            os.dup(self._process.stdout.fileno()), writable=False
        )
        self._process.stdin.close()
        self._process.stdout.close()
        self.is_ready = False
        self.is_alone = False
        self.kind = ""
        self.left: dict[str, Named] = {}

    def give(self, chunk: Chunk) -> None:
        self.kind, documents = chunk
        self.is_alone = len(documents) == 1
        self.left = {named.document_id: named for named in documents}
        self.send(_pickled(chunk))

    def send(self, message: Any) -> None:
        """Send a message that `_pickled` made. Where nobody reads it, `receive` will say so."""
        with suppress(BrokenPipeError):
            self._tasks.send_bytes(message)

    def receive(self) -> Any:
        try:
            answer = self.answers.recv()
        except (EOFError, ConnectionError):
            raise SyncWorkerError(self._process.wait()) from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def end(self, *, at_once: bool) -> None:
        self._tasks.close()
        if at_once:
            self._process.kill()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.answers.close()


def outcomes_of_workers(task: Task, jobs: int, chunks: Iterator[Chunk]) -> Iterator[Outcome]:
    """Sync chunks of documents of a kind in so many processes; yield what became of each.

    In the order in which they are done. Raises what a worker raises. Where one ends, what it had
    begun is rolled back, and `SyncWorkerError` is raised. A graceful run gives what is left of its
    chunk to others instead, one document at a time: a document with which another worker ends has
    failed. A worker that ends before it is ready ends any run.
    """
    workers = _Workers(task, jobs)
    is_done = False
    try:
        yield from workers.outcomes(chunks)
        is_done = True
    finally:
        workers.end(at_once=not is_done)


class _Workers:
    def __init__(self, task: Task, jobs: int) -> None:
        self._is_graceful = task.graceful
        self._begin = _pickled(sys.path), _pickled(task)
        self._jobs = jobs
        self._idle: list[_Worker] = []
        self._busy: dict[Connection[Any, Any], _Worker] = {}
        self._suspects: deque[Chunk] = deque()

    def outcomes(self, chunks: Iterator[Chunk]) -> Iterator[Outcome]:
        while True:
            while not self._idle and len(self._busy) == self._jobs:
                yield from self._heard()
            chunk = self._suspects.popleft() if self._suspects else next(chunks, None)
            if chunk is not None:
                self._give(chunk)
            elif self._busy:
                yield from self._heard()
            else:
                return

    def end(self, *, at_once: bool) -> None:
        for worker in (*self._idle, *self._busy.values()):
            worker.end(at_once=at_once)

    def _give(self, chunk: Chunk) -> None:
        if self._idle:
            worker = self._idle.pop()
        else:
            worker = _Worker()
            for message in self._begin:
                worker.send(message)
        self._busy[worker.answers] = worker
        worker.give(chunk)

    def _heard(self) -> Iterator[Outcome]:
        """Wait until workers say something; yield outcomes."""
        for ready in wait(list(self._busy)):
            worker = self._busy[ready]  # type: ignore[index]
            try:
                answer = worker.receive()
            except SyncWorkerError as error:
                if not self._is_graceful or not worker.is_ready:
                    raise
                del self._busy[worker.answers]
                worker.end(at_once=True)
                yield from self._lost(worker, error)
                continue
            if answer is not None:
                worker.left.pop(answer.document_id, None)
                yield answer
            elif worker.is_ready:
                self._idle.append(self._busy.pop(worker.answers))
            else:
                worker.is_ready = True

    def _lost(self, worker: _Worker, error: SyncWorkerError) -> Iterator[Outcome]:
        for named in worker.left.values():
            if worker.is_alone:
                error = SyncWorkerError(error.exit_code, named.document_id)
                yield Outcome(worker.kind, named.document_id, FAILED, error)
            else:
                self._suspects.append((worker.kind, [named]))


def _pickled(message: object) -> Any:
    try:
        return ForkingPickler.dumps(message)
    except (AttributeError, TypeError, PickleError) as error:
        problem = "must have handlers that another process can import where jobs are several"
        raise InvalidArgumentError("HANDLERS_MAPPING", str(error), problem) from error


def main() -> None:
    """Sync what comes on standard input until it ends, as a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tasks: Connection[Any, Any] = Connection(os.dup(0), writable=False)
    answers: Connection[Any, Any] = Connection(os.dup(1), readable=False)
    # What a handler prints must not get between the answers.
    os.dup2(2, 1)
    try:
        sys.path[:] = tasks.recv()
        _work(tasks, answers)
    except (EOFError, BrokenPipeError):
        return
    except BaseException as error:  # noqa: BLE001 - it is the caller's
        answers.send(_sendable(error))


def _work(tasks: Connection[Any, Any], answers: Connection[Any, Any]) -> None:
    from thoth.storages.graph.database import GraphDatabase
    from thoth.storages.sync.syncing import Syncing

    task: Task = tasks.recv()
    with GraphDatabase(task.graph_settings) as graph:
        syncing = Syncing(
            graph, task.settings, task.handlers, force=task.force, is_listed=task.is_listed
        )
        answers.send(None)
        while True:
            try:
                kind, documents = tasks.recv()
            except EOFError:
                return
            for outcome in syncing.outcomes(kind, documents):
                error = outcome.error
                answers.send(outcome._replace(error=error and _sendable(error)))
                if error is not None and not task.graceful:
                    return
            answers.send(None)


def _sendable(error: BaseException) -> Any:
    """Return the error as another process can have it: without its causes, as a text if need be."""
    try:
        return copy.copy(error)
    except Exception:  # noqa: BLE001 - any class of a handler's
        return StoragesError(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
