"""Migrations up and down, and that they and the models describe the same tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from thoth.storages import DatabaseBusyError, GraphDatabase
from thoth.storages.graph import migrations
from thoth.storages.graph.models import Base
from thoth.storages.graph.schema import SCRIPTS, script_revisions
from thoth.storages.testing import (
    adviser_document,
    dependency_monkey_document,
    empty_database,
    inspection_document,
    provenance_document,
    revsolver_document,
    solver_document,
)
from thoth.storages.testing.contracts import INDEX, metadata, opaque, page
from thoth.storages.testing.inspection_documents import dependency_monkey_document_id
from thoth.storages.testing.run_documents import failed_adviser_document
from thoth.storages.testing.validation_contract import new_validation, no_queue, succeeded

if TYPE_CHECKING:
    from thoth.storages import StoragesSettings
    from thoth.storages.graph.connections import ConnectionParameters

ROOT = next(
    (parent for parent in Path(__file__).parents if (parent / "alembic.ini").exists()), None
)

# Everything that makes up a table: columns with type, collation, storage, compression and default,
# constraints and indexes, storage parameters.
SHAPE = """
    SELECT relname::text, attnum::text, attname::text, format_type(atttypid, atttypmod),
           collname::text, attstorage::text, attcompression::text, attnotnull::text,
           attidentity::text, pg_get_expr(adbin, adrelid)
      FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
      LEFT JOIN pg_collation ON pg_collation.oid = attcollation
      LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
       AND relname <> 'alembic_version'
    UNION ALL
    SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), '', '', '', '', '',
           '', ''
      FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass
    UNION ALL
    SELECT relname::text, reloptions::text, pg_get_indexdef(pg_class.oid), '', '', '', '', '', '',
           ''
      FROM pg_class LEFT JOIN pg_index ON indexrelid = pg_class.oid
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
       AND relname NOT LIKE 'alembic_version%%'
     ORDER BY 1, 2, 3
