"""What a caller may ask with, checked before anything is sent; an error names the argument.

Every function returns the argument, normalised where names, versions, URLs or environments have a
canonical form, or raises `InvalidArgumentError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, overload

from thoth.storages.exceptions import InvalidArgumentError, InvalidRecordError
from thoth.storages.graph.queries.values import MAX_TEXT_CHARACTERS, storable_text
from thoth.storages.graph.versions import (
    normalize_index_url,
    normalize_os,
    normalize_package_name,
    normalize_version,
)

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


def truth(name: str, value: bool) -> bool:
    """Return a truth value that is not None."""
    if value is None:
        raise InvalidArgumentError(name, value, "must be True or False")
    return flag(name, value) is True


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


def package_name(value: str) -> str:
    """Return the name of a package in its PEP 503 form."""
    return required("package_name", value, normalize_package_name)


def package_version(value: str) -> str:
    """Return a version in its PEP 440 form; one that is not of PEP 440 as it is."""
    return required("package_version", value, normalize_version)


def index_url(value: str | None, *, argument: str = "index_url") -> str | None:
    """Return the canonical URL of a package index, or None."""
    if text(argument, value) is None:
        return None
    try:
        return normalize_index_url(value)
    except InvalidRecordError as error:
        raise InvalidArgumentError(argument, error.value, error.problem) from error


def release(name: str, version: str, url: str | None) -> dict[str, str | None]:
    """Return what names a release, by the names of the arguments."""
    return {
        "package_name": package_name(name),
        "package_version": package_version(version),
        "index_url": index_url(url),
    }


def environment(
    os_name: str | None, os_version: str | None, python_version: str | None
) -> dict[str, str | None]:
    """Return what names environments, by the names of the arguments."""
    text("os_name", os_name)
    text("os_version", os_version)
    text("python_version", python_version)
    os_name, os_version = normalize_os(os_name, os_version)
    return {"os_name": os_name, "os_version": os_version, "python_version": python_version}
