"""The schema as an SVG drawing that needs nothing but a viewer: no script, nothing fetched."""

from __future__ import annotations

import colorsys
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from thoth.storages.cli.picture.layout import lay_out
from thoth.storages.cli.picture.placing import HEADER, ROW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thoth.storages.cli.picture.layout import Box, Line, Point
    from thoth.storages.cli.picture.tables import Column, Reference, Schema, Table

_MARGIN = 32
_HEAD = 118
_PILL = 24
_SIDE = 10
_ROUND = 6
_LEAST_WIDTH = 1_080
_NARROW = frozenset("ijltf.,:;'|!()[] ")
_WIDE = frozenset("mwMW@%")

_STYLE = """
text{font:12px Inter,"Helvetica Neue",Arial,"Liberation Sans",sans-serif;fill:#1f2933}
.title{font-size:26px;font-weight:700}
.about{font-size:13px;fill:#52606d}
.concern{font-size:14px;font-weight:700;letter-spacing:.4px}
.name{font-size:13px;font-weight:700;fill:#fff}
.type{font-size:11px;fill:#7b8794;text-anchor:end}
.null{fill:#7b8794}
.pill{font-size:8.5px;font-weight:700;text-anchor:middle;fill:#fff}
.pk{fill:#9a6700}.fk{fill:#3457a6}.uq{fill:#1a7f5a}.part{fill:#6d7f78}
.line{fill:none;stroke-width:1.6}
.tip{stroke-width:1.6}
.halo{fill:none;stroke:#fff;stroke-width:5;stroke-opacity:.75}
.box{fill:#fff}
"""


def render(schema: Schema) -> str:
    """Return the drawing as the text of an SVG file, the same text for the same schema.

    Tables stand in panels, one a concern; lines lead from foreign keys to what they refer to, and
    flow together where that is the same.
    """
    layout = lay_out(schema, {table.name: _box_width(table) for table in schema.tables})
    tint = _tints(schema)
    concern = {table.name: table.concern for table in schema.tables}
    width = max(layout.width + 2 * _MARGIN, _LEAST_WIDTH)
    height = layout.height + _HEAD + 2 * _MARGIN
    size = f'width="{width:.0f}" height="{height:.0f}"'
    view = f'viewBox="0 0 {width:.0f} {height:.0f}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {view}>',
        f"<title>{_text(_caption(schema))}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect {size} fill="#fcfcfb"/>',
        *_head(schema),
        f'<g transform="translate({_MARGIN} {_HEAD + _MARGIN})">',
    ]
    for name, panel in layout.panels:
        lines.extend(_panel(name, panel, tint[name]))
    nets = _nets(layout.lines)
    for (target, _), net in nets:
        lines.append(_net(net, tint[concern[target]]))
    for table in schema.tables:
        lines.extend(_table(table, layout.boxes[table.name], tint[table.concern]))
    for line in layout.lines:
        lines.extend(_ends(line, tint[concern[line.reference.target]]))
    lines += ["</g>", "</svg>"]
    return "\n".join(lines) + "\n"


def _caption(schema: Schema) -> str:
    tables, references = len(schema.tables), len(schema.references)
    return (
        f"Schema revision {schema.revision}, {tables} table{'s' * (tables != 1)}, "
        f"{references} foreign key{'s' * (references != 1)}"
    )


def _tints(schema: Schema) -> dict[str, float]:
    """Return a hue for each concern, neighbours in the alphabet far from each other."""
    concerns = sorted({table.concern for table in schema.tables})
    return {name: (0.58 + place * 0.381966) % 1 for place, name in enumerate(concerns)}


def _colour(hue: float, lightness: float, saturation: float) -> str:
    """Return a colour as six digits. Yellows and greens look lighter than they are: darken them."""
    darker = 0.06 if 0.1 < hue < 0.52 and lightness < 0.6 else 0.0
    parts = colorsys.hls_to_rgb(hue, lightness - darker, saturation)
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def _strong(hue: float) -> str:
    return _colour(hue, 0.40, 0.48)


def _text_width(text: str, size: float) -> float:
    """Return about how wide a text is in a sans-serif font, rather too wide than too narrow."""
    ems = sum(0.32 if letter in _NARROW else 0.9 if letter in _WIDE else 0.6 for letter in text)
    return ems * size


