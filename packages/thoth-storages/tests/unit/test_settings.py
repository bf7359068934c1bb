from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thoth.storages import (
    CephStore,
    GraphServer,
    ObjectStoreServer,
    SettingsError,
    StoragesError,
    StoragesSettings,
)

BOOLEANS = {
    "KNOWLEDGE_GRAPH_SSL_DISABLED": lambda settings: settings.server.ssl_disabled,
    "THOTH_STORAGES_DEBUG_QUERIES": lambda settings: settings.debug_queries,
    "THOTH_STORAGES_LOG_STATS": lambda settings: settings.log_stats,
    "THOTH_STORAGES_RANDOMIZE_LISTING": lambda settings: settings.randomize_listing,
}


OBJECT_STORE = {
    "THOTH_S3_ENDPOINT_URL": "https://s3.example:8443/path/",
    "THOTH_CEPH_KEY_ID": "key",
    "THOTH_CEPH_SECRET_KEY": "hunter2",
    "THOTH_CEPH_BUCKET": "bucket",
    "THOTH_DEPLOYMENT_NAME": "test",
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


def test_without_an_endpoint_documents_are_kept_in_a_folder() -> None:
    settings = read(THOTH_CEPH_BUCKET="b", THOTH_CEPH_KEY_ID="k")
    assert (settings.object_store, settings.deployment_name) == (None, "local")
    assert read(THOTH_DEPLOYMENT_NAME="mine").deployment_name == "mine"


def test_an_endpoint_names_an_object_store() -> None:
    settings = read(**OBJECT_STORE)
    expected = ObjectStoreServer(
        endpoint_url="https://s3.example:8443/path",
        key_id="key",
        secret_key="hunter2",
        bucket="bucket",
        region="us-east-1",
    )
    assert settings.object_store == expected
    assert (settings.bucket_prefix, settings.deployment_name) == ("", "test")
    other = read(**OBJECT_STORE, THOTH_CEPH_REGION="eu", THOTH_CEPH_BUCKET_PREFIX="data")
    assert other.object_store is not None
    assert (other.object_store.region, other.bucket_prefix) == ("eu", "data")
    for shown in (repr(settings), repr(CephStore("x", settings=settings))):
        assert "hunter2" not in shown


@pytest.mark.parametrize("variable", OBJECT_STORE)
def test_what_an_object_store_needs_is_asked_for_by_name(variable: str) -> None:
    if variable != "THOTH_S3_ENDPOINT_URL":
        with pytest.raises(SettingsError) as caught:
            read(**{**OBJECT_STORE, variable: ""})
        assert caught.value.variable == variable


@pytest.mark.parametrize(
    "url",
    [
        *("s3.example", "ftp://s3.example", "http://", "http://host:99999", "http://[::1"),
        *("http://host:0", "http://user:hunter2@host", "http://host/?x=1", "http://host#x"),
        *("file:///tmp", "http://hunter2@host", "http://host\n"),
    ],
)
def test_an_endpoint_that_is_no_plain_url_is_refused_and_its_password_not_shown(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{**OBJECT_STORE, "THOTH_S3_ENDPOINT_URL": url})
    assert caught.value.variable == "THOTH_S3_ENDPOINT_URL"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("missing", ["key_id", "secret_key", "bucket"])
def test_a_store_given_by_parameters_needs_them_all(missing: str, tmp_path: Path) -> None:
    given = {"host": "http://h", "key_id": "k", "secret_key": "hunter2", "bucket": "b"}
    given.pop(missing)
    with pytest.raises(SettingsError) as caught:
        CephStore("x", settings=StoragesSettings(data_dir=tmp_path), **given)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(SettingsError, match="THOTH_S3_ENDPOINT_URL"):
        CephStore("x", settings=StoragesSettings(data_dir=tmp_path), bucket="b")


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
