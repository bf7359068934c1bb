"""Syncing in several processes: most of the time is spent in our own code, which threads share.

Each worker is a process that is given some documents at a time, and tells what became of each. It
ends with the process that started it, however that one ends: its input ends then.
"""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from pickle import PickleError
from typing import TYPE_CHECKING, Any, NamedTuple

from thoth.storages.exceptions import InvalidArgumentError, StoragesError, SyncWorkerError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from thoth.storages.settings import StoragesSettings
    from thoth.storages.sync.handlers import Handler
    from thoth.storages.sync.syncing import Named, Outcome

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
    """A process and its two pipes."""

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

    def send(self, message: Any) -> None:
        """Send a message that `_pickled` made."""
        try:
            self._tasks.send_bytes(message)
        except BrokenPipeError:
            raise self._lost() from None

    def receive(self) -> Any:
        try:
            answer = self.answers.recv()
        except (EOFError, ConnectionError):
            raise self._lost() from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self) -> None:
        """Let it end, as it does when nothing more can come."""
        self._tasks.close()

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

    def _lost(self) -> SyncWorkerError:
        return SyncWorkerError(self._process.wait())


def outcomes_of_workers(
    task: Task, jobs: int, chunks: Iterator[tuple[str, Sequence[Named]]]
) -> Iterator[Outcome]:
    """Sync chunks of documents of a kind in so many processes; yield what became of each.

    In the order in which they are done. Raises what a worker raises, and `SyncWorkerError` where
    one ended; documents that others have begun are rolled back then.
    """
    begin = _pickled(sys.path), _pickled(task)
    workers: dict[Connection[Any, Any], _Worker] = {}
    is_done = False
    try:
        for kind, documents in chunks:
            if len(workers) < jobs:
                worker = _Worker()
                workers[worker.answers] = worker
                for message in begin:
                    worker.send(message)
            else:
                worker = yield from _next_idle(workers)
            worker.send(_pickled((kind, documents)))
        for worker in list(workers.values()):
            while (answer := worker.receive()) is not None:
                yield answer
            worker.close()
        is_done = True
    finally:
        for worker in workers.values():
            worker.end(at_once=not is_done)


def _pickled(message: object) -> Any:
    try:
        return ForkingPickler.dumps(message)
    except (AttributeError, TypeError, PickleError) as error:
        problem = "must have handlers that another process can import where jobs are several"
        raise InvalidArgumentError("HANDLERS_MAPPING", str(error), problem) from error


def _next_idle(
    workers: Mapping[Connection[Any, Any], _Worker],
) -> Generator[Outcome, None, _Worker]:
    """Yield outcomes until a worker has done its chunk; return that one."""
    while True:
        for ready in wait(list(workers)):
            worker = workers[ready]  # type: ignore[index]
            answer = worker.receive()
            if answer is None:
                return worker
            yield answer


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
