"""The knowledge graph: connecting to it, and the life of its schema.

What is asked of the graph lives in the query families (`queries`), of which `GraphDatabase` is
composed. A process that only asks and records imports neither SQLAlchemy nor Alembic.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Self

import psycopg
from psycopg import errors, sql

from thoth.storages.exceptions import (
    AlreadyConnectedError,
    NotConnectedError,
    NotFoundError,
    SchemaMismatchError,
)
from thoth.storages.graph.cache import AnswerCache
from thoth.storages.graph.connections import Connection, ConnectionPool, Statistics
from thoth.storages.graph.queries.administration import AdministrationQueries
from thoth.storages.graph.queries.advisers import AdviserQueries
from thoth.storages.graph.queries.artifact_metadata import ArtifactMetadataStore
from thoth.storages.graph.queries.dependencies import DependencyQueries
from thoth.storages.graph.queries.dependents import DependentQueries
from thoth.storages.graph.queries.history import HistoryQueries
from thoth.storages.graph.queries.indicators import IndicatorQueries
from thoth.storages.graph.queries.inspections import InspectionQueries
from thoth.storages.graph.queries.package_indexes import PackageIndexQueries
from thoth.storages.graph.queries.packages import PackageQueries
from thoth.storages.graph.queries.pages import PageStore
from thoth.storages.graph.queries.provenance import ProvenanceQueries
from thoth.storages.graph.queries.release_facts import ReleaseFactQueries
from thoth.storages.graph.queries.releases import ReleaseStore
from thoth.storages.graph.queries.revsolvers import RevSolverQueries
from thoth.storages.graph.queries.rules import RuleQueries
from thoth.storages.graph.queries.solved import SolvedQueries
from thoth.storages.graph.queries.solvers import SolverQueries
from thoth.storages.graph.queries.stacks import StackQueries
from thoth.storages.graph.queries.transitive import TransitiveQueries
from thoth.storages.graph.queries.validation_documents import ValidationDocumentQueue
from thoth.storages.graph.queries.validations import ValidationStore
from thoth.storages.graph.queries.vulnerabilities import VulnerabilityQueries
from thoth.storages.graph.schema import script_revisions, table_revision
from thoth.storages.graph.servers import Server, connection_string, server_of
from thoth.storages.settings import StoragesSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

_logger = logging.getLogger("thoth.storages.graph")


class GraphDatabase(
    PackageQueries,
    ReleaseFactQueries,
    PackageIndexQueries,
    DependencyQueries,
    TransitiveQueries,
    DependentQueries,
    HistoryQueries,
    SolverQueries,
    SolvedQueries,
    VulnerabilityQueries,
    RuleQueries,
    StackQueries,
    InspectionQueries,
    IndicatorQueries,
    AdviserQueries,
    ProvenanceQueries,
    RevSolverQueries,
    AdministrationQueries,
):
    """The knowledge graph in PostgreSQL; a context manager; safe for threads, not across a fork.

    `settings` default to those of the environment, read now. They choose the server; the log
    (INFO) says which. `pages`, `artifact_metadata`, `releases` and `validations` keep facts;
    `validation_documents` knows which documents are to be stored or removed. The questions are
    those of the query families that this class is composed of. Every call may raise the errors of
    `ConnectionPool.connection`; after `DatabaseUnreachableError` the next call connects anew.
    """

    def __init__(self, settings: StoragesSettings | None = None) -> None:
        self.settings = StoragesSettings.from_environment() if settings is None else settings
        self._server: Server = server_of(self.settings)
        self._statistics = Statistics()
        self._pool: ConnectionPool | None = None
        self._lock = threading.Lock()
        self._cache = AnswerCache(self.settings.cache_size, self.settings.cache_seconds)
        self.pages = PageStore(self._connection)
        self.artifact_metadata = ArtifactMetadataStore(self._connection)
        self.releases = ReleaseStore(self._connection, self._cache)
        self.validations = ValidationStore(self._connection)
        self.validation_documents = ValidationDocumentQueue(self._connection)

    def connect(self) -> None:
        """Connect, starting the embedded server where that is meant and it does not run.

        A database that does not exist yet is no error: `initialize_schema()` creates it. Raises
        `AlreadyConnectedError`, `DatabaseUnreachableError` or, for the embedded server, an
        `EmbeddedServerError`.
        """
        with self._lock:
            if self._pool is not None:
                raise AlreadyConnectedError("The knowledge graph")
            _logger.info("Connecting to the knowledge graph: %s", self._server.description)
            pool = ConnectionPool(
                self._server,
                expected=self.get_script_alembic_version_head(),
                statistics=self._statistics,
                debug_queries=self.settings.debug_queries,
            )
            self._import_migrations_early()
            try:
                with pool.connection():
                    pass
            except SchemaMismatchError:
                _logger.info("The database does not exist yet")
            except BaseException:
                self._server.release()
                raise
            self._pool = pool

    def disconnect(self) -> None:
        """Close the connections and give the embedded server back.

        Raises `NotConnectedError` where there is nothing to close.
        """
        with self._lock:
            pool = self._connected()
            self._pool = None
            pool.close()
            self._server.release()
        if self.settings.log_stats:
            _logger.info("Statistics of the knowledge graph: %s", self.stats())

    def is_connected(self) -> bool:
        """Whether `connect()` was called and `disconnect()` was not."""
        return self._pool is not None

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.is_connected():
            self.disconnect()

    @property
    def is_new(self) -> bool:
        """Whether the embedded server's data directory holds no database yet.

        Told without connecting or waiting, so that a caller knows at once that nothing is known.
        False for a server that somebody runs. Raises `DataDirectoryError` where it cannot be told.
        """
        return self._server.is_new

    def initialize_schema(self) -> None:
        """Create the database if it is missing, and upgrade its schema to the newest revision.

        May be called any number of times, by several processes at once: they take turns. Costs one
        query where nothing is to be done. Raises `SchemaMismatchError` where the schema is newer
        than this code, `DatabaseBusyError` where another holds a lock for too long.
        """
        pool = self._connected()
        try:
            found = self._mark()
        except SchemaMismatchError:
            self._create_database(pool)
            found = self._mark()
        known = script_revisions()
        if found == known[-1]:
            return
        if found is not None and found not in known:
            raise SchemaMismatchError(self._server.description, found, known[-1])
        _logger.info("Upgrading the schema from %s to %s", found or "nothing", known[-1])
        from thoth.storages.graph import migrations

        self._migrate(pool, migrations.upgrade)

    initilize_schema = initialize_schema

    def drop_all(self) -> None:
        """Remove every table of ours and the migration mark; all facts are lost.

        Tables of others are left alone. Raises `SchemaMismatchError` where the schema is newer
        than this code, `DatabaseBusyError` where the tables are in use for too long.
        """
        pool = self._connected()
        try:
            found = self._mark()
        except SchemaMismatchError:
            return
        if found is not None and found not in script_revisions():
            head = self.get_script_alembic_version_head()
            raise SchemaMismatchError(self._server.description, found, head)
        from thoth.storages.graph import migrations

        self._migrate(pool, migrations.drop_all)

    def is_schema_up2date(self) -> bool:
        """Whether the database's schema is exactly the one that this code works with."""
        try:
            return self._mark() == self.get_script_alembic_version_head()
        except SchemaMismatchError:
            return False

    def get_script_alembic_version_head(self) -> str:
        """Return the newest revision that this code knows; needs no connection."""
        return script_revisions()[-1]

    def get_table_alembic_version_head(self) -> str:
        """Return the revision of the database's schema.

        Raises `NotFoundError` where the database has no mark, `SchemaMismatchError` where there is
        no database.
        """
        found = self._mark()
        if found is None:
            raise NotFoundError("the migration mark", "Call initialize_schema() first.")
        return found

    def construct_connection_string(self) -> str:
        """Return a connection URI, password included, for psql, psycopg or SQLAlchemy.

        Raises `NotConnectedError` where the embedded server is meant and not connected: only a
        running one has an address.
        """
        if self.settings.server is None:
            self._connected()
        return connection_string(self._server.parameters())

    def migration_connection(self) -> Connection:
        """Return a connection for changing the schema, for the caller to close.

        It is not in autocommit mode. The database is created where it is missing.
        """
        pool = self._connected()
        try:
            return pool.open(autocommit=False)
        except SchemaMismatchError:
            self._create_database(pool)
            return pool.open(autocommit=False)

    def stats(self) -> dict[str, int | float]:
        """Return counts of connections, statements and answers kept, and the statements' time."""
        return {
            **self._statistics.as_dict(),
            "cache_entries": len(self._cache),
            "cache_hits": self._cache.hits,
            "cache_misses": self._cache.misses,
        }

    def cache_clear(self) -> None:
        """Forget the answers that this adapter keeps; the next ones come from the database."""
        self._cache.clear()

    def _import_migrations_early(self) -> None:
        """While a new embedded database is made, import what its schema will need."""
        if self._server.is_new:
            modules = "thoth.storages.graph.migrations", "thoth.storages.graph.models"
            threading.Thread(
                target=lambda: [import_module(name) for name in modules], daemon=True
            ).start()

    def _connected(self) -> ConnectionPool:
        pool = self._pool
        if pool is None:
            raise NotConnectedError("The knowledge graph")
        return pool

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection in autocommit mode, for statements and transactions of one's own.

        A transaction that was not ended is undone. Errors of psycopg leave as ours.
        """
        with self._connection() as connection:
            yield connection

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._connected().connection() as connection:
            yield connection

    def _mark(self) -> str | None:
        with self._connection() as connection:
            return table_revision(connection)

    def _create_database(self, pool: ConnectionPool) -> None:
        name = str(self._server.parameters()["dbname"])
        maintenance = "postgres" if name != "postgres" else "template1"
        statement = sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0")
        _logger.info("Creating the database %s", name)
        with pool.open(dbname=maintenance) as connection:
            try:
                connection.execute(statement.format(sql.Identifier(name)))
            except (errors.DuplicateDatabase, errors.UniqueViolation):
                _logger.info("Another process has created it")
            except psycopg.Error as error:
                raise pool.translated(error, connection) from error

    def _migrate(
        self, pool: ConnectionPool, change: Callable[[Callable[[], Connection]], None]
    ) -> None:
        opened: list[Connection] = []

        def connect() -> Connection:
            opened.append(pool.open(autocommit=False))
            return opened[-1]

        try:
            change(connect)
        except psycopg.Error as error:
            raise pool.translated(error, opened[-1]) from error
