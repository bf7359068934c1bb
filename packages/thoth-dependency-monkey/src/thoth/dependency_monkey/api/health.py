"""Is the process alive, can it serve, and what is it: `/livez`, `/readyz`, `/version`."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias

from litestar import Response, get

from thoth.dependency_monkey.api.schema import DISTRIBUTION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from litestar.handlers import HTTPRouteHandler

Check: TypeAlias = "Callable[[], Awaitable[str]]"
"""Looks at something the service needs; says what it found, or raises."""

CHECK_SECONDS = 5.0


def about() -> dict[str, str]:
    """Return the name of the program and its version."""
    return {"name": DISTRIBUTION, "version": version(DISTRIBUTION)}


def health_routes(checks: Mapping[str, Check]) -> list[HTTPRouteHandler]:
    """Return the routes; `checks` are what readiness looks at, by name."""

    @get("/livez")
    async def livez() -> Response[dict[str, Any]]:
        return _health({}, ready=True)

    @get("/readyz")
    async def readyz() -> Response[dict[str, Any]]:
        found = await asyncio.gather(*(_look(check) for check in checks.values()))
        said = dict(zip(checks, (text for _, text in found), strict=True))
        return _health(said, ready=all(fine for fine, _ in found))

    @get("/version")
    async def show_version() -> Response[dict[str, str]]:
        return Response(about())

    return [livez, readyz, show_version]


async def _look(check: Check) -> tuple[bool, str]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return True, await check()
    except TimeoutError:
        return False, f"no answer within {CHECK_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - any failure means: not ready
        return False, type(error).__name__


def _health(checks: dict[str, str], *, ready: bool) -> Response[dict[str, Any]]:
    return Response(
        {"status": "ok" if ready else "unavailable", "checks": checks},
        status_code=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Cache-Control": "no-store"},
    )
