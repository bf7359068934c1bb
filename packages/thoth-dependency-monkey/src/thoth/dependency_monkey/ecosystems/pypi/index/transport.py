"""HTTP to the servers of one index: time limits, retries, redirects, whom to tell what.

Knows nothing of pages and metadata; hands out answers. Every failure that is left after the retries
is an `IndexUnreachableError` whose detail names the URL and the cause.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import ssl
import time
from contextlib import aclosing
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol, Self, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx2

from thoth.dependency_monkey.ecosystems.pypi.index.addresses import AddressBook
from thoth.dependency_monkey.ecosystems.pypi.index.connections import Connections
from thoth.dependency_monkey.ecosystems.pypi.index.credentials import (
    Credentials,
    Origin,
    host_header,
    origin_of,
    without_user_info,
)
from thoth.dependency_monkey.ecosystems.pypi.index.faults import (
    BrokenAnswerError,
    WrongAnswerError,
)
from thoth.dependency_monkey.errors import IndexUnreachableError, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits

T = TypeVar("T")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRIED = frozenset({408, 425, 429})
_DRAINED = 64 * 1024
_SHOWN = 200


class RefusedTargetError(IndexUnreachableError):
    """A page or a redirect leads where this index may not send us; nothing was asked there."""


class Sink(Protocol):
    """Takes the body of an answer piece by piece."""

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; say whether no more are wanted."""
        ...


class Body:
    """A sink that keeps the whole body, up to a limit in bytes with a published name."""

    def __init__(self, limit: str, allowed: int) -> None:
        self.data = bytearray()
        self._limit = limit
        self._allowed = allowed

    def feed(self, data: bytes) -> bool:
        """Keep the next bytes. Raises `LimitExceededError` where they are too many."""
        self.data += data
        if len(self.data) > self._allowed:
            raise LimitExceededError(
                self._limit,
                self._allowed,
                f"the answer is larger than {self._allowed} bytes ({self._limit})",
            )
        return False


