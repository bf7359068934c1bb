"""What a caller may ask with. Checked before anything is sent, so that the error names the argument.

Every function returns the argument, normalised where names, versions, URLs or environments have a
canonical form, or raises `InvalidArgumentError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, overload

from thoth.storages.exceptions import InvalidArgumentError, InvalidRecordError
from thoth.storages.graph.queries.values import MAX_TEXT_CHARACTERS, storable_text

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_COUNT = 100
"""How many entries a listing gives where nobody says how many."""
_MAX_OFFSET = 2**63 - 1
_T = TypeVar("_T")


def page(start_offset: int, count: int | None) -> tuple[int, int | None]:
    """Return the part of a listing that is asked for; no count means all that follows."""
    return number("start_offset", start_offset), None if count is None else number("count", count)


def number(name: str, value: int) -> int:
    """Return a number that is not below zero."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentError(name, value, "must be a whole number")
    if not 0 <= value <= _MAX_OFFSET:
        raise InvalidArgumentError(name, value, "must not be below zero or beyond 63 bits")
    return value


def flag(name: str, value: bool | None) -> bool | None:
    """Return a truth value, or None."""
    if value is not None and not isinstance(value, bool):
        raise InvalidArgumentError(name, value, "must be True or False")
    return value


@overload
def text(name: str, value: str, *, most: int = ...) -> str: ...
@overload
def text(name: str, value: str | None, *, most: int = ...) -> str | None: ...
def text(name: str, value: str | None, *, most: int = MAX_TEXT_CHARACTERS) -> str | None:
    """Return a text that PostgreSQL can hold, or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidArgumentError(name, value, "must be a text")
    try:
        return storable_text(name, value, most=most)
    except InvalidRecordError as error:
        raise InvalidArgumentError(name, value, error.problem) from error


def required(name: str, value: str | None, normalize: Callable[[str], str] | None = None) -> str:
    """Return a text that is neither None nor empty, normalised."""
    if value is None or text(name, value) == "":
        raise InvalidArgumentError(name, value, "must not be missing or empty")
    return value if normalize is None else normalize(value)


def optional(name: str, value: str | None, normalize: Callable[[str], _T]) -> _T | None:
    """Return a text normalised, or None."""
    return None if text(name, value) is None or value is None else normalize(value)
