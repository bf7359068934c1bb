from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from thoth.dependency_monkey.validation.render.svg import render_svg
from thoth.dependency_monkey.validation.result import DependencyGraph, GraphEdge, GraphNode

NS = "{http://www.w3.org/2000/svg}"


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)


def by_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def titles(elements: list[ET.Element]) -> list[str]:
    return [element.findtext(f"{NS}title") or "" for element in elements]


def test_every_package_is_a_box_with_name_version_and_tooltip(graph):
    root = parsed(render_svg(graph("pandas -> numpy>=1.26", roots=("pandas",), alone=("six",))))
    assert [element.text for element in by_class(root, "name")] == ["pandas", "numpy", "six"]
    assert titles(by_class(root, "node")) == [
        "pandas 1.0; requires numpy>=1.26",
        "numpy 1.0; is required by pandas",
        "six 1.0",
    ]


def test_what_the_stack_names_is_emphasised(graph):
    root = parsed(render_svg(graph("pandas -> numpy", roots=("pandas",))))
    assert [element.get("class", "").split()[:2] for element in by_class(root, "node")] == [
        ["node", "root"],
        ["node", "n0"],
    ]


def test_an_arrow_tells_its_requirements(graph):
    root = parsed(render_svg(graph("pandas -> numpy>=1.26", "pandas -> numpy>=1.20")))
    assert titles(by_class(root, "edge")) == ["pandas → numpy>=1.20, numpy>=1.26"]


def test_what_a_longer_way_implies_is_paler(graph):
    root = parsed(render_svg(graph("a -> b", "b -> c", "a -> c")))
    assert titles(by_class(root, "implied")) == ["a → c"]
    assert "pale arrow: implied by a longer way" in by_class(root, "caption")[0].text


def test_what_closes_a_cycle_is_dashed_and_nothing_in_it_is_pale(graph):
    root = parsed(render_svg(graph("a -> b", "b -> c", "c -> a", "a -> c", roots=("a",))))
    assert titles(by_class(root, "back")) == ["c → a"]
    assert by_class(root, "implied") == []
    assert "dashed arrow: closes a cycle" in by_class(root, "caption")[0].text


def test_an_edge_past_a_cycle_may_still_be_implied(graph):
    root = parsed(render_svg(graph("a -> b", "b -> c", "c -> b", "a -> c", "b -> d", "a -> d")))
    assert titles(by_class(root, "implied")) == ["a → b", "a → c", "a → d"]


def test_the_order_of_nodes_and_edges_does_not_matter(graph):
    arrows = ("a -> b>=1", "a -> c", "b -> c>=2", "c -> d", "a -> d")
    assert render_svg(graph(*arrows, roots=("a",))) == render_svg(
        graph(*reversed(arrows), roots=("a",))
    )


@pytest.mark.parametrize(
    "hostile",
    ["<script>", "&amp;", "]]>", '"', "\x00", "\x1b[2J", "\ufffe", "\ud800", "</svg>", "x" * 500],
)
def test_supplied_text_cannot_leave_its_place(hostile):
    graph = DependencyGraph(
        nodes=(GraphNode(f"a{hostile}", hostile), GraphNode("b", "1")),
        edges=(GraphEdge(f"a{hostile}", "b", hostile, hostile, hostile),),
        roots=("b",),
        cycles=(),
        components=(),
    )
    text = render_svg(graph)
    text.encode("utf-8")
    tags = {element.tag.removeprefix(NS) for element in parsed(text).iter()}
    assert tags == {"svg", "title", "style", "rect", "g", "path", "text", "tspan"}
    assert len(max((name.text or "" for name in by_class(parsed(text), "name")), key=len)) <= 60


def test_it_fetches_and_runs_nothing(graph):
    text = render_svg(graph("a -> b"))
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"href|url\(|@import|<script|onload", text)


def test_it_suits_dark_and_light_readers(graph):
    assert "prefers-color-scheme:dark" in render_svg(graph("a -> b"))


def test_pointing_at_a_package_lights_up_its_arrows(graph):
    text = render_svg(graph("a -> b"))
    assert ".thoth-graph:has(.n0:hover) .s0 path" in text
    assert ".thoth-graph:has(.n1:hover) .t1 path" in text


@pytest.mark.parametrize("count", [0, 1])
def test_the_smallest_graphs_are_drawn(count, graph):
    root = parsed(render_svg(graph(alone=tuple("a" * count))))
    assert len(by_class(root, "node")) == count
    assert float(root.get("height", "0")) > 0


def test_edges_of_unknown_nodes_and_loops_are_left_out(graph):
    whole = graph("a -> b", "a -> a")
    less = DependencyGraph(
        tuple(node for node in whole.nodes if node.name == "a"), whole.edges, (), (), ()
    )
    assert by_class(parsed(render_svg(less)), "edge") == []
