"""Wrong questions, and a database that fails: a typed error for every public query.

The tables are made of the signatures, so a new query is covered as soon as it is there.
"""

from __future__ import annotations

import inspect
import selectors
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from thoth.storages import (
    DatabaseUnreachableError,
    GraphDatabase,
    GraphServer,
    InvalidArgumentError,
    NotConnectedError,
    NotFoundError,
    SchemaMismatchError,
    StoragesSettings,
)
from thoth.storages.graph.queries.family import QueryFamily

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERIES = {
    name: inspect.signature(method)
    for name, method in inspect.getmembers(GraphDatabase, callable)
    if not name.startswith("_")
    and any(name in vars(family) for family in GraphDatabase.__mro__ if family is not GraphDatabase)
    and not hasattr(QueryFamily, name)
}
# A document is checked before the database is asked; the tests of syncing have their faults.
SYNCS = {name for name in QUERIES if name.startswith("sync_")}
WITHOUT_DATABASE = {name for name in QUERIES if name.startswith("normalize_")}
ASKING = sorted(set(QUERIES) - SYNCS - WITHOUT_DATABASE)

INDEX = "https://pypi.org/simple/"
TEXTS = {
    "adviser_document_id": "adviser-261122000000-0123456789abcdef",
    "component": "tensorflow",
    "cve_id": "CVE-2026-0001",
    "dependency_monkey_document_id": "dependency-monkey-261122000000-0123456789abcdef",
    "dependency_name": "attrs",
    "dependency_version": "1.0",
    "description": "no reason",
    "details": "details",
    "finding_id": "ARTIFACT-UNKNOWN-HASH",
    "finding_type": "ERROR",
    "import_name": "six",
    "index_url": INDEX,
    "inspection_document_id": "inspection-261122000000-0123456789abcdef",
    "license": "MIT",
    "like": "si%",
    "link": "https://example.org/",
    "lock_sha256": "ab" * 32,
    "name": "PiMatmul",
    "origin": "https://example.org/repository",
    "os_name": "rhel",
    "os_version": "9",
    "other_index_url": INDEX,
    "other_name": "attrs",
    "other_version": "1.0",
    "package_name": "six",
    "package_version": "1.0",
    "provenance_document_id": "provenance-261122000000-0123456789abcdef",
    "python_version": "3.11",
    "recommendation_type": "latest",
    "requirements_sha256": "ab" * 32,
    "revsolver_document_id": "revsolver-261122000000-0123456789abcdef",
    "sha256_hash": "ab" * 32,
    "software_stack_type": "USER",
    "solver_document_id": "solver-rhel-9-py311-261122000000-0123456789abcdef",
    "solver_name": "solver-rhel-9-py311",
    "sort_by": "rate",
    "url": INDEX,
    "version_specifier": ">=1",
    "warehouse_api_url": "https://pypi.org/pypi",
}
NUMBERS = {
    "count": 10,
    "hardware_information_id": 1,
    "inspection_result_number": 0,
    "rule_id": 1,
    "start_offset": 0,
}
FLAGS = {
    "descending",
    "direct",
    "distinct",
    "enabled",
    "error",
    "include_unknown",
    "is_external",
    "is_missing",
    "marker_evaluation_result",
    "only_if_package_seen",
    "randomize",
    "sort",
    "unparseable",
    "unsolvable",
    "value",
    "verify_ssl",
    "without_id",
}
OTHERS: dict[str, object] = {
    "extras": frozenset({None, "socks"}),
    "group_by": ["component"],
    "hardware": {"cpu_model": 1},
    "least": {"rate": 1.5},
    "most": {"rate": 1.5},
    "package_tuples": ("six", "1.0", INDEX),
    "parameters": {"matrix_size": 512},
    "since": datetime(2026, 11, 22, tzinfo=UTC),
    "timestamp": datetime(2026, 11, 22, tzinfo=UTC),
    "until": datetime(2026, 11, 23, tzinfo=UTC),
}
# Where a name stands for something else than with the other queries.
OWN_TEXTS = {("get_pi_statistics_all", "value"): "rate"}
WRONG_TEXTS = (3, b"six", ["six"], "a\0b", "\ud800", "x" * 70_000)
WRONG_NUMBERS = (-1, 1.5, "1", True, 2**63)
WRONG_FLAGS = ("yes", 1, [])
WRONG_OTHERS = (3, "text")


def valid(query: str, parameter: str) -> Any:
    if (query, parameter) in OWN_TEXTS:
        return OWN_TEXTS[query, parameter]
    if parameter == "entity":
        from thoth.storages.graph.models import Release

        return Release
    if parameter in FLAGS:
        return True
    return {**TEXTS, **NUMBERS, **OTHERS}[parameter]


def wrong(query: str, parameter: str) -> tuple[object, ...]:
    if parameter in TEXTS or (query, parameter) in OWN_TEXTS:
        return WRONG_TEXTS
    if parameter in NUMBERS:
        return WRONG_NUMBERS
    return WRONG_FLAGS if parameter in FLAGS else WRONG_OTHERS


