"""Connections to the servers of an index: kept alive, counted, as the environment wants them."""

from __future__ import annotations

import ssl
import urllib.request
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from thoth.dependency_monkey.ecosystems.pypi.index.credentials import Origin
    from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits

_KEEP_ALIVE = 15.0


class Connections:
    """Connections by origin, the one that was used last first.

    Each is an HTTP transport of its own with room for one connection: a pool of many asks every
    idle connection at every request whether it is still open, which at 32 of them costs more than
    all the rest of a request. `trust_env` is about proxies (`HTTPS_PROXY`, `HTTP_PROXY`,
    `ALL_PROXY`, `NO_PROXY`) and certificates (`SSL_CERT_FILE`, `SSL_CERT_DIR`). Never are
    credentials taken from a netrc file.
    """

    def __init__(self, limits: IndexLimits, *, trust_env: bool) -> None:
        self._limit = 2 * limits.connections
        self._idle: dict[Origin, list[httpx2.AsyncHTTPTransport]] = {}
        self._open = 0
        self._trust_env = trust_env
        self._context: ssl.SSLContext | None = None
        self._proxies = urllib.request.getproxies() if trust_env else {}

    def proxy_for(self, origin: Origin) -> str | None:
        """Return the URL of the proxy that leads to an origin, or None."""
        proxy = self._proxies.get(origin.scheme) or self._proxies.get("all")
        if not proxy or urllib.request.proxy_bypass(f"{origin.host}:{origin.port}"):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    async def take(self, origin: Origin) -> httpx2.AsyncHTTPTransport:
        """Return a transport that nobody else uses until it is given back."""
        idle = self._idle.get(origin)
        if idle:
            return idle.pop()
        if self._open >= self._limit:
            await self._close_one()
        self._open += 1
        proxy = self.proxy_for(origin)
        return httpx2.AsyncHTTPTransport(
            verify=self._context_for(origin, proxy),
            limits=httpx2.Limits(
                max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP_ALIVE
            ),
            proxy=proxy,
        )

    def give_back(self, origin: Origin, transport: httpx2.AsyncHTTPTransport) -> None:
        """Keep a transport for the next request to its origin."""
        self._idle.setdefault(origin, []).append(transport)

    async def close(self) -> None:
        """Close every connection that is not in use."""
        while any(self._idle.values()):
            await self._close_one()

    def _context_for(self, origin: Origin, proxy: str | None) -> ssl.SSLContext:
        if origin.scheme == "http" and proxy is None:
            # No TLS to come, and loading the certificates takes longer than a request.
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self._context is None:
            self._context = httpx2.create_ssl_context(trust_env=self._trust_env)
        return self._context

    async def _close_one(self) -> None:
        origin = max(self._idle, key=lambda each: len(self._idle[each]), default=None)
        if origin is None or not self._idle[origin]:
            return
        transport = self._idle[origin].pop(0)
        if not self._idle[origin]:
            del self._idle[origin]
        self._open -= 1
        await transport.aclose()
