"""Parts of a document, read one by one: values of many kinds, each refused with its path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

from thoth.storages.exceptions import InvalidDocumentError, InvalidRecordError, printable
from thoth.storages.graph import json_values
from thoth.storages.graph.queries.values import storable_text
from thoth.storages.graph.versions import (
    normalize_index_url,
    normalize_package_name,
    normalize_version,
)
from thoth.storages.sync.documents import read_part

if TYPE_CHECKING:
    from thoth.storages.exceptions import StoragesError

MAX_NAME_CHARACTERS = 512
"""A package's name, a version, a URL and the name of an environment may have so many characters."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Invalid:
    """Makes the errors of one document, and reads what any part of it may have."""

    document_id: str | None

    def __call__(self, path: str, problem: str) -> InvalidDocumentError:
        """Return the error that says what is wrong at a path."""
        return InvalidDocumentError(self.document_id, path, problem)

    def part(self, content: Any, part_type: type[_T], path: str) -> _T:
        """Return what lies at a path as a value of a type, such as a struct."""
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

    def text(self, value: str, path: str, *, most: int = MAX_NAME_CHARACTERS) -> str:
        """Return a text that a column can hold, as it is."""
        try:
            return storable_text(path, value, most=most)
        except InvalidRecordError as error:
            raise self(path, error.problem) from error

    def package_name(self, value: str, path: str) -> str:
        """Return a package's name, normalised."""
        if len(value) > MAX_NAME_CHARACTERS or not _NAME.fullmatch(value.strip()):
            raise self(path, "is not a package's name (PEP 508)")
        return normalize_package_name(value.strip())

    def version(self, value: str, path: str) -> str:
        """Return a version, normalised; one that is not of PEP 440 as it is."""
        version = normalize_version(self.text(value, path))
        if not version:
            raise self(path, "is empty")
        return version

    @overload
    def index_url(self, value: str, path: str) -> str: ...
    @overload
    def index_url(self, value: str | None, path: str) -> str | None: ...
    def index_url(self, value: str | None, path: str) -> str | None:
        """Return the canonical URL of a package index, None for None."""
        if value is None:
            return None
        try:
            return self.text(normalize_index_url(self.text(value, path)) or "", path)
        except InvalidRecordError as error:
            raise self(path, error.problem) from error


def message_of(document_id: str, error: StoragesError) -> str:
    """Return what an error says, after the id of its document unless it names that itself."""
    said, shown = str(error), printable(document_id)
    return said if shown in said else f"{shown}: {said}"
