"""Connections to the server of the knowledge graph: a small bounded pool, and typed errors.

The stores speak psycopg through this pool, not SQLAlchemy: importing SQLAlchemy costs more time
than a whole warm validation, so only what changes the schema imports it. There is one pool of
connections; nothing else connects, except migrations, which are rare.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
import psycopg.waiting
from psycopg import errors

from thoth.storages.exceptions import (
    DatabaseBusyError,
    DatabaseError,
    DatabaseRefusedError,
    DatabaseUnreachableError,
    SchemaMismatchError,
)
from thoth.storages.graph.schema import table_revision

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from thoth.storages.graph.servers import Server

MAX_CONNECTIONS = 8
"""At most so many connections a pool; a further caller waits."""
WAIT_SECONDS = 30.0
"""How long a caller waits for a free connection before `DatabaseBusyError`."""
CONNECT_SECONDS = 10
"""How long making a connection may take."""
STATEMENT_SECONDS = 60
"""How long a statement may run."""
LOCK_SECONDS = 30
"""How long a statement may wait for a lock."""

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
ConnectionParameters: TypeAlias = dict[str, Any]

_logger = logging.getLogger("thoth.storages.graph.queries")
_SESSION = {
    "application_name": "thoth",
    "client_encoding": "utf8",
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "options": (
        # Compiling a statement (JIT) takes longer than any of ours runs.
        "-c TimeZone=UTC -c jit=off"
        f" -c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s"
        f" -c idle_in_transaction_session_timeout={STATEMENT_SECONDS}s"
    ),
}
_BUSY = (errors.LockNotAvailable, errors.QueryCanceled, errors.TransactionRollback)
_NO_SCHEMA = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.InvalidCatalogName,
    errors.InvalidSchemaName,
)
_LOST = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.DatabaseDropped,
    errors.IdleInTransactionSessionTimeout,
)


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which something else can be done while the server is waited for."""

    meanwhile: Callable[[], bool] | None = None

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        if self.meanwhile is not None:
            gen = _Working(gen, self.pgconn.socket, self.meanwhile)
        return super().wait(gen, *args, **kwargs)


@contextmanager
def working_meanwhile(connection: Connection, work: Callable[[], bool]) -> Iterator[None]:
    """Let a connection of the pool work while it waits for the server's answers.

    `work` does a little each time that it is called and says whether there may be more to do. It
    raises nothing and does not use the connection. This is faster than a thread: two that both
    compute take turns of 5 ms each, and so an answer of the server waits as long.
    """
    assert isinstance(connection, _Connection)  # noqa: S101 - the pool makes no others
    connection.meanwhile = work
    try:
        yield
    finally:
        connection.meanwhile = None


class _Working:
    """A generator of psycopg, with work done where it would wait for an answer.

    No generator itself, as an interrupt would end one, and psycopg goes on with it afterwards.
    """

    def __init__(
        self, gen: Generator[Any, Any, Any], socket: int, work: Callable[[], bool]
    ) -> None:
        self._gen = gen
        self._work = work
        self._poll = select.poll()
        self._poll.register(socket, select.POLLIN)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, ready: Any) -> Any:
        state = self._gen.send(ready)
        if state == psycopg.waiting.Wait.R:
            while not self._poll.poll(0) and self._work():
                pass
        return state


class Statistics:
    """What an adapter did since it was made."""

    def __init__(self) -> None:
        self.connections = 0
        self.statements = 0
        self.seconds = 0.0
        self.failures = 0
        self._lock = threading.Lock()

    def count_connection(self) -> None:
        """Count a connection that was made."""
        with self._lock:
            self.connections += 1

    def count_statement(self, seconds: float) -> None:
        """Count a statement and the time that it took."""
        with self._lock:
            self.statements += 1
            self.seconds += seconds

    def count_failure(self) -> None:
        """Count a call that failed since the server was away or busy."""
        with self._lock:
            self.failures += 1

    def as_dict(self) -> dict[str, int | float]:
        """Return the figures by name; times in seconds."""
        with self._lock:
            return {
                "connections": self.connections,
                "statements": self.statements,
                "statement_seconds": round(self.seconds, 6),
                "failures": self.failures,
            }


