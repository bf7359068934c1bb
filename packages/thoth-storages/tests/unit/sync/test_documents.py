"""The envelope of documents: what is read, and what is refused, with the place of the offence."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from thoth.storages import InvalidDocumentError, StoragesError
from thoth.storages.sync import documents
from thoth.storages.sync.document_parts import message_of
from thoth.storages.sync.documents import read_document

NAME = "adviser-211122104530-0123456789abcdef"


class Report(msgspec.Struct, frozen=True):
    values: list[int]


def document(**changes: Any) -> dict[str, Any]:
    metadata = {
        "analyzer": "thoth-adviser",
        "analyzer_version": "0.1",
        "arguments": {},
        "datetime": "2021-11-22T10:45:30.5",
        "timestamp": 1637577930,
        "duration": 12,
        "document_id": NAME,
        "hostname": "here",
        "thoth_deployment_name": "test",
        "distribution": {"id": "debian", "version": "12"},
        "os_release": {"id": "debian", "version_id": "12"},
        "python": {"major": 3, "minor": 11},
        **changes,
    }
    return {"metadata": metadata, "result": {"values": [1, 2]}}


def refused(content: Any, **arguments: Any) -> InvalidDocumentError:
    with pytest.raises(InvalidDocumentError) as caught:
        read_document(content, Report, **arguments)
    assert isinstance(caught.value, StoragesError)
    assert isinstance(caught.value, ValueError)
    return caught.value


@pytest.mark.parametrize("encode", [dict, lambda content: json.dumps(content).encode()])
def test_a_document_is_read_decoded_or_encoded(encode: Any) -> None:
    read = read_document(encode(document()), Report)
    assert read.document_id == NAME
    assert read.result.values == [1, 2]
    assert read.metadata.duration == 12
    assert read.created_at == datetime(2021, 11, 22, 10, 45, 30, 500_000, tzinfo=UTC)


def test_what_is_not_known_is_kept_and_nothing_is_changed() -> None:
    content = document(new_key={"a": [1]})
    content["result"]["more"] = "kept"
    before = copy.deepcopy(content)
    assert read_document(content, Report).content == before
    assert content == before


@pytest.mark.parametrize(
    "key", ["timestamp", "duration", "thoth_deployment_name", "os_release", "document_id"]
)
def test_what_the_first_documents_did_not_have_may_be_missing(key: str) -> None:
    content = document()
    del content["metadata"][key]
    read_document(content, Report, document_id=NAME)


@pytest.mark.parametrize(
    "key",
    ["analyzer", "analyzer_version", "arguments", "datetime", "hostname", "distribution", "python"],
)
def test_what_every_document_has_is_missed_by_name(key: str) -> None:
    content = document()
    del content["metadata"][key]
    error = refused(content)
    assert (error.document_id, error.path, error.problem) == (NAME, f"metadata.{key}", "is missing")
    assert str(error).startswith(f"{NAME}: metadata.{key} is missing.")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"timestamp": "now"}, "metadata.timestamp"),
        ({"duration": -1}, "metadata.duration"),
        ({"duration": 2**31}, "metadata.duration"),
        ({"datetime": "yesterday"}, "metadata.datetime"),
        ({"datetime": "0001-01-01T00:00:00+23:59"}, "metadata.datetime"),
        ({"arguments": []}, "metadata.arguments"),
        ({"document_id": 7}, "metadata.document_id"),
        ({"document_id": None}, "metadata.document_id"),
        ({"document_id": ""}, "metadata.document_id"),
        ({"document_id": "a\0b"}, "metadata.document_id"),
        ({"document_id": "../../etc/passwd"}, "metadata.document_id"),
        ({"document_id": "a" * 256}, "metadata.document_id"),
    ],
)
def test_what_is_wrong_is_refused_with_its_path(changes: dict[str, Any], path: str) -> None:
    assert refused(document(**changes)).path == path


def test_the_path_leads_into_arrays() -> None:
    content = document()
    content["result"]["values"].append("three")
    assert refused(content).path == "result.values[2]"


def test_the_name_that_a_document_is_stored_under_counts() -> None:
    given = "adviser-220101000000-fedcba9876543210"
    assert read_document(document(document_id=None), Report, document_id=given).document_id == given
    assert read_document(document(), Report, document_id=given).document_id == given
    assert "stored under" in refused(document(document_id=None)).problem


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"metadata": {}} trailing',
        b'{"metadata": "\xff"}',
        b'{"metadata": "\\ud800"}',
        b'{"metadata": "\\ud800", "more": NaN}',
        b'{"metadata": "\\ud800"',
        b'"\\ud800"',
        b'{"metadata": 1e999}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        [],
        None,
        {},
        {"metadata": None, "result": None},
    ],
)
def test_garbage_is_refused(content: Any) -> None:
    refused(content)


def test_the_limits_are_enforced(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = {}
    for _ in range(documents.MAX_DEPTH):
        deep = [deep]
    assert "deep" in refused({**document(), "more": deep}).problem
    itself = document()
    itself["self"] = itself
    assert "deep" in refused(itself).problem
    shared: Any = [1, 2]
    for _ in range(60):
        shared = [shared, shared]
    assert "values" in refused({**document(), "more": shared}).problem
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 10)
    assert "bytes" in refused(json.dumps(document()).encode()).problem


class Keyed(dict[Any, Any]):
    """A mapping that is no plain dict."""


@pytest.mark.parametrize("content", [{1: 2}, {"a": {None: 1}}, {"a": [Keyed({b"x": Keyed()})]}])
def test_a_key_that_is_not_a_text_is_refused_wherever_it_is(content: dict[Any, Any]) -> None:
    with pytest.raises(InvalidDocumentError, match="a key that is not a text"):
        read_document(document(arguments=content), Report)


def test_a_lone_surrogate_where_no_text_belongs_is_refused() -> None:
    with pytest.raises(InvalidDocumentError, match="a lone surrogate"):
        read_document({**document(), "result": {"values": "\ud800"}}, Report)
    with pytest.raises(InvalidDocumentError, match="a lone surrogate") as refused:
        documents.read_part({"values": "\ud800"}, Report, document_id=NAME, path="result")
    assert refused.value.path == "result"


def test_an_id_that_cannot_be_printed_is_shown_escaped() -> None:
    name = "solver-\x1b[31m\nSynced: everything"
    with pytest.raises(InvalidDocumentError) as refused:
        read_document(document(document_id=name), Report)
    assert str(refused.value).isprintable()
    shown = r"'solver-\x1b[31m\nSynced: everything'"
    assert message_of(name, StoragesError("no")) == f"{shown}: no"
