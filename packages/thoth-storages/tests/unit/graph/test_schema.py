"""What is known of the schema without a database."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from thoth.storages import GraphDatabase, NotConnectedError, StoragesSettings
from thoth.storages.graph.migrations import configuration
from thoth.storages.graph.schema import script_revisions


def test_the_head_read_from_the_folder_is_the_one_that_alembic_finds() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_heads() == [script_revisions()[-1]]


def test_the_revisions_are_one_line_without_gaps() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    line = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(line)) == script_revisions()
    assert [int(revision) for revision in script_revisions()] == list(range(1, len(line) + 1))


def test_the_head_is_told_unconnected() -> None:
    graph = GraphDatabase(StoragesSettings(data_dir=Path("/nonexistent")))
    assert graph.get_script_alembic_version_head() == script_revisions()[-1]


def test_everything_else_needs_a_connection() -> None:
    graph = GraphDatabase(StoragesSettings(data_dir=Path("/nonexistent")))
    assert not graph.is_connected()
    for use in (
        graph.initialize_schema,
        graph.initilize_schema,
        graph.drop_all,
        graph.is_schema_up2date,
        graph.get_table_alembic_version_head,
        graph.construct_connection_string,
        graph.disconnect,
        lambda: graph.pages.get("https://index.example/", ["six"], format=1),
        lambda: graph.artifact_metadata.get([bytes(32)], format=1),
    ):
        with pytest.raises(NotConnectedError, match=r"connect\(\)"):
            use()
