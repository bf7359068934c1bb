"""Pages for people: the start page, and one to try the API. They work without the internet.

Everything that a page needs is a file of this distribution; the policy that is sent with each
(Content-Security-Policy) lets a browser load nothing else.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException

from thoth.dependency_monkey.api.definition import JSON
from thoth.dependency_monkey.api.health import about

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler

_HTML = "text/html"
_TYPES = {
    "thoth.css": "text/css",
    "start.js": "text/javascript",
    "console.js": "text/javascript",
    "thoth.svg": "image/svg+xml",
}
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_routes() -> list[HTTPRouteHandler]:
    """Return the routes of the pages and of what they load."""
    folder = files("thoth.dependency_monkey.api") / "static"
    contents = {name: (folder / name).read_bytes() for name in _TYPES}
    start, console = (folder / "start.html").read_bytes(), (folder / "console.html").read_bytes()

    @get("/")
    async def start_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        if wants_json(request.headers.get("accept", "")):
            body = msgspec.json.encode(about())
            return Response(body, media_type=JSON, headers={"Vary": "Accept"})
        return Response(start, media_type=_HTML, headers={**_PAGE_HEADERS, "Vary": "Accept"})

    @get("/openapi")
    async def console_page() -> Response[bytes]:
        return Response(console, media_type=_HTML, headers=_PAGE_HEADERS)

    @get("/static/{name:str}")
    async def static_file(request: Request[Any, Any, Any]) -> Response[bytes]:
        name = request.path_params["name"]
        if name not in contents:
            raise NotFoundException
        return Response(
            contents[name], media_type=_TYPES[name], headers={"Cache-Control": "no-cache"}
        )

    return [start_page, console_page, static_file]


def wants_json(accept: str) -> bool:
    """Tell whether a client that sends this header Accept (RFC 9110) prefers JSON to HTML."""
    return _quality(accept, JSON) > _quality(accept, "text/html")


def _quality(accept: str, media_type: str) -> float:
    """Return the quality of the most specific range that covers a media type."""
    wanted = [media_type, f"{media_type.partition('/')[0]}/*", "*/*"]
    best, quality = len(wanted), 0.0
    for entry in accept[:1000].lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name in wanted and wanted.index(name) < best:
            best, quality = wanted.index(name), _weight(parameters)
    return quality


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
