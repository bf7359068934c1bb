"""The environment that psql is started in leads to the server that was chosen."""

from __future__ import annotations

from thoth.storages.cli.shell import client_environment

MISLEADING = {"PGSERVICE": "other", "PGHOSTADDR": "192.0.2.1", "PGREQUIREPEER": "somebody"}


def test_a_server_on_the_network() -> None:
    found = client_environment("postgresql://me:p%40ss@db:5433/graph?sslmode=disable", MISLEADING)
    # psycopg obeys PGHOSTADDR for such a server as well.
    assert found == {
        "PGHOST": "db",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "5433",
        "PGUSER": "me",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "graph",
        "PGSSLMODE": "disable",
    }


def test_a_server_behind_a_socket() -> None:
    uri = "postgresql://postgres@/postgres?host=%2Frun%2Fx&port=5432&requirepeer=nobody"
    found = client_environment(uri, {"PGPASSWORD": "old", "HOME": "/home", **MISLEADING})
    assert found == {
        "HOME": "/home",
        "PGHOST": "/run/x",
        "PGPORT": "5432",
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
        "PGREQUIREPEER": "nobody",
    }
