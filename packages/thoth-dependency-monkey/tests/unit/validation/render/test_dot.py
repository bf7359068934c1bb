from __future__ import annotations

import re

import pytest

from thoth.dependency_monkey.validation.render.dot import render_dot
from thoth.dependency_monkey.validation.result import DependencyGraph, GraphEdge, GraphNode


def test_a_graph_is_drawn_with_its_versions_requirements_and_roots():
    graph = DependencyGraph(
        nodes=(GraphNode("pandas", "2.3.0"), GraphNode("numpy", "2.3.1")),
        edges=(
            GraphEdge("pandas", "numpy", "numpy>=1.26", 'python_version < "3.14"', None),
            GraphEdge("pandas", "numpy", "numpy>=1.20", None, "all"),
        ),
        roots=("pandas",),
        cycles=(),
        components=(),
    )
    assert render_dot(graph) == (
        "digraph dependencies {\n"
        "  rankdir=TB;\n"
        '  node [shape=box, style=rounded, fontname="sans-serif"];\n'
        '  edge [fontname="sans-serif", fontsize=9];\n'
        '  "numpy" [label="numpy\\n2.3.1"];\n'
        '  "pandas" [label="pandas\\n2.3.0", style="rounded,bold"];\n'
        '  "pandas" -> "numpy" [label="numpy>=1.20", tooltip="pandas[all]"];\n'
        '  "pandas" -> "numpy" [label="numpy>=1.26", tooltip="python_version < \\"3.14\\""];\n'
        "}\n"
    )


def test_the_order_of_nodes_and_edges_does_not_matter(graph):
    arrows = ("a -> b>=1", "a -> c", "b -> c>=2")
    assert render_dot(graph(*arrows, roots=("a",))) == render_dot(
        graph(*reversed(arrows), roots=("a",))
    )


@pytest.mark.parametrize("hostile", ['"', "\\", '\\"', "\n", "\x1b[2J", "];}", "\\N", "\ud800"])
def test_supplied_text_stays_inside_its_quotes(hostile):
    graph = DependencyGraph(
        nodes=(GraphNode(f"a{hostile}", f"1{hostile}"),),
        edges=(GraphEdge(f"a{hostile}", f"a{hostile}", hostile, hostile, hostile),),
        roots=(f"a{hostile}",),
        cycles=(),
        components=(),
    )
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "T", render_dot(graph))
    assert bare.splitlines()[4:] == [
        "  T [label=T, style=T];",
        "  T -> T [label=T, tooltip=T];",
        "}",
    ]


def test_an_empty_graph_is_a_graph(graph):
    assert render_dot(graph()).startswith("digraph dependencies {\n")
