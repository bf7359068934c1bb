"""Recording releases: packages, releases, artifacts, metadata and declared dependencies."""

from __future__ import annotations

import random
import time
from array import array
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import errors

from thoth.storages.graph.queries import release_statements as sql
from thoth.storages.graph.queries.artifact_merging import artifact_changes
from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.release_batches import prepare
from thoth.storages.graph.release_records import ArtifactRecord
from thoth.storages.graph.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from thoth.storages.graph.cache import AnswerCache
    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.queries.release_batches import Batch
    from thoth.storages.graph.release_records import ReleaseRecord

TRIES = 10
"""A transaction that lost against another is tried so many times, before the error is the caller's.

Writers that only record releases cannot deadlock; this is for those that do more.
"""
_BACKOFF_SECONDS = 0.02
_LOST = (errors.DeadlockDetected, errors.SerializationFailure, errors.UniqueViolation)
_METADATA_BYTES = 32 * 2**20


class ReleaseStore:
    """Keeps releases; safe for threads and for any number of parallel writers."""

    def __init__(
        self,
        connection: Callable[[], AbstractContextManager[Connection]],
        cache: AnswerCache,
    ) -> None:
        self._connection = connection
        self._cache = cache

    def record(self, records: Sequence[ReleaseRecord], *, ecosystem: str = ECOSYSTEM) -> list[int]:
        """Store releases, all or none of them; return their row ids in the order given.

        See `record_releases`. A transaction that loses against another writer's is tried again.
        """
        batch = prepare(records, ecosystem=ecosystem)
        with self._connection() as connection:
            ids = in_transaction(connection, lambda: _write(connection, batch))
        self._cache.clear()
        return ids


def record_releases(
    connection: Connection, records: Sequence[ReleaseRecord], *, ecosystem: str = ECOSYSTEM
) -> list[int]:
    """Store releases in the caller's transaction; return their row ids in the order given.

    What is known already is not written again. None says nothing, as do empty lists in metadata;
    of two records of a release the later counts, the dependencies and artifacts of both are kept.
    What changes in a known release becomes rows of `release_change`. An artifact that was known by
    its hash or its name alone becomes the one that has both.

    A requirement that cannot be parsed is kept as it is written, without bounds; one that does not
    name a package cannot be kept, and is logged as a warning with how many there are.

    Raises `InvalidRecordError`, before anything is sent, for what cannot be stored. The transaction
    may fail for another writer's sake (deadlock, unique violation): `in_transaction` tries again.
    """
    return _write(connection, prepare(records, ecosystem=ecosystem))


def in_transaction(connection: Connection, work: Callable[[], Any]) -> Any:
    """Do work in a transaction of its own, again where it loses against another writer's."""
    for attempt in range(TRIES):
        try:
            with connection.transaction():
                return work()
        except _LOST:
            if attempt == TRIES - 1:
                raise
        time.sleep(random.uniform(0, _BACKOFF_SECONDS * 2**attempt))  # noqa: S311
    raise AssertionError


def _write(connection: Connection, batch: Batch) -> list[int]:
    return _Writer(connection, batch).write() if batch.keys else []


