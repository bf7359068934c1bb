"""What a request must pass before anybody decodes it: content type, size, time, depth, characters.

Every check is linear in the size of the body, which is bounded first.
"""

from __future__ import annotations

import asyncio
import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

from thoth.dependency_monkey.api.errors import ApiError, ProblemEntry, bad_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from litestar import Request

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
BODY_SECONDS = 20.0
"""How long a client may take to send a body."""
DRAINED_BYTES = 8 * 1024 * 1024
"""How much of a body that is too large is read and thrown away, so that the client sees the 413."""

_JSON_TYPE = re.compile(r"application/(?:[!#$%&'*+.^_`|~0-9a-z-]+\+)?json", re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_BAD_CHARACTER = re.compile("[\x00\ud800-\udfff]")


async def read_json_object(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the JSON object (RFC 8259) that a request carries.

    Raises `ApiError`: 415 for another content type, 413 and 408 for a body that is too large or
    too slow, 400 for one that is no JSON object, nested deeper than `MAX_DEPTH`, or that holds NUL
    or a lone surrogate.
    """
    check_content_type(request)
    body = await read_body(request)
    check_depth(body)
    value = decode(body)
    if not isinstance(value, dict):
        raise bad_request(
            "the body is JSON, but not an object",
            'Send an object, such as {"stack_specification": "pandas"}.',
            pointer="",
        )
    check_characters(value)
    return value


def check_content_type(request: Request[Any, Any, Any]) -> None:
    """Raise a 415 unless the request says that it carries JSON in UTF-8."""
    given = request.headers.get("content-type", "")
    charset = _CHARSET.search(given)
    encoding = request.headers.get("content-encoding", "identity")
    right = (
        _JSON_TYPE.fullmatch(given.partition(";")[0].strip())
        and (charset is None or charset[1].lower() in {"utf-8", "utf8", "us-ascii"})
        and encoding.strip().lower() in {"", "identity"}
    )
    if right:
        return
    if not given:
        detail = "the request has no Content-Type"
    elif encoding.strip().lower() not in {"", "identity"}:
        detail = f"a body with the Content-Encoding {encoding[:40]!r} is not understood"
    else:
        detail = f"a body of the type {given[:80]!r} is not understood"
    entry = ProblemEntry(detail, "Send JSON in UTF-8, with Content-Type: application/json.")
    raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, [entry], {"Accept-Post": "application/json"})


async def read_body(request: Request[Any, Any, Any]) -> bytes:
    """Return the body, at most `MAX_BODY_BYTES` of it.

    Raises `ApiError`: 413 where it is larger, 408 where it takes longer than `BODY_SECONDS`, 400
    where the client leaves before its end.
    """
    body = bytearray()
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in _pieces(request):
                size += len(piece)
                if size <= MAX_BODY_BYTES:
                    body += piece
                elif size > DRAINED_BYTES:
                    break
    except TimeoutError:
        entry = ProblemEntry(
            f"the body took longer than {BODY_SECONDS:g} seconds", "Send it at once."
        )
        headers = {"Connection": "close"}
        raise ApiError(HTTPStatus.REQUEST_TIMEOUT, [entry], headers) from None
    if size > MAX_BODY_BYTES:
        entry = ProblemEntry(
            f"the body has more than the {MAX_BODY_BYTES} bytes that are allowed",
            "Shorten it, or split the stack.",
            "",
        )
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, [entry])
    return bytes(body)


async def _pieces(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """Yield the body as it comes; to the framework, a client that leaves would be our fault."""
    more = True
    while more:
        message: Any = await request.receive()
        if message["type"] == "http.disconnect":
            raise bad_request("the body ends before its end", "Send all of it.")
        yield message.get("body", b"")
        more = message.get("more_body", False)


def check_depth(body: bytes) -> None:
    """Raise a 400 where brackets outside of strings are nested deeper than `MAX_DEPTH`."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    # Strings keep their length, so that the position that is named stays right.
    bare = _STRING.sub(lambda string: b'"' * len(string[0]), body)
    depth = 0
    for bracket in _BRACKETS.finditer(bare):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            line, column = _place(body, bracket.start())
            raise bad_request(
                f"the body is nested deeper than {MAX_DEPTH} levels",
                'Send a flat object, such as {"stack_specification": "pandas"}.',
                line=line,
                column=column,
            )


def decode(body: bytes) -> Any:
    """Decode JSON, or raise a 400 that says where it breaks off."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(body, error.start)
        raise bad_request(
            f"the byte 0x{body[error.start]:02x} is not UTF-8",
            "Send JSON in UTF-8.",
            line=line,
            column=column,
        ) from None
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise bad_request(
            f"the body is not JSON: {error.msg[:1].lower()}{error.msg[1:]}",
            'Send JSON (RFC 8259), such as {"stack_specification": "pandas"}.',
            line=error.lineno,
            column=error.colno,
        ) from None
    except (ValueError, RecursionError):
        raise bad_request(
            "the body has a number that is out of range or no JSON number", "Send only strings."
        ) from None


def check_characters(value: dict[str, Any]) -> None:
    """Raise a 400 where any string has a NUL or a lone surrogate in it."""
    for pointer, text in _strings(value, ""):
        if found := _BAD_CHARACTER.search(text):
            character = ord(found[0])
            what = "the control character" if character == 0 else "the lone surrogate"
            before = text[: found.start()].replace("\\n", "\n")
            raise bad_request(
                f"{what} U+{character:04X} is not allowed",
                "Remove it.",
                pointer=_printable(pointer),
                line=before.count("\n") + 1,
                column=len(before) - before.rfind("\n"),
            )


def _strings(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield pointer, key
            escaped = key.replace("~", "~0").replace("/", "~1")
            yield from _strings(inner, f"{pointer}/{escaped}")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _strings(inner, f"{pointer}/{position}")


def _printable(pointer: str) -> str:
    return pointer[:200].encode("ascii", "backslashreplace").decode("ascii")


def _place(body: bytes, offset: int) -> tuple[int, int]:
    before = body[:offset].decode("utf-8", "replace")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
