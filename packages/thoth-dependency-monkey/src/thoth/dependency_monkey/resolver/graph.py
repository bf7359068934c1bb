"""The shape of a dependency graph: cycles, components. Pure functions over hashable names."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

T = TypeVar("T", bound="Hashable")


def strongly_connected_components(successors: Mapping[T, Iterable[T]]) -> list[list[T]]:
    """Return the strongly connected components, each after those that it reaches.

    `successors` names every node; order within it decides ties. Source: Tarjan (1972), written
    without recursion so that a long chain is no problem.
    """
    index: dict[T, int] = {}
    low: dict[T, int] = {}
    stack: list[T] = []
    on_stack: set[T] = set()
    found: list[list[T]] = []
    for start in successors:
        if start in index:
            continue
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        work = [(start, iter(successors[start]))]
        while work:
            node, rest = work[-1]
            for following in rest:
                if following not in index:
                    index[following] = low[following] = len(index)
                    stack.append(following)
                    on_stack.add(following)
                    work.append((following, iter(successors[following])))
                    break
                if following in on_stack:
                    low[node] = min(low[node], index[following])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    component = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == node:
                            break
                    found.append(component)
    return found


def weakly_connected_components(successors: Mapping[T, Iterable[T]]) -> list[list[T]]:
    """Return the nodes that hang together whatever the direction of the edges, in given order."""
    neighbours: dict[T, list[T]] = {node: [] for node in successors}
    for node, followings in successors.items():
        for following in followings:
            neighbours[node].append(following)
            neighbours[following].append(node)
    seen: set[T] = set()
    found: list[list[T]] = []
    for start in successors:
        if start in seen:
            continue
        seen.add(start)
        component, todo = [], [start]
        while todo:
            node = todo.pop()
            component.append(node)
            for neighbour in neighbours[node]:
                if neighbour not in seen:
                    seen.add(neighbour)
                    todo.append(neighbour)
        found.append(component)
    return found