def _pills(column: Column) -> list[tuple[str, str]]:
    """Return a column's marks, and the class of each."""
    found = [("PK", "pk")] * column.primary + [("FK", "fk")] * column.foreign
    if column.alone:
        found.append(("U", "part" if column.partial else "uq"))
    return found + [(f"U{number}", "uq") for number in column.unique]


def _pill_room(table: Table) -> float:
    return _PILL * max((len(_pills(column)) for column in table.columns), default=0)


def _box_width(table: Table) -> float:
    rows = [
        _text_width(column.name, 12) + 22 + _text_width(column.type + "?", 11)
        for column in table.columns
    ]
    inner = max([_pill_room(table) + max(rows, default=0), _text_width(table.name, 14)])
    return round(inner + 2 * _SIDE)


def _head(schema: Schema) -> Iterator[str]:
    """Yield title and legend."""
    yield f'<text class="title" x="{_MARGIN}" y="{_MARGIN + 22}">Thoth: the knowledge graph</text>'
    yield f'<text class="about" x="{_MARGIN}" y="{_MARGIN + 46}">{_text(_caption(schema))}</text>'
    y = _MARGIN + 80
    x = float(_MARGIN)
    marks = (
        ("PK", "pk", "primary key"),
        ("FK", "fk", "foreign key"),
        ("U", "uq", "unique"),
        ("U1", "uq", "unique together, by number"),
        ("U", "part", "unique among some rows"),
    )
    for label, kind, meaning in marks:
        yield _pill(x, y, label, kind)
        yield f'<text x="{x + _PILL + 2:.0f}" y="{y + 4}">{meaning}</text>'
        x += _PILL + 20 + _text_width(meaning, 12)
    yield (
        f'<text class="null" x="{x:.0f}" y="{y + 4}">text?'
        f'<tspan fill="#1f2933" dx="6">may be null</tspan></text>'
    )
    x = float(_MARGIN)
    y += 26
    for many, optional, meaning in (
        (True, False, "many rows refer to one"),
        (True, True, "many rows refer to one, or to none"),
        (False, False, "at most one row refers to one"),
    ):
        points = ((x, float(y)), (x + 64, float(y)))
        yield f'<path class="line" stroke="#52606d" d="M{x:g} {y}H{x + 64:g}"/>'
        yield from _end_marks(points, "#52606d", many=many, optional=optional)
        yield f'<text x="{x + 74:.0f}" y="{y + 4}">{meaning}</text>'
        x += 74 + 26 + _text_width(meaning, 12)
    text = "lines to the same key flow together, in the colour of its concern"
    yield f'<text class="about" x="{x:.0f}" y="{y + 4}">{text}</text>'


def _panel(name: str, box: Box, hue: float) -> Iterator[str]:
    shown = _text(name.removeprefix("models_").replace("_", " "))
    fill, edge = _colour(hue, 0.965, 0.5), _colour(hue, 0.84, 0.35)
    yield (
        f'<rect {_place(box)} rx="10" fill="{fill}" stroke="{edge}"/>'
        f'<text class="concern" x="{box.x + 16:g}" y="{box.y + 25:g}" '
        f'style="fill:{_strong(hue)}">{shown}</text>'
    )


def _place(box: Box) -> str:
    return f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'


def _table(table: Table, box: Box, hue: float) -> Iterator[str]:
    strong = _strong(hue)
    x, y, right = box.x, box.y, box.x + box.width
    yield f"<g><title>{_text(f'{table.name}: {table.about}')}</title>"
    yield f'<rect class="box" {_place(box)} rx="6" stroke="{strong}" stroke-width="1.2"/>'
    yield (
        f'<path fill="{strong}" d="M{x:g} {y + HEADER - 4:g}V{y + 6:g}a6 6 0 0 1 6 -6'
        f'H{right - 6:g}a6 6 0 0 1 6 6V{y + HEADER - 4:g}Z"/>'
        f'<text class="name" x="{x + _SIDE:g}" y="{y + 18:g}">{_text(table.name)}</text>'
    )
    start = x + _SIDE + _pill_room(table)
    for place, column in enumerate(table.columns):
        middle = y + HEADER + ROW * place + ROW // 2
        for number, (label, kind) in enumerate(_pills(column)):
            yield _pill(x + _SIDE + _PILL * number, middle, label, kind)
        faint = ' class="null"' if column.nullable else ""
        shown = f"{column.type}?" if column.nullable else column.type
        yield (
            f'<text{faint} x="{start:g}" y="{middle + 4:g}">{_text(column.name)}</text>'
            f'<text class="type" x="{right - _SIDE:g}" y="{middle + 4:g}">{_text(shown)}</text>'
        )
    yield "</g>"