def parameters_of(name: str) -> list[inspect.Parameter]:
    return [each for each in QUERIES[name].parameters.values() if each.name != "self"]


def ask(graph: GraphDatabase, query: str, /, **changes: object) -> object:
    """Ask with a valid value for every argument but the changed ones."""
    positional, keywords = [], {}
    for parameter in parameters_of(query):
        value = changes.get(parameter.name)
        if parameter.name not in changes:
            value = valid(query, parameter.name)
        if parameter.kind is parameter.KEYWORD_ONLY:
            keywords[parameter.name] = value
        else:
            positional.append(value)
    return getattr(graph, query)(*positional, **keywords)


@pytest.fixture
def with_tables(_module_graph: GraphDatabase) -> GraphDatabase:
    """Connected, with tables that may hold something."""
    return _module_graph


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        (name, parameter.name)
        for name in sorted(set(QUERIES) - SYNCS)
        for parameter in parameters_of(name)
    ],
)
def test_a_wrong_argument_is_refused_by_its_name_without_asking_the_database(
    with_tables: GraphDatabase, name: str, argument: str
) -> None:
    asked = with_tables.stats()["statements"]
    for value in wrong(name, argument):
        with pytest.raises(InvalidArgumentError) as caught:
            ask(with_tables, name, **{argument: value})
        assert caught.value.argument == argument, value
        assert caught.value.problem
    assert with_tables.stats()["statements"] == asked


@pytest.mark.parametrize("name", ASKING)
def test_what_nobody_knows_is_an_empty_answer_or_not_found(graph: GraphDatabase, name: str) -> None:
    known = QUERIES[name].parameters
    for version in ("1.0", "surely no version", "1" * 300):
        with suppress(NotFoundError):
            ask(graph, name, **({"package_version": version} if "package_version" in known else {}))


@pytest.mark.parametrize("name", ASKING)
def test_asking_unconnected_is_an_error(name: str) -> None:
    with pytest.raises(NotConnectedError):
        ask(GraphDatabase(), name)


@pytest.fixture(scope="module")
def unready(_module_settings: StoragesSettings) -> Iterator[GraphDatabase]:
    """Connected to a database that a newer release has changed beyond recognition."""
    settings = msgspec.structs.replace(_module_settings, cache_size=0)
    with GraphDatabase(settings) as graph:
        graph.drop_all()
        with graph.migration_connection() as connection:
            connection.execute("CREATE TABLE alembic_version (version_num text)")
            connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        yield graph
        with graph.migration_connection() as connection:
            connection.execute("DROP TABLE alembic_version")
        graph.initialize_schema()


OF_ANY_DATABASE = {
    "get_alembic_version_count_all",
    "get_bloat_data",
    "get_database_name",
    "get_database_size",
    "get_index_bloat_data",
    "get_table_sizes",
}


@pytest.mark.parametrize("name", sorted(set(ASKING) - OF_ANY_DATABASE))
def test_a_schema_that_is_newer_than_the_code_is_an_error(
    unready: GraphDatabase, name: str
) -> None:
    with pytest.raises(SchemaMismatchError, match="upgrade thoth-storages") as caught:
        ask(unready, name)
    assert caught.value.found == "9999"


class Line:
    """A network line to a server's socket that can be cut: in the middle of a question, or off."""

    def __init__(self, server: str) -> None:
        self.state = "up"
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            if self.state == "off":
                return
            server.connect(self._server)
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                while True:
                    for key, _ in selector.select():
                        data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                        if not data or (self.state != "up" and key.fileobj is client):
                            return
                        key.data.sendall(data)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def line(_module_settings: StoragesSettings) -> Iterator[Line]:
    server = _module_settings.server
    assert server is not None
    line = Line(f"{server.host}/.s.PGSQL.{server.port}")
    yield line
    line.close()


@pytest.fixture(scope="module")
def over_the_line(_module_settings: StoragesSettings, line: Line) -> Iterator[GraphDatabase]:
    server = _module_settings.server
    assert server is not None
    remote = GraphServer(
        host="127.0.0.1",
        port=line.port,
        user=server.user,
        database=server.database,
        ssl_disabled=True,
    )
    settings = msgspec.structs.replace(_module_settings, server=remote, cache_size=0)
    with GraphDatabase(settings) as graph:
        yield graph


@pytest.mark.usefixtures("with_tables")
@pytest.mark.parametrize("name", ASKING)
def test_a_database_that_goes_away_is_an_error_and_comes_back(
    over_the_line: GraphDatabase, line: Line, name: str
) -> None:
    over_the_line.get_database_size()
    for state in ("cut", "off"):
        line.state = state
        try:
            with pytest.raises(DatabaseUnreachableError, match="KNOWLEDGE_GRAPH_HOST"):
                ask(over_the_line, name)
        finally:
            line.state = "up"
    over_the_line.get_database_size()


def test_the_values_above_are_those_of_parameters_that_exist() -> None:
    existing = {parameter.name for name in QUERIES for parameter in parameters_of(name)}
    assert {*TEXTS, *NUMBERS, *FLAGS, *OTHERS} <= existing
