"""Guards, over all bodies: they let JSON objects pass and answer everything else with 4xx."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thoth.dependency_monkey.api.errors import ApiError
from thoth.dependency_monkey.api.field_masks import parse_field_mask
from thoth.dependency_monkey.api.guards import (
    MAX_DEPTH,
    check_characters,
    check_depth,
    decode,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(VALUES, st.booleans())
def test_whatever_is_json_passes(value, ascii_only):
    body = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False).encode()
    check_depth(body)
    assert decode(body) == value
    check_characters({"value": value})


@given(st.integers(1, 100), st.sampled_from(["[%]", '{"a[[": %}']), TEXT)
def test_depth_is_what_counts(levels, shape, text):
    before, after = shape.split("%")
    body = (before * levels + json.dumps(text) + after * levels).encode()
    assert depth(json.loads(body)) == levels
    if levels <= MAX_DEPTH:
        check_depth(body)
    else:
        with pytest.raises(ApiError):
            check_depth(body)


def outcome(call: Any, *arguments: Any) -> Any:
    """Return what a call gives, or the answer that it would rather have sent."""
    try:
        return call(*arguments)
    except ApiError as error:
        return error


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_anything_else_is_an_answer_not_a_crash(body):
    value = outcome(decode, body)
    if isinstance(value, ApiError):
        assert value.status == 400
        assert all(entry.detail and entry.remedy for entry in value.entries)
    else:
        assert json.loads(body) == value


@given(st.text() | st.sampled_from(["id", "{id,valid}", "*", " id , valid "]))
def test_a_mask_is_understood_or_refused(text):
    mask = outcome(parse_field_mask, text, ("id", "valid"))
    if isinstance(mask, ApiError):
        assert mask.status == 400
    else:
        kept = mask.apply({"id": 1, "valid": 2})
        assert kept
        assert all("*" in text or name in text for name in kept)
