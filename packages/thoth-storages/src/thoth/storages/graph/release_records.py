"""What is recorded of releases: values, never rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class ArtifactRecord(msgspec.Struct, frozen=True, gc=False):
    """One file of a release.

    `filename` or `sha256` (32 bytes) may be unknown, not both. `kind` is `wheel` or `sdist` (None:
    unknown), `tags` are a wheel's (PEP 425), `size` is in bytes.
    """

    filename: str | None = None
    sha256: bytes | None = None
    kind: str | None = None
    size: int | None = None
    uploaded_at: datetime | None = None
    yanked: bool = False
    tags: tuple[str, ...] | None = None


class ReleaseMetadataRecord(msgspec.Struct, frozen=True, gc=False):
    """What a release says of itself (core metadata), dependencies apart.

    `license_expression` is PEP 639's, `license` the older free text. `import_packages` are the
    names that it can be imported by. `other` holds the remaining fields, by their names in the
    JSON form of core metadata (PEP 566).
    """

    metadata_version: str | None = None
    summary: str | None = None
    author: str | None = None
    author_email: str | None = None
    maintainer: str | None = None
    maintainer_email: str | None = None
    license: str | None = None
    license_expression: str | None = None
    home_page: str | None = None
    download_url: str | None = None
    keywords: str | None = None
    description: str | None = None
    description_content_type: str | None = None
    platforms: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()
    import_packages: tuple[str, ...] = ()
    project_urls: dict[str, str] = {}
    other: dict[str, Any] = {}


class ReleaseRecord(msgspec.Struct, frozen=True, gc=False):
    """A release of a package on an index, as far as it is known.

    `package`, `version` and `index_url` are normalised when they are stored; the index is None
    where nobody said. `dependencies` are its requirements (PEP 508 texts), None where they are
    unknown; `artifacts` and `metadata` likewise. None never overwrites what is known.
    """

    package: str
    version: str
    index_url: str | None = None
    requires_python: str | None = None
    yanked: bool | None = None
    yanked_reason: str | None = None
    is_missing: bool | None = None
    provides_source_distro: bool | None = None
    uploaded_at: datetime | None = None
    dependencies: tuple[str, ...] | None = None
    artifacts: tuple[ArtifactRecord, ...] | None = None
    metadata: ReleaseMetadataRecord | None = None