class Nothing:
    """A sink that wants no body."""

    def feed(self, data: bytes) -> bool:  # noqa: ARG002 - the protocol's signature
        """Refuse any more."""
        return True


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an HTTP answer; its body went into the sink. `url` is where redirects led."""

    status: int
    url: str
    headers: httpx2.Headers


class _RetryableError(Exception):
    """A try failed in a way that another one may not."""

    def __init__(self, cause: str, status: int | None = None, wait: float = 0.0) -> None:
        self.cause = cause
        self.status = status
        self.wait = wait
        super().__init__(cause)


class Transport:
    """Asks the servers of the index at `index_url`, its canonical URL.

    Credentials go to the index's own origin, never elsewhere. Other hosts are asked only where
    `AddressBook` allows it. An async context manager, to be used within one event loop.
    """

    def __init__(
        self,
        index_url: str,
        credentials: Credentials | None,
        limits: IndexLimits,
        *,
        trust_env: bool = True,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._origin = origin_of(index_url)
        self._authorization = None if credentials is None else credentials.authorization()
        self._limits = limits
        self._trust_env = trust_env
        self._jitter = jitter
        self._addresses = AddressBook(self._origin.host, limits.connect_timeout)
        self._slots = asyncio.Semaphore(limits.connections)
        self._connections: Connections | None = None
        self._user_agent = f"thoth-dependency-monkey/{version('thoth-dependency-monkey')}"
        self._timeouts = {
            "connect": limits.connect_timeout,
            "read": limits.read_timeout,
            "write": limits.read_timeout,
            "pool": limits.connect_timeout,
        }

    async def __aenter__(self) -> Self:
        self._connections = Connections(self._limits, trust_env=self._trust_env)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connections is not None:
            await self._connections.close()
            await self._addresses.close()
            self._connections = None

    async def fetch(
        self,
        url: str,
        headers: Mapping[str, str],
        sink: Callable[[Answer], Sink],
        read: Callable[[Answer, Sink], T],
    ) -> T:
        """GET `url`; return what `read` makes of the answer and the sink that took its body.

        `sink` chooses, by the answer's head, where its body goes. Raises `IndexUnreachableError`
        after the last try, or at once where `read` raises `WrongAnswerError`; a
        `BrokenAnswerError` is worth another try. Whatever else sinks and `read` raise goes through.
        """
        shown = without_user_info(url)
        async with self._slots:
            try:
                async with asyncio.timeout(self._limits.request_timeout):
                    return await self._with_retries(url, shown, headers, sink, read)
            except TimeoutError:
                seconds = self._limits.request_timeout
                raise IndexUnreachableError(
                    shown, f"{shown}: not done within {seconds:g} s (request_timeout)"
                ) from None

    async def _with_retries(
        self,
        url: str,
        shown: str,
        headers: Mapping[str, str],
        sink: Callable[[Answer], Sink],
        read: Callable[[Answer, Sink], T],
    ) -> T:
        tries = 0
        while True:
            tries += 1
            try:
                answer, filled = await self._follow(url, headers, sink)
                return read(answer, filled)
            except WrongAnswerError as wrong:
                raise IndexUnreachableError(shown, f"{shown}: {wrong}", wrong.status) from None
            except LimitExceededError as exceeded:
                raise LimitExceededError(
                    exceeded.limit, exceeded.allowed, f"{shown}: {exceeded.detail}"
                ) from None
            except BrokenAnswerError as broken:
                failure = _RetryableError(str(broken))
            except _RetryableError as failed:
                failure = failed
            if tries > self._limits.retries or failure.wait > self._limits.retry_after:
                count = "1 try" if tries == 1 else f"{tries} tries"
                raise IndexUnreachableError(
                    shown, f"{shown}: {failure.cause} ({count})", failure.status
                )
            pause = self._limits.backoff * 2 ** (tries - 1) * (1 - self._jitter() / 2)
            await asyncio.sleep(max(pause, failure.wait))

    async def _follow(
        self, url: str, headers: Mapping[str, str], sink: Callable[[Answer], Sink]
    ) -> tuple[Answer, Sink]:
        for _ in range(self._limits.redirects + 1):
            answer, filled = await self._try(url, headers, sink)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or location is None:
                return answer, filled
            url = redirect_target(url, location)
        shown = without_user_info(url)
        raise IndexUnreachableError(
            shown, f"{shown}: more than {self._limits.redirects} redirects", answer.status
        )

    async def _try(
        self, url: str, headers: Mapping[str, str], sink: Callable[[Answer], Sink]
    ) -> tuple[Answer, Sink]:
        assert self._connections is not None, "use the index as an async context manager"  # noqa: S101
        origin = origin_of(url)
        address = await self._address(url, origin)
        transport = await self._connections.take(origin)
        try:
            return await self._exchange(transport, url, origin, address, headers, sink)
        except httpx2.InvalidURL as error:
            shown = without_user_info(url)
            raise RefusedTargetError(shown, f"{shown}: {_shown_cause(error)}") from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            if _is_certificate_error(error):
                shown = without_user_info(url)
                raise IndexUnreachableError(shown, f"{shown}: {_shown_cause(error)}") from None
            if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
                self._addresses.forget(origin.host, origin.port)
            raise _RetryableError(self._cause(error)) from None
        finally:
            self._connections.give_back(origin, transport)

    async def _address(self, url: str, origin: Origin) -> str | None:
        """Return the address to connect to, or None where a proxy finds it."""
        assert self._connections is not None  # noqa: S101
        if origin.scheme == "http" and self._origin.scheme == "https":
            shown = without_user_info(url)
            raise RefusedTargetError(
                shown, f"{shown}: http, to which an https index may not send us"
            )
        if self._connections.proxy_for(origin) is not None:
            if self._addresses.allows_by_proxy(origin.host):
                return None
            raise _refused(url)
        try:
            address = await self._addresses.find(origin.host, origin.port)
        except TimeoutError:
            raise _RetryableError(f"no address for {origin.host!r} in time") from None
        except OSError as error:
            raise _RetryableError(f"no address for {origin.host!r}: {error.strerror}") from None
        if address is None:
            raise _refused(url)
        return address

    async def _exchange(
        self,
        transport: httpx2.AsyncHTTPTransport,
        url: str,
        origin: Origin,
        address: str | None,
        headers: Mapping[str, str],
        sink: Callable[[Answer], Sink],
    ) -> tuple[Answer, Sink]:
        sent = {"host": host_header(origin), "user-agent": self._user_agent, **headers}
        if self._authorization is not None and origin == self._origin:
            sent["authorization"] = self._authorization
        request = httpx2.Request(
            "GET",
            url if address is None else at_address(url, address, origin.port),
            headers=sent,
            extensions={"timeout": self._timeouts, "sni_hostname": origin.host},
        )
        response = await transport.handle_async_request(request)
        async with aclosing(response):
            status = response.status_code
            answer = Answer(status, url, response.headers)
            if status in _RETRIED or status >= 500:
                await _drain(response)
                raise _RetryableError(
                    f"HTTP status {status}", status, _retry_after(response.headers)
                )
            if not 200 <= status < 300:
                await _drain(response)
                return answer, Nothing()
            filled = sink(answer)
            # Servers label .tar.gz files as gzip-encoded, so what was asked for as it is stays so.
            asked_as_is = headers.get("accept-encoding") == "identity"
            pieces = response.aiter_raw() if asked_as_is else response.aiter_bytes()
            async with aclosing(pieces):
                async for piece in pieces:
                    if filled.feed(piece):
                        break
            return answer, filled

    def _cause(self, error: Exception) -> str:
        if isinstance(error, httpx2.ConnectTimeout):
            return f"no connection within {self._limits.connect_timeout:g} s"
        if isinstance(error, httpx2.ReadTimeout):
            return f"nothing came for {self._limits.read_timeout:g} s"
        return _shown_cause(error)


def at_address(url: str, address: str, port: int) -> str:
    """Return `url` with its host replaced by an IP address."""
    parts = urlsplit(url)
    host = f"[{address}]" if ":" in address else address
    return urlunsplit((parts.scheme, f"{host}:{port}", parts.path, parts.query, ""))


def redirect_target(url: str, location: str) -> str:
    """Return where a redirect from `url` leads, without user info.

    Raises `RefusedTargetError` where it leaves http and https, or leaves https for http.
    """
    shown = without_user_info(url)
    try:
        target = without_user_info(urljoin(url, location))
        origin = origin_of(target)
    except ValueError:
        raise RefusedTargetError(
            shown, f"{shown}: redirects to what is no URL of a server"
        ) from None
    if origin.scheme == "http" and origin_of(url).scheme == "https":
        raise RefusedTargetError(
            shown, f"{shown}: redirects from https to http, to {origin.host!r}"
        )
    return target


def _refused(url: str) -> RefusedTargetError:
    shown = without_user_info(url)
    return RefusedTargetError(
        shown, f"{shown}: an inner address, to which an index on the Internet may not send us"
    )


async def _drain(response: httpx2.Response) -> None:
    """Read a short body that nobody needs, so that the connection can be used again."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length[:9]) <= _DRAINED:
        async with aclosing(response.aiter_raw()) as pieces:
            async for _ in pieces:
                pass


def _retry_after(headers: httpx2.Headers) -> float:
    """Return the seconds that a `Retry-After` header asks for (RFC 9110), 0 where there is none."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, moment.timestamp() - time.time())


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _shown_cause(error: Exception) -> str:
    text = "".join(character if character.isprintable() else " " for character in str(error))
    return text[:_SHOWN] or type(error).__name__
