"""Second half of a layered drawing, first step: an order within the layers with few crossings.

The usual sweeps: each layer is sorted by the mean position of its neighbours in the layer that was
sorted before it, forth and back, and neighbours are exchanged where that helps. The best order
seen is kept. The work is bounded by `EFFORT`, so that a huge graph is drawn less well, not later.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thoth.dependency_monkey.validation.render.layering import Layers

EFFORT = 60_000
_MOST_SWEEPS = 24


def reduce_crossings(layers: Layers) -> None:
    """Reorder `layers.order` in place."""
    steps = sum(map(len, layers.after))
    sweeps = max(2, min(_MOST_SWEEPS, EFFORT // max(steps, 1)))
    position = [0] * len(layers.layer)
    for nodes in layers.order:
        _number(nodes, position)
    best = [list(nodes) for nodes in layers.order]
    fewest = _crossings(layers, position)
    for sweep in range(sweeps):
        if not fewest:
            break
        forth = sweep % 2 == 0
        neighbours = layers.before if forth else layers.after
        for nodes in layers.order[1:] if forth else layers.order[-2::-1]:
            _sort(nodes, neighbours, position)
        _exchange(layers, position)
        crossings = _crossings(layers, position)
        if crossings < fewest:
            fewest = crossings
            best = [list(nodes) for nodes in layers.order]
    layers.order = best


def _number(nodes: list[int], position: list[int]) -> None:
    for place, node in enumerate(nodes):
        position[node] = place


def _sort(nodes: list[int], neighbours: list[list[int]], position: list[int]) -> None:
    """Sort by mean position of the neighbours; whoever has none stays about where it is."""
    means = {}
    for node in nodes:
        places = [position[neighbour] for neighbour in neighbours[node]]
        means[node] = sum(places) / len(places) if places else float(position[node])
    nodes.sort(key=lambda node: (means[node], position[node]))
    _number(nodes, position)


def _exchange(layers: Layers, position: list[int]) -> None:
    """Exchange neighbours within a layer wherever that leaves fewer crossings, once through."""
    for nodes in layers.order:
        places = {
            node: (
                sorted(position[neighbour] for neighbour in layers.before[node]),
                sorted(position[neighbour] for neighbour in layers.after[node]),
            )
            for node in nodes
        }
        for place in range(len(nodes) - 1):
            upper, lower = nodes[place], nodes[place + 1]
            now = sum(map(_above, places[upper], places[lower]))
            then = sum(map(_above, places[lower], places[upper]))
            if then < now:
                nodes[place], nodes[place + 1] = lower, upper
        _number(nodes, position)


def _above(upper: list[int], lower: list[int]) -> int:
    """Count the pairs in which a neighbour of the upper node stands below one of the lower's."""
    return sum(len(upper) - bisect_right(upper, place) for place in lower)


def _crossings(layers: Layers, position: list[int]) -> int:
    crossings = 0
    for nodes in layers.order:
        passed: list[int] = []
        for node in nodes:
            places = sorted(position[neighbour] for neighbour in layers.after[node])
            for place in places:
                crossings += len(passed) - bisect_right(passed, place)
            for place in places:
                insort(passed, place)
    return crossings
