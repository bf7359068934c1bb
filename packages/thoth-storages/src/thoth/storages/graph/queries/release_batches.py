"""Release records as they are sent: checked, normalised, one for each release.

Pure: nothing here talks to the database. What cannot be stored raises `InvalidRecordError`, with
the field's name, before a statement is sent.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

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
    from collections.abc import Iterable, Sequence

_logger = logging.getLogger("thoth.storages.graph.queries")
_NAME = re.compile(r"[ \t]*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)[ \t]*", re.ASCII)
_MEMOISED_CHARACTERS = 512


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


class CheckedRelease(msgspec.Struct, frozen=True, gc=False):
    """A record that can be stored, and the release that it is of.

    `requirements` are the digests of its dependencies in ascending order, `digest` is over them:
    None where the record does not say them. `texts` are the dependencies as they were given, by
    digest, `unnamed` those that name no package.
    """

    key: ReleaseKey
    record: ReleaseRecord
    requirements: tuple[bytes, ...] | None = None
    digest: bytes | None = None
    texts: dict[bytes, str] = {}
    unnamed: tuple[str, ...] = ()


@dataclass(slots=True)
class CheckedReleases:
    """What one source says of releases: records, and `mentioned` ones that it says nothing of.

    `packages` and `index_urls`, normalised, are to be recorded as well.
    """

    releases: list[CheckedRelease] = field(default_factory=list)
    mentioned: dict[ReleaseKey, None] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    index_urls: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Batch:
    """What is written in one call: each release once, the n-th of every list.

    `texts` are the requirements that `dependencies` has, as they were given. `packages` and
    `index_urls` are to be recorded besides those of releases and requirements.
    """

    keys: list[ReleaseKey] = field(default_factory=list)
    releases: list[ReleaseRecord] = field(default_factory=list)
    dependencies: list[tuple[bytes, ...] | None] = field(default_factory=list)
    digests: list[bytes | None] = field(default_factory=list)
    texts: dict[bytes, str] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    index_urls: set[str] = field(default_factory=set)
    ecosystem: str = ECOSYSTEM

    def requirement(self, digest: bytes) -> Requirement:
        """Return the row of a requirement of the batch."""
        known = read_requirement(self.texts[digest])
        assert known is not None  # noqa: S101 - only those that have a digest get here
        return known


BARE = ReleaseRecord("", "")
"""What a batch has as the record of a release that is only mentioned."""
_NOT_SAID = CheckedRelease(("", "", None), BARE)


def prepare(
    records: Sequence[ReleaseRecord], *, ecosystem: str = ECOSYSTEM
) -> tuple[Batch, list[ReleaseKey]]:
    """Check, normalise and merge records; return their batch, and the release of each of them."""
    if ecosystem != ECOSYSTEM:
        problem = f"is not an ecosystem whose versions are understood ({ECOSYSTEM})"
        raise InvalidRecordError("ecosystem", ecosystem, problem)
    alike: dict[tuple[str, ...], CheckedRelease] = {}
    releases = [check_release(record, alike) for record in records]
    batch, _ = prepare_together([CheckedReleases(releases)])
    return batch, [each.key for each in releases]


def prepare_together(sources: Sequence[CheckedReleases]) -> tuple[Batch, int]:
    """Prepare what several sources say as one batch; return it and how many it is of.

    It is of the first ones that leave the same rows together as one after the other: none of them
    says anything else of a release than one before it does.
    """
    preparation = _Preparation()
    count = 0
    for source in sources:
        if count and not preparation.agrees(source):
            break
        preparation.add(source)
        count += 1
    unnamed = [text for each in sources[:count] for said in each.releases for text in said.unnamed]
    if unnamed:
        _logger.warning(
            "%d requirements name no package and were not stored, such as %.200a",
            len(set(unnamed)),
            unnamed[0],
        )
    return preparation.batch, count


def check_release(
    record: ReleaseRecord,
    alike: dict[tuple[str, ...], CheckedRelease] | None = None,
    *,
    is_metadata_checked: bool = False,
) -> CheckedRelease:
    """Check a record, and normalise its release. Raises `InvalidRecordError`.

    `alike` are releases by their dependencies: what has the same ones shares what comes of them.
    Metadata are not looked at where the caller made them so that they can be stored.
    """
    if not isinstance(record, ReleaseRecord):
        raise InvalidRecordError("record", record, "must be a ReleaseRecord")
    try:
        key = (
            storable_package(record.package),
            storable_version(record.version),
            storable_index_url(record.index_url),
        )
        storable_requires_python(record.requires_python)
    except TypeError as error:
        raise InvalidRecordError("record", record, "has values that are no texts") from error
    if _is_bare(record):
        return CheckedRelease(key, BARE)
    check(record, is_metadata_checked=is_metadata_checked)
    if record.dependencies is None:
        return CheckedRelease(key, record)
    try:
        known = None if alike is None else alike.get(record.dependencies)
        known = known or _required(record.dependencies)
    except TypeError as error:
        problem = "must be a tuple of texts"
        raise InvalidRecordError("dependencies", record.dependencies, problem) from error
    if alike is not None:
        alike[record.dependencies] = known
    return CheckedRelease(key, record, known.requirements, known.digest, known.texts, known.unnamed)


def _required(dependencies: Iterable[str]) -> CheckedRelease:
    """Return what comes of dependencies, of no release in particular."""
    digests = {text: _digest(text) for text in dependencies}
    texts = {digest: text for text, digest in digests.items() if digest is not None}
    ordered = tuple(sorted(texts))
    unnamed = tuple([text for text, digest in digests.items() if digest is None])
    digest = dependencies_digest(ordered)
    return msgspec.structs.replace(
        _NOT_SAID, requirements=ordered, digest=digest, texts=texts, unnamed=unnamed
    )


def _digest(text: str) -> bytes | None:
    """Return the digest of a requirement, None where it names no package."""
    is_short = isinstance(text, str) and len(text) <= _MEMOISED_CHARACTERS
    return _digest_memoised(text) if is_short else _digest_anew(text)


def _digest_anew(text: str) -> bytes | None:
    checked_text("dependencies", text)
    requirement = read_requirement(text)
    return None if requirement is None else requirement_digest(requirement.text)


_digest_memoised = lru_cache(maxsize=65_536)(_digest_anew)


class _Preparation:
    """Puts what sources say into a batch."""

    def __init__(self) -> None:
        self.batch = Batch()
        self._places: dict[ReleaseKey, int] = {}

    def agrees(self, source: CheckedReleases) -> bool:
        """Tell whether a source says nothing else of releases than the batch does, if anything."""
        for each in source.releases:
            place = self._places.get(each.key)
            if place is not None:
                known = self.batch.releases[place]
                if known is BARE or each.record is BARE:
                    continue
                if not _is_same(known, each.record):
                    return False
        return True

    def add(self, source: CheckedReleases) -> None:
        """Add what a source says."""
        batch, places = self.batch, self._places
        for each in source.releases:
            place = places.get(each.key)
            if place is None:
                places[each.key] = len(batch.keys)
                batch.keys.append(each.key)
                batch.releases.append(each.record)
                batch.dependencies.append(each.requirements)
                batch.digests.append(each.digest)
                batch.texts.update(each.texts)
            else:
                self._say(place, each)
        new = [key for key in source.mentioned if key not in places]
        places.update(zip(new, itertools.count(len(batch.keys)), strict=False))
        batch.keys += new
        batch.releases += [BARE] * len(new)
        batch.dependencies += [None] * len(new)
        batch.digests += [None] * len(new)
        batch.packages |= source.packages
        batch.index_urls |= source.index_urls

    def _say(self, place: int, later: CheckedRelease) -> None:
        """Add what a record says to what the batch says of its release."""
        batch = self.batch
        known = batch.releases[place]
        if later.record is BARE or _is_same(known, later.record):
            return
        batch.releases[place] = later.record if known is BARE else merged(known, later.record)
        batch.texts.update(later.texts)
        if later.requirements is not None:
            earlier = batch.dependencies[place]
            ordered = later.requirements
            if earlier is not None:
                ordered = tuple(sorted({*earlier, *ordered}))
            batch.dependencies[place] = ordered
            batch.digests[place] = dependencies_digest(ordered)


def _is_same(one: ReleaseRecord, other: ReleaseRecord) -> bool:
    """Tell whether records say the same; to Python 1 is True, and JSON tells them apart."""
    if one is other:
        return True
    if one != other:
        return False
    if one.metadata is None or other.metadata is None or not one.metadata.other:
        return True
    return _sorted(one.metadata.other) == _sorted(other.metadata.other)


def _sorted(other: dict[str, Any]) -> bytes:
    return msgspec.json.encode(other, order="sorted")


def _is_bare(record: ReleaseRecord) -> bool:
    """Tell whether all that a record says is that there is such a release."""
    return record == ReleaseRecord(record.package, record.version, record.index_url)


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
    return _read_memoised(text) if len(text) <= _MEMOISED_CHARACTERS else _read_requirement(text)


def _read_requirement(text: str) -> Requirement | None:
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


_read_memoised = lru_cache(maxsize=16_384)(_read_requirement)


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
