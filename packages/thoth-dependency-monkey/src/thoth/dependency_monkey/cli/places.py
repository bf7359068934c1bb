"""Where a service finds its database and its package indexes, from options and settings."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from thoth.dependency_monkey.cli.configuration import Places, discover_indexes
from thoth.dependency_monkey.errors import Problem, RequestError
from thoth.dependency_monkey.settings import PUBLIC_INDEX_URL

if TYPE_CHECKING:
    from thoth.dependency_monkey.cli.configuration import ConfiguredIndex
    from thoth.dependency_monkey.settings import Settings

_VARIABLES = {
    "host": "KNOWLEDGE_GRAPH_HOST",
    "port": "KNOWLEDGE_GRAPH_PORT",
    "user": "KNOWLEDGE_GRAPH_USER",
    "password": "KNOWLEDGE_GRAPH_PASSWORD",
    "dbname": "KNOWLEDGE_GRAPH_DATABASE",
}
_SSL = "KNOWLEDGE_GRAPH_SSL_DISABLED"


def environment_with(database: str | None, data_dir: str | None) -> dict[str, str]:
    """Return this process's environment with what the options say instead.

    `database` is a PostgreSQL URL, or "embedded" for the embedded server whatever the variables
    say. Raises `RequestError`.
    """
    environ = dict(os.environ)
    if data_dir is not None:
        environ["THOTH_DATA_DIR"] = str(Path(data_dir).absolute())
    if database is None:
        return environ
    for name in (*_VARIABLES.values(), _SSL):
        environ.pop(name, None)
    if database != "embedded":
        environ |= _variables(database)
    return environ


def _variables(database: str) -> dict[str, str]:
    try:
        parts = conninfo_to_dict(database)
    except psycopg.Error:
        parts = {}
    sslmode = parts.pop("sslmode", None)
    unknown = set(parts) - set(_VARIABLES)
    if not parts or unknown or sslmode not in (None, "disable"):
        named = f" (not {', '.join(sorted(unknown))})" if unknown else ""
        raise RequestError(
            Problem(
                f"this is no URL of a PostgreSQL database with user, host, port and name{named}",
                "Write postgresql://USER:PASSWORD@HOST:PORT/NAME, or embedded.",
                source="--database",
            )
        )
    variables = {_VARIABLES[name]: str(value) for name, value in parts.items()}
    variables.setdefault("KNOWLEDGE_GRAPH_HOST", "localhost")
    if sslmode:
        variables[_SSL] = "1"
    return variables


def service_indexes(settings: Settings) -> tuple[ConfiguredIndex, ...]:
    """Return the indexes of a service: those of its own settings, whatever pip or uv use.

    Raises `RequestError` where a URL is malformed.
    """
    complete = replace(
        settings,
        index_url=settings.index_url or PUBLIC_INDEX_URL,
        extra_index_urls=settings.extra_index_urls or (),
    )
    return discover_indexes(complete, Places.here()).indexes
