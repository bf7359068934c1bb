"""Cycles and components of dependency graphs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thoth.dependency_monkey.resolver.graph import (
    strongly_connected_components,
    weakly_connected_components,
)


def test_a_cycle_is_one_component_and_comes_after_what_it_reaches() -> None:
    graph = {"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": []}
    found = [sorted(component) for component in strongly_connected_components(graph)]
    assert found == [["d"], ["a", "b", "c"]]


def test_a_node_that_reaches_itself_is_a_component_of_one() -> None:
    assert strongly_connected_components({"a": ["a"]}) == [["a"]]


def test_parts_that_do_not_hang_together_are_told_apart() -> None:
    graph = {"a": ["b"], "b": [], "c": [], "d": ["b"]}
    found = [sorted(component) for component in weakly_connected_components(graph)]
    assert found == [["a", "b", "d"], ["c"]]


def test_a_very_long_chain_needs_no_deep_stack() -> None:
    length = 50_000
    graph = {i: [i + 1] if i < length else [] for i in range(length + 1)}
    assert len(strongly_connected_components(graph)) == length + 1
    assert len(weakly_connected_components(graph)) == 1


@given(st.dictionaries(st.integers(0, 7), st.sets(st.integers(0, 7)), max_size=8))
def test_two_nodes_share_a_component_just_when_each_reaches_the_other(edges) -> None:
    graph = {node: sorted(n for n in following if n in edges) for node, following in edges.items()}

    def reached(start: int) -> set[int]:
        seen, todo = {start}, [start]
        while todo:
            for following in graph[todo.pop()]:
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
        return seen

    components = strongly_connected_components(graph)
    assert sorted(node for component in components for node in component) == sorted(graph)
    for component in components:
        for node in graph:
            both = node in reached(component[0]) and component[0] in reached(node)
            assert both == (node in component)


@pytest.mark.parametrize("components", [strongly_connected_components, weakly_connected_components])
def test_an_empty_graph_has_no_component(components) -> None:
    assert components({}) == []
