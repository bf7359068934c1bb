"""The finished layout: boxes, panels and lines with their coordinates."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thoth.storages.cli.picture import routing
from thoth.storages.cli.picture.placing import ROW, TITLE, arrange, box_height, row_middle
from thoth.storages.cli.picture.routing import TRACK, Gap, Pin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thoth.storages.cli.picture.routing import Net, Riser, Route
    from thoth.storages.cli.picture.tables import Reference, Schema, Table

PADDING = 14
"""Between a panel's edge and its boxes."""
_STRIP = 20
"""The least free height of a gap beside its tracks."""
_GUTTER = 30
"""Free width on each side of a gutter's tracks, from panel to panel: for the ends of lines."""
_OUTER = 8

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A reference with the corners of its line, from its source to its target."""

    reference: Reference
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is. Panels are (concern, box), in order."""

    width: float
    height: float
    boxes: dict[str, Box]
    panels: tuple[tuple[str, Box], ...]
    lines: tuple[Line, ...]


@dataclass(slots=True)
class _Stack:
    """A column: tops of its tables' boxes, heights of its panels, and the gaps between them."""

    tops: dict[str, float]
    panels: list[tuple[str, float, float]]
    gaps: list[Gap]
    height: float


def lay_out(schema: Schema, widths: Mapping[str, float]) -> Layout:
    """Return the layout of a schema whose boxes have these widths, by table."""
    average = sum(widths.values()) / len(widths)
    columns = arrange(schema, average + 2 * PADDING + 4 * _GUTTER)
    routes, stacks = _routed(schema, columns)
    gaps = [stack.gaps for stack in stacks]
    heights = routing.assign_heights(routes, gaps)
    by_gutter = routing.risers(routes, heights)
    tracks = {gutter: routing.tracks(own) for gutter, own in by_gutter.items()}
    lefts, gutters, width = _across(columns, widths, tracks)
    boxes, panels = {}, []
    for column, stack, left in zip(columns, stacks, lefts, strict=True):
        inner = max(widths[table.name] for group in column for table in group)
        for name, top in stack.tops.items():
            table = next(table for group in column for table in group if table.name == name)
            boxes[name] = Box(left + PADDING, top, inner, box_height(table))
        for concern, top, height in stack.panels:
            panels.append((concern, Box(left, top, inner + 2 * PADDING, height)))
    at = {
        (gutter, riser.net, riser.low): gutters[gutter] + TRACK * track
        for gutter, own in by_gutter.items()
        for riser, track in zip(own, tracks[gutter], strict=True)
    }
    lines = tuple(
        Line(reference, _corners(reference, route, heights, by_gutter, at, boxes))
        for reference, route in zip(schema.references, routes, strict=True)
    )
    height = max(stack.height for stack in stacks)
    return Layout(width, height, boxes, tuple(panels), lines)


def _routed(
    schema: Schema, columns: Sequence[Sequence[Sequence[Table]]]
) -> tuple[list[Route], list[_Stack]]:
    """Return the routes, and the columns with room for them."""
    roomless = [_stack(column, number, {}) for number, column in enumerate(columns)]
    routes = routing.choose(_links(schema, columns, roomless), [stack.gaps for stack in roomless])
    nets: dict[tuple[int, int], set[Net]] = defaultdict(set)
    for route in routes:
        for gap in route.gaps:
            nets[gap].add(route.net)
    counts = {gap: len(found) for gap, found in nets.items()}
    stacks = [_stack(column, number, counts) for number, column in enumerate(columns)]
    for route, (source, target, _) in zip(routes, _links(schema, columns, stacks), strict=True):
        route.source, route.target = source, target
    return routes, stacks


