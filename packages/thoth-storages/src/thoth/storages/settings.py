"""The settings of Thoth Storages, read from the environment when an object is made.

Nothing is read at import. A variable that is set to nothing counts as not set.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from thoth.storages.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PORT = 65_535
MAX_LINGER_SECONDS = 86_400.0
MAX_CACHE_SECONDS = 86_400.0
MAX_CACHE_SIZE = 1_000_000
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


class GraphServer(msgspec.Struct, frozen=True, kw_only=True):
    """A PostgreSQL server that somebody runs, and the database on it.

    `host` is a name, an address, or the absolute path of a socket's directory. `ssl_disabled`
    switches TLS off; otherwise libpq decides (TLS where the server offers it; `PGSSLMODE` and
    `PGSSLROOTCERT` ask for more).
    """

    host: str = "localhost"
    port: int = 5432
    user: str = "postgres"
    password: str = "postgres"  # noqa: S105 - the published default of KNOWLEDGE_GRAPH_PASSWORD
    database: str = "postgres"
    ssl_disabled: bool = False

    def __repr__(self) -> str:
        """Everything but the password."""
        return f"GraphServer({self.user}@{self.host}:{self.port}/{self.database})"


class ObjectStoreServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server of objects that speaks S3, such as a Ceph RADOS gateway, and the bucket on it."""

    endpoint_url: str
    key_id: str
    secret_key: str
    bucket: str
    region: str = "us-east-1"

    def __repr__(self) -> str:
        """Where it is, without credentials."""
        return f"ObjectStoreServer({self.endpoint_url}/{self.bucket})"


class StoragesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What this distribution can be told.

    `server` is None where the embedded server is meant. `data_dir` holds the embedded database
    and the local documents. `pg_bindir` names other PostgreSQL programs than the wheel's.
    `pg_user` is the operating system user of the embedded server when root starts it.
    `pg_linger` is how long, in seconds, it stays after its last user. `cache_size` is how many
    answers an adapter keeps (0: none), `cache_seconds` for how long.

    `object_store` is None where documents are kept in a folder below `data_dir`. Their keys begin
    with `bucket_prefix`, where there is one, and `deployment_name`. `randomize_listing` shuffles
    the order in which documents are synced, and nothing else. `pushgateway_url` is where metrics of
    syncing are pushed, None: nowhere.
    """

    data_dir: Path
    server: GraphServer | None = None
    pg_bindir: Path | None = None
    pg_user: str | None = None
    pg_linger: float = 60.0
    debug_queries: bool = False
    log_stats: bool = False
    cache_size: int = 4_096
    cache_seconds: float = 10.0
    object_store: ObjectStoreServer | None = None
    bucket_prefix: str = ""
    deployment_name: str = "local"
    randomize_listing: bool = False
    pushgateway_url: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> StoragesSettings:
        """Read the variables of `environ` (default: this process's environment).

        Raises `SettingsError` naming the variable that holds a bad value.
        """
        variables = _Variables(os.environ if environ is None else environ)
        return cls(
            data_dir=_data_dir(variables),
            server=_server(variables),
            pg_bindir=variables.path("THOTH_PG_BINDIR"),
            pg_user=variables.text("THOTH_PG_USER"),
            pg_linger=variables.number("THOTH_PG_LINGER", 60.0, maximum=MAX_LINGER_SECONDS),
            debug_queries=variables.boolean("THOTH_STORAGES_DEBUG_QUERIES"),
            log_stats=variables.boolean("THOTH_STORAGES_LOG_STATS"),
            cache_size=variables.count("THOTH_STORAGE_GRAPH_CACHE_SIZE", 4_096),
            cache_seconds=variables.number(
                "THOTH_STORAGE_GRAPH_CACHE_SECONDS", 10.0, maximum=MAX_CACHE_SECONDS
            ),
            object_store=_object_store(variables),
            bucket_prefix=variables.text("THOTH_CEPH_BUCKET_PREFIX") or "",
            deployment_name=_deployment_name(variables),
            randomize_listing=variables.boolean("THOTH_STORAGES_RANDOMIZE_LISTING"),
            pushgateway_url=_pushgateway_url(variables),
        )


class _Variables:
    """Typed reading of environment variables."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, *, secret: bool = False) -> str | None:
        value = self._environ.get(name, "")
        if not value.isprintable():
            raise SettingsError(name, None if secret else value, "printable text")
        return value or None

    def needed(self, name: str, *, secret: bool = False) -> str:
        value = self.text(name, secret=secret)
        if value is None:
            raise SettingsError(name, "", "set where THOTH_S3_ENDPOINT_URL is")
        return value

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        if value is None:
            return None
        return Path(value).absolute()

    def boolean(self, name: str) -> bool:
        value = self._environ.get(name, "")
        lowered = value.strip().lower()
        if lowered in _TRUE:
            return True
        if lowered in _FALSE:
            return False
        raise SettingsError(name, value, "1, true, yes or on, or 0, false, no, off or empty")

    def number(self, name: str, default: float, *, maximum: float) -> float:
        value = self.text(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number <= maximum:
            raise SettingsError(name, value, f"a number of seconds from 0 to {maximum:g}")
        return number

    def count(self, name: str, default: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and int(value[:9]) <= MAX_CACHE_SIZE):
            raise SettingsError(name, value, f"a number of entries from 0 to {MAX_CACHE_SIZE:,}")
        return int(value)

    def port(self, name: str, default: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and 0 < int(value[:9]) <= MAX_PORT):
            raise SettingsError(name, value, f"a port from 1 to {MAX_PORT}")
        return int(value)

    def given(self, *names: str) -> bool:
        return any(self._environ.get(name) for name in names)


def _server(variables: _Variables) -> GraphServer | None:
    prefix = "KNOWLEDGE_GRAPH_"
    parts = ("HOST", "PORT", "USER", "PASSWORD", "DATABASE", "SSL_DISABLED")
    if not variables.given(*(prefix + part for part in parts)):
        return None
    published = GraphServer()
    return GraphServer(
        host=variables.text(prefix + "HOST") or published.host,
        port=variables.port(prefix + "PORT", published.port),
        user=variables.text(prefix + "USER") or published.user,
        password=variables.text(prefix + "PASSWORD", secret=True) or published.password,
        database=variables.text(prefix + "DATABASE") or published.database,
        ssl_disabled=variables.boolean(prefix + "SSL_DISABLED"),
    )


def _object_store(variables: _Variables) -> ObjectStoreServer | None:
    endpoint_url = variables.text("THOTH_S3_ENDPOINT_URL", secret=True)
    if endpoint_url is None:
        return None
    return ObjectStoreServer(
        endpoint_url=check_endpoint_url(endpoint_url),
        key_id=variables.needed("THOTH_CEPH_KEY_ID", secret=True),
        secret_key=variables.needed("THOTH_CEPH_SECRET_KEY", secret=True),
        bucket=variables.needed("THOTH_CEPH_BUCKET"),
        region=variables.text("THOTH_CEPH_REGION") or "us-east-1",
    )


def _pushgateway_url(variables: _Variables) -> str | None:
    name = "THOTH_METRICS_PUSHGATEWAY_URL"
    url = variables.text(name, secret=True)
    return None if url is None else check_endpoint_url(url, variable=name)


def check_endpoint_url(endpoint_url: str, *, variable: str = "THOTH_S3_ENDPOINT_URL") -> str:
    """Return the URL without a slash at its end; `SettingsError` where it is none to use.

    It must be one of HTTP or HTTPS without user name, password, query or fragment. The error names
    `variable`, and does not show the URL where it may hold a password or a token.
    """
    try:
        parts = urlsplit(endpoint_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    may_be_secret = any(sign in endpoint_url for sign in "@?#")
    if not usable or may_be_secret:
        raise SettingsError(
            variable,
            None if may_be_secret else endpoint_url,
            "an http or https URL without user name, password, query and fragment",
        )
    return endpoint_url.rstrip("/")


def _deployment_name(variables: _Variables) -> str:
    name = "THOTH_DEPLOYMENT_NAME"
    shared = variables.given("THOTH_S3_ENDPOINT_URL")
    return variables.needed(name) if shared else variables.text(name) or "local"


def _data_dir(variables: _Variables) -> Path:
    named = variables.path("THOTH_DATA_DIR")
    if named is not None:
        return named
    if os.geteuid() == 0:
        return Path("/var/lib/thoth")
    base = variables.text("XDG_DATA_HOME")
    if base is not None and Path(base).is_absolute():
        return Path(base) / "thoth"
    home = variables.path("HOME") or Path.home()
    return home / ".local" / "share" / "thoth"
