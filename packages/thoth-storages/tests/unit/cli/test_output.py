"""Answers as JSON and as tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from thoth.storages.cli.output import as_json, as_table
from thoth.storages.cli.stats import readable


class Struct(msgspec.Struct):
    name: str
    size: int | None


@dataclass
class Data:
    at: datetime


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (None, None),
        ([("six", "1.17.0", None)], [["six", "1.17.0", None]]),
        ({"": [("six", "1")]}, {"": [["six", "1"]]}),
        ({("six", "1"): {"b", "a"}}, [{"key": ["six", "1"], "value": ["a", "b"]}]),
        (datetime(2026, 1, 31, tzinfo=UTC), "2026-01-31T00:00:00+00:00"),
        (b"\xff", "ff"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Struct("six", None), {"name": "six", "size": None}),
        (Data(datetime(2026, 1, 31, tzinfo=UTC)), {"at": "2026-01-31T00:00:00+00:00"}),
    ],
)
def test_answers_are_json(value: object, expected: object) -> None:
    assert json.loads(as_json(value)) == expected


def test_json_is_ascii_and_steers_no_terminal() -> None:
    assert as_json("\x1b[2Jü").isascii()
    assert "\x1b" not in as_json("\x1b[2J")


def test_rows_are_aligned() -> None:
    assert as_table([("six", "1.17.0"), ("numpy", None)]) == "six    1.17.0\nnumpy  -"


def test_records_have_a_head() -> None:
    table = as_table([{"name": "six", "yanked": False}, {"name": "numpy", "yanked": True}])
    assert table == "NAME   YANKED\nsix    no\nnumpy  yes"


def test_a_dict_of_lists_has_a_line_for_each_member() -> None:
    table = as_table({"": [("a", "1")], "x": [("b", "2"), ("c", "3")], "y": []})
    assert table.splitlines() == ["   a  1", "x  b  2", "x  c  3", "y  -"]


def test_nothing_is_said_to_be_nothing() -> None:
    assert as_table([]) == "(nothing)"


def test_a_table_steers_no_terminal_and_cuts_long_cells() -> None:
    assert as_table(["\x1b[2J\n"]) == "\\x1b[2J\\n"
    assert as_table(["x" * 100]) == "x" * 59 + "…"


def test_wide_letters_are_counted_as_wide() -> None:
    assert as_table([("日本", "1"), ("abcd", "2")]) == "日本  1\nabcd  2"


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 kB"), (3 * 1024**5, "3,072.0 TB")]
)
def test_sizes_are_readable(size: int, text: str) -> None:
    assert readable(size) == text
