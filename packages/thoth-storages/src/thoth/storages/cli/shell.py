"""`psql`: PostgreSQL's own client on the knowledge graph."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import click

from thoth.storages.exceptions import BinariesNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from thoth.storages.settings import StoragesSettings

_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "requirepeer": "PGREQUIREPEER",
}
# A service would lead libpq elsewhere than to the server that was chosen.
_MISLEADING = ("PGSERVICE", "PGSERVICEFILE", "PGPASSWORD", "PGREQUIREPEER")


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENT...]")
def psql(arguments: tuple[str, ...]) -> int:
    """Open PostgreSQL's client on the knowledge graph.

    What follows `--` is passed on: thoth-storages psql -- -c "SELECT 1". The embedded server is
    started where it does not run. Ends with the exit code of the client.
    """
    from thoth.storages.graph.database import GraphDatabase

    with GraphDatabase() as graph:
        program = _program(graph.settings)
        environ = client_environment(graph.construct_connection_string(), os.environ)
        # The client answers Ctrl-C itself; we outlive it to give the embedded server back.
        # (A handler, unlike SIG_IGN, is not inherited.)
        former = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            code = subprocess.call([program, *arguments], env=environ)
        finally:
            signal.signal(signal.SIGINT, former)
    return code if code >= 0 else 128 - code


def client_environment(connection_string: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which libpq reaches the server of a connection URI.

    So the password stands in no command line, where every user of the machine could read it.
    """
    from psycopg.conninfo import conninfo_to_dict

    parameters = conninfo_to_dict(connection_string)
    chosen = {name: value for name, value in environ.items() if name not in _MISLEADING}
    if str(parameters["host"]).startswith("/"):
        chosen.pop("PGHOSTADDR", None)
    for name, value in parameters.items():
        if value and name in _VARIABLES:
            chosen[_VARIABLES[name]] = str(value)
    return chosen


def _program(settings: StoragesSettings) -> Path:
    from thoth.storages.graph.embedded.binaries import BINDIR_VARIABLE, locate

    bindir = settings.pg_bindir or locate(None).bindir
    program = bindir / "psql"
    if not os.access(program, os.X_OK):
        raise BinariesNotFoundError(
            "The PostgreSQL client psql is missing or cannot be run",
            program,
            f"Name a directory that holds psql too in {BINDIR_VARIABLE}, or unset it.",
        )
    return program