class ConnectionPool:
    """At most `MAX_CONNECTIONS` connections, made when they are needed; safe for threads.

    `expected` is the schema revision that this code works with. Not to be used across a fork.
    """

    def __init__(
        self,
        server: Server,
        *,
        expected: str,
        statistics: Statistics,
        debug_queries: bool = False,
    ) -> None:
        self._server = server
        self._place = server.description
        self._expected = expected
        self._statistics = statistics
        self._debug_queries = debug_queries
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection in autocommit mode; errors of psycopg leave as ours.

        Raises `DatabaseUnreachableError`, `DatabaseBusyError`, `SchemaMismatchError` or
        `DatabaseRefusedError`.
        """
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise self._busy(f"no free connection in {WAIT_SECONDS:g} seconds")
        try:
            connection = self._take()
            try:
                yield connection
            except psycopg.Error as error:
                raise self.translated(error, connection) from error
            finally:
                self._give_back(connection)
        finally:
            self._places.release()

    def open(self, *, dbname: str | None = None, autocommit: bool = True) -> Connection:
        """Make a connection outside the pool, for the caller to close.

        Raises `SchemaMismatchError` where the server has no such database (`initialize_schema()`
        creates it), `DatabaseUnreachableError` where there is no server, or it refuses us.
        """
        try:
            return self._connect(dbname, autocommit=autocommit)
        except errors.ConnectionTimeout as error:
            raise self._unreachable(error) from error
        except psycopg.OperationalError as error:
            exists = self._database_exists() if dbname is None else None
            if exists is False:
                raise SchemaMismatchError(self._place, None, self._expected) from error
            # It may have been created since the first attempt.
            if not exists and not self._server.restart():
                raise self._unreachable(error) from error
            try:
                return self._connect(dbname, autocommit=autocommit)
            except psycopg.OperationalError as second:
                raise self._unreachable(second) from second

    def close(self) -> None:
        """Close every idle connection now, those in use when they come back."""
        with self._lock:
            self._closed = True
        self._close_idle()

    def translated(self, error: psycopg.Error, connection: Connection) -> DatabaseError:
        """Turn an error of psycopg into ours; forget idle connections where the server is gone."""
        detail, sqlstate = str(error) or type(error).__name__, error.sqlstate
        if isinstance(error, _LOST) or (sqlstate is None and connection.closed):
            self._close_idle()
            return self._unreachable(error)
        if isinstance(error, _BUSY):
            return self._busy(detail, sqlstate)
        if isinstance(error, _NO_SCHEMA):
            with suppress(psycopg.Error):
                return SchemaMismatchError(self._place, table_revision(connection), self._expected)
            return SchemaMismatchError(self._place, None, self._expected)
        return DatabaseRefusedError(self._place, detail, sqlstate)

    def _take(self) -> Connection:
        while True:
            with self._lock:
                if not self._idle:
                    break
                connection = self._idle.pop()
            if not _has_ended(connection):
                return connection
            connection.close()
        return self.open()

    def _give_back(self, connection: Connection) -> None:
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
                    return
        connection.close()

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _unreachable(self, error: psycopg.Error) -> DatabaseUnreachableError:
        self._statistics.count_failure()
        detail = str(error) or type(error).__name__
        return DatabaseUnreachableError(self._place, detail, error.sqlstate)

    def _busy(self, detail: str, sqlstate: str | None = None) -> DatabaseBusyError:
        self._statistics.count_failure()
        return DatabaseBusyError(self._place, detail, sqlstate)

    def _connect(self, dbname: str | None, *, autocommit: bool) -> Connection:
        chosen = {**_SESSION, **self._server.parameters()}
        if dbname is not None:
            chosen["dbname"] = dbname
        connection = _Connection.connect(
            **chosen, autocommit=autocommit, cursor_factory=self._cursor_class()
        )
        self._statistics.count_connection()
        return connection

    def _cursor_class(self) -> type[psycopg.Cursor[tuple[Any, ...]]]:
        statistics, debug = self._statistics, self._debug_queries

        class CountingCursor(psycopg.Cursor[tuple[Any, ...]]):
            """Counts statements and, where asked, logs their text (never their values)."""

            def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
                with _timed(statistics, query if debug else None):
                    return super().execute(query, *args, **kwargs)

            def executemany(self, query: Any, *args: Any, **kwargs: Any) -> None:
                with _timed(statistics, query if debug else None):
                    super().executemany(query, *args, **kwargs)

        return CountingCursor

    def _database_exists(self) -> bool | None:
        """Whether the server has the database, None where it cannot tell; in any language."""
        wanted = self._server.parameters()["dbname"]
        for maintenance in ("postgres", "template1"):
            if maintenance == wanted:
                continue
            try:
                with self._connect(maintenance, autocommit=True) as connection:
                    found = connection.execute(
                        "SELECT FROM pg_database WHERE datname = %s", (wanted,)
                    ).fetchone()
            except psycopg.Error:
                continue
            return found is not None
        return None


def _has_ended(connection: Connection) -> bool:
    """Tell whether the server has ended an idle connection: it says something, or hangs up.

    Costs microseconds, and spares the caller an error after each restart of the server.
    """
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
    except psycopg.OperationalError:
        return True
    return bool(poll.poll(0))


@contextmanager
def _timed(statistics: Statistics, query: object | None) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - started
        statistics.count_statement(seconds)
        if query is not None:
            _logger.info("%.1f ms: %s", seconds * 1000, " ".join(str(query).split()))
