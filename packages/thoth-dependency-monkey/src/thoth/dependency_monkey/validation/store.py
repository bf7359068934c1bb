"""The port to what is known already: pages and metadata, in the knowledge graph or in memory."""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.facts import (
    METADATA_FORMAT,
    PAGE_FORMAT,
    Metadata,
    MetadataFacts,
    Page,
    PageFacts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact
    from thoth.storages import GraphDatabase

_PAGE = msgspec.msgpack.Decoder(PageFacts)
_METADATA = msgspec.msgpack.Decoder(MetadataFacts)


def metadata_key(index_url: str, artifact: Artifact) -> bytes:
    """Return the 32 bytes under which the metadata of an index's artifact is kept.

    The artifact's own hash is not enough: it is only what an index says, and an index that gives
    the hash of somebody else's file must not answer for that file.
    """
    identity = (index_url, artifact.filename, artifact.sha256 or artifact.url)
    return hashlib.sha256("\n".join(identity).encode()).digest()


class FactStore(Protocol):
    """Where facts are kept between validations.

    Thread-safe; every call is one batch and may block. What `record_*` returned from is durable.
    """

    def pages(self, index_url: str, packages: Sequence[str]) -> dict[str, Page]:
        """Return the known pages, by package; their artifacts may be left in the store."""
        ...

    def artifacts(self, index_url: str, wanted: Sequence[tuple[Page, int]]) -> list[bytes | None]:
        """Return the encoded artifacts of releases (page, position on the page).

        None where the page has changed since it was read.
        """
        ...

    def record_pages(self, index_url: str, pages: Sequence[Page]) -> None:
        """Keep pages of one index; an older one never replaces a newer one."""
        ...

    def metadata(self, keys: Sequence[bytes]) -> dict[bytes, Metadata]:
        """Return the known metadata by artifact key; the file itself may be left in the store."""
        ...

    def record_metadata(self, records: Sequence[tuple[bytes, Metadata]]) -> None:
        """Keep metadata by artifact key."""
        ...


class StampedFactStore(FactStore, Protocol):
    """A fact store that also says, cheaply, whether a page is still the one it was."""

    def stamps(self, index_url: str, packages: Sequence[str]) -> dict[str, tuple[str, datetime]]:
        """Return the digest of each known page and when it was checked, by package."""
        ...


class ServedFactStore(FactStore, Protocol):
    """A fact store that also gives back whole what it keeps, for serving it to others."""

    def page_artifacts(self, page: Page) -> bytes | None:
        """Return all encoded artifacts of a page; None where it has changed since it was read."""
        ...

    def metadata_file(self, key: bytes) -> bytes | None:
        """Return the core metadata file of an artifact by its key; None where there is none."""
        ...


class GraphFactStore:
    """The facts in the knowledge graph; a `ServedFactStore` and a `StampedFactStore`."""

    def __init__(self, graph: GraphDatabase) -> None:
        self._graph = graph

    def pages(self, index_url: str, packages: Sequence[str]) -> dict[str, Page]:
        """See `FactStore.pages`."""
        found = self._graph.pages.get(index_url, packages, format=PAGE_FORMAT)
        return {
            name: Page(
                index_url=index_url,
                package=name,
                facts=None if record.facts is None else _PAGE.decode(record.facts),
                artifacts=None,
                digest=record.digest.hex(),
                checked_at=record.checked_at,
                etag=record.etag,
                last_modified=record.last_modified,
            )
            for name, record in found.items()
        }

    def stamps(self, index_url: str, packages: Sequence[str]) -> dict[str, tuple[str, datetime]]:
        """See `StampedFactStore.stamps`."""
        found = self._graph.pages.get_stamps(index_url, packages, format=PAGE_FORMAT)
        return {name: (stamp.digest.hex(), stamp.checked_at) for name, stamp in found.items()}

    def artifacts(self, index_url: str, wanted: Sequence[tuple[Page, int]]) -> list[bytes | None]:
        """See `FactStore.artifacts`."""
        slices = []
        for page, position in wanted:
            offsets = page.facts.offsets if page.facts is not None else [0, 0]
            start, stop = offsets[position], offsets[position + 1]
            slices.append((page.package, bytes.fromhex(page.digest), start, stop - start))
        return self._graph.pages.get_artifacts(index_url, slices)

    def record_pages(self, index_url: str, pages: Sequence[Page]) -> None:
        """See `FactStore.record_pages`."""
        from thoth.storages.graph.records import PageRecord

        self._graph.pages.record(
            index_url,
            [
                PageRecord(
                    package=page.package,
                    present=page.facts is not None,
                    digest=bytes.fromhex(page.digest),
                    format=PAGE_FORMAT,
                    checked_at=page.checked_at,
                    facts=None if page.facts is None else msgspec.msgpack.encode(page.facts),
                    artifacts=page.artifacts,
                    etag=page.etag,
                    last_modified=page.last_modified,
                )
                for page in pages
            ],
        )

    def page_artifacts(self, page: Page) -> bytes | None:
        """See `ServedFactStore.page_artifacts`."""
        if page.facts is None:
            return None
        whole = (page.package, bytes.fromhex(page.digest), 0, page.facts.offsets[-1])
        return self._graph.pages.get_artifacts(page.index_url, [whole])[0]

    def metadata_file(self, key: bytes) -> bytes | None:
        """See `ServedFactStore.metadata_file`."""
        return self._graph.artifact_metadata.get_content(key)

    def metadata(self, keys: Sequence[bytes]) -> dict[bytes, Metadata]:
        """See `FactStore.metadata`."""
        found = self._graph.artifact_metadata.get(keys, format=METADATA_FORMAT)
        return {
            key: Metadata(
                facts=None if record.facts is None else _METADATA.decode(record.facts),
                origin=record.origin,
                opaque=record.opaque,
                needs_build=record.needs_build,
            )
            for key, record in found.items()
        }

    def record_metadata(self, records: Sequence[tuple[bytes, Metadata]]) -> None:
        """See `FactStore.record_metadata`."""
        from thoth.storages.graph.records import ArtifactMetadataRecord

        self._graph.artifact_metadata.record(
            [
                ArtifactMetadataRecord(
                    key=key,
                    format=METADATA_FORMAT,
                    origin=metadata.origin,
                    facts=None
                    if metadata.facts is None
                    else msgspec.msgpack.encode(metadata.facts),
                    opaque=metadata.opaque,
                    needs_build=metadata.needs_build,
                    content=metadata.content,
                )
                for key, metadata in records
            ]
        )


class MemoryFactStore:
    """The facts in memory, for tests, and for what shall leave no trace.

    A `ServedFactStore` and a `StampedFactStore`.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages: dict[tuple[str, str], Page] = {}
        self._metadata: dict[bytes, Metadata] = {}

    def pages(self, index_url: str, packages: Sequence[str]) -> dict[str, Page]:
        """See `FactStore.pages`."""
        with self._lock:
            return {
                name: page
                for name in packages
                if (page := self._pages.get((index_url, name))) is not None
            }

    def stamps(self, index_url: str, packages: Sequence[str]) -> dict[str, tuple[str, datetime]]:
        """See `StampedFactStore.stamps`."""
        found = self.pages(index_url, packages)
        return {name: (page.digest, page.checked_at) for name, page in found.items()}

    def artifacts(self, index_url: str, wanted: Sequence[tuple[Page, int]]) -> list[bytes | None]:
        """See `FactStore.artifacts`."""
        found: list[bytes | None] = []
        with self._lock:
            for page, position in wanted:
                own = self._pages.get((index_url, page.package))
                if own is None or own.digest != page.digest or own.facts is None:
                    found.append(None)
                    continue
                start, stop = own.facts.offsets[position : position + 2]
                found.append(own.artifacts[start:stop] if own.artifacts is not None else None)
        return found

    def record_pages(self, index_url: str, pages: Sequence[Page]) -> None:
        """See `FactStore.record_pages`."""
        with self._lock:
            for page in pages:
                known = self._pages.get((index_url, page.package))
                if known is not None and known.checked_at > page.checked_at:
                    continue
                artifacts = page.artifacts
                if artifacts is None and known is not None and known.digest == page.digest:
                    artifacts = known.artifacts
                self._pages[index_url, page.package] = msgspec.structs.replace(
                    page, artifacts=artifacts
                )

    def page_artifacts(self, page: Page) -> bytes | None:
        """See `ServedFactStore.page_artifacts`."""
        with self._lock:
            own = self._pages.get((page.index_url, page.package))
        return None if own is None or own.digest != page.digest else own.artifacts

    def metadata_file(self, key: bytes) -> bytes | None:
        """See `ServedFactStore.metadata_file`."""
        with self._lock:
            known = self._metadata.get(key)
        return None if known is None or known.facts is None else known.content or None

    def metadata(self, keys: Sequence[bytes]) -> dict[bytes, Metadata]:
        """See `FactStore.metadata`."""
        with self._lock:
            return {key: self._metadata[key] for key in keys if key in self._metadata}

    def record_metadata(self, records: Sequence[tuple[bytes, Metadata]]) -> None:
        """See `FactStore.record_metadata`."""
        with self._lock:
            for key, metadata in records:
                known = self._metadata.get(key)
                if known is None or known.facts is None:
                    self._metadata[key] = metadata
