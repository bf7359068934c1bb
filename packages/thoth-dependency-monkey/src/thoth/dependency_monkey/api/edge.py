"""The outermost layer of the application: what holds for every request and every answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from thoth.dependency_monkey.api.metrics import Metrics

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ANSWER = 0
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")


class Edge:
    """Answers HEAD like GET without a body (RFC 9110), counts, and adds headers of prudence."""

    def __init__(self, application: ASGIApp, metrics: Metrics) -> None:
        self._application = application
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        request: Any = scope
        if request["type"] != "http":
            await self._application(scope, receive, send)
            return
        method: str = request["method"]
        if method == "HEAD":
            request["method"] = "GET"
        status = _NO_ANSWER

        async def pass_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers: Any = message["headers"]
                message["headers"] = [*map(_completed, headers), _NO_SNIFFING]
            elif message["type"] == "http.response.body" and method == "HEAD":
                message["body"] = b""
            await send(message)

        started = time.perf_counter()
        self._metrics.begin_request()
        try:
            await self._application(scope, receive, pass_on)
        finally:
            self._metrics.end_request(
                method if method in _METHODS else "other",
                request.get("path_template") or "unmatched",
                status,
                time.perf_counter() - started,
            )


def _completed(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a header as it is, but `Allow` in order, and with HEAD wherever there is GET."""
    name, value = header
    if name != b"allow":
        return header
    methods = {method.strip() for method in value.split(b",")}
    if b"GET" in methods:
        methods.add(b"HEAD")
    return name, b", ".join(sorted(methods))
