"""JSON as JSONB columns can hold it, and its digest."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import msgspec

MAX_JSON_BYTES = 16 * 2**20
"""A value in a column of JSON may have at most so many bytes."""

_NOT_JSON = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)


def encoded(value: object) -> str | None:
    """Return a value as JSON that PostgreSQL takes, its keys sorted; None where it is none.

    A NUL character or a lone surrogate becomes U+FFFD, a number that is not finite null: JSONB
    holds none of them. None too for what is over `MAX_JSON_BYTES`.
    """
    try:
        text = msgspec.json.encode(value, order="deterministic")
    except UnicodeEncodeError:
        text = b"\\u0000"
    except _NOT_JSON:
        return None
    if b"\\u0000" in text:
        try:
            text = msgspec.json.encode(_cleaned(value), order="deterministic")
        except _NOT_JSON:
            return None
    return text.decode() if len(text) <= MAX_JSON_BYTES else None


def plain(value: object) -> str:
    """Return as JSON what is known to be storable, such as rows that we made ourselves."""
    return msgspec.json.encode(value).decode()


def digest(canonical: str) -> bytes:
    """Return the SHA-256 of JSON that `encoded` gave."""
    return hashlib.sha256(canonical.encode()).digest()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return (
            value.replace("\0", "\ufffd")
            .encode("utf-16", "surrogatepass")
            .decode("utf-16", "replace")
        )
    if isinstance(value, Mapping):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