def _stack(
    column: Sequence[Sequence[Table]], number: int, nets: Mapping[tuple[int, int], int]
) -> _Stack:
    """Stack a column's panels, each gap as high as the nets in it need.

    Rows of neighbouring columns have their middles half a row apart, and tracks between them, so
    that two lines that meet in a gutter never have the same height.
    """
    phase = TITLE % ROW + (ROW // 2) * (number % 2)
    stack = _Stack({}, [], [], 0)
    y = 0.0
    for group in column:
        top = _aligned(y + _strip(stack, number, nets), 0)
        first = _aligned(top + TITLE, phase)
        stack.gaps.append(Gap(y, top, inner=False))
        y = first
        for place, table in enumerate(group):
            if place:
                below = _aligned(y + _strip(stack, number, nets), phase)
                stack.gaps.append(Gap(y, below, inner=True))
                y = below
            stack.tops[table.name] = y
            y += box_height(table)
        y = _aligned(y + PADDING, 0)
        stack.panels.append((group[0].concern, top, y - top))
    below = y + _strip(stack, number, nets)
    stack.gaps.append(Gap(y, below, inner=False))
    stack.height = below
    return stack


def _strip(stack: _Stack, number: int, nets: Mapping[tuple[int, int], int]) -> float:
    return _STRIP + TRACK * nets.get((number, len(stack.gaps)), 0)


def _aligned(y: float, phase: int) -> float:
    """Return the next height that is a whole number of rows, and a phase, from the top."""
    return -(-(y - phase) // ROW) * ROW + phase


def _links(
    schema: Schema, columns: Sequence[Sequence[Sequence[Table]]], stacks: Sequence[_Stack]
) -> list[tuple[Pin, Pin, Net]]:
    place = {
        table.name: (number, table)
        for number, column in enumerate(columns)
        for group in column
        for table in group
    }

    def pin(name: str, column: str) -> Pin:
        number, table = place[name]
        return Pin(number, stacks[number].tops[name] + row_middle(table, column))

    return [
        (
            pin(reference.source, reference.column),
            pin(reference.target, reference.target_column),
            (reference.target, reference.target_column),
        )
        for reference in schema.references
    ]


def _across(
    columns: Sequence[Sequence[Sequence[Table]]],
    widths: Mapping[str, float],
    tracks: Mapping[int, Sequence[int]],
) -> tuple[list[float], dict[int, float], float]:
    """Return where columns begin, where each gutter's first track is, and the whole width."""
    lefts: list[float] = []
    gutters: dict[int, float] = {}
    x = 0.0
    for number in range(len(columns) + 1):
        own = tracks.get(number, ())
        outer = number in (0, len(columns))
        if own:
            begin = _OUTER if number == 0 else _GUTTER
            end = _OUTER if number == len(columns) else _GUTTER
            gutters[number] = x + begin
            x += begin + TRACK * max(own) + end
        elif not outer:
            x += 2 * _GUTTER
        if number < len(columns):
            lefts.append(x)
            inner = max(widths[table.name] for group in columns[number] for table in group)
            x += inner + 2 * PADDING
    return lefts, gutters, x


def _corners(
    reference: Reference,
    route: Route,
    heights: Mapping[tuple[int, int, Net], float],
    by_gutter: Mapping[int, Sequence[Riser]],
    at: Mapping[tuple[int, Net, float], float],
    boxes: Mapping[str, Box],
) -> tuple[Point, ...]:
    source, target = boxes[reference.source], boxes[reference.target]
    points = [(source.x + (0 if route.from_left else source.width), route.source.y)]
    for gutter, (begin, _), (end, _) in routing.legs(route, heights):
        (riser,) = (
            riser
            for riser in by_gutter[gutter]
            if riser.net == route.net and riser.low <= begin <= riser.high
        )
        x = at[gutter, route.net, riser.low]
        points += [(x, begin), (x, end)]
    points.append((target.x + (0 if route.to_left else target.width), route.target.y))
    return _simplified(points)


def _simplified(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the corners only: no point twice, none in the middle of a straight line."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and (
            kept[-2][0] == kept[-1][0] == point[0] or kept[-2][1] == kept[-1][1] == point[1]
        ):
            kept[-1] = point
        else:
            kept.append(point)
    return tuple(kept)
