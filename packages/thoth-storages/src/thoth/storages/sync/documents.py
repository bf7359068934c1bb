"""Reading documents: the envelope `{metadata, result}` that every task reports.

What a kind's result holds is described by a struct of that kind. Structs name what is used; all
else is kept in `Document.content`, which is the document as it was given. Nothing is ever changed.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec

from thoth.storages.exceptions import InvalidDocumentError

MAX_DOCUMENT_BYTES = 64 * 2**20
"""An encoded document may have at most so many bytes."""
MAX_DEPTH = 100
"""Objects and arrays may lie in one another at most so deep."""
MAX_VALUES = 5_000_000
"""A document may hold at most so many values, those of nested objects and arrays included."""
MAX_ID_CHARACTERS = 255
"""The id of a document may have at most so many characters."""

_MAKING = Lock()
_CONTAINERS = (dict, list, tuple)
_SURROGATE = "has a lone surrogate where no text belongs"
_T = TypeVar("_T")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*", re.ASCII)
_PLACE = re.compile(r" - at (?:`key` in )?`\$(.*)`\Z")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_MAX_SECONDS = 2**31 - 1
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPES = re.compile(rb'\\[\\"]')
_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(set(range(256)).difference(b'"[]{}'))


class Metadata(msgspec.Struct, frozen=True, kw_only=True, rename={"created": "datetime"}):
    """Who made a document, when and where.

    `timestamp` is in seconds since 1970, `duration` in seconds. What documents did not have from
    the beginning may be missing. `document_id` is null in real documents: see `read_document`.
    """

    analyzer: str
    analyzer_version: str
    arguments: dict[str, Any]
    created: str
    hostname: str
    distribution: dict[str, Any]
    python: dict[str, Any]
    document_id: str | None = None
    timestamp: int | None = None
    duration: int | None = None
    thoth_deployment_name: str | None = None
    os_release: dict[str, Any] | None = None


class Document(msgspec.Struct, Generic[_T], frozen=True):
    """A document that was read; `content` is all of it, with what no struct names.

    `created_at` is when its task ran: `metadata.datetime`, in UTC where it says no zone. `given` is
    the document as it was given.
    """

    document_id: str
    created_at: datetime
    metadata: Metadata
    result: _T
    given: dict[str, Any] | bytes

    @property
    def content(self) -> dict[str, Any]:
        """All of the document, decoded; raises `InvalidDocumentError` for what `decode` refuses."""
        return decode(self.given, document_id=self.document_id)

    def without_result(self) -> Document[None]:
        """Return what is known of the document besides what it says."""
        return Document(self.document_id, self.created_at, self.metadata, None, b"{}")

    def invalid(self, path: str, problem: str) -> InvalidDocumentError:
        """Return the error that says what is wrong at a path such as `result.tree[3]`."""
        return InvalidDocumentError(self.document_id, path, problem)


class _Envelope(msgspec.Struct, Generic[_T], frozen=True):
    metadata: Metadata
    result: _T


def read_document(
    content: dict[str, Any] | bytes, result_type: type[_T], *, document_id: str | None = None
) -> Document[_T]:
    """Read a document, encoded as JSON or decoded already, whose result is of a type.

    `document_id` is the name that the document is stored under, where it has one: it counts, and
    `metadata.document_id` only without it. Unknown keys are kept. Raises `InvalidDocumentError`,
    with the path of the offending key, for what is not of this form or over a limit of this module.
    """
    document = read_at_once(content, result_type, document_id=document_id)
    if document is not None:
        return document
    known_id = None if document_id is None else _document_id(document_id, None)
    content = decode(content, document_id=known_id)
    known_id = known_id or _own_id(content)
    _decoder(result_type)  # type: ignore[arg-type]
    try:
        envelope = msgspec.convert(content, _Envelope[result_type])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise _invalid(known_id, error) from error
    except UnicodeEncodeError as error:
        raise InvalidDocumentError(known_id, "", _SURROGATE) from error
    return _document(envelope, known_id, content)


def read_at_once(
    content: dict[str, Any] | bytes, result_type: type[_T], *, document_id: str | None = None
) -> Document[_T] | None:
    """Read an encoded document as `read_document` does, without decoding what no struct names.

    None where it has to be looked at as a whole, as where it is broken; `read_document` does then.
    The type may hold `msgspec.Raw`. Raises `InvalidDocumentError`.
    """
    known_id = None if document_id is None else _document_id(document_id, None)
    envelope = _at_once(content, result_type)
    return None if envelope is None else _document(envelope, known_id, content)


def _document(
    envelope: _Envelope[_T], known_id: str | None, content: dict[str, Any] | bytes
) -> Document[_T]:
    metadata = envelope.metadata
    if known_id is None and metadata.document_id is not None:
        known_id = _document_id(metadata.document_id, "metadata.document_id")
    if known_id is None:
        raise InvalidDocumentError(
            None,
            "metadata.document_id",
            "is null. Give the document's id, or sync it under the name that it is stored under",
        )
    if metadata.duration is not None and not 0 <= metadata.duration <= _MAX_SECONDS:
        raise InvalidDocumentError(known_id, "metadata.duration", "is out of range")
    return Document(
        document_id=known_id,
        created_at=_created_at(known_id, metadata),
        metadata=metadata,
        result=envelope.result,
        given=content,
    )


@lru_cache(maxsize=64)
def _decoder(result_type: Any) -> msgspec.json.Decoder[Any]:
    # What msgspec knows of a type it makes when it is first asked; others would read it half made.
    with _MAKING:
        return msgspec.json.Decoder(_Envelope[result_type])


def _at_once(content: object, result_type: type[_T]) -> _Envelope[_T] | None:
    """Decode what structs name and no more; None for what has to be looked at to be refused."""
    most = min(MAX_DOCUMENT_BYTES, 2 * MAX_VALUES)
    if type(content) is not bytes or len(content) > most or not _is_flat(content):
        return None
    envelope: _Envelope[_T]
    try:
        # Strings that no struct names are skipped: that they are texts is looked at here.
        content.decode()
        envelope = _decoder(result_type).decode(content)  # type: ignore[arg-type]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return envelope


def _is_flat(content: bytes) -> bool:
    """Tell whether objects and arrays of encoded JSON are not too deep in one another.

    Takes half the time of decoding.
    """
    if b"\\" in content:
        content = _ESCAPES.sub(b"", content)
    # Two quotes without anything between them may go, whichever of them begins a string.
    marks = content.translate(_AS_BRACKETS, _NO_MARKS).replace(b'""', b"")
    if b'"' in marks:
        marks = b"".join(marks.split(b'"')[::2])
    for _ in range(MAX_DEPTH):
        if not marks:
            return True
        marks = marks.replace(b"[]", b"")
    return not marks


def decode(content: dict[str, Any] | bytes, *, document_id: str | None = None) -> dict[str, Any]:
    """Return the object that a document is, with the limits of this module enforced.

    What is decoded already is returned as it is. Raises `InvalidDocumentError`.
    """
    decoded: object = content
    if isinstance(content, bytes | bytearray | memoryview):
        if len(content) > MAX_DOCUMENT_BYTES:
            problem = f"is over {MAX_DOCUMENT_BYTES:,} bytes"
            raise InvalidDocumentError(document_id, "", problem)
        try:
            decoded = msgspec.json.decode(content)
        except RecursionError as error:
            raise InvalidDocumentError(document_id, "", _too_deep()) from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            decoded = _with_lone_surrogates(bytes(content))
            if decoded is None:
                raise InvalidDocumentError(document_id, "", f"is not JSON: {error}") from error
    if type(decoded) is not dict:
        raise InvalidDocumentError(document_id, "", "is not an object with metadata and result")
    _check_size(decoded, document_id)
    return decoded


def decode_raw(decoder: msgspec.json.Decoder[_T], content: bytes, *, document_id: str) -> _T:
    """Decode a document whose parts are kept byte for byte, as `msgspec.Raw`.

    Unlike others it has no lone surrogates. Raises `InvalidDocumentError`.
    """
    try:
        return decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise InvalidDocumentError(document_id, "", f"is not JSON: {error}") from error


def _with_lone_surrogates(content: bytes) -> object:
    """Decode JSON in which texts have lone surrogates, as Python writes them; None for any other.

    They come from files of other encodings, and are replaced where a row holds the text.
    """
    if not _ESCAPED_SURROGATE.search(content):
        return None
    try:
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _too_deep() -> str:
    return f"has objects or arrays in one another over {MAX_DEPTH} deep"


def _check_size(content: dict[str, Any], document_id: str | None) -> None:
    """Refuse what is too deep (or holds itself), too much or no JSON object; level by level."""
    level: list[Any] = [content]
    values = 0
    for _ in range(MAX_DEPTH):
        values += sum(map(len, level))
        for node in level:
            if isinstance(node, dict) and not all(isinstance(key, str) for key in node):
                raise InvalidDocumentError(document_id, "", "has a key that is not a text")
        if values > MAX_VALUES:
            raise InvalidDocumentError(document_id, "", f"has over {MAX_VALUES:,} values")
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, _CONTAINERS)
        ]
        if not level:
            return
    raise InvalidDocumentError(document_id, "", _too_deep())


def _own_id(content: dict[str, Any]) -> str | None:
    metadata = content.get("metadata")
    own = metadata.get("document_id") if isinstance(metadata, dict) else None
    if own is None or not isinstance(own, str):
        return None
    return _document_id(own, "metadata.document_id")


def _document_id(text: str, path: str | None) -> str:
    if len(text) > MAX_ID_CHARACTERS or not _ID.fullmatch(text):
        problem = f"is not an id of letters, digits and .-+_, at most {MAX_ID_CHARACTERS} of them"
        raise InvalidDocumentError(text[:MAX_ID_CHARACTERS], path or "", problem)
    return text


def _created_at(document_id: str, metadata: Metadata) -> datetime:
    try:
        created = datetime.fromisoformat(metadata.created)
        return created.replace(tzinfo=created.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        problem = "is not a date and time of ISO 8601"
        raise InvalidDocumentError(document_id, "metadata.datetime", problem) from error


def _invalid(document_id: str | None, error: msgspec.ValidationError) -> InvalidDocumentError:
    text = str(error)
    place = _PLACE.search(text)
    path = place[1].removeprefix(".") if place else ""
    problem = text[: place.start()] if place else text
    missing = _MISSING.fullmatch(problem)
    if missing:
        path = f"{path}.{missing[1]}".removeprefix(".")
        problem = "is missing"
    return InvalidDocumentError(document_id, path, problem[:1].lower() + problem[1:])


def checked_document_id(text: str, path: str, *, owner: str | None = None) -> str:
    """Return the id of a document, which lies at a path, as it is.

    `owner` is the document that has it, where that is another. Raises `InvalidDocumentError`.
    """
    try:
        return _document_id(text, path)
    except InvalidDocumentError as error:
        raise InvalidDocumentError(owner or error.document_id, path, error.problem) from None


def read_part(
    content: dict[str, Any], part_type: type[_T], *, document_id: str | None, path: str
) -> _T:
    """Return the struct of a part of a document, which lies at a path.

    Unknown keys are left alone. Raises `InvalidDocumentError` with the path of the offending key.
    """
    try:
        return msgspec.convert(content, part_type)
    except msgspec.ValidationError as error:
        found = _invalid(document_id, error)
        place = f"{path}.{found.path}".removesuffix(".")
        raise InvalidDocumentError(document_id, place, found.problem) from error
    except UnicodeEncodeError as error:
        raise InvalidDocumentError(document_id, path, _SURROGATE) from error
