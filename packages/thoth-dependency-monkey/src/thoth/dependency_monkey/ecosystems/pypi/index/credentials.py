"""URLs of indexes: the canonical form without user info, and the credentials apart."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from thoth.dependency_monkey.errors import Problem, RequestError

_DEFAULT_PORTS = {"http": 80, "https": 443}
# A name in ASCII, an IPv4 or an IPv6 address (RFC 3986; `%` opens a zone).
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*(%[a-z0-9._-]+)?")
_REMEDY = "Give an index as https://host/path/, such as https://pypi.org/simple/"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password for one origin (RFC 7617). Neither appears in `repr`."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    def authorization(self) -> str:
        """Return the value of the `Authorization` header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


class Origin(NamedTuple):
    """Scheme, lower-case host and port (RFC 6454)."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin:
    """Return the origin of an absolute http or https URL.

    Raises `ValueError` where it is none.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or _HOST.fullmatch(host) is None:
        raise ValueError("not an absolute http or https URL")
    return Origin(parts.scheme, host, parts.port or _DEFAULT_PORTS[parts.scheme])


def host_header(origin: Origin) -> str:
    """Return what a request's `Host` header says (RFC 9110): no default port."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == _DEFAULT_PORTS[origin.scheme] else f"{host}:{origin.port}"


def without_user_info(url: str) -> str:
    """Return `url` without user name, password and fragment, fit for messages and logs.

    Raises `ValueError` where it is no URL.
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def canonical_index_url(text: str) -> tuple[str, Credentials | None]:
    """Return the canonical URL of an index and the credentials that its user info held.

    Canonical: scheme and host in lower case, no default port, a trailing slash, no user info,
    no query and no fragment. Raises `RequestError` for anything but an http or https URL.
    """
    stripped = text.strip()
    try:
        parts = urlsplit(stripped)
        problem = _problem(stripped, parts)
        netloc = _ascii_host(parts.hostname or "")
        if _HOST.fullmatch(netloc) is None:
            problem = problem or "The index URL names no valid host"
        port = parts.port
    except ValueError:
        raise _refusal("The index URL cannot be understood") from None
    if problem is not None:
        raise _refusal(problem)
    if ":" in netloc:
        netloc = f"[{netloc}]"
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        netloc = f"{netloc}:{port}"
    path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    credentials = None
    if parts.username is not None:
        credentials = Credentials(unquote(parts.username), unquote(parts.password or ""))
    return urlunsplit((parts.scheme, netloc, path, "", "")), credentials


def _ascii_host(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _problem(text: str, parts: SplitResult) -> str | None:
    if parts.scheme not in _DEFAULT_PORTS:
        return "An index URL begins with https:// or http://"
    if not parts.hostname:
        return "The index URL names no host"
    if parts.query or parts.fragment:
        return "An index URL has neither query nor fragment"
    if any(character <= " " or character == "\x7f" for character in text):
        return "The index URL holds white space or a control character"
    return None


def _refusal(message: str) -> RequestError:
    return RequestError(Problem(message=message, remedy=_REMEDY))
