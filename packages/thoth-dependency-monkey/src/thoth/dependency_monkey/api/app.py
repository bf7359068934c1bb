"""The HTTP application: every route, every guard, every error shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from litestar import Litestar, Response, get

from thoth.dependency_monkey.api.definition import JSON, OPERATIONS
from thoth.dependency_monkey.api.edge import Edge
from thoth.dependency_monkey.api.errors import exception_handlers
from thoth.dependency_monkey.api.health import health_routes
from thoth.dependency_monkey.api.metrics import Metrics, metrics_routes
from thoth.dependency_monkey.api.pages import page_routes
from thoth.dependency_monkey.api.schema import openapi, swagger
from thoth.dependency_monkey.api.v0alpha0 import v0alpha0

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litestar.handlers import HTTPRouteHandler
    from litestar.types import ControllerRouterHandler

    from thoth.dependency_monkey.api.definition import Operation
    from thoth.dependency_monkey.api.health import Check
    from thoth.dependency_monkey.validation.service import ValidationService


def create_app(
    service: ValidationService,
    *,
    checks: Mapping[str, Check] | None = None,
    metrics: Metrics | None = None,
    more: Sequence[ControllerRouterHandler] = (),
    more_operations: Sequence[Operation] = (),
) -> Litestar:
    """Return the application.

    `checks` are what `/readyz` looks at. `more` are further routes, `more_operations` what the
    OpenAPI definition says of them.
    """
    counted = metrics or Metrics()
    application = Litestar(
        route_handlers=[
            v0alpha0(service, counted),
            *health_routes(checks or {}),
            *metrics_routes(counted),
            *page_routes(),
            *_definition_routes((*OPERATIONS, *more_operations)),
            *more,
        ],
        exception_handlers=exception_handlers(),
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        debug=False,
    )
    application.asgi_handler = Edge(application.asgi_handler, counted)
    return application


def _definition_routes(operations: Sequence[Operation]) -> list[HTTPRouteHandler]:
    everything = msgspec.json.encode(openapi(operations))
    first = msgspec.json.encode(swagger())

    @get("/openapi.json")
    async def show_openapi() -> Response[bytes]:
        return Response(everything, media_type=JSON)

    @get(["/schema", "/swagger.json"])
    async def show_swagger() -> Response[bytes]:
        return Response(first, media_type=JSON)

    return [show_openapi, show_swagger]
