"""Release records as they are sent: checked, normalised, one for each release.

Pure: nothing here talks to the database. What cannot be stored raises `InvalidRecordError`, with
the field's name, before a statement is sent.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.release_checks import (
    MAX_KEY_CHARACTERS,
    check,
    checked_text,
    storable_index_url,
    storable_package,
    storable_requires_python,
    storable_version,
)
from thoth.storages.graph.release_records import ReleaseMetadataRecord, ReleaseRecord
from thoth.storages.graph.requirements import parse_requirement
from thoth.storages.graph.versions import normalize_package_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_logger = logging.getLogger("thoth.storages.graph.queries")
_NAME = re.compile(r"[ \t]*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)[ \t]*", re.ASCII)
_MEMOISED_CHARACTERS = 512
_MEMOISED_DIGESTS = 65_536
# What requirements that were seen lately come to; emptied when it is full.
_DIGESTS: dict[str, bytes | None] = {}


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
    `requirements` are those that were parsed on the way.
    """

    ecosystem: str
    keys: list[ReleaseKey] = field(default_factory=list)
    releases: list[ReleaseRecord] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    texts: dict[bytes, str] = field(default_factory=dict)
    requirements: dict[bytes, Requirement] = field(default_factory=dict)
    dependencies: list[tuple[bytes, ...] | None] = field(default_factory=list)
    digests: list[bytes | None] = field(default_factory=list)

    def requirement(self, digest: bytes) -> Requirement:
        """Return the row of a requirement of the batch."""
        known = self.requirements.get(digest) or read_requirement(self.texts[digest])
        assert known is not None  # noqa: S101 - only those that have a digest get here
        return known


def prepare(records: Sequence[ReleaseRecord], *, ecosystem: str) -> Batch:
    """Check, normalise and merge records."""
    preparation = _Preparation(ecosystem)
    preparation.add(preparation.checked(records))
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
            checked = preparation.checked(records)
        except InvalidRecordError:
            if count == 0:
                raise
            break
        if count and not preparation.agrees(checked):
            break
        preparation.add(checked)
        count += 1
    return preparation.finished(), count


class _Checked(NamedTuple):
    """Records, the releases that they are of, and which say more than that there is one."""

    records: Sequence[ReleaseRecord]
    keys: list[ReleaseKey]
    telling: list[int]


class _Preparation:
    """Puts records into a batch; each distinct name, version and URL is looked at once."""

    def __init__(self, ecosystem: str) -> None:
        if ecosystem != ECOSYSTEM:
            problem = f"is not an ecosystem whose versions are understood ({ECOSYSTEM})"
            raise InvalidRecordError("ecosystem", ecosystem, problem)
        self._batch = Batch(ecosystem)
        self._places: dict[ReleaseKey, int] = {}
        self._names = _Memo(storable_package)
        self._versions = _Memo(storable_version)
        self._urls = _Memo(storable_index_url)
        self._specifiers = _Memo(storable_requires_python)

    def checked(self, records: Sequence[ReleaseRecord]) -> _Checked:
        """Check records, without adding them."""
        names, versions, urls = self._names, self._versions, self._urls
        keys: list[ReleaseKey] = []
        telling: list[int] = []
        for number, record in enumerate(records):
            if not isinstance(record, ReleaseRecord):
                raise InvalidRecordError("record", record, "must be a ReleaseRecord")
            try:
                key = (names[record.package], versions[record.version], urls[record.index_url])
                self._specifiers[record.requires_python]
            except TypeError as error:
                problem = "has values that are no texts"
                raise InvalidRecordError("record", record, problem) from error
            keys.append(key)
            if not _is_bare(record):
                check(record)
                telling.append(number)
        return _Checked(records, keys, telling)

    def agrees(self, checked: _Checked) -> bool:
        """Tell whether records say nothing else of releases than the batch does, if anything."""
        for number in checked.telling:
            place = self._places.get(checked.keys[number])
            if place is not None:
                known, record = self._batch.releases[place], checked.records[number]
                if known != record and not _is_bare(known):
                    return False
        return True

    def add(self, checked: _Checked) -> None:
        """Add records."""
        batch, places = self._batch, self._places
        for key, record in zip(checked.keys, checked.records, strict=True):
            place = places.get(key)
            if place is None:
                place = places[key] = len(batch.keys)
                batch.keys.append(key)
                batch.releases.append(record)
            batch.positions.append(place)
        for number in checked.telling:
            place, record = places[checked.keys[number]], checked.records[number]
            known = batch.releases[place]
            if known is not record and known != record:
                batch.releases[place] = record if _is_bare(known) else merged(known, record)

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

    def digest_of(text: str) -> bytes | None:
        checked_text("dependencies", text)
        if text in _DIGESTS:
            return _DIGESTS[text]
        requirement = read_requirement(text)
        digest = None if requirement is None else requirement_digest(requirement.text)
        if requirement is not None and digest is not None:
            batch.requirements[digest] = requirement
        if len(text) <= _MEMOISED_CHARACTERS:
            if len(_DIGESTS) >= _MEMOISED_DIGESTS:
                _DIGESTS.clear()
            _DIGESTS[text] = digest
        return digest

    digests = _Memo(digest_of)
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
    if not rest:
        return read_requirement(name)
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
