"""The read-through index over HTTP: `/index/{name}[@{date}]/simple/{package}/` and its files.

Clients get standard pages (PEP 503, 691) and core metadata (PEP 658); our validators get the same
as facts (`validation.exchange`).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from litestar import Request, Response, get
from litestar.datastructures.headers import Accept
from msgspec.structs import replace

from thoth.dependency_monkey.api.errors import ApiError, ProblemEntry
from thoth.dependency_monkey.ecosystems.pypi.index.filenames import normalize_name
from thoth.dependency_monkey.ecosystems.pypi.policy import parse_moment
from thoth.dependency_monkey.errors import RequestError, UndecidedError
from thoth.dependency_monkey.settings import LONGEST_MAX_AGE
from thoth.dependency_monkey.validation.exchange import (
    MEDIA_TYPE,
    Fact,
    IndexList,
    MetadataFact,
    NoFact,
    PageFact,
    encode_fact,
)
from thoth.dependency_monkey.validation.read_through import UnknownIndexError
from thoth.dependency_monkey.validation.simple_page import (
    HTML_TYPE,
    JSON_TYPE,
    html_page,
    json_page,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from litestar.handlers import HTTPRouteHandler

    from thoth.dependency_monkey.ecosystems.pypi.facts import Page
    from thoth.dependency_monkey.validation.read_through import ReadThrough, ServedFile

# The first one is what a client without preference gets: it may be older than JSON pages.
_TYPES = {
    "text/html": "text/html",
    HTML_TYPE: HTML_TYPE,
    "application/vnd.pypi.simple.latest+html": HTML_TYPE,
    JSON_TYPE: JSON_TYPE,
    "application/vnd.pypi.simple.latest+json": JSON_TYPE,
}
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,9})")
_URL_CHARACTERS = "%:/?#[]@!$&'()*+,;="
"""Reserved ones (RFC 3986), and what is encoded already: everything else must become ASCII."""
_RENDERING = 2
"""Counts the ways in which pages have been written: part of their entity tags."""

_Request = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class _Index:
    """What the first part of a path names: an index, and the moment before which it is shown."""

    name: str
    before: datetime | None


def read_through_routes(read_through: ReadThrough) -> list[HTTPRouteHandler]:
    """Return the routes of a read-through index, which must be open while they are served."""

    @get("/index/{index:str}/simple")
    async def show_indexes(request: _Request) -> Response[bytes]:
        named = _read_index(read_through, request.path_params["index"])
        if named.before is not None or not _wants_facts(request):
            raise _not_found("the list of all packages is not offered", "Ask for a package.")
        pairs = tuple((each.name, each.url) for each in read_through.named(named.name))
        return _fact(IndexList(pairs))

    @get("/index/{index:str}/simple/{package:str}")
    async def show_page(request: _Request) -> Response[bytes]:
        named = _read_index(read_through, request.path_params["index"])
        package = request.path_params["package"]
        name = _read_name(package)
        if named.before is None and _wants_facts(request):
            age = _max_age(request, read_through.max_age)
            return await _told(_page_fact(read_through, named.name, name, age))
        # The router has forgotten the slash, but links of a page are relative to it.
        has_slash = request.scope["raw_path"].endswith(b"/")
        if name != package or not has_slash:
            prefix = "../" if has_slash else ""
            return Response(
                b"",
                status_code=HTTPStatus.MOVED_PERMANENTLY,
                headers={"location": f"{prefix}{name}/"},
            )
        media_type = _media_type(request)
        page = await _or_bad_gateway(read_through.page(named.name, name))
        if page.facts is None:
            raise _not_found(f"no index has a package {name}", "Look for a typing error.")
        return await _rendered(request, page, media_type, named.before, read_through.max_age)

    @get("/index/{index:str}/files/{package:str}/{filename:str}")
    async def show_file(request: _Request) -> Response[bytes]:
        named = _read_index(read_through, request.path_params["index"])
        name = _read_name(request.path_params["package"])
        filename = request.path_params["filename"]
        listed = filename.removesuffix(".metadata")
        wants_facts = listed != filename and _wants_facts(request)
        try:
            file = await read_through.file(named.name, name, listed)
            if file is None:
                raise _not_found(f"{name} has no such file", "Ask for a file that its page lists.")
            if listed == filename:
                location = quote(file.artifact.url, safe=_URL_CHARACTERS)
                return Response(b"", status_code=HTTPStatus.FOUND, headers={"location": location})
            if wants_facts:
                return await _told(_metadata_fact(read_through, file))
            metadata = await read_through.metadata_file(file)
        except UndecidedError as error:
            if wants_facts:
                return _fact(NoFact(error.reason, error.detail))
            raise _bad_gateway(error) from error
        if not isinstance(metadata, bytes):
            raise _not_found(f"there is no metadata: {metadata.opaque}", "Use another release.")
        return Response(
            metadata,
            media_type="text/plain",
            headers={"cache-control": f"max-age={read_through.max_age:.0f}"},
        )

    return [show_indexes, show_page, show_file]


# -- reading -----------------------------------------------------------------------------------


def _read_index(read_through: ReadThrough, text: str) -> _Index:
    name, at, moment = text.rpartition("@")
    if not at:
        name = text
    try:
        read_through.named(name)
        return _Index(name, parse_moment(moment, source="date") if at else None)
    except UnknownIndexError as error:
        known = ", ".join(error.known)
        raise _not_found("no index has this name", f"Choose from {known}.") from error
    except RequestError as error:
        problem = error.problems[0]
        raise _not_found(problem.message, problem.remedy) from error


def _read_name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise _not_found("this is not the name of a package", "Ask for a name as of PEP 508.")
    return normalize_name(text)


def _wants_facts(request: _Request) -> bool:
    return request.headers.get("accept") == MEDIA_TYPE


def _max_age(request: _Request, default: float) -> float:
    found = _MAX_AGE.search(request.headers.get("cache-control", ""))
    return default if found is None else min(float(found[1]), LONGEST_MAX_AGE)


def _media_type(request: _Request) -> str:
    accepted = Accept(request.headers.get("accept") or "*/*")
    match = accepted.best_match(list(_TYPES))
    if match is None:
        entry = ProblemEntry("a page has none of the accepted types", f"Accept {JSON_TYPE}.")
        raise ApiError(HTTPStatus.NOT_ACCEPTABLE, [entry])
    return _TYPES[match]


# -- answering ---------------------------------------------------------------------------------


async def _rendered(
    request: _Request, page: Page, media_type: str, before: datetime | None, max_age: float
) -> Response[bytes]:
    kind = "json" if media_type == JSON_TYPE else "html"
    moment = "" if before is None else f"-{before.timestamp():.6f}"
    etag = f'"{page.digest[:32]}-{kind}{_RENDERING}{moment}"'
    left = max_age - (datetime.now(UTC) - page.checked_at).total_seconds()
    headers = {
        "etag": etag,
        "vary": "accept",
        "cache-control": f"max-age={max(0.0, left):.0f}",
    }
    conditions = request.headers.get("if-none-match", "")
    if etag in conditions or conditions.strip() == "*":
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    render = json_page if kind == "json" else html_page
    body = await asyncio.to_thread(render, page, before)
    # Litestar names the character set of what is text/*, and of nothing else.
    content_type = f"{media_type}; charset=utf-8" if media_type == HTML_TYPE else media_type
    return Response(body, media_type=content_type, headers=headers)


async def _page_fact(read_through: ReadThrough, name: str, package: str, age: float) -> Fact:
    return PageFact(await read_through.page(name, package, max_age=age))


async def _metadata_fact(read_through: ReadThrough, file: ServedFile) -> Fact:
    return MetadataFact(replace(await read_through.metadata(file), content=b""))


async def _told(work: Awaitable[Fact]) -> Response[bytes]:
    """Answer a validator; why something could not be told is an answer, too."""
    try:
        return _fact(await work)
    except UndecidedError as error:
        return _fact(NoFact(error.reason, error.detail))


def _fact(fact: Fact) -> Response[bytes]:
    return Response(encode_fact(fact), media_type=MEDIA_TYPE)


async def _or_bad_gateway(work: Awaitable[Page]) -> Page:
    try:
        return await work
    except UndecidedError as error:
        raise _bad_gateway(error) from error


def _bad_gateway(error: UndecidedError) -> ApiError:
    entry = ProblemEntry(error.detail, "Try again later, or see to the index.")
    return ApiError(HTTPStatus.BAD_GATEWAY, [entry])


def _not_found(detail: str, remedy: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, [ProblemEntry(detail, remedy)])
