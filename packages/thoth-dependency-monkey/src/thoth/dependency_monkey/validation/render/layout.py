"""A layered drawing of a graph: where each node and each edge goes, in abstract units.

After Sugiyama, Tagawa and Toda (1981): open cycles, put nodes into layers, order the layers for few
crossings, then place. Layers are columns and edges run from left to right, since a name is wider
than it is high. Nothing here knows of packages or of SVG.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from thoth.dependency_monkey.validation.render.crossings import reduce_crossings
from thoth.dependency_monkey.validation.render.layering import layered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from thoth.dependency_monkey.validation.render.layering import Layers

Point = tuple[float, float]

NODE_HEIGHT = 26.0
_NODE_GAP = 9.0
_DUMMY_HEIGHT = 2.0
_DUMMY_GAP = 6.0
_COLUMN_GAP = 56.0
_STEEP = 0.09
_WIDEST_GAP = 150.0
_PART_GAP = 34.0
_PLACING_ROUNDS = 28
_STRAIGHT = 8.0
_STRAIGHTENING_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place: left edge, middle and width. Every node is `NODE_HEIGHT` high."""

    left: float
    middle: float
    width: float


@dataclass(frozen=True, slots=True)
class Span:
    """A straight, level stretch of an edge across a column, from `left` to `right`."""

    left: float
    right: float
    middle: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A finished layout.

    `routes` gives for each edge the columns that it crosses, from left to right: the first span
    starts at one box, the last ends at the other. Between spans an edge is free to curve: there
    are no boxes (unless the graph is beyond `layering.MAX_DUMMIES`). An edge that runs against the
    flow has its source on the right.
    """

    width: float
    height: float
    boxes: Mapping[str, Box]
    routes: Mapping[tuple[str, str], tuple[Span, ...]]


def lay_out(
    widths: Mapping[str, float], edges: Iterable[tuple[str, str]], roots: Sequence[str]
) -> Drawing:
    """Lay a graph out.

    `widths` gives the nodes and how wide each is. Edges of a node with itself, doubles and edges to
    what is no node are left out. The same graph always gives the same drawing, within a second or
    two for any graph of a few thousand nodes and edges.
    """
    pairs = {
        (source, target)
        for source, target in edges
        if source != target and source in widths and target in widths
    }
    parts = _parts(widths, pairs, roots)
    alone = [part[0] for part in parts if len(part) == 1]
    boxes: dict[str, Box] = {}
    routes: dict[tuple[str, str], tuple[Span, ...]] = {}
    width = height = 0.0
    for part in parts:
        if len(part) > 1:
            members = set(part)
            inner = {pair for pair in pairs if pair[0] in members}
            drawing = _lay_out_part(part, widths, inner, height + (_PART_GAP if height else 0.0))
            boxes |= drawing.boxes
            routes |= drawing.routes
            width, height = max(width, drawing.width), drawing.height
    placed = _rows(alone, widths, width, height + (_PART_GAP if height and alone else 0.0))
    boxes |= placed
    for box in placed.values():
        width = max(width, box.left + box.width)
        height = max(height, box.middle + NODE_HEIGHT / 2)
    return Drawing(width, height, boxes, routes)


def _parts(
    names: Iterable[str], pairs: Iterable[tuple[str, str]], roots: Sequence[str]
) -> list[list[str]]:
    """Return the weakly connected parts, largest first; within each, roots first, then by name."""
    leader = {name: name for name in names}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for source, target in sorted(pairs):
        leader[find(source)] = find(target)
    first = {name: place for place, name in enumerate(roots)}
    members: dict[str, list[str]] = {}
    for name in sorted(leader, key=lambda name: (first.get(name, len(first)), name)):
        members.setdefault(find(name), []).append(name)
    return sorted(members.values(), key=len, reverse=True)


def _rows(
    names: Sequence[str], widths: Mapping[str, float], width: float, top: float
) -> dict[str, Box]:
    """Set nodes without edges in rows, about as wide as the rest of the drawing."""
    boxes = {}
    left, limit = 0.0, max(width, 640.0)
    for name in names:
        if left and left + widths[name] > limit:
            left, top = 0.0, top + NODE_HEIGHT + _NODE_GAP
        boxes[name] = Box(left, top + NODE_HEIGHT / 2, widths[name])
        left += widths[name] + _NODE_GAP * 2
    return boxes


def _lay_out_part(
    names: Sequence[str],
    widths: Mapping[str, float],
    pairs: Iterable[tuple[str, str]],
    top: float,
) -> Drawing:
    number = {name: place for place, name in enumerate(names)}
    numbered = [(number[source], number[target]) for source, target in pairs]
    # Names come with the roots first, which is where cycles are to be entered.
    layers = layered(len(names), numbered, range(len(names)))
    reduce_crossings(layers)
    middles = _middles(layers)
    shift = top - min(
        middles[nodes[0]] - _height(nodes[0], layers) / 2 for nodes in layers.order if nodes
    )
    middles = [middle + shift for middle in middles]
    columns = _columns(layers, [widths[name] for name in names], middles)
    boxes = {
        name: Box(columns[layers.layer[node]][0], middles[node], widths[name])
        for name, node in number.items()
    }
    routes = {
        (names[source], names[target]): tuple(
            Span(*columns[layers.layer[node]], middles[node]) for node in route
        )
        for (source, target), route in layers.routes.items()
    }
    return Drawing(
        columns[-1][1],
        max(middles[nodes[-1]] + _height(nodes[-1], layers) / 2 for nodes in layers.order if nodes),
        boxes,
        routes,
    )


def _height(node: int, layers: Layers) -> float:
    return NODE_HEIGHT if node < layers.real else _DUMMY_HEIGHT


def _columns(
    layers: Layers, widths: Sequence[float], middles: Sequence[float]
) -> list[tuple[float, float]]:
    """Return left and right edge of each column; steep edges get more room between columns."""
    columns = []
    left = 0.0
    for nodes in layers.order:
        width = max((widths[node] for node in nodes if node < layers.real), default=0.0)
        columns.append((left, left + width))
        climb = max(
            (
                abs(middles[node] - middles[target])
                for node in nodes
                for target in layers.after[node]
            ),
            default=0.0,
        )
        left += width + min(_COLUMN_GAP + climb * _STEEP, _WIDEST_GAP)
    return columns


def _middles(layers: Layers) -> list[float]:
    """Place the nodes of each column: near their neighbours, in order, without overlap.

    Each round solves, column by column, the weighted least squares problem of being near the
    neighbours, exactly (isotonic regression). Steps between dummies weigh most, which keeps the
    trunks straight.
    """
    middles = [0.0] * len(layers.layer)
    offsets = []
    for nodes in layers.order:
        distances = [0.0]
        for upper, lower in pairwise(nodes):
            distances.append(distances[-1] + _apart(upper, lower, layers))
        offsets.append(distances)
        for node, distance in zip(nodes, distances, strict=True):
            middles[node] = distance - distances[-1] / 2
    sides = ((layers.before,), (layers.after,), (layers.before, layers.after))
    for turn in range(_PLACING_ROUNDS):
        # First each column by one side alone, to untangle; then by both, to settle.
        used = sides[turn % 2] if turn < _PLACING_ROUNDS // 3 else sides[2]
        order = range(len(layers.order))
        for column in order if turn % 2 == 0 else reversed(order):
            nodes = layers.order[column]
            wishes = [_wish(node, layers, used, middles) for node in nodes]
            placed = _isotonic(
                [wish - offset for (wish, _), offset in zip(wishes, offsets[column], strict=True)],
                [weight for _, weight in wishes],
            )
            for node, height, offset in zip(nodes, placed, offsets[column], strict=True):
                middles[node] = height + offset
    for _ in range(_STRAIGHTENING_ROUNDS):
        _straighten(layers, middles)
    return middles


def _straighten(layers: Layers, middles: list[float]) -> None:
    """Level the trunks as far as their neighbours above and below leave room, the longest first.

    From its target backwards, a trunk stays level while some height is free in every column.
    """
    place = {node: spot for nodes in layers.order for spot, node in enumerate(nodes)}
    trunks = sorted(layers.trunks.items(), key=lambda entry: len(entry[1]), reverse=True)
    for (target, _), trunk in trunks:
        wanted = middles[target]
        level: list[int] = []
        lowest, highest = float("-inf"), float("inf")
        for node in trunk:
            least, most = _room(node, place[node], layers, middles)
            if max(lowest, least) > min(highest, most):
                wanted = _level(level, wanted, lowest, highest, middles)
                level, lowest, highest = [], float("-inf"), float("inf")
            level.append(node)
            lowest, highest = max(lowest, least), min(highest, most)
        _level(level, wanted, lowest, highest, middles)


def _room(node: int, spot: int, layers: Layers, middles: list[float]) -> tuple[float, float]:
    """Return how far up and down a node could move between its neighbours in the column."""
    nodes = layers.order[layers.layer[node]]
    least, most = float("-inf"), float("inf")
    if spot:
        least = middles[nodes[spot - 1]] + _apart(nodes[spot - 1], node, layers)
    if spot + 1 < len(nodes):
        most = middles[nodes[spot + 1]] - _apart(node, nodes[spot + 1], layers)
    return least, most


def _level(
    nodes: list[int], wanted: float, lowest: float, highest: float, middles: list[float]
) -> float:
    """Put the nodes on one height between two limits, as near as can be to the one wanted."""
    height = min(max(wanted, lowest), highest)
    for node in nodes:
        middles[node] = height
    return height


def _apart(upper: int, lower: int, layers: Layers) -> float:
    gap = _NODE_GAP if upper < layers.real and lower < layers.real else _DUMMY_GAP
    return (_height(upper, layers) + _height(lower, layers)) / 2 + gap


def _wish(
    node: int, layers: Layers, sides: Iterable[list[list[int]]], middles: Sequence[float]
) -> tuple[float, float]:
    """Return where a node would like to be, and how much."""
    total = weights = 0.0
    for side in sides:
        for neighbour in side[node]:
            straight = node >= layers.real and neighbour >= layers.real
            weight = _STRAIGHT if straight else 1.0
            total += weight * middles[neighbour]
            weights += weight
    return (total / weights, weights) if weights else (middles[node], 0.1)


def _isotonic(wishes: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the ascending numbers that are nearest to `wishes` (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []
    for wish, weight in zip(wishes, weights, strict=True):
        mean, total, size = wish, weight, 1
        while pools and pools[-1][0] > mean:
            other_mean, other_total, other_size = pools.pop()
            mean = (mean * total + other_mean * other_total) / (total + other_total)
            total += other_total
            size += other_size
        pools.append((mean, total, size))
    return [mean for mean, _, size in pools for _ in range(size)]