"""


INDICATORS = ("PiMatmul", "PiConv1D", "PiConv2D", "PiPyBench", "PiOther")


def fill(graph: GraphDatabase) -> None:
    graph.pages.record(INDEX, [page("six"), page("numpy", artifacts=os.urandom(100_000))])
    graph.artifact_metadata.record([metadata("six"), opaque("old")])
    graph.validations.accept(new_validation(), enqueue=no_queue)
    graph.validations.accept_finished(new_validation(), succeeded())
    gone = graph.validations.accept_finished(new_validation(), succeeded())
    graph.validations.delete(gone.id)
    for number in (0, 9, 19):
        graph.sync_solver_result(solver_document(number))
    report = dependency_monkey_document()
    report["metadata"]["document_id"] = dependency_monkey_document_id()
    graph.sync_dependency_monkey_result(report)
    for entry, indicator in enumerate(INDICATORS):
        graph.sync_inspection_result(inspection_document(0, entry, indicator=indicator))
    graph.sync_adviser_result(adviser_document())
    graph.sync_adviser_result(failed_adviser_document(1))
    graph.sync_provenance_result(provenance_document())
    graph.sync_revsolver_result(revsolver_document())
    graph.create_hardware_information({"cpu_family": 6})
    graph.create_python_rule("numpy", version_specifier="<1", index_url=INDEX)
    graph.create_python_cve_record("numpy", "1.0", INDEX, cve_id="CVE-1", details="bad", link=None)
    graph.set_cve_timestamp(datetime(2026, 1, 1, tzinfo=UTC))
    release = graph.get_python_package_versions_all("numpy", "1.0", INDEX)[0]
    graph.update_missing_flag_package_version(*release, value=True)


def empty_tables(graph: GraphDatabase) -> set[str]:
    with graph.migration_connection() as connection:
        return {
            name
            for name in Base.metadata.tables
            if connection.execute(f"SELECT FROM {name} LIMIT 1").fetchone() is None
        }


def test_the_models_and_the_migrated_database_do_not_differ(empty_graph: GraphDatabase) -> None:
    empty_graph.initialize_schema()
    with migrations.engine(empty_graph.migration_connection).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_tables_made_from_the_models_are_those_that_migrations_make(
    empty_graph: GraphDatabase, server_parameters: ConnectionParameters
) -> None:
    empty_graph.initialize_schema()
    with empty_database(server_parameters) as settings, GraphDatabase(settings) as other:
        with migrations.engine(other.migration_connection).begin() as connection:
            Base.metadata.create_all(connection)
        with other.migration_connection() as by_models:
            by_models.execute("CREATE TABLE alembic_version ()")
            from_models = by_models.execute(SHAPE).fetchall()
    with empty_graph.migration_connection() as by_migrations:
        from_migrations = by_migrations.execute(SHAPE).fetchall()
    assert len(from_models) > 30
    assert from_models == from_migrations


def test_every_revision_goes_down_up_and_down_with_data(empty_graph: GraphDatabase) -> None:
    connect = empty_graph.migration_connection
    empty_graph.initialize_schema()
    fill(empty_graph)
    newest, *older = reversed(script_revisions())
    for revision, former in pairwise([newest, *older, "base"]):
        migrations.downgrade(connect, former)
        assert not empty_graph.is_schema_up2date()
        migrations.upgrade(connect, revision)
        assert empty_graph.is_schema_up2date() is (revision == newest)
        migrations.downgrade(connect, former)
    migrations.upgrade(connect)
    assert empty_graph.is_schema_up2date()
    fill(empty_graph)
    assert empty_tables(empty_graph) == set()


@pytest.mark.slow
def test_from_every_revision_the_newest_is_reached_with_data(empty_graph: GraphDatabase) -> None:
    empty_graph.initialize_schema()
    fill(empty_graph)
    for revision in (*reversed(script_revisions()[:-1]), "base"):
        migrations.downgrade(empty_graph.migration_connection, revision)
        assert not empty_graph.is_schema_up2date()
        migrations.upgrade(empty_graph.migration_connection)
        assert empty_graph.is_schema_up2date()
        fill(empty_graph)
        assert empty_tables(empty_graph) == set()
    assert empty_graph.pages.get(INDEX, ["six", "numpy"], format=1).keys() == {"six", "numpy"}


def test_a_migration_that_fails_leaves_nothing(empty_graph: GraphDatabase) -> None:
    with empty_graph.migration_connection() as connection:
        connection.execute("CREATE TABLE artifact_metadata ()")
    with pytest.raises(Exception, match="artifact_metadata"):
        empty_graph.initialize_schema()
    with empty_graph.migration_connection() as connection:
        connection.execute("DROP TABLE artifact_metadata")
    empty_graph.initialize_schema()
    assert empty_graph.is_schema_up2date()


def test_a_migration_waits_for_its_turn_only_so_long(
    empty_graph: GraphDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "TURN_SECONDS", 0.2)
    with empty_graph.migration_connection() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (migrations.ADVISORY_LOCK,))
        with pytest.raises(DatabaseBusyError, match="Try again"):
            empty_graph.initialize_schema()
    empty_graph.initialize_schema()


def test_a_migration_waits_for_a_table_in_use_only_so_long(
    empty_graph: GraphDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.2)
    empty_graph.initialize_schema()
    with empty_graph.migration_connection() as other:
        other.execute("SELECT FROM page")
        with pytest.raises(DatabaseBusyError):
            empty_graph.drop_all()
    assert empty_graph.is_schema_up2date()


@pytest.mark.skipif(ROOT is None, reason="not in a checkout: no alembic.ini")
@pytest.mark.slow
def test_the_published_commands_work_as_they_are_written(
    empty_settings: StoragesSettings, tmp_path: Path
) -> None:
    assert ROOT is not None
    assert empty_settings.server is not None
    environment = {
        **os.environ,
        "KNOWLEDGE_GRAPH_HOST": empty_settings.server.host,
        "KNOWLEDGE_GRAPH_DATABASE": empty_settings.server.database,
    }

    def alembic(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    alembic("upgrade", "head")
    assert script_revisions()[-1] in alembic("current")
    assert "No new upgrade operations" in alembic("check")
    assert "CREATE TABLE page" in alembic("upgrade", "head", "--sql")
    before = set((SCRIPTS / "versions").iterdir())
    try:
        alembic("revision", "--autogenerate", "-m", "nothing new")
    finally:
        made = [path for path in set((SCRIPTS / "versions").iterdir()) - before if path.is_file()]
        kept = [path.rename(tmp_path / path.name) for path in made]
    number = int(script_revisions()[-1]) + 1
    assert [path.name for path in kept] == [f"r{number:04}_nothing_new.py"]
    assert f'revision = "{number:04}"' in kept[0].read_text()
    alembic("downgrade", "base")


@pytest.mark.skipif(ROOT is None, reason="not in a checkout: no alembic.ini")
@pytest.mark.slow
def test_a_model_is_changed_as_the_how_to_page_says(
    empty_settings: StoragesSettings, tmp_path: Path
) -> None:
    assert ROOT is not None
    assert empty_settings.server is not None
    # In a copy of the checkout, which a developer would change itself.
    source = Path("packages", "thoth-storages", "src")
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / source, tmp_path / source, ignore=left_out)
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    storages = tmp_path / source / "thoth" / "storages"
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / source),
        "KNOWLEDGE_GRAPH_HOST": empty_settings.server.host,
        "KNOWLEDGE_GRAPH_DATABASE": empty_settings.server.database,
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("alembic", "upgrade", "head")
    model = storages / "graph" / "models" / "package_index.py"
    column = "    remark: Mapped[str | None] = mapped_column(Text)\n"
    model.write_text(model.read_text() + column)
    run("alembic", "revision", "--autogenerate", "-m", "remarks on indexes")
    number = f"{int(script_revisions()[-1]) + 1:04}"
    written = storages / "data" / "alembic" / "versions" / f"r{number}_remarks_on_indexes.py"
    text = written.read_text()
    assert 'add_column("package_index"' in text.replace("'", '"')
    assert 'drop_column("package_index", "remark"' in text.replace("'", '"')
    for _ in range(2):
        run("alembic", "upgrade", "head")
        assert "No new upgrade operations" in run("alembic", "check")
        assert run("thoth.storages", "schema-version").count(number) == 2
        run("alembic", "downgrade", "-1")
    assert run("alembic", "current").strip() == script_revisions()[-1]