def _pill(x: float, middle: float, label: str, kind: str) -> str:
    size = f'width="{_PILL - 4}" height="14" rx="4"'
    return (
        f'<rect class="{kind}" x="{x:g}" y="{middle - 7:g}" {size}/>'
        f'<text class="pill" x="{x + _PILL / 2 - 2:g}" y="{middle + 3:g}">{label}</text>'
    )


def _length(points: Sequence[Point]) -> float:
    return sum(abs(a - c) + abs(b - d) for (a, b), (c, d) in pairwise(points))


def _nets(lines: Sequence[Line]) -> list[tuple[tuple[str, str], list[Line]]]:
    """Return the lines by what they lead to, the longest nets first, so below the others."""
    nets: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        key = (line.reference.target, line.reference.target_column)
        nets.setdefault(key, []).append(line)
    return sorted(
        nets.items(), key=lambda net: (-sum(_length(line.points) for line in net[1]), net[0])
    )


def _net(net: Sequence[Line], hue: float) -> str:
    """Draw a net as one path: where its lines flow together, they are not painted twice."""
    path = "".join(_rounded(line.points) for line in net)
    meanings = "\n".join(_meaning(line.reference) for line in net)
    return (
        f'<path class="halo" d="{path}"/>'
        f'<path class="line" stroke="{_strong(hue)}" d="{path}">'
        f"<title>{escape(meanings)}</title></path>"
    )


def _meaning(reference: Reference) -> str:
    return (
        f"{reference.source}.{reference.column} refers to "
        f"{reference.target}.{reference.target_column}"
    )


def _rounded(points: Sequence[Point]) -> str:
    """Return an SVG path along the corners, rounded."""
    (x, y), *_ = points
    parts = [f"M{x:g} {y:g}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(_ROUND, _length((before, corner)) / 2, _length((corner, after)) / 2)
        begin, end = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(
            f"L{begin[0]:g} {begin[1]:g}Q{corner[0]:g} {corner[1]:g} {end[0]:g} {end[1]:g}"
        )
    x, y = points[-1]
    parts.append(f"L{x:g} {y:g}")
    return "".join(parts)


def _towards(origin: Point, other: Point, distance: float) -> Point:
    length = _length((origin, other)) or 1.0
    return (
        origin[0] + (other[0] - origin[0]) / length * distance,
        origin[1] + (other[1] - origin[1]) / length * distance,
    )


def _ends(line: Line, hue: float) -> Iterator[str]:
    reference = line.reference
    yield from _end_marks(
        line.points, _strong(hue), many=not reference.single, optional=reference.optional
    )


def _end_marks(
    points: Sequence[Point], colour: str, *, many: bool, optional: bool
) -> Iterator[str]:
    """Yield a crow's foot or a bar at the source, and an arrow's tip at the target.

    A ring at the target's side of the source says that the reference may be null.
    """
    (x, y), (next_x, _) = points[0], points[1]
    way = 1 if next_x > x else -1
    shape = (
        f"M{x:g} {y - 5:g}L{x + 9 * way:g} {y:g}L{x:g} {y + 5:g}"
        if many
        else f"M{x + 6 * way:g} {y - 5:g}V{y + 5:g}"
    )
    yield f'<path class="tip" fill="none" stroke="{colour}" d="{shape}"/>'
    if optional:
        yield (
            f'<circle class="tip" cx="{x + 13 * way:g}" cy="{y:g}" r="3.4" fill="#fff" '
            f'stroke="{colour}"/>'
        )
    x, y = points[-1]
    way = 1 if points[-2][0] > x else -1
    yield (
        f'<path class="tip" fill="{colour}" stroke="none" '
        f'd="M{x:g} {y:g}L{x + 9 * way:g} {y - 4.5:g}V{y + 4.5:g}Z"/>'
    )


def _text(text: str) -> str:
    return escape("".join(letter if letter.isprintable() else "?" for letter in text))
