"""The errors of Dependency Monkey.

Three families that must never be confused: "you asked wrongly" (`RequestError`), "could not tell"
(`UndecidedError`) and, which is no error at all, "proved impossible" (a result with a proof).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DependencyMonkeyError(Exception):
    """Base of every error that this distribution raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request.

    `line` and `column` count from 1 and are None where no place in a text is meant. `source` names
    the text: a file's path, an option, or None for the stack specification itself.
    """

    message: str
    remedy: str
    line: int | None = None
    column: int | None = None
    source: str | None = None

    def __str__(self) -> str:
        """Return one line: where, what, and what to do about it."""
        place = [] if self.source is None else [self.source]
        if self.line is not None:
            place.append(f"line {self.line}")
        if self.column is not None:
            place.append(f"column {self.column}")
        head = f"{', '.join(place)}: " if place else ""
        return f"{head}{self.message}. {self.remedy}"


class RequestError(DependencyMonkeyError):
    """You asked wrongly. `problems` says what is wrong, where, and how to mend it."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class Reason(StrEnum):
    """Why a verdict is what it is; the reason codes of the HTTP API."""

    RESOLVED = "resolved"
    CONFLICT = "conflict"
    PACKAGE_NOT_FOUND = "package_not_found"
    VERSION_NOT_FOUND = "version_not_found"
    PYTHON_MISMATCH = "python_mismatch"
    NO_COMPATIBLE_ARTIFACT = "no_compatible_artifact"
    METADATA_UNAVAILABLE = "metadata_unavailable"
    INDEX_UNREACHABLE = "index_unreachable"
    LIMIT_EXCEEDED = "limit_exceeded"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    INTERNAL_ERROR = "internal_error"


class UndecidedError(DependencyMonkeyError):
    """Could not tell. `reason` is the code, `detail` what was missing or which limit was hit."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(detail)


class IndexUnreachableError(UndecidedError):
    """A package index did not answer, or answered with an error, after every retry.

    `url` is what was asked, without user info; `status` is the HTTP status where there was one.
    """

    def __init__(self, url: str, detail: str, status: int | None = None) -> None:
        self.url = url
        self.status = status
        super().__init__(Reason.INDEX_UNREACHABLE, detail)


class LimitExceededError(UndecidedError):
    """A published limit was hit. `limit` is its name, `allowed` its value."""

    def __init__(self, limit: str, allowed: float, detail: str) -> None:
        self.limit = limit
        self.allowed = allowed
        super().__init__(Reason.LIMIT_EXCEEDED, detail)
