"""Recording releases: only what is new is written, all of it or nothing, beside other writers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import errors

from thoth.storages import (
    ArtifactRecord,
    DatabaseRefusedError,
    GraphDatabase,
    InvalidRecordError,
    ReleaseMetadataRecord,
    ReleaseRecord,
)
from thoth.storages.graph.queries import release_writer
from thoth.storages.graph.queries.releases import record_releases
from thoth.storages.graph.queries.transactions import TRIES, in_transaction

from .recording import METADATA, RELEASE, SHA, WHEEL, ask, one

if TYPE_CHECKING:
    from collections.abc import Callable

    Recorded = Callable[[GraphDatabase], list[tuple[str, object]]]

EMPTY = "DELETE FROM release; DELETE FROM requirement; DELETE FROM package"


# --- what is written -----------------------------------------------------------------------------


def test_recording_the_same_again_writes_nothing(graph: GraphDatabase) -> None:
    records = [
        replace(RELEASE, version=str(version), yanked=True, yanked_reason="x", is_missing=False)
        for version in range(20)
    ]
    written = "SELECT sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) FROM pg_stat_user_tables"
    locked = "SELECT count(*) FROM release WHERE xmax <> 0"
    with graph.migration_connection() as connection:
        # The dependencies that are stored are more than those that are recorded again.
        record_releases(connection, [replace(record, dependencies=("z",)) for record in records])
        record_releases(connection, records)
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.commit()
        before = ask(graph, written), ask(graph, locked)

        record_releases(connection, records)
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.commit()

    assert (ask(graph, written), ask(graph, locked)) == before


def test_a_batch_takes_as_many_statements_as_a_release(graph: GraphDatabase) -> None:
    def statements(count: int, first: int) -> int:
        before = int(graph.stats()["statements"])
        graph.releases.record(
            [
                replace(RELEASE, package=f"p{number}", dependencies=(f"q{number}>1", "r"))
                for number in range(first, first + count)
            ]
        )
        return int(graph.stats()["statements"]) - before

    statements(1, 0)
    assert statements(1, 1) == statements(300, 2) <= 25


def test_dependencies_of_an_own_graph_get_the_indexes_that_the_schema_has(
    own_graph: GraphDatabase, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = (
        "SELECT pg_get_indexdef(indexrelid), conname, pg_get_constraintdef(pg_constraint.oid)"
        " FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid"
        " WHERE indrelid IN ('release'::regclass, 'dependency'::regclass) ORDER BY 1, 2"
    )
    before = ask(own_graph, definitions)
    names = (
        "SELECT array_agg(indexrelid ORDER BY indexrelid) FROM pg_index"
        " WHERE indrelid = 'dependency'::regclass"
    )
    oids = ask(own_graph, names)
    records = [
        replace(RELEASE, version=str(version), dependencies=("b", f"c>{version}", "d"))
        for version in range(10)
    ]

    monkeypatch.setattr(release_writer, "LOAD_ROWS", 31)
    own_graph.releases.record(records)
    assert ask(own_graph, names) == oids, "a small batch makes no indexes"
    ask(own_graph, "DELETE FROM dependency RETURNING 1")
    ask(own_graph, "DELETE FROM release RETURNING 1")

    monkeypatch.setattr(release_writer, "LOAD_ROWS", 30)
    own_graph.releases.record(records)
    loaded = recorded(own_graph)
    assert ask(own_graph, names) != oids, "a large one does"
    assert ask(own_graph, definitions) == before

    oids = ask(own_graph, names)
    own_graph.releases.record([replace(record, package="z") for record in records])
    assert ask(own_graph, names) == oids, "but not beside others"
    assert {table for table, _ in loaded} <= {table for table, _ in recorded(own_graph)}


def test_a_load_beside_a_reader_goes_the_ordinary_way(
    own_graph: GraphDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_writer, "LOAD_ROWS", 1)
    with own_graph.migration_connection() as reader:
        reader.execute("SELECT FROM dependency")
        own_graph.releases.record([RELEASE])

        assert reader.execute("SELECT count(*) FROM dependency").fetchall() == [(2,)]


def test_a_role_without_rights_beyond_rows_records_the_same(
    own_graph: GraphDatabase, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_writer, "LOAD_ROWS", 1)
    with own_graph.migration_connection() as connection:
        own_graph.releases.record([RELEASE])
        expected = recorded(own_graph)
        connection.execute(EMPTY)
        connection.execute("CREATE ROLE writer")
        connection.execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer"
        )
        connection.execute("SET LOCAL ROLE writer")
        record_releases(connection, [RELEASE])
        connection.execute("RESET ROLE")
        connection.execute("DROP OWNED BY writer; DROP ROLE writer")

    assert recorded(own_graph) == expected


def test_foreign_keys_are_checked_again_in_the_same_transaction(graph: GraphDatabase) -> None:
    with graph.migration_connection() as connection:
        record_releases(connection, [RELEASE])
        with pytest.raises(errors.ForeignKeyViolation):
            connection.execute("INSERT INTO dependency SELECT max(id) + 1, 1 FROM release")
        connection.rollback()


# --- all or nothing ------------------------------------------------------------------------------

LATE = datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=5)))
HOSTILE = [
    ("package", {"package": ""}),
    ("package", {"package": "a\0b"}),
    ("package", {"package": "\ud800"}),
    ("package", {"package": "x" * 513}),
    ("record", {"package": ["a"]}),
    ("package", {"package": 5}),
    ("version", {"version": " "}),
    ("version", {"version": "9" * 100_000}),
    ("version", {"version": "1\0"}),
    ("version", {"version": None}),
    ("index_url", {"index_url": "ftp://x"}),
    ("index_url", {"index_url": "https://x/" + "y" * 600}),
    ("requires_python", {"requires_python": "\ud800"}),
    ("requires_python", {"requires_python": "x" * 10_000_000}),
    ("yanked_reason", {"yanked_reason": "\0"}),
    ("flags", {"yanked": 1}),
    ("flags", {"is_missing": "yes"}),
    ("uploaded_at", {"uploaded_at": LATE}),
    ("uploaded_at", {"uploaded_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
    ("uploaded_at", {"uploaded_at": "now"}),
    ("dependencies", {"dependencies": ("b\0",)}),
    ("dependencies", {"dependencies": ("b; extra == '\udfff'",)}),
    ("dependencies", {"dependencies": ("b" * 10_000_000,)}),
    ("dependencies", {"dependencies": (5,)}),
    ("dependencies", {"dependencies": (["b"],)}),
    ("dependencies", {"dependencies": "bc"}),
    ("artifacts", {"artifacts": [WHEEL]}),
    ("artifacts", {"artifacts": ("a.whl",)}),
    ("artifacts.filename", {"artifacts": (ArtifactRecord(),)}),
    ("artifacts.filename", {"artifacts": (ArtifactRecord("\0"),)}),
    ("artifacts.sha256", {"artifacts": (ArtifactRecord(sha256=b"x"),)}),
    ("artifacts.size", {"artifacts": (replace(WHEEL, size=-1),)}),
    ("artifacts.size", {"artifacts": (replace(WHEEL, size=2**63),)}),
    ("artifacts.tags", {"artifacts": (replace(WHEEL, tags=("\0",)),)}),
    ("artifacts.uploaded_at", {"artifacts": (replace(WHEEL, uploaded_at=LATE),)}),
    ("metadata", {"metadata": {"summary": "x"}}),
    ("metadata.summary", {"metadata": replace(METADATA, summary="\0")}),
    ("metadata.description", {"metadata": replace(METADATA, description="x" * 10_000_000)}),
    ("metadata.license_expression", {"metadata": replace(METADATA, license_expression="x" * 600)}),
    ("metadata.classifiers", {"metadata": replace(METADATA, classifiers=("x" * 600,))}),
    ("metadata.classifiers", {"metadata": replace(METADATA, classifiers=["x"])}),
    ("metadata.project_urls", {"metadata": replace(METADATA, project_urls={"\0": "x"})}),
    ("metadata.other", {"metadata": replace(METADATA, other={"x": "\0"})}),
    ("metadata.other", {"metadata": replace(METADATA, other={"x": "\ud800"})}),
    ("metadata.other", {"metadata": replace(METADATA, other={"x": object()})}),
    ("metadata.other", {"metadata": replace(METADATA, other={"x": 10**5000})}),
    ("metadata.other", {"metadata": replace(METADATA, other={"x": "y" * 2_000_000})}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "facts"), HOSTILE)
def test_what_cannot_be_stored_is_refused_by_name_and_nothing_is_written(
    graph: GraphDatabase, recorded: Recorded, field: str, facts: dict[str, Any]
) -> None:
    before = int(graph.stats()["statements"])

    with pytest.raises(InvalidRecordError) as refused:
        graph.releases.record([ReleaseRecord("z", "1"), replace(RELEASE, **facts)])

    assert refused.value.field == field
    assert len(str(refused.value)) < 400
    assert int(graph.stats()["statements"]) == before


def test_a_value_that_refers_to_itself_is_refused(graph: GraphDatabase) -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop

    with pytest.raises(InvalidRecordError, match=r"metadata\.other"):
        graph.releases.record([replace(RELEASE, metadata=replace(METADATA, other=loop))])


def test_what_is_no_record_and_another_ecosystem_are_refused(graph: GraphDatabase) -> None:
    with pytest.raises(InvalidRecordError, match="record"):
        graph.releases.record([("a", "1.0")])  # type: ignore[list-item]
    with pytest.raises(InvalidRecordError, match="ecosystem"):
        graph.releases.record([RELEASE], ecosystem="npm")


def test_the_largest_values_that_are_allowed_are_stored(graph: GraphDatabase) -> None:
    wide = "\U0001f40d"
    graph.releases.record(
        [
            ReleaseRecord(
                package="x" * 512,
                version=wide * 512,
                index_url="https://x/" + "y" * 500,
                requires_python=wide * 65_536,
                uploaded_at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
                dependencies=("y" * 512 + wide * 1000, f"b; extra == '{wide * 1000}'"),
                artifacts=(ArtifactRecord(wide * 512, SHA, size=2**63 - 1, tags=(wide * 512,)),),
                metadata=ReleaseMetadataRecord(
                    description=wide * 2**20,
                    license=wide * 65_536,
                    license_expression=wide * 512,
                    classifiers=(wide * 512,),
                    import_packages=(wide * 512,),
                    other={"x": "\\u0000", "y": "\\\\", "z": 1e308},
                ),
            )
        ]
    )

    assert one(graph, "length(version), extract(year FROM uploaded_at)") == (512, 9999)
    assert one(graph, "other", "release_metadata")[0]["x"] == "\\u0000"


def test_the_transaction_is_the_callers(graph: GraphDatabase, recorded: Recorded) -> None:
    with graph.migration_connection() as connection:
        record_releases(connection, [RELEASE])
        connection.rollback()

    assert recorded(graph) == []


# --- against other writers -----------------------------------------------------------------------


def test_a_transaction_that_loses_is_tried_again(graph: GraphDatabase) -> None:
    tries: list[int] = []

    def work() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise errors.DeadlockDetected
        return len(tries)

    with graph.migration_connection() as connection:
        assert in_transaction(connection, work) == 3


def test_it_is_not_tried_for_ever(graph: GraphDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        raise errors.UniqueViolation

    with graph.migration_connection() as connection, pytest.raises(errors.UniqueViolation):
        in_transaction(connection, work)
    assert len(tries) == TRIES


def test_other_errors_are_the_callers_at_once(graph: GraphDatabase) -> None:
    ask(graph, "INSERT INTO package (ecosystem, name) VALUES ('pypi', 'a') RETURNING id")
    with graph.migration_connection() as connection:
        connection.execute("ALTER TABLE release ADD CONSTRAINT no CHECK (version <> '1.0')")
    try:
        with pytest.raises(DatabaseRefusedError, match="release"):
            graph.releases.record([RELEASE])
    finally:
        with graph.migration_connection() as connection:
            connection.execute("ALTER TABLE release DROP CONSTRAINT no")


def test_a_package_that_is_removed_meanwhile_is_recorded_anew(
    graph: GraphDatabase, recorded: Recorded
) -> None:
    """The row is removed after it was read and before it is locked."""
    ask(graph, "INSERT INTO package (ecosystem, name) VALUES ('pypi', 'a') RETURNING id")
    with graph.migration_connection() as other:
        other.execute("DELETE FROM package")
        with pytest.MonkeyPatch.context() as patch:
            original = release_writer._Writer._add_parents

            def removed_first(writer: Any, places: Any) -> None:
                other.commit()
                original(writer, places)

            patch.setattr(release_writer._Writer, "_add_parents", removed_first)
            graph.releases.record([ReleaseRecord("a", "1.0")])

    assert [table for table, _ in recorded(graph)] == ["package", "release"]


def test_a_cached_answer_is_dropped(graph: GraphDatabase) -> None:
    assert graph._cached("x", (), lambda: 1) == 1
    graph.releases.record([RELEASE])

    assert graph._cached("x", (), lambda: 2) == 2


def test_a_server_that_goes_away_leaves_nothing_behind(
    graph: GraphDatabase, recorded: Recorded
) -> None:
    with graph.migration_connection() as connection:
        record_releases(connection, [RELEASE])
        ask(graph, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")

    assert recorded(graph) == []
