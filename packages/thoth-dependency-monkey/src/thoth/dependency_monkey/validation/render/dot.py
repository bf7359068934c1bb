"""The dependency graph in Graphviz's DOT language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thoth.dependency_monkey.validation.render.escape import visible

if TYPE_CHECKING:
    from thoth.dependency_monkey.validation.result import DependencyGraph


def render_dot(graph: DependencyGraph) -> str:
    """Return the graph as a DOT digraph, the same text for the same graph.

    A node's identifier is the package name; what the stack names itself is drawn with a bold
    frame. An edge carries its requirement as label, and its marker and extra as tooltip.
    """
    roots = set(graph.roots)
    lines = [
        "digraph dependencies {",
        "  rankdir=TB;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=9];',
    ]
    for node in sorted(graph.nodes, key=lambda node: node.name):
        bold = ', style="rounded,bold"' if node.name in roots else ""
        label = f'"{_escaped(node.name)}\\n{_escaped(node.version)}"'
        lines.append(f"  {_quoted(node.name)} [label={label}{bold}];")
    for edge in sorted(
        graph.edges,
        key=lambda edge: (
            edge.source, edge.target, edge.requirement, edge.marker or "", edge.extra or ""
        ),
    ):  # fmt: skip
        extra = f"{edge.source}[{edge.extra}]" if edge.extra else ""
        tooltip = "; ".join(filter(None, (extra, edge.marker)))
        attributes = f"label={_quoted(edge.requirement)}"
        if tooltip:
            attributes += f", tooltip={_quoted(tooltip)}"
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [{attributes}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """Return the inside of a quoted DOT string that shows exactly `text`."""
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')
