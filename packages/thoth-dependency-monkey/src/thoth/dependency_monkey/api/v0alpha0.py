"""The first generation of the API, `/api/v0alpha0`, kept to the letter."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post, route

from thoth.dependency_monkey.api.definition import (
    DEFAULT_PAGE,
    FIELDS,
    JSON,
    LARGEST_PAGE,
    LIST_FIELDS,
    LONGEST_CURSOR,
    V0ALPHA0,
)
from thoth.dependency_monkey.api.errors import bad_request
from thoth.dependency_monkey.api.field_masks import FieldMask, parse_field_mask
from thoth.dependency_monkey.api.guards import read_json_object
from thoth.dependency_monkey.validation.question import PYPI
from thoth.dependency_monkey.validation.service import ValidationNotFoundError

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler

    from thoth.dependency_monkey.api.metrics import Metrics
    from thoth.dependency_monkey.validation.service import ValidationService
    from thoth.storages.graph.validation_records import ValidationRecord

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LIMIT = re.compile(r"[0-9]{1,6}")


def v0alpha0(service: ValidationService, metrics: Metrics) -> Router:
    """Return the routes of v0alpha0; each is served with and without a slash at its end."""

    @post("/validations")
    async def create_validation(request: Request[Any, Any, Any]) -> Response[bytes]:
        mask = _mask(request, FIELDS)
        members = await read_json_object(request)
        stack = _string(members, "stack_specification")
        ecosystem = _string(members, "ecosystem", default=PYPI)
        record = await service.accept(stack, ecosystem)
        metrics.count_validation(record.ecosystem, answered=record.finished_at is not None)
        location = f"{V0ALPHA0}/validations/{record.id}"
        return _json(
            mask.apply(_members(record)), HTTPStatus.CREATED, headers={"Location": location}
        )

    @get("/validations")
    async def list_validations(request: Request[Any, Any, Any]) -> Response[bytes]:
        mask = _mask(request, LIST_FIELDS)
        limit = _limit(request)
        ids, following = await service.list(limit, _cursor(request))
        headers = {}
        if following is not None:
            query = urlencode({"limit": limit, "cursor": following})
            headers["Link"] = f'<{V0ALPHA0}/validations/?{query}>; rel="next"'
        return _json([mask.apply({"id": str(id_)}) for id_ in ids], headers=headers)

    @get("/validations/{validation_id:str}")
    async def get_validation(request: Request[Any, Any, Any]) -> Response[bytes]:
        mask = _mask(request, FIELDS)
        record = await service.get(_id(request))
        return _json(mask.apply(_members(record)))

    @delete("/validations/{validation_id:str}")
    async def delete_validation(request: Request[Any, Any, Any]) -> None:
        await service.delete(_id(request))

    return Router(
        V0ALPHA0,
        route_handlers=[
            _options("/validations", "GET, OPTIONS, POST"),
            _options("/validations/{validation_id:str}", "DELETE, GET, OPTIONS"),
            create_validation,
            list_validations,
            get_validation,
            delete_validation,
        ],
    )


def _options(path: str, methods: str) -> HTTPRouteHandler:
    """Answer OPTIONS: the framework's own answer forgets all methods of a path but the first."""

    @route(path, http_method="OPTIONS")
    async def options() -> Response[None]:
        return Response(None, status_code=HTTPStatus.NO_CONTENT, headers={"Allow": methods})

    return options


def _members(record: ValidationRecord) -> dict[str, Any]:
    return {
        "id": str(record.id),
        "stack_specification": record.stack_specification,
        "ecosystem": record.ecosystem,
        "phase": record.phase,
        "valid": record.valid,
        "raw_log": record.raw_log,
    }


def _json(
    value: Any, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response[bytes]:
    # What a validation says today is not what it says tomorrow.
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        media_type=JSON,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _mask(request: Request[Any, Any, Any], known: tuple[str, ...]) -> FieldMask:
    return parse_field_mask(request.headers.get("x-fields"), known)


def _string(members: dict[str, Any], name: str, default: str | None = None) -> str:
    value = members.get(name, default)
    if isinstance(value, str):
        return value
    fault = "is missing" if name not in members else "is not a string"
    raise bad_request(
        f"the member {name} {fault}",
        'Send a string, such as {"stack_specification": "pandas", "ecosystem": "pypi"}.',
        pointer=f"/{name}",
    )


def _id(request: Request[Any, Any, Any]) -> UUID:
    validation_id: str = request.path_params["validation_id"]
    if not _UUID.fullmatch(validation_id):
        raise ValidationNotFoundError(validation_id[:60])
    return UUID(validation_id)


def _limit(request: Request[Any, Any, Any]) -> int:
    given = request.query_params.getall("limit", [str(DEFAULT_PAGE)])
    if len(given) == 1 and _LIMIT.fullmatch(given[0]) and 1 <= int(given[0]) <= LARGEST_PAGE:
        return int(given[0])
    raise bad_request(
        f"the parameter limit is not one number from 1 to {LARGEST_PAGE}", "Correct or omit it."
    )


def _cursor(request: Request[Any, Any, Any]) -> str | None:
    given = request.query_params.getall("cursor", [])
    if not given:
        return None
    if len(given) > 1 or not 0 < len(given[0]) <= LONGEST_CURSOR:
        raise bad_request("the parameter cursor is not one that the service gave", "Omit it.")
    return str(given[0])
