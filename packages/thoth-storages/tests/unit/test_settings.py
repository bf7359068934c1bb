from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thoth.storages import GraphServer, SettingsError, StoragesError, StoragesSettings

BOOLEANS = {
    "KNOWLEDGE_GRAPH_SSL_DISABLED": lambda settings: settings.server.ssl_disabled,
    "THOTH_STORAGES_DEBUG_QUERIES": lambda settings: settings.debug_queries,
    "THOTH_STORAGES_LOG_STATS": lambda settings: settings.log_stats,
}


def read(**variables: str) -> StoragesSettings:
    return StoragesSettings.from_environment({"HOME": "/home/somebody", **variables})


def test_without_variables_the_embedded_server_is_meant() -> None:
    assert read().server is None


def test_any_variable_means_that_server_with_the_published_defaults_for_the_rest() -> None:
    assert read(KNOWLEDGE_GRAPH_HOST="db.example").server == GraphServer(
        host="db.example",
        port=5432,
        user="postgres",
        password="postgres",
        database="postgres",
        ssl_disabled=False,
    )
    for variable in ("USER", "PASSWORD", "DATABASE"):
        server = read(**{f"KNOWLEDGE_GRAPH_{variable}": "x"}).server
        assert server is not None
        assert server.host == "localhost"
    assert read(KNOWLEDGE_GRAPH_PORT="1").server == GraphServer(port=1)
    assert read(KNOWLEDGE_GRAPH_SSL_DISABLED="0").server == GraphServer()


def test_a_variable_set_to_nothing_counts_as_not_set() -> None:
    assert read(KNOWLEDGE_GRAPH_HOST="", KNOWLEDGE_GRAPH_PORT="", THOTH_PG_LINGER="") == read()


@pytest.mark.parametrize("variable", BOOLEANS)
def test_booleans_mean_what_they_say(variable: str) -> None:
    for value in ("1", "true", "True", "YES", "on", " 1 "):
        assert BOOLEANS[variable](read(**{variable: value, "KNOWLEDGE_GRAPH_HOST": "h"}))
    for value in ("0", "false", "False", "NO", "off", ""):
        assert not BOOLEANS[variable](read(**{variable: value, "KNOWLEDGE_GRAPH_HOST": "h"}))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *((variable, value) for variable in BOOLEANS for value in ("2", "maybe", "\0")),
        *(
            ("KNOWLEDGE_GRAPH_PORT", value)
            for value in ("0", "65536", "-1", "x", "1e3", "٣", "9" * 999)
        ),
        *(("THOTH_PG_LINGER", value) for value in ("-1", "nan", "inf", "soon", "86401")),
        *((name, "a\0b") for name in ("THOTH_DATA_DIR", "KNOWLEDGE_GRAPH_HOST", "THOTH_PG_USER")),
        ("KNOWLEDGE_GRAPH_USER", "a\ud800"),
    ],
)
def test_a_bad_value_is_an_error_that_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{variable: value})
    assert caught.value.variable == variable
    assert str(caught.value).startswith(variable)
    assert isinstance(caught.value, StoragesError)
    str(caught.value).encode()


def test_a_password_is_never_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        read(KNOWLEDGE_GRAPH_PASSWORD="hunter2\n")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(read(KNOWLEDGE_GRAPH_PASSWORD="hunter2"))


def test_the_data_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert read().data_dir == Path("/home/somebody/.local/share/thoth")
    assert read(XDG_DATA_HOME="/data").data_dir == Path("/data/thoth")
    assert read(XDG_DATA_HOME="relative").data_dir == read().data_dir
    assert read(XDG_DATA_HOME="/data", THOTH_DATA_DIR="/mine").data_dir == Path("/mine")
    assert read(THOTH_DATA_DIR="mine").data_dir == Path.cwd() / "mine"


def test_the_data_directory_of_root_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert read(XDG_DATA_HOME="/data").data_dir == Path("/var/lib/thoth")


def test_the_embedded_servers_variables_are_read() -> None:
    settings = read(THOTH_PG_BINDIR="/usr/bin", THOTH_PG_USER="pg", THOTH_PG_LINGER="0.5")
    assert (settings.pg_bindir, settings.pg_user, settings.pg_linger) == (
        Path("/usr/bin"),
        "pg",
        0.5,
    )
    assert read().pg_linger == 60.0


def test_the_environment_is_read_when_settings_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNOWLEDGE_GRAPH_HOST", "first")
    first = StoragesSettings.from_environment()
    monkeypatch.setenv("KNOWLEDGE_GRAPH_HOST", "second")
    assert StoragesSettings.from_environment().server == GraphServer(host="second")
    assert first.server == GraphServer(host="first")


@given(st.dictionaries(st.sampled_from(["KNOWLEDGE_GRAPH_PORT", *BOOLEANS]), st.text()))
def test_whatever_is_set_is_understood_or_a_settings_error(variables: dict[str, str]) -> None:
    with contextlib.suppress(SettingsError):
        read(**variables)
