"""Asking a server that speaks S3 for what its library does not ask for: signed GETs of a bucket.

One connection that is kept, tried again within limits, through the proxy that the environment names
(`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`), as the library does. It changes nothing on the server.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import random
import socket
import time
from base64 import b64encode
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Timer
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages.settings import ObjectStoreServer

CONNECT_SECONDS = 10
REQUEST_SECONDS = 60
RETRIES = 3
RETRY_SECONDS = 60
BACKOFF_SECONDS = 2
MAX_ANSWER_BYTES = 16 * 2**20
_NOTHING = hashlib.sha256(b"").hexdigest()
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


class AskingError(OSError):
    """The server refuses, or its answer is none; the text is like the library's."""


class NoAnswerError(AskingError):
    """No whole answer came, or the server says that it cannot answer now: worth another try."""


class Asker:
    """Asks for a bucket over one connection; not for several threads at once."""

    def __init__(self, server: ObjectStoreServer) -> None:
        self._server = server
        self._url = urlsplit(server.endpoint_url)
        self._proxy = _proxy(self._url.scheme, self._url.netloc)
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(self, query: dict[str, str]) -> str:
        """Return the answer to GET of the bucket; `AskingError` where there is none.

        `REQUEST_SECONDS` a try; `RETRIES` tries after the first, none `RETRY_SECONDS` after it.
        """
        last_try = time.monotonic() + RETRY_SECONDS
        for number in range(RETRIES):
            try:
                return self._answer(query)
            except NoAnswerError:
                if time.monotonic() >= last_try:
                    raise
            time.sleep(random.uniform(0.5, 1) * min(0.1 * 2**number, BACKOFF_SECONDS))  # noqa: S311
        return self._answer(query)

    def _answer(self, query: dict[str, str]) -> str:
        try:
            answer, body = self._exchange(query)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswerError(f"no answer ({type(error).__name__}: {error})") from None
        if answer.status == http.HTTPStatus.OK and len(body) <= MAX_ANSWER_BYTES:
            return body.decode("utf-8", "replace")
        self.close()
        if answer.status == http.HTTPStatus.OK:
            raise AskingError(f"an answer has more than {MAX_ANSWER_BYTES} bytes")
        kind = NoAnswerError if answer.status in _BUSY else AskingError
        said = body[:1_000].decode("utf-8", "replace")
        raise kind(f"status code: {answer.status} {said}")

    def _exchange(self, query: dict[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
        path = quote(f"{self._url.path}/{self._server.bucket}")
        asked = "&".join(f"{name}={quote(query[name], safe='')}" for name in sorted(query))
        headers = _signed_headers(self._server, self._url.netloc, path, asked)
        place = path
        if self._proxy is not None and self._url.scheme == "http":
            place = f"http://{self._url.netloc}{path}"
            headers |= self._proxy.headers
        connection, connected = self._connected()
        with _limited(connected):
            connection.request("GET", f"{place}?{asked}", headers=headers)
            answer = connection.getresponse()
            body = answer.read(MAX_ANSWER_BYTES + 1)
        if answer.length and len(body) <= MAX_ANSWER_BYTES:
            raise http.client.IncompleteRead(b"", answer.length)
        return answer, body

    def _connected(self) -> tuple[http.client.HTTPConnection, socket.socket]:
        if self._connection is None:
            self._connection = _connection(self._url.scheme, self._url.netloc, self._proxy)
        if self._connection.sock is None:
            self._connection.connect()
        connected: socket.socket = self._connection.sock
        connected.settimeout(REQUEST_SECONDS)
        return self._connection, connected


class _Proxy:
    """A proxy by its URL, with the header that names its user."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "//" in url else f"//{url}")
        self.address = parts.netloc.rpartition("@")[2]
        self.headers: dict[str, str] = {}
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.headers["proxy-authorization"] = f"Basic {b64encode(user.encode()).decode()}"


def _proxy(scheme: str, netloc: str) -> _Proxy | None:
    proxies = getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    return None if not url or proxy_bypass(netloc) else _Proxy(url)


def _connection(scheme: str, netloc: str, proxy: _Proxy | None) -> http.client.HTTPConnection:
    if scheme == "http":
        address = netloc if proxy is None else proxy.address
        return http.client.HTTPConnection(address, timeout=CONNECT_SECONDS)
    if proxy is None:
        return http.client.HTTPSConnection(netloc, timeout=CONNECT_SECONDS)
    tunnelled = http.client.HTTPSConnection(proxy.address, timeout=CONNECT_SECONDS)
    tunnelled.set_tunnel(netloc, headers=proxy.headers)
    return tunnelled


@contextmanager
def _limited(connected: socket.socket) -> Iterator[None]:
    """End the connection after `REQUEST_SECONDS`, also where bytes come one by one."""

    def end() -> None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = Timer(REQUEST_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _signed_headers(server: ObjectStoreServer, host: str, path: str, query: str) -> dict[str, str]:
    """Sign a request without a body, as "Signature Version 4" of Amazon's documentation says."""
    now = datetime.now(UTC)
    moment, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
    headers = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": moment}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join(("GET", path, query, lines, names, _NOTHING))
    scope = f"{day}/{server.region}/s3/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashed))
    key = f"AWS4{server.secret_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={server.key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={key.hex()}"
    )
    return headers
