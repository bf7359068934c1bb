"""Solver documents to sync, and those that are synced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.testing import solver_document

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thoth.storages import GraphDatabase


def documents(count: int) -> list[dict[str, Any]]:
    return [solver_document(number, dependencies=8) for number in range(count)]


def ids_of(made: Iterable[dict[str, Any]]) -> list[str]:
    return [document["metadata"]["document_id"] for document in made]


def synced(graph: GraphDatabase) -> list[str]:
    with graph.migration_connection() as connection:
        statement = 'SELECT document_id COLLATE "C" FROM solver_result ORDER BY 1'
        return [document_id for (document_id,) in connection.execute(statement)]
