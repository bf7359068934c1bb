"""Which server holds the knowledge graph: the embedded one, or one that somebody runs."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlencode

from thoth.storages.exceptions import StoragesError

if TYPE_CHECKING:
    from pathlib import Path

    from thoth.storages.graph.connections import ConnectionParameters
    from thoth.storages.graph.embedded import EmbeddedServer, ServerLease
    from thoth.storages.settings import GraphServer, StoragesSettings


class Server(Protocol):
    """A server and how to reach it. `description` is for people and never has a password."""

    @property
    def description(self) -> str:
        """Where the server is."""
        ...

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever stored there, as far as can be told without waiting."""
        ...

    def parameters(self) -> ConnectionParameters:
        """Return psycopg's parameters, starting the server where that is ours to do."""
        ...

    def restart(self) -> bool:
        """Make sure that the server runs; false where that is somebody else's business."""
        ...

    def release(self) -> None:
        """Say that the server is no longer needed."""
        ...


class ConfiguredServer:
    """The server that KNOWLEDGE_GRAPH_* name."""

    def __init__(self, server: GraphServer) -> None:
        self._server = server
        self.description = f"the server {server.host}:{server.port}, database {server.database}"
        self.is_new = False

    def parameters(self) -> ConnectionParameters:
        """Return psycopg's parameters."""
        server = self._server
        parameters: ConnectionParameters = {
            "host": server.host,
            "port": server.port,
            "user": server.user,
            "password": server.password,
            "dbname": server.database,
        }
        if server.ssl_disabled:
            parameters["sslmode"] = "disable"
        return parameters

    def restart(self) -> bool:
        """Do nothing: the server is not ours."""
        return False

    def release(self) -> None:
        """Do nothing: the server is not ours."""


class OwnServer:
    """The embedded server, held by a lease from its first use until `release`."""

    def __init__(self, server: EmbeddedServer, data_dir: Path) -> None:
        self._server = server
        self._data_dir = data_dir
        self._lease: ServerLease | None = None
        self._lock = threading.Lock()
        self.description = f"the embedded server in {data_dir}"

    @property
    def is_new(self) -> bool:
        """Whether the data directory holds no database yet."""
        from thoth.storages.graph.embedded import is_initialised

        return not is_initialised(self._data_dir)

    def parameters(self) -> ConnectionParameters:
        """Return psycopg's parameters, starting the server where it was not used yet."""
        with self._lock:
            if self._lease is None:
                self._lease = self._server.acquire()
            return dict(self._lease.connection_parameters)

    def restart(self) -> bool:
        """Take a new lease, for which a server that has ended is started again."""
        with self._lock:
            former, self._lease = self._lease, self._server.acquire()
            if former is not None:
                former.release()
        return True

    def release(self) -> None:
        """Give the lease back; the server ends some time after its last user."""
        with self._lock:
            lease, self._lease = self._lease, None
            if lease is None:
                return
            if not self._server.is_supervised():
                # Its supervisor was killed: a new one shall end it, or nobody will.
                with suppress(StoragesError):
                    self._server.acquire().release()
            lease.release()


def server_of(settings: StoragesSettings) -> Server:
    """Return the server that the settings choose."""
    if settings.server is not None:
        return ConfiguredServer(settings.server)
    from thoth.storages.graph.embedded import EmbeddedServer

    data_dir = settings.data_dir / "postgresql"
    embedded = EmbeddedServer(
        data_dir, linger=settings.pg_linger, user=settings.pg_user, bindir=settings.pg_bindir
    )
    return OwnServer(embedded, data_dir)


def connection_string(parameters: ConnectionParameters) -> str:
    """Return a connection URI (libpq 34.1.1.2) that psql, psycopg and SQLAlchemy understand."""
    rest = {key: value for key, value in parameters.items() if value != ""}
    user, password = quote(rest.pop("user"), safe=""), rest.pop("password", None)
    secret = "" if password is None else ":" + quote(password, safe="")
    database = quote(rest.pop("dbname"), safe="")
    place = ""
    if not str(rest["host"]).startswith("/"):
        host, port = rest.pop("host"), rest.pop("port")
        place = f"[{host}]:{port}" if ":" in host else f"{quote(host, safe='')}:{port}"
    query = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
    return f"postgresql://{user}{secret}@{place}/{database}{query}"
