"""Errors on the wire: RFC 9457 problem details, with the `message` that v0alpha0 promises.

The one place where an error becomes an HTTP answer, whoever raised it: our code, the framework, or
a store that is gone.
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException

from thoth.dependency_monkey.errors import Problem, RequestError
from thoth.dependency_monkey.validation.service import TooBusyError, ValidationNotFoundError
from thoth.storages.exceptions import InvalidRecordError, StoragesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litestar import Request
    from litestar.types import ExceptionHandlersMap

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

_logger = structlog.get_logger("thoth.dependency_monkey.api")


class ProblemEntry(msgspec.Struct, frozen=True):
    """One thing that is wrong.

    `pointer` (RFC 6901) names the member of the body, or is None where none is meant; `line` and
    `column` count from 1 in its text, or in the body itself where `pointer` is None.
    """

    detail: str
    remedy: str
    pointer: str | None = None
    line: int | None = None
    column: int | None = None


class ProblemDetails(msgspec.Struct, frozen=True):
    """The body of every error (RFC 9457). `message` says it all in one text."""

    message: str
    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[ProblemEntry, ...] = ()


class ApiError(Exception):
    """An answer other than success. `entries` say what is wrong, `headers` are sent along."""

    def __init__(
        self,
        status: HTTPStatus,
        entries: Sequence[ProblemEntry],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.entries = tuple(entries)
        self.headers = dict(headers or {})
        super().__init__("\n".join(entry.detail for entry in entries))


def bad_request(
    detail: str,
    remedy: str,
    *,
    pointer: str | None = None,
    line: int | None = None,
    column: int | None = None,
) -> ApiError:
    """Return a 400 with one entry."""
    entry = ProblemEntry(detail, remedy, pointer, line, column)
    return ApiError(HTTPStatus.BAD_REQUEST, [entry])


def exception_handlers() -> ExceptionHandlersMap:
    """Return what turns every exception into an answer."""
    return {
        ApiError: _api_error,
        RequestError: _request_error,
        ValidationNotFoundError: _not_found,
        TooBusyError: _too_busy,
        StoragesError: _storages_error,
        InvalidRecordError: _unexpected,
        HTTPException: _framework_error,
        Exception: _unexpected,
    }


def _api_error(_: Request[Any, Any, Any], error: ApiError) -> Response[bytes]:
    return problem_response(error.status, error.entries, error.headers)


def _request_error(_: Request[Any, Any, Any], error: RequestError) -> Response[bytes]:
    return problem_response(HTTPStatus.BAD_REQUEST, [_entry(p) for p in error.problems])


def _not_found(_: Request[Any, Any, Any], error: ValidationNotFoundError) -> Response[bytes]:
    entry = ProblemEntry(
        f"there is no validation {error.validation_id}",
        "It was deleted, its time is over, or it never was: POST the stack again.",
    )
    return problem_response(HTTPStatus.NOT_FOUND, [entry])


def _too_busy(_: Request[Any, Any, Any], error: TooBusyError) -> Response[bytes]:
    entry = ProblemEntry(str(error), f"Try again in {RETRY_AFTER_SECONDS} seconds.")
    return problem_response(
        HTTPStatus.SERVICE_UNAVAILABLE, [entry], {"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


def _storages_error(request: Request[Any, Any, Any], error: StoragesError) -> Response[bytes]:
    """Answer that the store is away; what it said is for the log, not for strangers."""
    entry = ProblemEntry(
        "the service cannot reach its database", f"Try again in {RETRY_AFTER_SECONDS} seconds."
    )
    answer = problem_response(
        HTTPStatus.SERVICE_UNAVAILABLE, [entry], {"Retry-After": str(RETRY_AFTER_SECONDS)}
    )
    _logger.warning("database error", path=request.url.path, error=str(error))
    return answer


def _framework_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = HTTPStatus(error.status_code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(request, error)
    remedies = {
        HTTPStatus.NOT_FOUND: "See /openapi/ for what there is.",
        HTTPStatus.METHOD_NOT_ALLOWED: "See the header Allow.",
    }
    details = {
        HTTPStatus.NOT_FOUND: f"there is nothing at {request.url.path}",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not possible at {request.url.path}",
    }
    entry = ProblemEntry(
        details.get(status, error.detail or status.phrase),
        remedies.get(status, "See /openapi/ for how to ask."),
    )
    return problem_response(status, [entry], error.headers)


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    instance = new_instance()
    _logger.error(
        "unexpected error",
        instance=instance,
        method=request.method,
        path=request.url.path,
        exc_info=error,
    )
    entry = ProblemEntry(
        "something went wrong on our side", f"Please report it; the log has it as {instance}."
    )
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, [entry], instance=instance)


def new_instance() -> str:
    """Return a new URI for one occurrence of a problem."""
    return uuid.uuid4().urn


def problem_response(
    status: HTTPStatus,
    entries: Sequence[ProblemEntry],
    headers: Mapping[str, str] | None = None,
    *,
    instance: str | None = None,
) -> Response[bytes]:
    """Return the answer to something that went wrong."""
    details = ProblemDetails(
        message="\n".join(map(_sentence, entries)),
        type="about:blank",
        title=status.phrase,
        status=status,
        detail="; ".join(entry.detail for entry in entries),
        instance=instance or new_instance(),
        errors=tuple(entries),
    )
    return Response(
        msgspec.json.encode(details),
        status_code=status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def _entry(problem: Problem) -> ProblemEntry:
    if problem.source == "cursor":
        return ProblemEntry(f"the parameter cursor: {problem.message}", problem.remedy)
    pointer = f"/{problem.source or 'stack_specification'}"
    return ProblemEntry(problem.message, problem.remedy, pointer, problem.line, problem.column)


def _sentence(entry: ProblemEntry) -> str:
    place = [] if entry.pointer is None else [entry.pointer.removeprefix("/") or "the body"]
    if entry.line is not None:
        place.append(f"line {entry.line}")
    if entry.column is not None:
        place.append(f"column {entry.column}")
    head = f"{', '.join(place)}: " if place else ""
    return f"{head}{entry.detail}. {entry.remedy}"
