"""Parts of a document, read one by one: values of many kinds, each refused with its path."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from thoth.storages.exceptions import InvalidDocumentError
from thoth.storages.graph import json_values
from thoth.storages.sync.documents import read_part

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Invalid:
    """Makes the errors of one document, and reads what any part of it may have."""

    document_id: str | None

    def __call__(self, path: str, problem: str) -> InvalidDocumentError:
        """Return the error that says what is wrong at a path."""
        return InvalidDocumentError(self.document_id, path, problem)

    def part(self, content: dict[str, Any], part_type: type[_T], path: str) -> _T:
        """Return the struct of what lies at a path."""
        return read_part(content, part_type, document_id=self.document_id, path=path)

    def time(self, text: str | None, path: str) -> datetime | None:
        """Return a time in UTC, which it is in where it says no zone."""
        if text is None:
            return None
        try:
            time = datetime.fromisoformat(text)
            return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise self(path, "is not a date and time of ISO 8601") from error

    def json(self, value: object, path: str) -> str:
        """Return a value as JSON that a column can hold."""
        text = json_values.encoded(value)
        if text is None:
            raise self(path, f"is not JSON, or over {json_values.MAX_JSON_BYTES:,} bytes")
        return text

    def number(self, value: int | None, path: str, *, bits: int = 31) -> int | None:
        """Return a whole number that a column can hold."""
        if value is not None and not -(2**bits) <= value < 2**bits:
            raise self(path, "is out of range")
        return value
