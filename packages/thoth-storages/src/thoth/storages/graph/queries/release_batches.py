"""Release records as they are sent: checked, normalised, one for each release.

Pure: nothing here talks to the database. What cannot be stored raises `InvalidRecordError`, with
the field's name, before a statement is sent.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.values import (
    MAX_TEXT_CHARACTERS,
    storable_hash,
    storable_text,
    storable_time,
)
from thoth.storages.graph.release_records import (
    ArtifactRecord,
    ReleaseMetadataRecord,
    ReleaseRecord,
)
from thoth.storages.graph.requirements import parse_requirement
from thoth.storages.graph.versions import (
    normalize_index_url,
    normalize_package_name,
    normalize_version,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MAX_KEY_CHARACTERS = 512
"""A name, version, URL, file name or classifier may have at most so many characters.

PostgreSQL's index entries hold at most 2,704 bytes.
"""
MAX_DESCRIPTION_CHARACTERS = 2**20
"""The description of a release may have at most so many characters."""
MAX_OTHER_BYTES = 2**20
"""The remaining metadata of a release may have at most so many bytes as JSON."""
_MAX_SIZE = 2**63 - 1

_logger = logging.getLogger("thoth.storages.graph.queries")
_NAME = re.compile(r"[ \t]*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)[ \t]*", re.ASCII)
_JSON_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_MEMOISED_CHARACTERS = 512
_FLAG = frozenset({bool, type(None)})
_INDEXED = ("license_expression",)
_LISTS = ("platforms", "classifiers", "import_packages")


class Requirement(msgspec.Struct, frozen=True):
    """A requirement as its row has it; `bounds` is None where the text could not be parsed."""

    name: str
    text: str
    specifier: str
    bounds: tuple[bytes, ...] | None = None
    extras: tuple[str, ...] = ()
    marker_extras: tuple[str, ...] = ()
    marker: str | None = None
    url: str | None = None


ReleaseKey = tuple[str, str, str | None]
"""Package, version and index of a release, normalised."""


@dataclass(slots=True)
class Batch:
    """Records of one call, one for each release.

    `positions` says which of `releases` each record given is about. `texts` are the requirements as
    they were given, by the digests that `dependencies` has, which are in ascending order.
    """

    ecosystem: str
    keys: list[ReleaseKey] = field(default_factory=list)
    releases: list[ReleaseRecord] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    texts: dict[bytes, str] = field(default_factory=dict)
    dependencies: list[tuple[bytes, ...] | None] = field(default_factory=list)
    digests: list[bytes | None] = field(default_factory=list)


def prepare(records: Sequence[ReleaseRecord], *, ecosystem: str) -> Batch:
    """Check, normalise and merge records."""
    preparation = _Preparation(ecosystem)
    preparation.add(preparation.keys(records), records)
    return preparation.finished()


def prepare_together(
    sources: Sequence[Sequence[ReleaseRecord]], *, ecosystem: str
) -> tuple[Batch, int]:
    """Prepare the records of several sources as one batch; return it and how many it is of.

    It is of the first ones that leave the same rows together as one after the other: none of them
    says anything else of a release than one before it does. The first of all raises what is wrong
    with it; any other that cannot be stored is not taken.
    """
    preparation = _Preparation(ecosystem)
    count = 0
    for records in sources:
        try:
            keys = preparation.keys(records)
        except InvalidRecordError:
            if count == 0:
                raise
            break
        if count and not preparation.agrees(keys, records):
            break
        preparation.add(keys, records)
        count += 1
    return preparation.finished(), count


class _Preparation:
    """Puts records into a batch; each distinct name, version and URL is looked at once."""

    def __init__(self, ecosystem: str) -> None:
        if ecosystem != ECOSYSTEM:
            problem = f"is not an ecosystem whose versions are understood ({ECOSYSTEM})"
            raise InvalidRecordError("ecosystem", ecosystem, problem)
        self._batch = Batch(ecosystem)
        self._places: dict[ReleaseKey, int] = {}
        self._names = _Memo(_package_name)
        self._versions = _Memo(_version)
        self._urls = _Memo(_index_url)
        self._specifiers = _Memo(_requires_python)

    def keys(self, records: Sequence[ReleaseRecord]) -> list[ReleaseKey]:
        """Check records; return the releases that they are of."""
        names, versions, urls = self._names, self._versions, self._urls
        keys: list[ReleaseKey] = []
        for record in records:
            if not isinstance(record, ReleaseRecord):
                raise InvalidRecordError("record", record, "must be a ReleaseRecord")
            try:
                key = (names[record.package], versions[record.version], urls[record.index_url])
                self._specifiers[record.requires_python]
            except TypeError as error:
                problem = "has values that are no texts"
                raise InvalidRecordError("record", record, problem) from error
            if not _is_bare(record):
                _check(record)
            keys.append(key)
        return keys

    def agrees(self, keys: Sequence[ReleaseKey], records: Sequence[ReleaseRecord]) -> bool:
        """Tell whether records say nothing else of releases than the batch does, if anything."""
        for key, record in zip(keys, records, strict=True):
            place = self._places.get(key)
            if place is not None and not _is_bare(record):
                known = self._batch.releases[place]
                if known != record and not _is_bare(known):
                    return False
        return True

    def add(self, keys: Sequence[ReleaseKey], records: Sequence[ReleaseRecord]) -> None:
        """Add records of these releases."""
        batch = self._batch
        for key, record in zip(keys, records, strict=True):
            place = self._places.setdefault(key, len(batch.keys))
            if place == len(batch.keys):
                batch.keys.append(key)
                batch.releases.append(record)
            elif not _is_bare(record):
                known = batch.releases[place]
                if known != record:
                    batch.releases[place] = record if _is_bare(known) else merged(known, record)
            batch.positions.append(place)

    def finished(self) -> Batch:
        """Return the batch, to which nothing is added then."""
        _add_dependencies(self._batch)
        return self._batch


def _is_bare(record: ReleaseRecord) -> bool:
    """Tell whether all that a record says is that there is such a release."""
    return record == ReleaseRecord(record.package, record.version, record.index_url)


class _Memo(dict[Any, Any]):
    """What a function makes of the values of one batch, each asked for once."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __missing__(self, value: object) -> object:
        made = self[value] = self._function(value)
        return made


