"""The HTTP application: every route, every guard, every error shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from litestar import Litestar, Response, get

from thoth.dependency_monkey.api.definition import JSON
from thoth.dependency_monkey.api.edge import Edge
from thoth.dependency_monkey.api.errors import exception_handlers
from thoth.dependency_monkey.api.health import health_routes
from thoth.dependency_monkey.api.metrics import Metrics, metrics_routes
from thoth.dependency_monkey.api.pages import page_routes
from thoth.dependency_monkey.api.read_through import read_through_routes
from thoth.dependency_monkey.api.schema import openapi, swagger
from thoth.dependency_monkey.api.v0alpha0 import v0alpha0

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litestar.handlers import HTTPRouteHandler
    from litestar.types import ControllerRouterHandler

    from thoth.dependency_monkey.api.health import Check
    from thoth.dependency_monkey.api.metrics import Count
    from thoth.dependency_monkey.validation.read_through import ReadThrough
    from thoth.dependency_monkey.validation.service import ValidationService


def create_app(
    service: ValidationService,
    read_through: ReadThrough,
    *,
    checks: Mapping[str, Check] | None = None,
    metrics: Metrics | None = None,
    count_unfinished: Count | None = None,
    count_waiting: Count | None = None,
) -> Litestar:
    """Return the application; `read_through` must be open while it is served.

    `checks` are what `/readyz` looks at, by name; `count_unfinished` counts jobs for `/metrics`,
    `count_waiting` documents.
    """
    counted = metrics or Metrics()
    application = bare_app(
        [
            v0alpha0(service, counted),
            *health_routes({} if checks is None else checks),
            *metrics_routes(counted, count_unfinished, count_waiting),
            *page_routes(),
            *_definition_routes(),
            *read_through_routes(read_through),
        ]
    )
    application.asgi_handler = Edge(application.asgi_handler, counted)
    return application


def create_read_through_app(read_through: ReadThrough) -> Litestar:
    """Return an application that is a read-through index, and nothing else: what workers need."""
    return bare_app(read_through_routes(read_through))


def bare_app(routes: Sequence[ControllerRouterHandler]) -> Litestar:
    """Return an application of these routes, with our answers to what goes wrong."""
    return Litestar(
        route_handlers=routes,
        exception_handlers=exception_handlers(),
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        debug=False,
    )


def _definition_routes() -> list[HTTPRouteHandler]:
    everything = msgspec.json.encode(openapi())
    first = msgspec.json.encode(swagger())

    @get("/openapi.json")
    async def show_openapi() -> Response[bytes]:
        return Response(everything, media_type=JSON)

    @get(["/schema", "/swagger.json"])
    async def show_swagger() -> Response[bytes]:
        return Response(first, media_type=JSON)

    return [show_openapi, show_swagger]
