"""The stores of the knowledge graph, in memory: same promises, no database."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec

from thoth.storages.graph.queries import artifact_metadata, pages
from thoth.storages.graph.queries.values import (
    storable_count,
    storable_format,
    storable_hash,
    storable_text,
    storable_time,
)
from thoth.storages.graph.records import PageStamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from thoth.storages.graph.records import ArtifactMetadataRecord, PageRecord


class InMemoryPages:
    """The twin of `PageStore`."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str], PageRecord] = {}
        self._lock = threading.Lock()

    def get(
        self,
        index_url: str,
        packages: Sequence[str],
        *,
        format: int,  # noqa: A002 - as the column is called
    ) -> dict[str, PageRecord]:
        """Return the stored pages of these packages by name, without their artifacts."""
        storable_format(format)
        keys = [
            (storable_text("index_url", index_url), storable_text("package", package))
            for package in packages
        ]
        with self._lock:
            found = [self._stored[key] for key in keys if key in self._stored]
        return {
            page.package: msgspec.structs.replace(page, artifacts=None)
            for page in found
            if page.format == format
        }

    def get_stamps(
        self,
        index_url: str,
        packages: Sequence[str],
        *,
        format: int,  # noqa: A002 - as the column is called
    ) -> dict[str, PageStamp]:
        """Return which pages of these packages are stored now, by name."""
        found = self.get(index_url, packages, format=format)
        return {name: PageStamp(page.digest, page.checked_at) for name, page in found.items()}

    def get_artifacts(
        self, index_url: str, slices: Sequence[tuple[str, bytes, int, int]]
    ) -> list[bytes | None]:
        """Return slices of stored artifacts, None where the page is no longer the same."""
        pages.check_slices(slices)
        storable_text("index_url", index_url)
        found: list[bytes | None] = []
        with self._lock:
            for package, digest, offset, length in slices:
                page = self._stored.get((index_url, storable_text("package", package)))
                artifacts = page.artifacts if page is not None and page.digest == digest else None
                held = artifacts is not None and offset + length <= len(artifacts)
                found.append(
                    artifacts[offset : offset + length] if artifacts is not None and held else None
                )
        return found

    def record(self, index_url: str, records: Sequence[PageRecord]) -> None:
        """Store pages, all or none of them."""
        storable_text("index_url", index_url)
        for page in records:
            pages.check(page)
        with self._lock:
            for page in sorted(records, key=lambda page: page.checked_at):
                self._record_one((index_url, page.package), page)

    def touch(self, index_url: str, packages: Sequence[str], checked_at: datetime) -> None:
        """Say that these pages were still as they are stored at this time."""
        storable_text("index_url", index_url)
        storable_time("checked_at", checked_at)
        with self._lock:
            for package in packages:
                page = self._stored.get((index_url, storable_text("package", package)))
                if page is not None and page.checked_at < checked_at:
                    renewed = msgspec.structs.replace(page, checked_at=checked_at)
                    self._stored[index_url, package] = renewed

    def forget_absent(self, checked_until: datetime, *, keep: int, at_most: int) -> int:
        """Remove pages of absent packages, oldest first; return how many went."""
        storable_time("checked_until", checked_until)
        storable_count("keep", keep, least=0)
        storable_count("at_most", at_most, least=1)
        with self._lock:
            absent = sorted(
                (page.checked_at, key) for key, page in self._stored.items() if not page.present
            )
            latest = checked_until
            if len(absent) > keep:
                latest = max(latest, absent[len(absent) - keep - 1][0])
            gone = [key for checked_at, key in absent if checked_at <= latest][:at_most]
            for key in gone:
                del self._stored[key]
        return len(gone)

    def _record_one(self, key: tuple[str, str], page: PageRecord) -> None:
        stored = self._stored.get(key)
        same = stored is not None and _identity(stored) == _identity(page)
        if stored is not None and stored.checked_at > page.checked_at:
            return
        if page.present and page.artifacts is None and not same:
            return
        if stored is not None and same:
            artifacts = stored.artifacts if stored.artifacts is not None else page.artifacts
            page = msgspec.structs.replace(page, facts=stored.facts, artifacts=artifacts)
        self._stored[key] = page


def _identity(page: PageRecord) -> tuple[bytes, int, bool]:
    return page.digest, page.format, page.present


class InMemoryArtifactMetadata:
    """The twin of `ArtifactMetadataStore`."""

    def __init__(self) -> None:
        self._stored: dict[bytes, ArtifactMetadataRecord] = {}
        self._lock = threading.Lock()

    def get(
        self,
        keys: Sequence[bytes],
        *,
        format: int,  # noqa: A002 - as the column is called
    ) -> dict[bytes, ArtifactMetadataRecord]:
        """Return the stored metadata of these artifacts by key, without its content."""
        storable_format(format)
        for key in keys:
            storable_hash("key", key)
        with self._lock:
            found = [self._stored[key] for key in keys if key in self._stored]
        return {
            record.key: msgspec.structs.replace(record, content=b"")
            for record in found
            if record.format == format
        }

    def get_content(self, key: bytes) -> bytes | None:
        """Return the stored core metadata file of an artifact, if there is one."""
        storable_hash("key", key)
        with self._lock:
            record = self._stored.get(key)
        return None if record is None or record.facts is None else record.content or None

    def record(self, records: Sequence[ArtifactMetadataRecord]) -> None:
        """Store the metadata of artifacts, all of it or none; a known fact is never lost."""
        for record in records:
            artifact_metadata.check(record)
        with self._lock:
            for record in records:
                stored = self._stored.get(record.key)
                if stored is not None and stored.facts is not None and record.facts is None:
                    continue
                content = record.content or (b"" if stored is None else stored.content)
                self._stored[record.key] = msgspec.structs.replace(record, content=content)
