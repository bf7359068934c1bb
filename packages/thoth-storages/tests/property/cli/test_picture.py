"""Whatever the schema: boxes apart, lines at right angles, around boxes, never on each other."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thoth.storages.cli.picture import svg
from thoth.storages.cli.picture.layout import Layout, lay_out
from thoth.storages.cli.picture.tables import Column, Reference, Schema, Table, read_schema

if TYPE_CHECKING:
    from thoth.storages.cli.picture.layout import Box, Line

Segment = tuple[float, float, float, float]


def column(name: str) -> Column:
    return Column(
        name=name,
        type="integer",
        nullable=False,
        primary=name == "c0",
        foreign=False,
        unique=(),
        alone=False,
        partial=False,
    )


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    concerns = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    tables = [
        Table(
            name=f"t{number}_{place}",
            concern=f"concern{number}",
            about="",
            columns=tuple(column(f"c{i}") for i in range(draw(st.integers(1, 8)))),
        )
        for number, count in enumerate(concerns)
        for place in range(count)
    ]
    references = []
    for _ in range(draw(st.integers(0, 20))):
        source, target = draw(st.sampled_from(tables)), draw(st.sampled_from(tables))
        # As in a real schema: keys are referred to, and each column refers to one thing at most.
        name = draw(st.sampled_from(source.columns)).name
        if (source.name, name) not in [(one.source, one.column) for one in references]:
            references.append(
                Reference(source.name, name, target.name, "c0", optional=False, single=False)
            )
    return Schema("0001", tuple(tables), tuple(references))


def widths(schema: Schema) -> dict[str, float]:
    return {table.name: 100.0 + 10 * len(table.columns) for table in schema.tables}


def segments(line: Line) -> list[Segment]:
    return [
        (min(a, c), min(b, d), max(a, c), max(b, d)) for (a, b), (c, d) in pairwise(line.points)
    ]


def runs_through(segment: Segment, box: Box) -> bool:
    left, top, right, bottom = segment
    return (
        left < box.x + box.width and right > box.x and top < box.y + box.height and bottom > box.y
    )


def lie_on_each_other(one: Segment, other: Segment) -> bool:
    if one[1] == one[3] == other[1] == other[3]:
        return max(one[0], other[0]) < min(one[2], other[2])
    if one[0] == one[2] == other[0] == other[2]:
        return max(one[1], other[1]) < min(one[3], other[3])
    return False


def check(layout: Layout) -> None:
    boxes = list(layout.boxes.values())
    for one, other in combinations(boxes, 2):
        assert not runs_through((one.x, one.y, one.x + one.width, one.y + one.height), other)
    drawn = [(line, segments(line)) for line in layout.lines]
    for line, own in drawn:
        assert len(own) >= 1
        for left, top, right, bottom in own:
            assert left == right or top == bottom
            assert left >= 0
            assert top >= 0
            assert right <= layout.width
            assert bottom <= layout.height
            assert not any(runs_through((left, top, right, bottom), box) for box in boxes)
        source, target = layout.boxes[line.reference.source], layout.boxes[line.reference.target]
        for (x, y), box in ((line.points[0], source), (line.points[-1], target)):
            assert x in (box.x, box.x + box.width)
            assert box.y < y < box.y + box.height
    for (one, own), (other, others) in combinations(drawn, 2):
        keys = {(line.reference.target, line.reference.target_column) for line in (one, other)}
        if len(keys) == 2:
            for mine in own:
                assert not any(lie_on_each_other(mine, theirs) for theirs in others)


@pytest.mark.parametrize("performance", [True, False])
def test_the_whole_schema_is_laid_out_cleanly(*, performance: bool) -> None:
    schema = read_schema([], performance=performance)
    check(lay_out(schema, widths(schema)))


def keys_that_refer() -> Schema:
    """Return tables in three columns, the one in the middle with a key that is a reference too.

    From both sides lines come to it: its own line needs one of its sides.
    """
    sizes = {"t0": (2, 1), "t1": (1, 1), "t2": (1, 1, 2, 1), "t3": (1,) * 4, "t4": (1,) * 4}
    tables = tuple(
        Table(f"{concern}_{place}", concern, "", tuple(column(f"c{i}") for i in range(count)))
        for concern, counts in sizes.items()
        for place, count in enumerate(counts)
    )
    pairs = [("t3_0", "t2_2"), ("t2_2", "t0_0"), ("t0_0", "t0_0"), ("t0_1", "t2_2")]
    return Schema(
        "0001",
        tables,
        tuple(
            Reference(source, "c0", target, "c0", optional=False, single=False)
            for source, target in pairs
        ),
    )


@given(schemas())
@example(keys_that_refer())
@settings(max_examples=15)
def test_any_schema_is_laid_out_cleanly(schema: Schema) -> None:
    check(lay_out(schema, widths(schema)))


@pytest.mark.slow
@given(schemas())
@settings(max_examples=1_000)
def test_many_schemas_are_laid_out_cleanly(schema: Schema) -> None:
    check(lay_out(schema, widths(schema)))


@given(schemas())
@settings(max_examples=4)
def test_any_schema_gives_one_well_formed_drawing(schema: Schema) -> None:
    drawing = svg.render(schema)
    assert drawing == svg.render(schema)
    root = ElementTree.fromstring(drawing)
    names = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {table.name for table in schema.tables} <= names
