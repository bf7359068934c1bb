"""Where lines run: along gutters between columns and through gaps between boxes, never a box.

Lines to the same column of the same table are one *net*: they flow together. Each net has a track
of its own in every gutter and gap that it uses, so that no two nets lie on top of each other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TRACK = 10
"""Distance of parallel lines."""
_THROUGH_A_COLUMN = 320.0
_WITHIN_A_PANEL = 30.0
_CROWDED = 12.0
_BACKWARDS = 40.0
_ON_TOP = 100
_MOST_ROUNDS = 50

Net = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Pin:
    """Where a line begins or ends: a column of boxes, and a height."""

    column: int
    y: float


@dataclass(frozen=True, slots=True)
class Gap:
    """A free strip of a column, from `top` to `bottom`; `inner`: within a panel."""

    top: float
    bottom: float
    inner: bool

    @property
    def middle(self) -> float:
        """Its middle."""
        return (self.top + self.bottom) / 2


@dataclass(slots=True)
class Route:
    """A line: the gutters it uses, in order, and the gap by which it comes from each to the next.

    `gutters` number the spaces between columns, 0 being left of the first; `gaps` are numbers of
    gaps of the columns that lie between.
    """

    source: Pin
    target: Pin
    net: Net
    gutters: list[int]
    gaps: list[tuple[int, int]] = field(default_factory=list)

    @property
    def from_left(self) -> bool:
        """Whether it leaves its source to the left."""
        return self.gutters[0] == self.source.column

    @property
    def to_left(self) -> bool:
        """Whether it enters its target from the left."""
        return self.gutters[-1] == self.target.column


@dataclass(slots=True)
class Riser:
    """What a net has in a gutter: a vertical line, and the heights at which others join it."""

    net: Net
    low: float
    high: float
    left: set[float]
    right: set[float]


def choose(links: Sequence[tuple[Pin, Pin, Net]], gaps: Sequence[Sequence[Gap]]) -> list[Route]:
    """Return the routes of all links, in their order: short ones, sharing what a net has already.

    `gaps` are those of each column. Where two nets meet at a pin (a key that is a reference too),
    each has a side of its own: the first one chooses, and the other side is kept for the second.
    """
    used: dict[tuple[int, int], set[Net]] = defaultdict(set)
    owners: dict[tuple[Pin, int], Net] = {}
    meeting: dict[Pin, set[Net]] = defaultdict(set)
    for source, target, net in links:
        meeting[source].add(net)
        meeting[target].add(net)
    routes: dict[int, Route] = {}
    order = sorted(
        range(len(links)),
        key=lambda place: (
            abs(links[place][0].column - links[place][1].column),
            abs(links[place][0].y - links[place][1].y),
            place,
        ),
    )
    for place in order:
        source, target, net = links[place]
        best = min(
            (
                _cheapest(source, target, net, (start, end), gaps, used, owners)
                for start in (source.column + 1, source.column)
                for end in (target.column, target.column + 1)
            ),
            key=lambda found: found[0],
        )
        route = routes[place] = best[1]
        for gap in route.gaps:
            used[gap].add(net)
        for pin, gutter in ((source, route.gutters[0]), (target, route.gutters[-1])):
            owners[pin, gutter] = net
            if len(meeting[pin]) == 2:
                (other,) = meeting[pin] - {net}
                owners[pin, 2 * pin.column + 1 - gutter] = other
    return [routes[place] for place in range(len(links))]


def _cheapest(
    source: Pin,
    target: Pin,
    net: Net,
    ends: tuple[int, int],
    gaps: Sequence[Sequence[Gap]],
    used: Mapping[tuple[int, int], set[Net]],
    owners: Mapping[tuple[Pin, int], Net],
) -> tuple[tuple[int, float], Route]:
    """Return the cheapest route between two gutters, and its cost (dynamic programming).

    The cost begins with how many of its ends lie on another net's: no detour is as bad as that.
    """
    start, end = ends
    step = 1 if end >= start else -1
    gutters = list(range(start, end + step, step))
    states: list[tuple[float, float, list[tuple[int, int]]]] = [(0.0, source.y, [])]
    for here, there in pairwise(gutters):
        column = min(here, there)
        following = []
        for number, gap in enumerate(gaps[column]):
            nets = used.get((column, number), set())
            toll = 0.0 if net in nets else _CROWDED * len(nets) + _WITHIN_A_PANEL * gap.inner
            cost, _, way = min(
                ((cost + abs(y - gap.middle), y, way) for cost, y, way in states),
                key=lambda state: state[0],
            )
            following.append(
                (cost + toll + _THROUGH_A_COLUMN, gap.middle, [*way, (column, number)])
            )
        states = following
    cost, y, way = min(states, key=lambda state: state[0] + abs(state[1] - target.y))
    cost += abs(y - target.y)
    taken = sum(owners.get(place, net) != net for place in ((source, start), (target, end)))
    if source.column != target.column:
        towards = source.column + 1 if target.column > source.column else source.column
        cost += _BACKWARDS * ((start != towards) + (end == source.column))
    return (taken, cost), Route(source, target, net, gutters, way)


def assign_heights(
    routes: Iterable[Route], gaps: Sequence[Sequence[Gap]]
) -> dict[tuple[int, int, Net], float]:
    """Return the height at which each net runs through each gap that it uses.

    By (column, gap, net). A net goes straight on where it can; no two nets of neighbouring columns
    share a height.
    """
    wishes: dict[tuple[int, int, Net], list[float]] = defaultdict(list)
    for route in routes:
        middles = [gaps[column][number].middle for column, number in route.gaps]
        heights = [route.source.y, *middles, route.target.y]
        for place, (column, number) in enumerate(route.gaps):
            wishes[column, number, route.net] += [heights[place], heights[place + 2]]
    chosen: dict[tuple[int, int, Net], float] = {}
    beside: dict[float, Net] = {}
    for column, own in enumerate(gaps):
        taken: dict[float, Net] = {}
        for number, gap in enumerate(own):
            nets = [key[2] for key in wishes if key[:2] == (column, number)]
            nets.sort(key=lambda net: (_mean(wishes[column, number, net]), net))
            for net, y in zip(nets, _slots(nets, gap, beside), strict=True):
                chosen[column, number, net] = y
                taken[y] = net
        beside = taken
    return chosen


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _slots(nets: Sequence[Net], gap: Gap, beside: Mapping[float, Net]) -> list[float]:
    """Return a height for each net, in order, none of another net's in the column beside."""
    first = gap.top + TRACK / 2
    count = max(len(nets), int((gap.bottom - gap.top) // TRACK))
    slots = [first + TRACK * place for place in range(count)]
    spare = (count - len(nets)) // 2
    found: list[float] = []
    at = 0
    for place, net in enumerate(nets):
        last = count - (len(nets) - place)
        straight = [y for y, other in beside.items() if other == net]
        choices = range(at, last + 1)
        best = min(
            choices,
            key=lambda choice: (
                beside.get(slots[choice], net) != net,
                slots[choice] not in straight,
                abs(choice - spare - place),
                choice,
            ),
        )
        y = slots[best]
        while beside.get(y, net) != net:
            y += TRACK / 4
        found.append(y)
        at = best + 1
    return found


def risers(
    routes: Iterable[Route], heights: Mapping[tuple[int, int, Net], float]
) -> dict[int, list[Riser]]:
    """Return by gutter what each net has in it; what touches is one."""
    parts: dict[tuple[int, Net], list[Riser]] = defaultdict(list)
    for route in routes:
        for gutter, (begin, begin_left), (end, end_left) in legs(route, heights):
            riser = Riser(route.net, min(begin, end), max(begin, end), set(), set())
            (riser.left if begin_left else riser.right).add(begin)
            (riser.left if end_left else riser.right).add(end)
            parts[gutter, route.net].append(riser)
    found: dict[int, list[Riser]] = defaultdict(list)
    for (gutter, _), own in sorted(parts.items()):
        found[gutter] += _joined(own)
    return found


def legs(
    route: Route, heights: Mapping[tuple[int, int, Net], float]
) -> list[tuple[int, tuple[float, bool], tuple[float, bool]]]:
    """Return for each gutter of a route where it enters and leaves: the height, and if left."""
    tracks = [heights[column, number, route.net] for column, number in route.gaps]
    ys = [route.source.y, *tracks, route.target.y]
    found = []
    for place, gutter in enumerate(route.gutters):
        # A column on the left of a gutter has the number before the gutter's.
        before = route.source.column if place == 0 else route.gaps[place - 1][0]
        last = place == len(route.gutters) - 1
        after = route.target.column if last else route.gaps[place][0]
        found.append((gutter, (ys[place], before < gutter), (ys[place + 1], after < gutter)))
    return found


def _joined(parts: Sequence[Riser]) -> list[Riser]:
    joined: list[Riser] = []
    for part in sorted(parts, key=lambda riser: (riser.low, riser.high)):
        if joined and part.low <= joined[-1].high:
            last = joined[-1]
            last.high = max(last.high, part.high)
            last.left |= part.left
            last.right |= part.right
        else:
            joined.append(part)
    return joined


def tracks(own: Sequence[Riser]) -> list[int]:
    """Return for each riser of a gutter its track, 0 being the leftmost; few lines cross."""
    order = list(range(len(own)))
    order.sort(key=lambda place: (len(own[place].right) - len(own[place].left), own[place].low))
    before = [[_clashes(one, other) for other in own] for one in own]
    for _ in range(_MOST_ROUNDS):
        if not _improve(order, before):
            break
    found = [0] * len(own)
    for place, number in enumerate(order):
        riser = own[number]
        found[number] = max(
            (
                found[other] + 1
                for other in order[:place]
                if own[other].low < riser.high + TRACK and riser.low < own[other].high + TRACK
            ),
            default=0,
        )
    return found


def _improve(order: list[int], before: Sequence[Sequence[int]]) -> bool:
    """Move one riser to where it clashes least; say whether one was moved."""
    for number in list(order):
        rest = [other for other in order if other != number]
        costs = []
        cost = sum(before[number][other] for other in rest)
        for place in range(len(order)):
            costs.append(cost)
            if place < len(rest):
                cost += before[rest[place]][number] - before[number][rest[place]]
        now = order.index(number)
        best = min(range(len(costs)), key=lambda place: (costs[place], abs(place - now)))
        if costs[best] < costs[now]:
            rest.insert(best, number)
            order[:] = rest
            return True
    return False


def _clashes(one: Riser, other: Riser) -> int:
    """Return how badly two risers of a gutter clash if the first one is left of the other."""
    if one.net == other.net:
        return 0
    crossings = sum(other.low <= y <= other.high for y in one.right)
    crossings += sum(one.low <= y <= one.high for y in other.left)
    return crossings + _ON_TOP * len(one.right & other.left)
