"""Recording releases beside others who change what the releases point to, and as other roles."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from thoth.storages import ReleaseRecord
from thoth.storages.graph.queries import release_writer
from thoth.storages.graph.queries.releases import record_releases

if TYPE_CHECKING:
    import pytest

    from thoth.storages import GraphDatabase

INDEX = "https://index.example/simple/"
PATIENCE = 20.0
WAITING = """
    SELECT count(*) FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND datname = current_database()
"""
# What points to nothing, for every declared foreign key.
FOREIGN_KEYS = """
    SELECT format('SELECT %s FROM %s AS child WHERE %s AND NOT EXISTS (SELECT FROM %s AS parent '
                  'WHERE %s)', quote_literal(conname), conrelid::regclass,
                  string_agg(format('child.%I IS NOT NULL', child.attname), ' AND '),
                  confrelid::regclass,
                  string_agg(format('child.%I = parent.%I', child.attname, parent.attname),
                             ' AND '))
      FROM pg_constraint
     CROSS JOIN LATERAL unnest(conkey, confkey) AS pair (child, parent)
      JOIN pg_attribute AS child ON child.attrelid = conrelid AND child.attnum = pair.child
      JOIN pg_attribute AS parent ON parent.attrelid = confrelid AND parent.attnum = pair.parent
     WHERE contype = 'f' GROUP BY pg_constraint.oid, conname, conrelid, confrelid
"""


def orphans(graph: GraphDatabase) -> list[tuple[Any, ...]]:
    with graph.migration_connection() as connection:
        statements = [text for (text,) in connection.execute(FOREIGN_KEYS)]
        assert len(statements) > 40
        return [row for text in statements for row in connection.execute(text)]


def wait_until(graph: GraphDatabase, waiting: int, *, unless: Future[Any] | None = None) -> None:
    """Return as soon as so many transactions wait for a lock, or a future is done."""
    deadline = time.monotonic() + PATIENCE
    with graph.migration_connection() as connection:
        connection.autocommit = True
        while connection.execute(WAITING).fetchall()[0][0] < waiting:
            if unless is not None and unless.done():
                return
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_an_index_that_another_adds_and_a_third_deletes_leaves_no_release_without_it(
    graph: GraphDatabase,
) -> None:
    graph.releases.record([ReleaseRecord("known", "1.0", dependencies=("b>=2",))])
    with (
        graph.migration_connection() as adding,
        graph.migration_connection() as requiring,
        ThreadPoolExecutor(2) as threads,
    ):
        adding.execute("INSERT INTO package_index (ecosystem, url) VALUES ('pypi', %s)", (INDEX,))
        record_releases(requiring, [ReleaseRecord("known", "2.0", dependencies=("b>=1",))])
        release = ReleaseRecord("a", "1.0", INDEX, dependencies=("b>=1",))
        recording = threads.submit(graph.releases.record, [release])
        wait_until(graph, 1)
        adding.commit()
        # It has found the index that was added meanwhile, and now waits for the requirement.
        time.sleep(0.1)
        wait_until(graph, 1)
        deleting = threads.submit(graph.delete_python_package_index, INDEX)
        wait_until(graph, 2, unless=deleting)
        requiring.commit()
        recording.result(PATIENCE)
        deleting.result(PATIENCE)

    assert orphans(graph) == []


def test_an_owner_who_may_not_make_indexes_records_the_ordinary_way(
    own_graph: GraphDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_writer, "LOAD_ROWS", 1)
    with own_graph.migration_connection() as connection:
        connection.execute("CREATE ROLE owner")
        for (name,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall():
            connection.execute(f"ALTER TABLE {name} OWNER TO owner")
        connection.execute("SET LOCAL ROLE owner")
        record_releases(connection, [ReleaseRecord("a", "1.0", dependencies=("b",))])
        rows = connection.execute("SELECT count(*) FROM dependency").fetchall()
        connection.rollback()

    assert rows == [(1,)]
