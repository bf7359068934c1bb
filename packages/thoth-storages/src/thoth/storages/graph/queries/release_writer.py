"""Writing a batch of releases: what is known is read first, then what is not is added.

A batch that brings nothing new takes four statements and no lock; any other about a dozen more,
however many releases there are.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import errors

from thoth.storages.graph import json_values
from thoth.storages.graph.queries import packing
from thoth.storages.graph.queries import release_statements as sql
from thoth.storages.graph.queries.foreign_keys import ForeignKeys
from thoth.storages.graph.queries.release_batches import BARE
from thoth.storages.graph.queries.release_details import ArtifactWriter, MetadataWriter
from thoth.storages.graph.queries.transactions import whole
from thoth.storages.graph.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.queries.release_batches import Batch, ReleaseKey, Requirement
    from thoth.storages.graph.release_records import ReleaseRecord

LOAD_ROWS = 50_000
"""From so many dependencies on, the indexes of empty tables are made after these are filled."""
_COPY_BYTES = 2**18
_FLAGS = {None: 0, False: 1, True: 2}


def write(
    connection: Connection, batch: Batch, foreign_keys: ForeignKeys | None = None
) -> dict[ReleaseKey, int]:
    """Write a batch in the caller's transaction; return the row ids of its releases.

    `foreign_keys` are those of the transaction where it is prepared already.
    """
    if not (batch.keys or batch.packages or batch.index_urls):
        return {}
    if foreign_keys is None:
        foreign_keys = ForeignKeys(connection)
        foreign_keys.prepare()
    return _Writer(connection, batch, foreign_keys).write()


class _Writer:
    def __init__(self, connection: Connection, batch: Batch, foreign_keys: ForeignKeys) -> None:
        self._connection = connection
        self._foreign_keys = foreign_keys
        self._batch = batch
        self._packages: dict[str, int] = {}
        self._indexes: dict[str | None, int] = {None: 0}
        self._index_urls: set[str] = set()
        self._requirements: dict[bytes, int] = {}
        self._ids: list[int] = [0] * len(batch.keys)
        self._changed: list[int] = []
        self._differing: list[int] = []
        self._undeclared: set[int] = set()

    def write(self) -> dict[ReleaseKey, int]:
        batch = self._batch
        self._find_packages(batch.packages.union([name for name, _, _ in batch.keys]))
        self._index_urls = batch.index_urls.union([url for _, _, url in batch.keys if url])
        self._find_indexes()
        self._find_releases(
            [
                place
                for place, (name, _, url) in enumerate(batch.keys)
                if name in self._packages and url in self._indexes
            ]
        )
        new = [place for place, release in enumerate(self._ids) if release == 0]
        new.sort(key=self._order)
        added: set[int] = set()
        is_named = batch.packages <= self._packages.keys() and (
            batch.index_urls <= self._indexes.keys()
        )
        if new or self._differing or not is_named:
            requirements = self._add_parents([*new, *self._differing])
            with self._foreign_keys.unchecked():
                self._add_requirements(requirements)
                with self._without_indexes(new) as is_load:
                    added = self._load_releases(new) if is_load else self._add_releases(new)
                    self._add_dependencies(added)
        self._write_details(added)
        return dict(zip(batch.keys, self._ids, strict=True))

    def _order(self, place: int) -> tuple[str, str, str]:
        name, version, url = self._batch.keys[place]
        return name, version, url or ""

    # --- packages, indexes, requirements ---------------------------------------------------------

    def _find_packages(self, names: Collection[str]) -> None:
        if names:
            wanted = {"ecosystem": self._batch.ecosystem, "names": packing.texts(list(names))}
            self._packages.update(self._rows(sql.FIND_PACKAGES, wanted))

    def _find_indexes(self) -> None:
        if self._index_urls:
            wanted = {"ecosystem": self._batch.ecosystem, "urls": list(self._index_urls)}
            self._indexes.update(self._rows(sql.FIND_INDEXES, wanted))

    def _find_requirements(self, digests: Collection[bytes]) -> None:
        if digests:
            wanted = {"digests": packing.blobs(list(digests))}
            self._requirements.update(self._rows(sql.FIND_REQUIREMENTS, wanted))

    def _add_parents(self, places: Sequence[int]) -> dict[bytes, Requirement]:
        """Find or add the packages and indexes of these releases, and of what they require.

        Return the requirements that are still to be added. Where the role may skip the checks of
        foreign keys, what others made, before or meanwhile, is locked, so that nobody removes it
        before this transaction ends.
        """
        batch = self._batch
        lists = {id(digests): digests for digests in map(batch.dependencies.__getitem__, places)}
        digests = {digest for each in lists.values() if each for digest in each}
        self._find_requirements(digests)
        missing = sorted(digests.difference(self._requirements))
        requirements = {digest: batch.requirement(digest) for digest in missing}
        names = {*batch.packages, *[batch.keys[place][0] for place in places]}
        names.update(requirement.name for requirement in requirements.values())
        self._find_packages(names.difference(self._packages))
        known = [self._packages[name] for name in names.intersection(self._packages)]
        lock = self._foreign_keys.lock
        lock(sql.LOCK_PACKAGES, known)
        lock(sql.LOCK_INDEXES, [index for index in self._indexes.values() if index])
        lock(sql.LOCK_REQUIREMENTS, list(self._requirements.values()))
        self._add_packages(sorted(names.difference(self._packages)))
        self._add_indexes()
        return requirements

    def _lock_met(self, statement: str, ids: dict[Any, int], others: Collection[Any]) -> None:
        """Lock what somebody else added meanwhile; raise what is tried again where it is gone."""
        met = whole(ids, others)
        self._foreign_keys.lock(statement, [met[key] for key in others])

    def _add_packages(self, names: Sequence[str]) -> None:
        if names:
            wanted = {"ecosystem": self._batch.ecosystem, "names": packing.texts(names)}
            self._packages.update(self._rows(sql.ADD_PACKAGES, wanted))
            others = [name for name in names if name not in self._packages]
            self._find_packages(others)
            self._lock_met(sql.LOCK_PACKAGES, self._packages, others)

    def _add_indexes(self) -> None:
        missing = sorted(self._index_urls.difference(self._indexes))
        if missing:
            wanted = {"ecosystem": self._batch.ecosystem, "urls": missing}
            self._indexes.update(self._rows(sql.ADD_INDEXES, wanted))
            others = [url for url in missing if url not in self._indexes]
            self._find_indexes()
            self._lock_met(sql.LOCK_INDEXES, self._indexes, others)

    def _add_requirements(self, requirements: Mapping[bytes, Requirement]) -> None:
        if not requirements:
            return
        rows = [
            requirement_row(requirement, digest, self._packages[requirement.name])
            for digest, requirement in requirements.items()
        ]
        added = {"rows": json_values.plain(rows)}
        self._requirements.update(self._rows(sql.ADD_REQUIREMENTS, added))
        others = [digest for digest in requirements if digest not in self._requirements]
        self._find_requirements(others)
        self._lock_met(sql.LOCK_REQUIREMENTS, self._requirements, others)

    # --- releases --------------------------------------------------------------------------------

    def _find_releases(self, places: Sequence[int]) -> None:
        """Learn the ids of known releases, and which of them seem to differ."""
        if not places:
            return
        sent, *differences = self._row(sql.FIND_RELEASES, self._columns(places))
        for place, release in zip(places, packing.unpack_integers(sent), strict=True):
            self._ids[place] = release
        changed, differing, undeclared = ([places[row] for row in rows] for rows in differences)
        self._changed += changed
        self._differing += differing
        self._undeclared.update(undeclared)

    def _add_releases(self, new: Sequence[int]) -> set[int]:
        """Add releases in the order given; return the places of those that nobody else added."""
        if not new:
            return set()
        columns = self._columns(new)
        columns["keys"] = packing.blobs(self._version_keys(new))
        (sent,) = self._row(sql.ADD_RELEASES, columns)
        for place, release in zip(new, packing.unpack_integers(sent), strict=True):
            self._ids[place] = release
        others = [place for place in new if self._ids[place] == 0]
        self._find_releases(others)
        if not all(self._ids):
            raise errors.SerializationFailure("a release was recorded and removed meanwhile")
        return set(new).difference(others)

    def _load_releases(self, new: Sequence[int]) -> set[int]:
        """Copy releases into their table, which is locked and empty: there can be no conflict."""
        sent, now = self._row(sql.TAKE_IDS, {"count": len(new)})
        ids = packing.unpack_integers(sent)
        for place, release in zip(new, ids, strict=True):
            self._ids[place] = release
        batch = self._batch
        keys = [batch.keys[place] for place in new]
        releases = [batch.releases[place] for place in new]
        truth = packing.truth_element
        columns = [
            packing.integer_elements(ids),
            packing.integer_elements([self._packages[name] for name, _, _ in keys]),
            packing.integer_elements([self._indexes[url] or None for _, _, url in keys]),
            [truth(each.is_missing or False) for each in releases],
            [truth(each.yanked or False) for each in releases],
            [truth(_provides_source_distro(each)) for each in releases],
            packing.time_elements([now]) * len(new),
            packing.time_elements([_uploaded_at(each) for each in releases]),
            packing.text_elements([version for _, version, _ in keys]),
            packing.blob_elements(self._version_keys(new)),
            packing.blob_elements([batch.digests[place] for place in new]),
            packing.text_elements([each.requires_python for each in releases]),
            packing.text_elements([_yanked_reason(each) for each in releases]),
        ]
        with self._connection.cursor() as cursor, cursor.copy(sql.COPY_RELEASES) as copy:
            copy.write(packing.COPY_HEADER)
            copy.write(packing.rows(columns))
            copy.write(packing.COPY_TRAILER)
        return set(new)

    def _version_keys(self, places: Sequence[int]) -> list[bytes | None]:
        versions = [self._batch.keys[place][1] for place in places]
        keys = {version: version_key(version) for version in set(versions)}
        return [keys[version] for version in versions]

    def _columns(self, places: Sequence[int]) -> dict[str, Any]:
        batch = self._batch
        keys = [batch.keys[place] for place in places]
        releases = [batch.releases[place] for place in places]
        packages, indexes = self._packages, self._indexes
        return {
            "package_ids": packing.integers([packages[name] for name, _, _ in keys]),
            "versions": packing.texts([version for _, version, _ in keys]),
            "index_ids": packing.integers([indexes[url] for _, _, url in keys]),
            "flags": packing.integers([0 if each is BARE else _flags(each) for each in releases]),
            "reasons": _sparse(
                [None if each is BARE else _yanked_reason(each) for each in releases]
            ),
            "uploaded": packing.times(
                [None if each is BARE else _uploaded_at(each) for each in releases]
            ),
            "requires_python": _sparse([each.requires_python for each in releases]),
            "digests": packing.blobs([batch.digests[place] for place in places]),
            "keys": packing.blobs([]),
        }

    # --- dependencies of new releases ------------------------------------------------------------

    def _add_dependencies(self, added: set[int]) -> None:
        """Add the dependencies of releases that this transaction added: nobody else can have."""
        lists = self._batch.dependencies
        places = sorted((place for place in added if lists[place]), key=self._ids.__getitem__)
        if places:
            self._copy_dependencies(places)

    def _copy_dependencies(self, places: Sequence[int]) -> None:
        packed: dict[int, list[bytes]] = {}
        with self._connection.cursor() as cursor, cursor.copy(sql.COPY_DEPENDENCIES) as copy:
            rows, size = [packing.COPY_HEADER], 0
            for place in places:
                digests = self._batch.dependencies[place] or ()
                requirements = packed.get(id(digests))
                if requirements is None:
                    ids = sorted(map(self._requirements.__getitem__, digests))
                    requirements = packed[id(digests)] = list(map(packing.pack_integer, ids))
                rows.append(packing.pair_rows(self._ids[place], requirements))
                size += len(rows[-1])
                if size > _COPY_BYTES:
                    copy.write(b"".join(rows))
                    rows, size = [], 0
            copy.write(b"".join((*rows, packing.COPY_TRAILER)))

    @contextmanager
    def _without_indexes(self, new: Sequence[int]) -> Iterator[bool]:
        """Fill the tables, if they are empty and nobody uses them, before their indexes are made.

        Gives whether that is so.
        """
        count = sum(len(self._batch.dependencies[place] or ()) for place in new)
        is_load = count >= LOAD_ROWS and self._value(sql.MAY_LOAD) and self._lock_empty_tables()
        definitions = self._rows(sql.INDEX_DEFINITIONS, {}) if is_load else []
        if is_load:
            self._connection.execute(sql.PREPARE_LOAD)
            self._connection.execute(sql.EMPTY_DEPENDENCIES)
        for remove, _ in definitions:
            self._connection.execute(remove)
        yield is_load
        for _, make in definitions:
            self._connection.execute(make)

    def _lock_empty_tables(self) -> bool:
        """Lock the tables against everybody; not where they are used, or filled by now."""
        try:
            with self._connection.transaction() as attempt:
                self._connection.execute(sql.LOCK_TABLES)
                if self._value(sql.HAS_RELEASES):
                    raise psycopg.Rollback(attempt)
                return True
        except errors.LockNotAvailable:
            pass
        return False

    # --- what else is recorded of releases -------------------------------------------------------

    def _write_details(self, added: set[int]) -> None:
        """Lock the known releases that are to be changed, in the order of their ids; change them.

        Before the lock, nothing is written; after it, no other writer changes these releases.
        """
        metadata = MetadataWriter(self._connection, self._batch, self._ids, added)
        artifacts = ArtifactWriter(self._connection, self._batch, self._ids, added)
        undeclared = self._differing_dependencies()
        undescribed = metadata.differing()
        incomplete = artifacts.differing()
        touched = {*self._changed, *undeclared, *undescribed, *incomplete}.difference(added)
        if touched:
            ids = [self._ids[place] for place in touched]
            if len(self._rows(sql.LOCK_RELEASES, {"ids": packing.integers(ids)})) < len(ids):
                raise errors.SerializationFailure("a release was removed meanwhile")
        if not (touched or undescribed or incomplete):
            return
        with self._foreign_keys.unchecked():
            if self._changed:
                self._execute(sql.CHANGE_RELEASES, self._columns(self._changed))
            if undeclared:
                self._declare(undeclared)
            metadata.write(undescribed)
            artifacts.write(incomplete)

    def _differing_dependencies(self) -> list[int]:
        """Return the places of known releases that lack dependencies, or of which none were known.

        A release may have more dependencies than were recorded now, so its digest alone does not
        tell.
        """
        if not self._differing:
            return []
        releases, requirements = self._pairs(self._differing)
        wanted = {"releases": releases, "requirements": requirements}
        lacking = {release for (release,) in self._rows(sql.FIND_MISSING_DEPENDENCIES, wanted)}
        return [
            place
            for place in self._differing
            if place in self._undeclared or self._ids[place] in lacking
        ]

    def _declare(self, places: Sequence[int]) -> None:
        """Add the dependencies of known releases."""
        releases, requirements = self._pairs(places)
        texts = {
            self._requirements[digest]: self._batch.requirement(digest).text
            for place in places
            for digest in self._batch.dependencies[place] or ()
        }
        parameters = {
            "releases": releases,
            "requirements": requirements,
            "named": packing.integers(list(texts)),
            "texts": packing.texts(list(texts.values())),
        }
        self._execute(sql.ADD_DEPENDENCIES, parameters)
        ids = packing.integers([self._ids[place] for place in places])
        self._execute(sql.SET_DIGESTS, {"ids": ids})

    def _pairs(
        self, places: Iterable[int]
    ) -> tuple[packing.PackedIntegers, packing.PackedIntegers]:
        releases: list[int] = []
        requirements: list[int] = []
        for place in places:
            digests = self._batch.dependencies[place] or ()
            releases += [self._ids[place]] * len(digests)
            requirements += map(self._requirements.__getitem__, digests)
        return packing.integers(releases), packing.integers(requirements)

    # --- asking ----------------------------------------------------------------------------------

    def _rows(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(statement, parameters).fetchall()

    def _row(self, statement: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
        return self._rows(statement, parameters)[0]

    def _value(self, statement: str) -> bool:
        return cast("bool", self._row(statement, {})[0])

    def _execute(self, statement: str, parameters: dict[str, Any]) -> None:
        self._connection.execute(statement, parameters)


def requirement_row(requirement: Requirement, digest: bytes, package_id: int) -> dict[str, object]:
    """Return the row of a requirement as `ADD_REQUIREMENTS` takes it."""
    bounds = requirement.bounds
    return {
        "package_id": package_id,
        "digest": _hex(digest),
        "specifier": requirement.specifier,
        "bounds": None if bounds is None else [_hex(bound) for bound in bounds],
        "extras": requirement.extras,
        "marker_extras": requirement.marker_extras,
        "marker": requirement.marker,
        "url": requirement.url,
    }


def _flags(release: ReleaseRecord) -> int:
    sdist = _FLAGS[_provides_source_distro(release)]
    return _FLAGS[release.is_missing] | _FLAGS[release.yanked] << 2 | sdist << 4


def _provides_source_distro(release: ReleaseRecord) -> bool | None:
    if release.provides_source_distro is not None or not release.artifacts:
        return release.provides_source_distro
    return True if any(artifact.kind == "sdist" for artifact in release.artifacts) else None


def _yanked_reason(release: ReleaseRecord) -> str | None:
    return None if release.yanked is False else release.yanked_reason


def _uploaded_at(release: ReleaseRecord) -> datetime | None:
    if not release.artifacts:
        return release.uploaded_at
    times = [release.uploaded_at, *[artifact.uploaded_at for artifact in release.artifacts]]
    return min([time for time in times if time is not None], default=None)


def _sparse(values: Sequence[str | None]) -> packing.PackedTexts:
    """Pack texts; a column without any is as good as none."""
    return packing.texts(values if any(value is not None for value in values) else [])


def _hex(value: bytes) -> str:
    return f"\\x{value.hex()}"
