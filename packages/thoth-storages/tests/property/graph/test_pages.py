"""Whatever is done to them, the stores in PostgreSQL and in memory answer alike."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thoth.storages.testing import InMemoryArtifactMetadata, InMemoryPages
from thoth.storages.testing.contracts import (
    INDEX,
    NOON,
    absent,
    left_in_store,
    metadata,
    opaque,
    page,
)

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

NAMES = ["a", "b", "c-é"]
times = st.integers(0, 4).map(lambda second: NOON + timedelta(seconds=second))
contents = st.sampled_from(["1", "2"])
formats = st.sampled_from([1, 2])
pages = st.builds(
    lambda kind, name, content, form, at: {
        "page": lambda: page(name, content, format=form, checked_at=at),
        "known": lambda: left_in_store(page(name, content, format=form, checked_at=at)),
        "absent": lambda: absent(name, format=form, checked_at=at),
    }[kind](),
    st.sampled_from(["page", "known", "absent"]),
    st.sampled_from(NAMES),
    contents,
    formats,
    times,
)
page_steps = st.one_of(
    st.tuples(st.just("record"), st.lists(pages, max_size=4)),
    st.tuples(st.just("touch"), st.lists(st.sampled_from(NAMES)), times),
)
artifacts = st.builds(
    lambda known, name, form, content: (
        metadata(name, format=form, content=content)
        if known
        else opaque(name, format=form, opaque=content.decode())
    ),
    st.booleans(),
    st.sampled_from(NAMES),
    formats,
    st.sampled_from([b"", b"x", b"y"]),
)
within_one_database = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@within_one_database
@given(st.lists(page_steps, max_size=8))
def test_pages(graph: GraphDatabase, steps: list[tuple[object, ...]]) -> None:
    with graph.migration_connection() as connection:
        connection.execute("DELETE FROM package_index")
    stores = graph.pages, InMemoryPages()
    slices = [(name, page(name, content).digest, 0, 3) for name in NAMES for content in ("1", "2")]
    for step, *arguments in steps:
        for store in stores:
            getattr(store, str(step))(INDEX, *arguments)
        for form in (1, 2):
            in_database, in_memory = (store.get(INDEX, NAMES, format=form) for store in stores)
            assert in_database == in_memory
        in_database_slices, in_memory_slices = (s.get_artifacts(INDEX, slices) for s in stores)
        assert in_database_slices == in_memory_slices


@within_one_database
@given(st.lists(st.lists(artifacts, max_size=4), max_size=6))
def test_artifact_metadata(graph: GraphDatabase, batches: list[list[object]]) -> None:
    with graph.migration_connection() as connection:
        connection.execute("DELETE FROM artifact_metadata")
    stores = graph.artifact_metadata, InMemoryArtifactMetadata()
    keys = [metadata(name).key for name in NAMES]
    for batch in batches:
        for store in stores:
            store.record(batch)
        for form in (1, 2):
            in_database, in_memory = (store.get(keys, format=form) for store in stores)
            assert in_database == in_memory
