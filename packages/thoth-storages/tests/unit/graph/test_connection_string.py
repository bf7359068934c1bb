from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from thoth.storages import GraphDatabase, GraphServer, StoragesSettings

TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), max_codepoint=sys.maxunicode), min_size=1
)


def string_for(server: GraphServer) -> str:
    settings = StoragesSettings(data_dir=Path("/nonexistent"), server=server)
    return GraphDatabase(settings).construct_connection_string()


def test_it_is_built_unconnected_for_a_configured_server() -> None:
    assert string_for(GraphServer()) == "postgresql://postgres:postgres@localhost:5432/postgres"


@pytest.mark.parametrize("host", ["db.example", "192.0.2.1", "2001:db8::1", "/run/postgresql"])
def test_every_kind_of_host_comes_back(host: str) -> None:
    string = string_for(GraphServer(host=host, ssl_disabled=True))
    parsed = conninfo_to_dict(string)
    assert (parsed["host"], parsed["port"], parsed["sslmode"]) == (host, "5432", "disable")


@given(user=TEXT, password=TEXT, database=TEXT)
def test_libpq_and_sqlalchemy_read_back_what_went_in(
    user: str, password: str, database: str
) -> None:
    string = string_for(GraphServer(user=user, password=password, database=database))
    parsed = conninfo_to_dict(string)
    assert (parsed["user"], parsed["password"], parsed["dbname"]) == (user, password, database)
    url = make_url(string)
    assert (url.username, url.password) == (user, password)
