"""Listings of packages and releases equal a naive reading of what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from thoth.storages.graph.release_records import ReleaseRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase

INDEXES = (None, "https://a.example/simple/", "https://b.example/simple/")
VERSIONS = ("1.0", "1.0.post1", "1.0rc1", "1.0.0", "1!0.1", "2.0.dev3", "1.10", "1.9", "1.9+local")
KEYS = st.tuples(st.sampled_from("abcd"), st.sampled_from(VERSIONS), st.sampled_from(INDEXES))


@pytest.fixture
def emptied(graph: GraphDatabase, empty_tables: Callable[[], None]) -> Callable[[], GraphDatabase]:
    def fresh() -> GraphDatabase:
        empty_tables()
        return graph

    return fresh


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    releases=st.dictionaries(KEYS, st.booleans(), max_size=30),
    start_offset=st.integers(0, 12),
    count=st.none() | st.integers(0, 12),
)
def test_listings_are_slices_of_what_was_recorded_in_order(
    emptied: Callable[[], GraphDatabase],
    releases: dict[tuple[str, str, str | None], bool],
    start_offset: int,
    count: int | None,
) -> None:
    graph = emptied()
    graph.releases.record(
        [ReleaseRecord(*key, is_missing=is_missing) for key, is_missing in releases.items()]
    )
    part = slice(start_offset, None if count is None else start_offset + count)

    def ordered(keys: list[tuple[str, str, str | None]]) -> list[tuple[str, str, str | None]]:
        return sorted(keys, key=lambda key: (key[0], Version(key[1]), key[1], key[2] or ""))

    page = {"start_offset": start_offset, "count": count}
    assert graph.get_python_package_versions_all(**page) == ordered([*releases])[part]
    for wanted in (False, True):
        expected = ordered([key for key, is_missing in releases.items() if is_missing is wanted])
        assert graph.get_python_package_versions_all(is_missing=wanted, **page) == expected[part]
        number = graph.get_python_package_versions_count_all(is_missing=wanted)
        assert number == len(expected)
    pairs = sorted({(name, url or "") for name, _, url in releases})
    assert graph.get_python_packages_all(distinct=True, **page) == [
        (name, url or None) for name, url in pairs[part]
    ]
    assert graph.get_python_packages_count_all(distinct=True) == len(pairs)
    names = sorted(name for name, _, _ in releases)
    assert graph.get_python_package_version_names_all(**page) == names[part]
    distinct = sorted(set(names))
    assert graph.get_python_package_version_names_all(distinct=True, **page) == distinct[part]
