"""What tests of validations share: a store, a loop over it, another graph, finished validations."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from thoth.storages import GraphDatabase, SyncCounts, ValidationResultsStore, sync_documents
from thoth.storages.graph.queries.validation_documents import validation_document_id
from thoth.storages.sync.validation_loop import ValidationLoop
from thoth.storages.testing import empty_database
from thoth.storages.testing.rows import natural_rows
from thoth.storages.testing.validation_contract import new_validation, succeeded
from thoth.storages.testing.validation_documents import TABLES, answer, metadata_of, question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages import StoragesSettings, ValidationRecord
    from thoth.storages.graph.connections import ConnectionParameters

NOW = timedelta(0)


@pytest.fixture
def store(settings: StoragesSettings) -> ValidationResultsStore:
    store = ValidationResultsStore(settings=settings)
    store.connect()
    return store


@pytest.fixture
def loop(graph: GraphDatabase, store: ValidationResultsStore) -> ValidationLoop:
    return ValidationLoop(graph, metadata_of, store=store)


@pytest.fixture(scope="module")
def _other_graph(server_parameters: ConnectionParameters) -> Iterator[GraphDatabase]:
    with empty_database(server_parameters) as settings, GraphDatabase(settings) as other:
        other.initialize_schema()
        yield other


@pytest.fixture
def other_graph(_other_graph: GraphDatabase) -> GraphDatabase:
    with _other_graph.migration_connection() as connection:
        connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    return _other_graph


def contents(graph: GraphDatabase) -> dict[str, list[str]]:
    # Jobs are told with their results; one that nobody refers to waits for its removal.
    return natural_rows(graph, set(TABLES).difference({"result"}))


def finish(
    graph: GraphDatabase, stack: str = "flask\nsix<2", *pins: tuple[str, str], **changes: object
) -> ValidationRecord:
    """Accept a validation that is answered already."""
    new = new_validation(stack, request=question(stack))
    result = answer(*(pins or (("flask", "3.0"), ("six", "1.17.0"))), id=str(new.id))
    given = {"result": result, **changes}
    return graph.validations.accept_finished(new, succeeded("", **given))


def id_of(record: ValidationRecord) -> str:
    return validation_document_id(record.id, record.created_at)


def rebuilt(graph: GraphDatabase, settings: StoragesSettings) -> dict[str, SyncCounts]:
    return sync_documents(graph=graph, settings=settings, kinds=["validation"])
