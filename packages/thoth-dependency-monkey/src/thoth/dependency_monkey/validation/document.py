"""The document that a validator reports: who answered, where and when, and the answer."""

from __future__ import annotations

import platform
import secrets
import socket
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec

from thoth.dependency_monkey.validation.result import Validation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thoth.storages.graph.validation_records import FinishedValidation

LARGEST_DOCUMENT = 16 * 1024 * 1024
"""Bytes of an encoded document."""

_ANALYZER = "thoth-dependency-monkey"


class DocumentMetadata(msgspec.Struct, frozen=True):
    """Who answered, where and when. `timestamp` is in seconds since 1970, `duration` in seconds."""

    analyzer: str
    analyzer_version: str
    arguments: dict[str, Any]
    datetime: str
    timestamp: int
    duration: int
    document_id: str
    hostname: str
    thoth_deployment_name: str | None
    distribution: dict[str, Any]
    os_release: dict[str, str]
    python: dict[str, Any]


class Document(msgspec.Struct, frozen=True):
    """What a validator reports; `result` is the JSON answer of `validate`."""

    metadata: DocumentMetadata
    result: Validation


_DECODER = msgspec.json.Decoder(Document)


def make_document(
    validation: Validation, *, started: datetime, arguments: Mapping[str, Any]
) -> Document:
    """Return the document of a validation that this process answered."""
    finished = datetime.now(UTC)
    document_id = f"validation-{finished:%y%m%d%H%M%S}-{secrets.token_hex(8)}"
    metadata = _metadata(document_id, started, finished, arguments)
    return Document(metadata, msgspec.structs.replace(validation, document_id=document_id))


def metadata_of(validation: FinishedValidation) -> dict[str, Any]:
    """Return the `metadata` of a finished validation's document, but for id and deployment.

    Host, system and Python are those of this process, which stores it.
    """
    try:
        arguments = msgspec.json.decode(validation.request, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        arguments = {}
    started = validation.started_at or validation.created_at
    metadata = _metadata("", started, validation.finished_at, arguments)
    return msgspec.structs.asdict(metadata)


def _metadata(
    document_id: str, started: datetime, finished: datetime, arguments: Mapping[str, Any]
) -> DocumentMetadata:
    return DocumentMetadata(
        analyzer=_ANALYZER,
        analyzer_version=_version(),
        arguments=dict(arguments),
        datetime=finished.isoformat(),
        timestamp=int(finished.timestamp()),
        duration=max(0, int((finished - started).total_seconds())),
        document_id=document_id,
        hostname=socket.gethostname(),
        thoth_deployment_name=None,
        distribution=_distribution(),
        os_release=_os_release(),
        python=_python(),
    )


def encode_document(document: Document) -> bytes:
    """Return the document as JSON."""
    return msgspec.json.encode(document)


def decode_document(encoded: bytes) -> Document:
    """Return the document that `encode_document` wrote.

    Raises `msgspec.DecodeError` (or `ValidationError`, one of its kind, with the path of the
    offending key), `UnicodeDecodeError` or `RecursionError` where it did not.
    """
    return _DECODER.decode(encoded)


@cache
def _version() -> str:
    return version(_ANALYZER)


@cache
def _os_release() -> dict[str, str]:
    try:
        found = platform.freedesktop_os_release()
    except OSError:
        return {"id": sys.platform}
    return {name.lower(): value for name, value in found.items()}


def _distribution() -> dict[str, Any]:
    release = _os_release()
    parts = [*release.get("version_id", "").split("."), "", "", ""]
    return {
        "id": release["id"],
        "codename": release.get("version_codename", ""),
        "like": release.get("id_like", ""),
        "version": release.get("version_id", ""),
        "version_parts": {"major": parts[0], "minor": parts[1], "build_number": parts[2]},
    }


def _python() -> dict[str, Any]:
    info = sys.version_info
    return {
        "major": info.major,
        "minor": info.minor,
        "micro": info.micro,
        "releaselevel": info.releaselevel,
        "serial": info.serial,
        "api_version": sys.api_version,
        "implementation_name": sys.implementation.name,
    }
