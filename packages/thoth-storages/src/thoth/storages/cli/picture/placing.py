"""Which tables stand where: a panel a concern, panels in columns, related ones near each other.

A local search from a few starts, always the same for the same schema: nothing is random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from thoth.storages.cli.picture.tables import Reference, Schema, Table

ROW = 20
HEADER = 30
"""Height of a table's name. With it, the middle of a row is a multiple of `ROW` below the box."""
FOOT = 10
TITLE = 36
"""Height of a panel's title, at least."""
BETWEEN = 40
"""About what lies between two boxes or panels."""
_ASPECT = 1.5
_TALL = 20.0
"""What a unit of the tallest column's height costs, in units of a line's length."""
_NEAR = (0.2, 0.5)
_FAR = 3.0
"""What a line costs, in widths of a column, within a column, to the next one, and for each further
one: a line through a whole column is harder to follow than one along a gutter."""
_MOST_SWEEPS = 60

Group = tuple[int, ...]
Arrangement = tuple[tuple[Group, ...], ...]
"""Columns from left to right of groups from top to bottom of tables, by their numbers."""


def box_height(table: Table) -> int:
    """Return the height of a table's box."""
    return HEADER + ROW * len(table.columns) + FOOT


def row_middle(table: Table, column: str) -> int:
    """Return how far below the top of its box a column's row has its middle."""
    place = [one.name for one in table.columns].index(column)
    return HEADER + ROW * place + ROW // 2


@dataclass(frozen=True, slots=True)
class _Link:
    source: int
    source_row: int
    target: int
    target_row: int


class _Search:
    """Improves arrangements of one schema, whose columns are about `width` wide."""

    def __init__(self, schema: Schema, width: float) -> None:
        number = {table.name: place for place, table in enumerate(schema.tables)}
        self._heights = [box_height(table) for table in schema.tables]
        self._links = [
            self._link(schema.tables, number, reference) for reference in schema.references
        ]
        self._width = width

    @staticmethod
    def _link(tables: Sequence[Table], number: Mapping[str, int], reference: Reference) -> _Link:
        source, target = number[reference.source], number[reference.target]
        return _Link(
            source,
            row_middle(tables[source], reference.column),
            target,
            row_middle(tables[target], reference.target_column),
        )

    def group_height(self, group: Group) -> int:
        """Return the height of a panel and of the space below it."""
        return TITLE + sum(self._heights[table] + BETWEEN for table in group) + BETWEEN

    def cost(self, arrangement: Arrangement) -> float:
        """Return how far lines have to go, and how much taller the columns are than they need."""
        place: dict[int, tuple[int, int]] = {}
        tallest = 0
        for number, column in enumerate(arrangement):
            y = 0
            for group in column:
                y += TITLE
                for table in group:
                    place[table] = (number, y)
                    y += self._heights[table] + BETWEEN
                y += BETWEEN
            tallest = max(tallest, y)
        total = _TALL * tallest
        for link in self._links:
            source, y = place[link.source]
            target, other_y = place[link.target]
            away = abs(y + link.source_row - other_y - link.target_row)
            columns = abs(source - target)
            far = _NEAR[columns] if columns < len(_NEAR) else _FAR * columns
            total += away + self._width * far
        return total

    def improved(self, arrangement: Arrangement) -> tuple[float, Arrangement]:
        """Return the best arrangement that changes for the better lead to, and its cost."""
        best = self.cost(arrangement)
        for _ in range(_MOST_SWEEPS):
            better = False
            for changed in _changes(arrangement):
                cost = self.cost(changed)
                if cost < best - 1e-6:
                    best, arrangement, better = cost, changed, True
                    break
            if not better:
                break
        return best, arrangement


def _changes(arrangement: Arrangement) -> Iterator[Arrangement]:
    """Yield what one change makes of an arrangement: a group or a table stands elsewhere."""
    columns = [list(column) for column in arrangement]
    for number, column in enumerate(columns):
        for place, group in enumerate(column):
            for one, other in combinations(range(len(group)), 2):
                swapped = list(group)
                swapped[one], swapped[other] = swapped[other], swapped[one]
                yield _with(arrangement, number, place, tuple(swapped))
    places = [
        (number, place) for number, column in enumerate(columns) for place in range(len(column))
    ]
    for number, place in places:
        for to in range(len(columns)):
            for at in range(len(columns[to]) + 1):
                if to != number or at not in (place, place + 1):
                    yield _moved(columns, (number, place), (to, at))
    for (one, one_at), (other, other_at) in combinations(places, 2):
        changed = [list(column) for column in columns]
        changed[one][one_at], changed[other][other_at] = (
            changed[other][other_at],
            changed[one][one_at],
        )
        yield _frozen(changed)


def _with(arrangement: Arrangement, number: int, place: int, group: Group) -> Arrangement:
    changed = [list(column) for column in arrangement]
    changed[number][place] = group
    return _frozen(changed)


def _moved(
    columns: Sequence[Sequence[Group]], source: tuple[int, int], target: tuple[int, int]
) -> Arrangement:
    changed = [list(column) for column in columns]
    (number, place), (to, at) = source, target
    group = changed[number].pop(place)
    changed[to].insert(at - (to == number and at > place), group)
    return _frozen(changed)


def _frozen(columns: Sequence[Sequence[Group]]) -> Arrangement:
    return tuple(tuple(column) for column in columns)


def arrange(schema: Schema, width: float) -> list[list[list[Table]]]:
    """Return the tables in columns of panels. `width` is about how wide a column is."""
    search = _Search(schema, width)
    by_concern: dict[str, list[int]] = {}
    for number, table in enumerate(schema.tables):
        by_concern.setdefault(table.concern, []).append(number)
    groups = [tuple(tables) for tables in by_concern.values()]
    total = sum(search.group_height(group) for group in groups)
    count = max(1, min(len(groups), round(math.sqrt(_ASPECT * total / width))))
    starts = (
        sorted(groups, key=lambda group: (-search.group_height(group), group)),
        sorted(groups, key=lambda group: (search.group_height(group), group)),
        groups,
        groups[::-1],
    )
    results = [search.improved(_dealt(start, count, search)) for start in starts]
    _, best = min(results)
    return [
        [[schema.tables[table] for table in group] for group in column] for column in best if column
    ]


def _dealt(groups: Sequence[Group], count: int, search: _Search) -> Arrangement:
    """Put each group into the column that is the shortest so far."""
    columns: list[list[Group]] = [[] for _ in range(count)]
    heights = [0] * count
    for group in groups:
        shortest = heights.index(min(heights))
        columns[shortest].append(group)
        heights[shortest] += search.group_height(group)
    return _frozen(columns)