def _add_dependencies(batch: Batch) -> None:
    digests = _Memo(_requirement_digest)
    lists: dict[tuple[str, ...], tuple[tuple[bytes, ...], bytes]] = {}
    for release in batch.releases:
        texts = release.dependencies
        if texts is None:
            batch.dependencies.append(None)
            batch.digests.append(None)
            continue
        try:
            entry = lists.get(texts)
            if entry is None:
                ordered = sorted({digests[text] for text in texts}.difference({None}))
                entry = lists[texts] = (tuple(ordered), dependencies_digest(ordered))
        except TypeError as error:
            raise InvalidRecordError("dependencies", texts, "must be a tuple of texts") from error
        batch.dependencies.append(entry[0])
        batch.digests.append(entry[1])
    batch.texts = {digest: text for text, digest in digests.items() if digest is not None}
    unnamed = [text for text, digest in digests.items() if digest is None]
    if unnamed:
        _logger.warning(
            "%d requirements name no package and were not stored, such as %.200a",
            len(unnamed),
            unnamed[0],
        )


def dependencies_digest(digests: Iterable[bytes]) -> bytes:
    """Return the digest over the requirements of a release, given theirs in ascending order."""
    return hashlib.sha256(b"".join(digests)).digest()


def requirement_digest(text: str) -> bytes:
    """Return the digest of a requirement's canonical text."""
    return hashlib.sha256(text.encode()).digest()


def _requirement_digest(text: str) -> bytes | None:
    if len(_text("dependencies", text)) <= _MEMOISED_CHARACTERS:
        return _memoised_digest(text)
    return _read_digest(text)


def _read_digest(text: str) -> bytes | None:
    requirement = read_requirement(text)
    return None if requirement is None else requirement_digest(requirement.text)


_memoised_digest = lru_cache(maxsize=16_384)(_read_digest)


def read_requirement(text: str) -> Requirement | None:
    """Return the row of a requirement, None where the text does not even name a package.

    A text that cannot be parsed but names a package is kept: `specifier` is what follows the name
    as it is written, `bounds` None.
    """
    parsed = parse_requirement(text)
    if parsed is not None:
        if len(parsed.name) > MAX_KEY_CHARACTERS:
            return None
        return Requirement(
            name=parsed.name,
            text=requirement_text(
                parsed.name, parsed.extras, parsed.specifier, parsed.marker, parsed.url
            ),
            specifier=parsed.specifier,
            bounds=parsed.bounds,
            extras=parsed.extras,
            marker_extras=parsed.marker_extras,
            marker=parsed.marker,
            url=parsed.url,
        )
    found = _NAME.match(text)
    if found is None or len(found[1]) > MAX_KEY_CHARACTERS:
        return None
    name, rest = normalize_package_name(found[1]), text[found.end() :].strip()
    return Requirement(name=name, text=f"{name} {rest}", specifier=rest)


