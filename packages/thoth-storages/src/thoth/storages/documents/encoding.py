"""Documents as bytes, and back; and the hash that tells whether bytes are what was written."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.exceptions import CorruptDocumentError, InvalidRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DOCUMENT_BYTES = 256 * 2**20


def dict2blob(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON in UTF-8, its keys sorted, indented by two spaces.

    Equal documents give equal bytes. What JSON has no word for (NaN, an infinity, other objects),
    a lone surrogate, and what is nested too deeply is `InvalidRecordError`.
    """
    try:
        plain = msgspec.json.encode(document, order="sorted")
        if msgspec.json.decode(plain) != document:
            _refuse_what_is_no_json(document)
        blob = msgspec.json.format(plain, indent=2)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidRecordError("document", document, f"is no JSON ({error})") from error
    if not blob.startswith(b"{"):
        raise InvalidRecordError("document", document, "must be an object")
    check_size("document", len(blob))
    return blob


def blob2dict(blob: bytes, *, store: str, key: str) -> dict[str, Any]:
    """Return the document that `blob` is; `CorruptDocumentError` where it is no JSON object."""
    try:
        document = msgspec.json.decode(blob)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptDocumentError(store, key, f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise CorruptDocumentError(store, key, "it is JSON, but no object")
    return document


def as_bytes(blob: bytes | str, *, errors: str = "strict") -> bytes:
    """Return bytes, those of a text in UTF-8; `InvalidRecordError`.

    `errors` says what is done about lone surrogates, as `str.encode()` takes it.
    """
    if isinstance(blob, str):
        try:
            blob = blob.encode(errors=errors)
        except UnicodeEncodeError as error:
            raise InvalidRecordError("blob", blob, "has lone surrogates") from error
    elif not isinstance(blob, (bytes, bytearray, memoryview)):
        raise InvalidRecordError("blob", blob, "must be bytes or a text")
    check_size("blob", len(blob))
    return bytes(blob)


def digest_of(blob: bytes) -> str:
    """Return the SHA-256 of the bytes in hexadecimal digits."""
    return hashlib.sha256(blob).hexdigest()


def verify(found: str, expected: str | None, *, store: str, key: str) -> None:
    """`CorruptDocumentError` unless the hash is the expected one, or none was kept."""
    if expected is not None and found != expected:
        raise CorruptDocumentError(
            store, key, f"its SHA-256 is {found}, but was {expected} when it was written"
        )


def check_size(field: str, size: int) -> None:
    """`InvalidRecordError` where a value is too large to be written, or read back, at once."""
    if size > MAX_DOCUMENT_BYTES:
        raise InvalidRecordError(
            field, f"{size} bytes", f"is larger than {MAX_DOCUMENT_BYTES} bytes; store it as a file"
        )


def _refuse_what_is_no_json(value: object) -> None:
    """`ValueError` for what the library writes in a way of its own: dates, sets, bytes, NaN ..."""
    if isinstance(value, dict):
        for item in value.values():
            _refuse_what_is_no_json(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_what_is_no_json(item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number in JSON")
    elif value is not None and not isinstance(value, (str, int, float)):
        raise ValueError(f"a value of type {type(value).__name__}")
