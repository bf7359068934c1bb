from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thoth.storages import CephStore, CorruptDocumentError, InvalidRecordError
from thoth.storages.documents.encoding import blob2dict, dict2blob

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.text(), VALUES)


@settings(max_examples=50)
@given(DOCUMENTS)
def test_documents_come_back_and_are_json_as_others_write_it(document: dict[str, Any]) -> None:
    blob = dict2blob(document)
    assert blob2dict(blob, store="", key="") == document
    assert json.loads(blob) == document
    assert CephStore.dict2blob(document) == blob


@settings(max_examples=50)
@given(DOCUMENTS)
def test_equal_documents_are_equal_bytes(document: dict[str, Any]) -> None:
    backwards = dict(reversed(list(document.items())))
    assert dict2blob(backwards) == dict2blob(document)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused_wherever_it_is(number: float) -> None:
    documents: list[dict[str, Any]] = [{"a": number}, {"a": [{"b": (None, number)}]}]
    for document in documents:
        with pytest.raises(InvalidRecordError):
            dict2blob(document)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        {1, 2},
        b"x",
        Decimal(1),
        UUID(int=1),
        timedelta(1),
        range(3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_has_no_word_for_is_refused_wherever_it_is(value: object) -> None:
    documents: list[dict[str, Any]] = [{"a": value}, {"a": [{"b": (None, value)}]}]
    for document in documents:
        with pytest.raises(InvalidRecordError):
            dict2blob(document)


@pytest.mark.parametrize("document", [None, [1], "x", 1, {1: 2}, {None: 1}, {("a",): 1}])
def test_what_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(InvalidRecordError):
        dict2blob(document)


def test_what_is_refused_is_shown_however_deep_or_large_it_is() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for document in (deep, {"a": ["é" * 10_000_000, object()]}):
        with pytest.raises(InvalidRecordError) as caught:
            dict2blob(document)
        assert str(caught.value).isascii()
        assert len(str(caught.value)) < 500


def test_tuples_and_large_numbers_are_json() -> None:
    blob = dict2blob({"a": (1, [2**64, -(2**70)])})
    assert blob2dict(blob, store="", key="") == {"a": [1, [2**64, -(2**70)]]}


def test_a_null_is_kept() -> None:
    assert (
        dict2blob({"a": [None, {"b": None}]})
        == b'{\n  "a": [\n    null,\n    {\n      "b": null\n    }\n  ]\n}'
    )


def test_a_document_is_not_changed() -> None:
    document = {"b": 1, "a": {"d": [1], "c": 2}}
    dict2blob(document)
    assert list(document) == ["b", "a"]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_corrupt(blob: bytes) -> None:
    try:
        assert isinstance(blob2dict(blob, store="s", key="k"), dict)
    except CorruptDocumentError as error:
        str(error).encode()


def test_deep_nesting_is_corrupt() -> None:
    with pytest.raises(CorruptDocumentError):
        blob2dict(b'{"a":' * 100_000, store="s", key="k")
