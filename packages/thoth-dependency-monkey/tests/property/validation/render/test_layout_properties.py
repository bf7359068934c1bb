"""Whatever the graph: boxes stand apart, edges keep clear of them, nothing is lost."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thoth.dependency_monkey.validation.render.layout import NODE_HEIGHT, Drawing, lay_out

NAMES = [f"n{number}" for number in range(14)]

graphs = st.tuples(
    st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=40),
    st.lists(st.sampled_from(NAMES), unique=True, max_size=4),
    st.lists(st.integers(20, 300), min_size=len(NAMES), max_size=len(NAMES)),
)


def drawn(graph) -> Drawing:
    pairs, roots, widths = graph
    return lay_out(dict(zip(NAMES, map(float, widths), strict=True)), pairs, roots)


@given(graphs)
def test_no_two_boxes_touch(graph):
    for one, other in combinations(drawn(graph).boxes.values(), 2):
        apart = abs(one.middle - other.middle) >= NODE_HEIGHT + 1
        left, right = sorted((one, other), key=lambda box: box.left)
        assert apart or left.left + left.width < right.left


@given(graphs)
def test_every_box_lies_within_the_drawing(graph):
    drawing = drawn(graph)
    assert set(drawing.boxes) == set(NAMES)
    for box in drawing.boxes.values():
        assert box.left >= 0
        assert box.left + box.width <= drawing.width + 1e-6
        assert box.middle - NODE_HEIGHT / 2 >= -1e-6
        assert box.middle + NODE_HEIGHT / 2 <= drawing.height + 1e-6


@given(graphs)
def test_every_edge_but_loops_goes_from_its_source_to_its_target(graph):
    drawing = drawn(graph)
    assert set(drawing.routes) == {pair for pair in graph[0] if pair[0] != pair[1]}
    for (source, target), spans in drawing.routes.items():
        ends = [drawing.boxes[source], drawing.boxes[target]]
        ends.sort(key=lambda box: box.left)
        for box, span in zip(ends, (spans[0], spans[-1]), strict=True):
            assert (box.left, box.middle) == (span.left, span.middle)
        for before, after in pairwise(spans):
            assert before.right < after.left


@given(graphs)
def test_edges_cross_columns_clear_of_every_box(graph):
    drawing = drawn(graph)
    for pair, spans in drawing.routes.items():
        for name, box in drawing.boxes.items():
            if name in pair:
                continue
            for span in spans:
                beside = box.left + box.width <= span.left or span.right <= box.left
                assert beside or abs(span.middle - box.middle) >= NODE_HEIGHT / 2 + 2


@given(graphs)
def test_between_columns_there_are_no_boxes(graph):
    drawing = drawn(graph)
    for spans in drawing.routes.values():
        for before, after in pairwise(spans):
            low, high = sorted((before.middle, after.middle))
            for box in drawing.boxes.values():
                if low <= box.middle <= high:
                    assert box.left + box.width <= before.right or box.left >= after.left


@given(graphs)
def test_the_drawing_depends_on_nothing_but_the_graph(graph):
    pairs, roots, widths = graph
    shuffled = sorted(pairs, reverse=True)
    assert drawn(graph) == drawn((shuffled, roots, widths))


@given(st.sets(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=40))
def test_without_cycles_every_edge_runs_to_the_right(numbers):
    pairs = {(NAMES[min(pair)], NAMES[max(pair)]) for pair in numbers}
    drawing = drawn((pairs, [], [100] * len(NAMES)))
    for source, target in drawing.routes:
        assert drawing.boxes[source].left < drawing.boxes[target].left


@pytest.mark.parametrize(("nodes", "edges"), [(300, 900), (2000, 8000)])
def test_large_graphs_are_drawn_whole(nodes, edges):
    chance = random.Random(7)
    pairs = [
        (f"n{chance.randrange(nodes)}", f"n{int(nodes * chance.random() ** 2)}")
        for _ in range(edges)
    ]
    drawing = lay_out({f"n{number}": 120.0 for number in range(nodes)}, pairs, ["n0"])
    assert len(drawing.boxes) == nodes


def test_a_chain_of_thousands_is_no_deep_recursion():
    names = [f"n{number}" for number in range(5000)]
    drawing = lay_out(dict.fromkeys(names, 100.0), list(pairwise(names)), [])
    assert len({box.middle for box in drawing.boxes.values()}) == 1
