"""What may enter a column. Checked before a statement is sent, so that nothing is half written."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from thoth.storages.exceptions import InvalidRecordError

if TYPE_CHECKING:
    from datetime import datetime

MAX_BLOB_BYTES = 256 * 2**20
"""A value of bytes may have at most so many (PostgreSQL's own limit is 1 GB a row)."""
MAX_TEXT_CHARACTERS = 65_536
"""A text may have at most so many characters."""
HASH_BYTES = 32
"""The length of a SHA-256."""
_MAX_FORMAT = 32_767
_MAX_COUNT = 2**31 - 1


@overload
def storable_text(field: str, value: str, *, most: int = ...) -> str: ...
@overload
def storable_text(field: str, value: str | None, *, most: int = ...) -> str | None: ...
def storable_text(field: str, value: str | None, *, most: int = MAX_TEXT_CHARACTERS) -> str | None:
    """Return the text as it is; PostgreSQL's UTF-8 holds neither a NUL nor a lone surrogate."""
    if value is None:
        return None
    if len(value) > most:
        raise InvalidRecordError(field, value, f"is over {most:,} characters")
    if "\0" in value:
        raise InvalidRecordError(field, value, "has a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidRecordError(field, value, "has a lone surrogate") from error
    return value


@overload
def storable_blob(field: str, value: bytes) -> bytes: ...
@overload
def storable_blob(field: str, value: bytes | None) -> bytes | None: ...
def storable_blob(field: str, value: bytes | None) -> bytes | None:
    """Return the bytes as they are, if they are not too many."""
    if value is not None and len(value) > MAX_BLOB_BYTES:
        raise InvalidRecordError(field, value[:100], f"is over {MAX_BLOB_BYTES:,} bytes")
    return value


def storable_hash(field: str, value: bytes) -> bytes:
    """Return the bytes of a SHA-256 as they are."""
    if len(value) != HASH_BYTES:
        raise InvalidRecordError(field, value, f"must be {HASH_BYTES} bytes")
    return value


def storable_format(value: int) -> int:
    """Return the number of an encoding as it is."""
    if not 0 <= value <= _MAX_FORMAT:
        raise InvalidRecordError("format", value, f"must be from 0 to {_MAX_FORMAT:,}")
    return value


def storable_count(field: str, value: int, *, least: int) -> int:
    """Return the number of rows as it is."""
    if not least <= value <= _MAX_COUNT:
        raise InvalidRecordError(field, value, f"must be from {least} to {_MAX_COUNT:,}")
    return value


def storable_time(field: str, value: datetime) -> datetime:
    """Return the time as it is; without a time zone it would mean another in every process."""
    if value.tzinfo is None:
        raise InvalidRecordError(field, value, "must have a time zone")
    return value
