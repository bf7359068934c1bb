"""Package indexes: registering, enabling, deleting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages import InvalidArgumentError, NotFoundError
from thoth.storages.graph.release_records import (
    ArtifactRecord,
    ReleaseMetadataRecord,
    ReleaseRecord,
)
from thoth.storages.testing.contracts import page

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
OTHER = "https://other.example/simple/"


def test_an_index_is_registered_once_and_changed_after_that(graph: GraphDatabase) -> None:
    assert graph.register_python_package_index("https://pypi.python.org/simple")
    assert not graph.register_python_package_index(
        PYPI,
        warehouse_api_url="https://pypi.org/pypi",
        verify_ssl=False,
        enabled=True,
        only_if_package_seen=False,
    )
    assert graph.get_python_package_index_all() == [
        {
            "url": PYPI,
            "warehouse_api_url": "https://pypi.org/pypi",
            "verify_ssl": False,
            "enabled": True,
            "only_if_package_seen": False,
        }
    ]


def test_an_index_that_releases_named_is_known_but_not_enabled(graph: GraphDatabase) -> None:
    graph.releases.record([ReleaseRecord("six", "1", OTHER)])
    assert not graph.is_python_package_index_enabled(OTHER)
    assert not graph.register_python_package_index(OTHER, enabled=True)
    assert graph.is_python_package_index_enabled(OTHER)


def test_indexes_are_listed_by_url_and_state(graph: GraphDatabase) -> None:
    graph.register_python_package_index(PYPI, enabled=True)
    graph.register_python_package_index(OTHER)
    assert graph.get_python_package_index_urls_all() == [OTHER, PYPI]
    assert graph.get_python_package_index_urls_all(enabled=True) == [PYPI]
    assert graph.get_python_package_index_urls_all(enabled=False) == [OTHER]
    graph.set_python_package_index_state(OTHER.rstrip("/"), enabled=True)
    assert graph.get_python_package_index_urls_all(True) == [OTHER, PYPI]
    assert graph.is_python_package_index_enabled(OTHER)


def test_user_info_never_enters_the_graph(graph: GraphDatabase) -> None:
    graph.register_python_package_index("https://user:secret@private.example/simple")
    assert graph.get_python_package_index_urls_all() == ["https://private.example/simple/"]


def fill(graph: GraphDatabase, url: str) -> None:
    """Put something of every kind that names an index into the graph."""
    graph.pages.record(url, [page("six")])
    (release,) = graph.releases.record(
        [
            ReleaseRecord(
                "six",
                "1",
                url,
                dependencies=("attrs>=1",),
                artifacts=(ArtifactRecord("six-1.tar.gz"),),
                metadata=ReleaseMetadataRecord(summary="Six"),
            )
        ]
    )
    graph.update_missing_flag_package_version("six", "1", url, True)
    with graph.migration_connection() as connection:
        connection.execute(
            """
            WITH of_index AS (SELECT id FROM package_index WHERE url = %(url)s),
            of_package AS (SELECT id FROM package WHERE name = 'six'),
            environment AS (
                INSERT INTO software_environment (os_name, os_version, python_version)
                VALUES ('rhel', %(url)s, '3.11') RETURNING id),
            result AS (
                INSERT INTO solver_result
                       (software_environment_id, created_at, document_id, solver_name)
                SELECT id, now(), %(url)s, 'solver' FROM environment RETURNING id),
            solved AS (INSERT INTO solved SELECT %(release)s, id, false FROM result),
            unresolved AS (
                INSERT INTO unresolved
                       (solver_result_id, package_id, package_index_id, specifier)
                SELECT result.id, of_package.id, of_index.id, ''
                  FROM result, of_package, of_index),
            flaw AS (
                INSERT INTO vulnerability (cve_id, details) VALUES (%(url)s, '') RETURNING id),
            flawed AS (INSERT INTO vulnerability_release SELECT id, %(release)s FROM flaw),
            ruled AS (
                INSERT INTO rule (package_id, package_index_id)
                SELECT of_package.id, of_index.id FROM of_package, of_index),
            lock AS (
                INSERT INTO stack_lock (ecosystem, digest)
                VALUES ('pypi', sha256(%(url)s::text::bytea)) RETURNING id),
            locked AS (INSERT INTO stack_lock_release SELECT id, %(release)s FROM lock),
            stack AS (
                INSERT INTO software_stack
                       (stack_lock_id, is_external, recorded_at, software_stack_type)
                SELECT id, true, now(), 'USER' FROM lock RETURNING id)
            INSERT INTO inspection (software_stack_id, document_id, batch_size)
            SELECT id, %(url)s, 1 FROM stack
            """,
            {"url": url, "release": release},
        )


def rows(graph: GraphDatabase) -> dict[str, int]:
    counts = {**graph.get_main_table_count(), **graph.get_relation_table_count()}
    return {table: number for table, number in counts.items() if number}


def test_deleting_an_index_forgets_what_only_it_said(graph: GraphDatabase) -> None:
    fill(graph, PYPI)
    only_pypi = rows(graph)
    fill(graph, OTHER)
    graph.delete_python_package_index(OTHER)
    kept = {"inspection": 1, "software_environment": 1, "solver_result": 1, "vulnerability": 1}
    assert rows(graph) == {
        table: number + kept.get(table, 0) for table, number in only_pypi.items()
    }
    assert graph.get_python_package_versions_all() == [("six", "1", PYPI)]
    with graph.migration_connection() as connection:
        stacks = connection.execute(
            "SELECT document_id, software_stack_id IS NULL FROM inspection ORDER BY document_id"
        ).fetchall()
    assert stacks == [(OTHER, True), (PYPI, False)]


def test_a_deleted_index_is_unknown_and_can_come_back(graph: GraphDatabase) -> None:
    graph.releases.record([ReleaseRecord("six", "1", OTHER)])
    assert graph.python_package_version_exists("six", "1", OTHER)
    graph.delete_python_package_index(OTHER)
    assert not graph.python_package_version_exists("six", "1", OTHER)
    graph.releases.record([ReleaseRecord("six", "1", OTHER)])
    assert graph.get_python_package_index_urls_all() == [OTHER]


def test_an_unknown_index_is_not_found(graph: GraphDatabase) -> None:
    for ask in (
        lambda: graph.set_python_package_index_state(OTHER, enabled=True),
        lambda: graph.is_python_package_index_enabled(OTHER),
        lambda: graph.delete_python_package_index(OTHER),
    ):
        with pytest.raises(NotFoundError, match=r"other\.example"):
            ask()


@pytest.mark.parametrize("url", ["", "pypi.org", "https://", "ftp://host/", "https://host/?q=1"])
def test_what_is_no_url_of_an_index_is_refused(graph: GraphDatabase, url: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        graph.register_python_package_index(url)
    assert caught.value.argument == "url"
