"""Texts become the values that signatures declare, or an error that names what is expected."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from thoth.storages.cli.arguments import ArgumentError, UnknownTypeError, kind_of
from thoth.storages.graph.models import Release

RELEASES = "tuple[str, str, str | None]"


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        ("str", "six", "six"),
        ("str | None", "none", "none"),
        ("int", "-12", -12),
        ("int | None", "none", None),
        ("Optional[int]", "7", 7),
        ("Union[int, None]", "None", None),
        ("float", "0.5", 0.5),
        ("bool", "no", False),
        ("datetime", "2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("datetime | None", "2026-01-31T12:00:00+00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("frozenset[str | None] | None", "", frozenset({None})),
        ("frozenset[str | None] | None", ",security", frozenset({None, "security"})),
        ("FrozenSet[Optional[str]]", "security", frozenset({"security"})),
        (RELEASES, "six,1.17.0,https://i/?a,b", ("six", "1.17.0", "https://i/?a,b")),
        (RELEASES, "six,1.17.0,", ("six", "1.17.0", None)),
        ("list[str]", "a,b", ["a", "b"]),
        ("Sequence[int]", "", []),
        ("tuple[str, ...]", "a,b", ["a", "b"]),
        ("Literal['wheel', 'sdist']", "sdist", "sdist"),
        ("bytes", "00ff", b"\0\xff"),
        ("type[Base]", "release", Release),
        ("Mapping[str, Any] | None", "a=1,b=x,c=true,d=", {"a": 1, "b": "x", "c": True, "d": ""}),
        ("Mapping[str, Any]", '{"a": {"b": [1, 2]}}', {"a": {"b": [1, 2]}}),
        ("Mapping[str, float]", "rate=1e3", {"rate": 1000.0}),
        ("Mapping[str, Any]", "", {}),
        ("alias", "3", 3),
        (int, "3", 3),
    ],
)
def test_a_text_becomes_a_value(annotation: object, text: str, value: object) -> None:
    assert kind_of(annotation, {"alias": "int | None"}).parse(text) == value


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        ("int", "x", "whole number"),
        ("int", "1" * 19, "18 digits"),
        ("int", "٣", "whole number"),
        ("float", "much", "a number"),
        ("bool", "perhaps", "true or false"),
        ("datetime", "yesterday", "such as 2026-01-31"),
        ("str", "a\0b", "without NUL"),
        ("str", "\udcff", "Unicode"),
        ("bytes", "xyz", "hexadecimal"),
        ("Literal['wheel', 'sdist']", "egg", "one of wheel, sdist"),
        (RELEASES, "six", "3 values separated by commas"),
        ("type[Base]", "no_such", "table"),
        ("Mapping[str, Any]", "reps", "NAME=VALUE, or an object of JSON"),
        ("Mapping[str, float]", "rate=fast", "a number"),
        ("Mapping[str, Any]", '{"reps"', "an object of JSON"),
    ],
)
def test_a_wrong_text_is_an_error_that_says_what_is_expected(
    annotation: str, text: str, expected: str
) -> None:
    with pytest.raises(ArgumentError, match=expected):
        kind_of(annotation, {}).parse(text)


@pytest.mark.parametrize("annotation", ["object", "int | str", "dict[str, int]", "1 +", "None"])
def test_what_no_text_can_express_is_refused(annotation: str) -> None:
    with pytest.raises(UnknownTypeError):
        kind_of(annotation, {})