def requirement_text(
    name: str, extras: Sequence[str], specifier: str, marker: str | None, url: str | None
) -> str:
    """Return the canonical text of a requirement (PEP 508), whose SHA-256 is its digest."""
    text = f"{name}[{','.join(extras)}]" if extras else name
    text += specifier if url is None else f" @ {url} "
    return text.rstrip() if marker is None else f"{text}; {marker}"


# --- merging -------------------------------------------------------------------------------------


def merged(earlier: ReleaseRecord, later: ReleaseRecord) -> ReleaseRecord:
    """Return one record of the two of a release: the later counts, its None says nothing."""
    facts = _known(earlier, later)
    if earlier.dependencies is not None and later.dependencies is not None:
        facts["dependencies"] = earlier.dependencies + later.dependencies
    if earlier.artifacts is not None and later.artifacts is not None:
        facts["artifacts"] = earlier.artifacts + later.artifacts
    if earlier.metadata is not None and later.metadata is not None:
        facts["metadata"] = ReleaseMetadataRecord(**_known(earlier.metadata, later.metadata))
    if earlier.uploaded_at is not None and later.uploaded_at is not None:
        facts["uploaded_at"] = min(earlier.uploaded_at, later.uploaded_at)
    if later.yanked is False:
        facts["yanked_reason"] = None
    return ReleaseRecord(**facts)


def _known(earlier: msgspec.Struct, later: msgspec.Struct) -> dict[str, Any]:
    facts = msgspec.structs.asdict(earlier)
    for name, value in msgspec.structs.asdict(later).items():
        if (value is not None and value != () and value != {}) or facts[name] is None:
            facts[name] = value
    return facts


# --- checking ------------------------------------------------------------------------------------


def _check(record: ReleaseRecord) -> None:
    if record.yanked_reason is not None:
        _text("yanked_reason", record.yanked_reason)
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
    if record.metadata is not None:
        _check_metadata(record.metadata)


def _check_artifact(artifact: ArtifactRecord) -> None:
    if not isinstance(artifact, ArtifactRecord):
        raise InvalidRecordError("artifacts", artifact, "must be ArtifactRecords")
    if artifact.filename is None and artifact.sha256 is None:
        raise InvalidRecordError("artifacts.filename", None, "must be given where sha256 is not")
    if artifact.filename is not None:
        _text("artifacts.filename", artifact.filename, most=MAX_KEY_CHARACTERS)
    if artifact.sha256 is not None:
        if not isinstance(artifact.sha256, bytes):
            raise InvalidRecordError("artifacts.sha256", artifact.sha256, "must be bytes")
        storable_hash("artifacts.sha256", artifact.sha256)
    if artifact.kind is not None:
        _text("artifacts.kind", artifact.kind)
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
    for name, value in msgspec.structs.asdict(metadata).items():
        place = f"metadata.{name}"
        if name in _LISTS:
            _texts(place, value)
        elif name == "project_urls":
            if not isinstance(value, dict):
                raise InvalidRecordError(place, value, "must be a dict of texts")
            for label, url in value.items():
                _text(place, label)
                _text(place, url)
        elif name == "other":
            _check_other(place, value)
        elif value is not None:
            most = MAX_DESCRIPTION_CHARACTERS if name == "description" else MAX_TEXT_CHARACTERS
            _text(place, value, most=MAX_KEY_CHARACTERS if name in _INDEXED else most)


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
        _text(place, value, most=MAX_KEY_CHARACTERS)


def _text(place: str, value: str, *, most: int = MAX_TEXT_CHARACTERS) -> str:
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


def _package_name(text: str) -> str:
    name = normalize_package_name(_text("package", text, most=MAX_KEY_CHARACTERS).strip())
    if not name:
        raise InvalidRecordError("package", text, "must not be empty")
    return name


def _version(text: str) -> str:
    version = normalize_version(_text("version", text, most=MAX_KEY_CHARACTERS))
    if not version:
        raise InvalidRecordError("version", text, "must not be empty")
    return version


def _index_url(text: str | None) -> str | None:
    if text is None:
        return None
    url = normalize_index_url(_text("index_url", text, most=MAX_KEY_CHARACTERS))
    return storable_text("index_url", url, most=MAX_KEY_CHARACTERS)


def _requires_python(text: str | None) -> str | None:
    return None if text is None else _text("requires_python", text)