class _Writer:
    """Writes one batch: reads what is known, then adds and changes what is not."""

    def __init__(self, connection: Connection, batch: Batch) -> None:
        self._connection = connection
        self._batch = batch
        self._packages: dict[str, int] = {}
        self._indexes: dict[str | None, int | None] = {None: None}
        self._requirements: dict[bytes, int] = {}
        self._ids: list[int] = [0] * len(batch.keys)
        self._changed: list[int] = []
        self._differing: list[int] = []
        self._undeclared: set[int] = set()

    def write(self) -> list[int]:
        batch = self._batch
        self._find_packages({name for name, _, _ in batch.keys})
        self._find_indexes()
        known = self._find_releases(
            place
            for place, (name, _, url) in enumerate(batch.keys)
            if name in self._packages and url in self._indexes
        )
        new = sorted(
            set(range(len(batch.keys))).difference(known),
            key=lambda place: tuple(part or "" for part in batch.keys[place]),
        )
        self._add_requirements([*new, *self._differing])
        added = self._add_releases(new) if new else set()
        self._add_dependencies(added)
        self._write_known(added)
        return [self._ids[place] for place in batch.positions]

    # --- packages, indexes, requirements ---------------------------------------------------------

    def _find_packages(self, names: Collection[str]) -> None:
        wanted = {"ecosystem": self._batch.ecosystem, "names": list(names)}
        self._packages.update(self._rows(sql.FIND_PACKAGES, wanted))

    def _add_packages(self, names: Iterable[str]) -> None:
        missing = sorted(set(names).difference(self._packages))
        self._find_packages(missing) if missing else None
        missing = sorted(set(missing).difference(self._packages))
        if missing:
            wanted = {"ecosystem": self._batch.ecosystem, "names": missing}
            self._execute(sql.ADD_PACKAGES, wanted)
            self._find_packages(missing)

    def _find_indexes(self) -> None:
        urls = {url for _, _, url in self._batch.keys if url is not None}
        wanted = {"ecosystem": self._batch.ecosystem, "urls": list(urls)}
        self._indexes.update(self._rows(sql.FIND_INDEXES, wanted))

    def _add_indexes(self) -> None:
        urls = {url for _, _, url in self._batch.keys if url is not None}
        missing = sorted(urls.difference(self._indexes))
        if missing:
            self._execute(sql.ADD_INDEXES, {"ecosystem": self._batch.ecosystem, "urls": missing})
            self._find_indexes()

    def _add_requirements(self, places: Sequence[int]) -> None:
        """Find or add the requirements of these releases, their packages, and the releases' own."""
        batch = self._batch
        wanted = {digest for place in places for digest in batch.dependencies[place] or ()}
        self._find_requirements(wanted)
        missing = sorted(wanted.difference(self._requirements))
        rows = [batch.requirements[digest] for digest in missing]
        self._add_packages([batch.keys[place][0] for place in places] + [row.name for row in rows])
        self._add_indexes()
        if not missing:
            return
        parameters = {
            "package_ids": [self._packages[row.name] for row in rows],
            "digests": missing,
            "specifiers": [row.specifier for row in rows],
            "bounds": [
                None if row.bounds is None else _json([bound.hex() for bound in row.bounds])
                for row in rows
            ],
            "extras": [_json(row.extras) for row in rows],
            "marker_extras": [_json(row.marker_extras) for row in rows],
            "markers": [row.marker for row in rows],
            "urls": [row.url for row in rows],
        }
        self._execute(sql.ADD_REQUIREMENTS, parameters)
        self._find_requirements(missing)

    def _find_requirements(self, digests: Collection[bytes]) -> None:
        if digests:
            self._requirements.update(self._rows(sql.FIND_REQUIREMENTS, {"digests": list(digests)}))

    # --- releases --------------------------------------------------------------------------------

    def _find_releases(self, places: Iterable[int]) -> list[int]:
        """Learn the ids of known releases, and which seem to differ; return their places."""
        wanted = list(places)
        if not wanted:
            return []
        known = []
        for row, release, changed, differing, undeclared in self._rows(
            sql.FIND_RELEASES, self._release_columns(wanted)
        ):
            place = wanted[row]
            known.append(place)
            self._ids[place] = release
            if changed:
                self._changed.append(place)
            if differing:
                self._differing.append(place)
            if undeclared:
                self._undeclared.add(place)
        return known

    def _add_releases(self, new: Sequence[int]) -> set[int]:
        """Add releases in the order given; return the places of those that nobody else added."""
        parameters = self._release_columns(new)
        parameters["keys"] = [version_key(self._batch.keys[place][1]) for place in new]
        added = set()
        for row, release in self._rows(sql.ADD_RELEASES, parameters):
            self._ids[new[row]] = release
            added.add(new[row])
        others = [place for place in new if place not in added]
        self._find_releases(others)
        return added

    def _release_columns(self, places: Sequence[int]) -> dict[str, Any]:
        batch = self._batch
        keys = [batch.keys[place] for place in places]
        releases = [batch.releases[place] for place in places]
        return {
            "package_ids": [self._packages[name] for name, _, _ in keys],
            "versions": [version for _, version, _ in keys],
            "index_ids": [self._indexes[url] for _, _, url in keys],
            "missing": [release.is_missing for release in releases],
            "yanked": [release.yanked for release in releases],
            "reasons": [
                None if release.yanked is False else release.yanked_reason for release in releases
            ],
            "sdists": [_provides_sdist(release) for release in releases],
            "uploaded": [_uploaded_at(release) for release in releases],
            "requires_python": [release.requires_python for release in releases],
            "digests": [batch.digests[place] for place in places],
        }

    # --- dependencies ----------------------------------------------------------------------------

    def _add_dependencies(self, added: set[int]) -> None:
        """Add the dependencies of releases that this transaction added."""
        releases, requirements = self._pairs(sorted(added, key=self._ids.__getitem__))
        if not releases:
            return
        with self._connection.cursor() as cursor, cursor.copy(sql.COPY_DEPENDENCIES) as copy:
            copy.write(_binary_pairs(releases, requirements))

    def _pairs(self, places: Iterable[int]) -> tuple[list[int], list[int]]:
        releases: list[int] = []
        requirements: list[int] = []
        for place in places:
            ids = sorted(
                self._requirements[digest] for digest in self._batch.dependencies[place] or ()
            )
            releases += [self._ids[place]] * len(ids)
            requirements += ids
        return releases, requirements

    # --- what is known ---------------------------------------------------------------------------

    def _write_known(self, added: set[int]) -> None:
        """Lock the releases that are to be changed, in the order of their ids, and change them."""
        declared = self._differing_dependencies()
        described = self._changed_metadata()
        packed = self._changed_artifacts(
            place
            for place, release in enumerate(self._batch.releases)
            if release.artifacts is not None
        )
        touched = {*self._changed, *declared, *described, *packed}.difference(added)
        if touched:
            self._rows(sql.LOCK_RELEASES, {"ids": [self._ids[place] for place in touched]})
        if self._changed:
            self._execute(sql.CHANGE_RELEASES, self._release_columns(self._changed))
        if declared:
            self._declare(declared)
        if described:
            self._describe(described)
        if packed:
            self._pack(packed, added)

    def _differing_dependencies(self) -> list[int]:
        """Return the places of known releases that lack dependencies, or of which none were known.

        A release may have more dependencies than were recorded now, so its digest alone does not
        tell.
        """
        releases, requirements = self._pairs(self._differing)
        found = (
            {
                release
                for (release,) in self._rows(
                    sql.FIND_MISSING_DEPENDENCIES,
                    {"releases": releases, "requirements": requirements},
                )
            }
            if releases
            else set()
        )
        return [
            place
            for place in self._differing
            if place in self._undeclared or self._ids[place] in found
        ]

    def _declare(self, places: Sequence[int]) -> None:
        releases, requirements = self._pairs(places)
        texts = {
            self._requirements[digest]: self._batch.requirements[digest].text
            for place in places
            for digest in self._batch.dependencies[place] or ()
        }
        parameters = {
            "releases": releases,
            "requirements": requirements,
            "named": list(texts),
            "texts": list(texts.values()),
        }
        self._execute(sql.ADD_DEPENDENCIES, parameters)
        self._execute(sql.SET_DIGESTS, {"ids": [self._ids[place] for place in places]})

    def _changed_metadata(self) -> list[int]:
        places = {
            self._ids[place]: place
            for place, release in enumerate(self._batch.releases)
            if release.metadata is not None
        }
        return [
            places[release]
            for rows in self._metadata_rows(places.values())
            for (release,) in self._rows(sql.FIND_CHANGED_METADATA, {"rows": rows})
        ]

    def _describe(self, places: Sequence[int]) -> None:
        for rows in self._metadata_rows(places):
            self._execute(sql.CHANGE_METADATA, {"rows": rows})
            self._execute(sql.ADD_METADATA, {"rows": rows})

    def _metadata_rows(self, places: Iterable[int]) -> Iterator[str]:
        """Give metadata as JSON arrays of rows, none of them too long for the server."""
        rows: list[bytes] = []
        size = 0
        for place in places:
            metadata = self._batch.releases[place].metadata
            assert metadata is not None  # noqa: S101 - the caller chose those that have some
            row = msgspec.json.encode(
                {"release_id": self._ids[place], **msgspec.structs.asdict(metadata)}
            )
            rows.append(row)
            size += len(row)
            if size > _METADATA_BYTES:
                yield _joined(rows)
                rows, size = [], 0
        if rows:
            yield _joined(rows)

    def _changed_artifacts(self, places: Iterable[int]) -> list[int]:
        wanted = list(places)
        stored = self._stored_artifacts(wanted)
        return [
            place
            for place in wanted
            if artifact_changes(stored[place], self._batch.releases[place].artifacts or ())
        ]

    def _stored_artifacts(
        self, places: Sequence[int]
    ) -> dict[int, list[tuple[int, ArtifactRecord]]]:
        stored: dict[int, list[tuple[int, ArtifactRecord]]] = {place: [] for place in places}
        if not places:
            return stored
        by_id = {self._ids[place]: place for place in places}
        for row in self._rows(sql.FIND_ARTIFACTS, {"ids": list(by_id)}):
            row_id, release, filename, sha256, kind, size, uploaded_at, yanked, tags = row
            artifact = ArtifactRecord(
                filename=filename,
                sha256=sha256,
                kind=kind,
                size=size,
                uploaded_at=uploaded_at,
                yanked=yanked,
                tags=None if tags is None else tuple(tags),
            )
            stored[by_id[release]].append((row_id, artifact))
        return stored

    def _pack(self, places: Sequence[int], added: set[int]) -> None:
        stored = self._stored_artifacts(places)
        removed: list[int] = []
        changed: list[dict[str, Any]] = []
        new: list[dict[str, Any]] = []
        for place in places:
            changes = artifact_changes(stored[place], self._batch.releases[place].artifacts or ())
            removed += changes.removed
            changed += [{"id": row, **_artifact_row(artifact)} for row, artifact in changes.changed]
            fixed = {"release_id": self._ids[place]}
            is_change = place not in added and bool(stored[place])
            new += [
                {**fixed, "is_change": is_change, **_artifact_row(artifact)}
                for artifact in changes.added
            ]
        if removed:
            self._execute(sql.DELETE_ARTIFACTS, {"ids": removed})
        if changed:
            self._execute(sql.CHANGE_ARTIFACTS, {"rows": _json(changed)})
        if new:
            self._execute(sql.ADD_ARTIFACTS, {"rows": _json(new)})

    # --- asking ----------------------------------------------------------------------------------

    def _rows(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(statement, parameters).fetchall()

    def _execute(self, statement: str, parameters: dict[str, Any]) -> None:
        self._connection.execute(statement, parameters)


def _provides_sdist(release: ReleaseRecord) -> bool | None:
    if release.provides_source_distro is not None or not release.artifacts:
        return release.provides_source_distro
    return True if any(artifact.kind == "sdist" for artifact in release.artifacts) else None


def _uploaded_at(release: ReleaseRecord) -> datetime | None:
    times = [
        artifact.uploaded_at
        for artifact in release.artifacts or ()
        if artifact.uploaded_at is not None
    ]
    if release.uploaded_at is not None:
        times.append(release.uploaded_at)
    return min(times, default=None)


def _artifact_row(artifact: ArtifactRecord) -> dict[str, Any]:
    sha256 = None if artifact.sha256 is None else artifact.sha256.hex()
    return {**msgspec.structs.asdict(artifact), "sha256": sha256}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _joined(rows: Sequence[bytes]) -> str:
    return b"".join((b"[", b",".join(rows), b"]")).decode()


def _binary_pairs(firsts: Sequence[int], seconds: Sequence[int]) -> bytes:
    """Return rows of two int4 in the format of COPY ... (FORMAT BINARY)."""
    count = len(firsts)
    words = array("i", [0]) * (4 * count)
    words[0::4] = array("i", [4]) * count
    words[1::4] = array("i", firsts)
    words[2::4] = words[0::4]
    words[3::4] = array("i", seconds)
    words.byteswap()
    fields = memoryview(words.tobytes())
    rows = b"".join(b"\0\2" + fields[at : at + 16] for at in range(0, len(fields), 16))
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows + b"\xff\xff"
