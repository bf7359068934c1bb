"""What may be recorded of a release: each value is checked before a statement is sent.

What cannot be stored raises `InvalidRecordError`, with the field's name.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.values import (
    MAX_TEXT_CHARACTERS,
    storable_hash,
    storable_text,
    storable_time,
)
from thoth.storages.graph.release_records import ArtifactRecord, ReleaseMetadataRecord
from thoth.storages.graph.versions import (
    normalize_index_url,
    normalize_package_name,
    normalize_version,
)

if TYPE_CHECKING:
    from thoth.storages.graph.release_records import ReleaseRecord

MAX_KEY_CHARACTERS = 512
"""A name, version, URL, file name or classifier may have at most so many characters.

PostgreSQL's index entries hold at most 2,704 bytes.
"""
MAX_DESCRIPTION_CHARACTERS = 2**20
"""The description of a release may have at most so many characters."""
MAX_OTHER_BYTES = 2**20
"""The remaining metadata of a release may have at most so many bytes as JSON."""
_MAX_SIZE = 2**63 - 1
_MEMOISED = 16_384
_JSON_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_FLAG = frozenset({bool, type(None)})
_INDEXED = ("license_expression",)
_LISTS = ("platforms", "classifiers", "import_packages")
_texts_of = attrgetter(
    *(
        name
        for name in ReleaseMetadataRecord.__struct_fields__
        if name not in {*_LISTS, "project_urls", "other"}
    )
)


def check(record: ReleaseRecord, *, is_metadata_checked: bool = False) -> None:
    """Raise what is wrong with a record, its package, version and index apart."""
    if record.yanked_reason is not None:
        checked_text("yanked_reason", record.yanked_reason)
    if not (
        type(record.yanked) in _FLAG
        and type(record.is_missing) in _FLAG
        and type(record.provides_source_distro) in _FLAG
    ):
        flags = (record.yanked, record.is_missing, record.provides_source_distro)
        problem = "(yanked, is_missing, provides_source_distro) must be True, False or None"
        raise InvalidRecordError("flags", flags, problem)
    if record.uploaded_at is not None:
        _time("uploaded_at", record.uploaded_at)
    if record.dependencies is not None and not isinstance(record.dependencies, tuple):
        raise InvalidRecordError("dependencies", record.dependencies, "must be a tuple of texts")
    if record.artifacts is not None:
        if not isinstance(record.artifacts, tuple):
            raise InvalidRecordError("artifacts", record.artifacts, "must be a tuple of records")
        for artifact in record.artifacts:
            _check_artifact(artifact)
    if record.metadata is not None and not is_metadata_checked:
        _check_metadata(record.metadata)


def _check_artifact(artifact: ArtifactRecord) -> None:
    if not isinstance(artifact, ArtifactRecord):
        raise InvalidRecordError("artifacts", artifact, "must be ArtifactRecords")
    if artifact.filename is None and artifact.sha256 is None:
        raise InvalidRecordError("artifacts.filename", None, "must be given where sha256 is not")
    if artifact.filename is not None:
        checked_text("artifacts.filename", artifact.filename, most=MAX_KEY_CHARACTERS)
    if artifact.sha256 is not None:
        if not isinstance(artifact.sha256, bytes):
            raise InvalidRecordError("artifacts.sha256", artifact.sha256, "must be bytes")
        storable_hash("artifacts.sha256", artifact.sha256)
    if artifact.kind is not None:
        checked_text("artifacts.kind", artifact.kind)
    size = artifact.size
    if size is not None and (type(size) is not int or not 0 <= size <= _MAX_SIZE):
        raise InvalidRecordError("artifacts.size", size, "must be a number from 0 to 2^63 - 1")
    if artifact.uploaded_at is not None:
        _time("artifacts.uploaded_at", artifact.uploaded_at)
    if not isinstance(artifact.yanked, bool):
        raise InvalidRecordError("artifacts.yanked", artifact.yanked, "must be True or False")
    if artifact.tags is not None:
        _texts("artifacts.tags", artifact.tags)


def _check_metadata(metadata: ReleaseMetadataRecord) -> None:
    if not isinstance(metadata, ReleaseMetadataRecord):
        raise InvalidRecordError("metadata", metadata, "must be a ReleaseMetadataRecord")
    if _is_plain(metadata):
        return
    for name, value in msgspec.structs.asdict(metadata).items():
        place = f"metadata.{name}"
        if name in _LISTS:
            _texts(place, value)
        elif name == "project_urls":
            if not isinstance(value, dict):
                raise InvalidRecordError(place, value, "must be a dict of texts")
            for label, url in value.items():
                checked_text(place, label)
                checked_text(place, url)
        elif name == "other":
            _check_other(place, value)
        elif value is not None:
            most = MAX_DESCRIPTION_CHARACTERS if name == "description" else MAX_TEXT_CHARACTERS
            checked_text(place, value, most=MAX_KEY_CHARACTERS if name in _INDEXED else most)


def _is_plain(metadata: ReleaseMetadataRecord) -> bool:
    """Tell at once that nothing is wrong with metadata: all texts are short enough, and ASCII."""
    lists = (metadata.platforms, metadata.classifiers, metadata.import_packages)
    urls, expression = metadata.project_urls, metadata.license_expression
    if not all(type(each) is tuple for each in lists):
        return False
    if type(urls) is not dict or type(metadata.other) is not dict:
        return False
    listed = [*lists[0], *lists[1], *lists[2]]
    said = [text for text in _texts_of(metadata) if text is not None]
    try:
        longest = max(map(len, listed), default=0)
        text = "".join((*listed, *said, *urls, *urls.values()))
    except TypeError:
        return False
    if metadata.other:
        _check_other("metadata.other", metadata.other)
    return (
        longest <= MAX_KEY_CHARACTERS
        and len(expression or "") <= MAX_KEY_CHARACTERS
        and len(text) <= MAX_TEXT_CHARACTERS
        and text.isascii()
        and "\0" not in text
    )


def _check_other(place: str, value: dict[str, Any]) -> None:
    if not isinstance(value, dict):
        raise InvalidRecordError(place, value, "must be a dict")
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidRecordError(place, sorted(map(str, value)), "is not JSON") from error
    if len(encoded) > MAX_OTHER_BYTES:
        raise InvalidRecordError(place, encoded[:100], f"is over {MAX_OTHER_BYTES:,} bytes as JSON")
    if _JSON_NUL.search(encoded):
        raise InvalidRecordError(place, encoded[:100], "has a NUL character")


def _texts(place: str, values: tuple[str, ...]) -> None:
    if not isinstance(values, tuple):
        raise InvalidRecordError(place, values, "must be a tuple of texts")
    for value in values:
        checked_text(place, value, most=MAX_KEY_CHARACTERS)


def checked_text(place: str, value: str, *, most: int = MAX_TEXT_CHARACTERS) -> str:
    """Return a text as it is."""
    if not isinstance(value, str):
        raise InvalidRecordError(place, value, "must be a text")
    return storable_text(place, value, most=most)


def _time(place: str, value: datetime) -> datetime:
    if not isinstance(value, datetime):
        raise InvalidRecordError(place, value, "must be a datetime")
    storable_time(place, value)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRecordError(place, value, "is out of range in UTC") from error


@lru_cache(maxsize=_MEMOISED)
def storable_package(text: str) -> str:
    """Return the name of a package, normalised."""
    name = normalize_package_name(checked_text("package", text, most=MAX_KEY_CHARACTERS).strip())
    if not name:
        raise InvalidRecordError("package", text, "must not be empty")
    return name


@lru_cache(maxsize=_MEMOISED)
def storable_version(text: str) -> str:
    """Return a version, normalised."""
    version = normalize_version(checked_text("version", text, most=MAX_KEY_CHARACTERS))
    if not version:
        raise InvalidRecordError("version", text, "must not be empty")
    return version


@lru_cache(maxsize=_MEMOISED)
def storable_index_url(text: str | None) -> str | None:
    """Return the URL of an index, normalised."""
    if text is None:
        return None
    url = normalize_index_url(checked_text("index_url", text, most=MAX_KEY_CHARACTERS))
    return storable_text("index_url", url, most=MAX_KEY_CHARACTERS)


def storable_requires_python(text: str | None) -> str | None:
    """Return what a release says of Python as it is."""
    return None if text is None else checked_text("requires_python", text)
