"""First half of a layered drawing: which layer each node stands in, and what passes between layers.

Layers run from 0, where nothing comes in, to the right. Cycles are opened first: the edges that
close one are turned round, only for the drawing's sake. What would need more than `MAX_DUMMIES`
points between layers goes straight from end to end, over whatever stands between: no lock of real
packages comes near that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Pair = tuple[int, int]

MAX_DUMMIES = 8_000
_BALANCING_ROUNDS = 8


@dataclass(slots=True)
class Layers:
    """Nodes in layers, where every step goes from one layer to the next.

    Nodes from `real` on are dummies: points through which an edge passes a layer. Edges to one
    node share their dummies, so that they flow together: `trunks` lists those dummies, from the
    node that they lead to. `routes` gives for every edge the nodes that it passes, both ends
    included, from left to right.
    """

    real: int
    order: list[list[int]]
    layer: list[int]
    before: list[list[int]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)
    trunks: dict[Pair, list[int]] = field(default_factory=dict)
    routes: dict[Pair, tuple[int, ...]] = field(default_factory=dict)


def opened(count: int, edges: Iterable[Pair], roots: Sequence[int]) -> set[Pair]:
    """Return the edges that close a cycle, as found from the roots on, depth first."""
    following: list[list[int]] = [[] for _ in range(count)]
    for source, target in sorted(edges):
        following[source].append(target)
    closing: set[Pair] = set()
    state = [0] * count
    for start in (*roots, *range(count)):
        if state[start]:
            continue
        state[start] = 1
        stack = [(start, iter(following[start]))]
        while stack:
            node, rest = stack[-1]
            for target in rest:
                if state[target] == 1:
                    closing.add((node, target))
                elif state[target] == 0:
                    state[target] = 1
                    stack.append((target, iter(following[target])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return closing


def layered(count: int, edges: Iterable[Pair], roots: Sequence[int]) -> Layers:
    """Put the nodes 0 to `count` - 1 into layers. `edges` hold neither doubles nor loops."""
    edges = sorted(edges)
    closing = opened(count, edges, roots)
    forward = {(target, source) if (source, target) in closing else (source, target)
               for source, target in edges}  # fmt: skip
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in sorted(forward):
        after[source].append(target)
        before[target].append(source)
    layer = _balanced(_longest_paths(before, after), before, after)
    layers = Layers(count, [[] for _ in range(max(layer, default=-1) + 1)], layer)
    _link(layers, edges, closing)
    for node in _depth_first(count, layers.after, roots):
        layers.order[layers.layer[node]].append(node)
    return layers


def _longest_paths(before: list[list[int]], after: list[list[int]]) -> list[int]:
    """Return for every node the length of the longest path that leads to it."""
    layer = [0] * len(before)
    missing = [len(sources) for sources in before]
    ready = [node for node, number in enumerate(missing) if not number]
    for node in ready:
        for target in after[node]:
            layer[target] = max(layer[target], layer[node] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    return layer


def _balanced(layer: list[int], before: list[list[int]], after: list[list[int]]) -> list[int]:
    """Move nodes that need more than need them towards what they need, to shorten edges."""
    by_layer = sorted(range(len(layer)), key=lambda node: (-layer[node], node))
    for _ in range(_BALANCING_ROUNDS):
        moved = False
        for node in by_layer:
            if before[node] and len(after[node]) > len(before[node]):
                latest = min(layer[target] for target in after[node]) - 1
                moved |= latest > layer[node]
                layer[node] = latest
        if not moved:
            break
    return layer


def _link(layers: Layers, edges: Iterable[Pair], closing: set[Pair]) -> None:
    """Make the dummies, as many as `MAX_DUMMIES` allows, and the steps from layer to layer."""
    steps: set[Pair] = set()
    for source, target in edges:
        left, right = layers.layer[source], layers.layer[target]
        turned = (source, target) in closing
        # An edge that was turned round flows against the others and must not join them.
        trunk = layers.trunks.setdefault((target, turned), [])
        length = abs(right - left) - 1
        missing = max(length - len(trunk), 0)
        if len(layers.layer) - layers.real + missing > MAX_DUMMIES:
            ends = (target, source) if turned else (source, target)
            layers.routes[source, target] = ends
            continue
        for _ in range(missing):
            away = len(trunk) + 1
            trunk.append(len(layers.layer))
            layers.layer.append(right + away if turned else right - away)
        route = [target, *trunk[:length], source]
        if not turned:
            route.reverse()
        layers.routes[source, target] = tuple(route)
        steps.update(pairwise(route))
    layers.before = [[] for _ in layers.layer]
    layers.after = [[] for _ in layers.layer]
    for left, right in sorted(steps):
        layers.after[left].append(right)
        layers.before[right].append(left)


def _depth_first(count: int, after: list[list[int]], roots: Sequence[int]) -> list[int]:
    """Return every node, in the order in which a walk from the roots meets them."""
    met: dict[int, None] = {}
    stack = [*range(count - 1, -1, -1), *reversed(roots)]
    while stack:
        node = stack.pop()
        if node not in met:
            met[node] = None
            stack.extend(reversed(after[node]))
    return list(met)
