"""A release with all that can be known of it, and what a graph holds of releases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from thoth.storages import ArtifactRecord, ReleaseMetadataRecord, ReleaseRecord

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

INDEX = "https://index.example/simple/"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHA = bytes(range(32))
WHEEL = ArtifactRecord("a-1.0-py3-none-any.whl", SHA, "wheel", 100, NOON, False, ("py3-none-any",))
METADATA = ReleaseMetadataRecord(
    summary="One",
    license_expression="MIT",
    classifiers=("A :: B",),
    import_packages=("a",),
    project_urls={"Home": "https://a.example"},
    other={"keywords": ["x", {"y": 1}]},
)
RELEASE = ReleaseRecord(
    package="a",
    version="1.0",
    index_url=INDEX,
    requires_python=">=3.9",
    dependencies=("b>=1", "c[x]; extra == 'y'"),
    artifacts=(WHEEL,),
    metadata=METADATA,
)


def ask(graph: GraphDatabase, statement: str) -> list[tuple[Any, ...]]:
    with graph.migration_connection() as connection:
        return connection.execute(statement).fetchall()


def changes(graph: GraphDatabase) -> list[tuple[Any, ...]]:
    return ask(graph, "SELECT kind, detail FROM release_change ORDER BY id")


def one(graph: GraphDatabase, columns: str, table: str = "release") -> tuple[Any, ...]:
    (row,) = ask(graph, f"SELECT {columns} FROM {table}")
    return row
