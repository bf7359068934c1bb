"""What a validator reports by itself: a document with the answer directly under `result`.

Nobody has accepted such a validation, so what a service would know of it is made of the report.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec

from thoth.storages.exceptions import InvalidDocumentError
from thoth.storages.sync.documents import decode, decode_raw, read_document

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ATTEMPT = 2**31 - 1
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a report expires that does not say when."""

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class IndexState(msgspec.Struct, frozen=True):
    """A package index that was asked."""

    url: str


class Report(msgspec.Struct, frozen=True):
    """The part of an answer that says what a validation was, and what came of it."""

    id: UUID
    ecosystem: str
    stack_specification: str
    phase: Literal["succeeded", "failed"]
    valid: bool | None
    reason: str
    created_at: _Time
    finished_at: _Time
    started_at: _Time | None = None
    expires_at: _Time | None = None
    attempt: Annotated[int, msgspec.Meta(ge=0, le=MAX_ATTEMPT)] = 1
    raw_log: str | None = None
    index_state: list[IndexState] = []


class ReadReport(msgspec.Struct, frozen=True):
    """A report, with its id, and byte for byte what was asked and what was answered."""

    document_id: str
    report: Report
    request: bytes
    answer: bytes

    def question(self) -> str:
        """Return the SHA-256, in hexadecimal, of what decided the answer: indexes and request."""
        urls: Sequence[str] = [index.url for index in self.report.index_state]
        return hashlib.sha256(msgspec.json.encode(urls) + self.request).hexdigest()


class _RawMetadata(msgspec.Struct, frozen=True):
    arguments: msgspec.Raw


class _RawReport(msgspec.Struct, frozen=True):
    metadata: _RawMetadata
    result: msgspec.Raw


_RAW_REPORT = msgspec.json.Decoder(_RawReport)


def is_report(content: dict[str, Any] | bytes, *, document_id: str | None = None) -> bool:
    """Tell whether a document has an answer where others have a validation with its answer.

    Raises `InvalidDocumentError` for what is no document.
    """
    result = decode(content, document_id=document_id).get("result")
    return isinstance(result, dict) and "results" in result and not {"job", "answer"} & set(result)


def read_report(content: dict[str, Any] | bytes, *, document_id: str | None = None) -> ReadReport:
    """Read what a validator reports.

    Raises `InvalidDocumentError`, with the path of the offending key.
    """
    document = read_document(content, Report, document_id=document_id)
    if isinstance(content, dict):
        content = encode(content, "", document_id=document.document_id)
    raw = decode_raw(_RAW_REPORT, content, document_id=document.document_id)
    return ReadReport(
        document_id=document.document_id,
        report=document.result,
        request=bytes(raw.metadata.arguments),
        answer=bytes(raw.result),
    )


def encode(value: Any, path: str, *, document_id: str | None) -> bytes:
    """Return a part of a document, which lies at a path, as JSON; `InvalidDocumentError`."""
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidDocumentError(document_id, path, f"is not JSON: {error}") from error
