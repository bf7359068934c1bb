"""What the query families take and give: values, never rows."""

from __future__ import annotations

from datetime import datetime

import msgspec


class PageRecord(msgspec.Struct, frozen=True):
    """The page of a package on an index, as it is stored.

    `package` is normalised; `present` is false where the index says that it has no such package,
    and then `facts` is None. `digest` is the SHA-256 (32 bytes) over facts and artifacts, which
    are encoded as `format` says. `checked_at` is when the index last confirmed the page (with a
    time zone). `artifacts` is None where it was left in the store. `etag` and `last_modified` are
    the validators that the index gave (RFC 9110).
    """

    package: str
    present: bool
    digest: bytes
    format: int
    checked_at: datetime
    facts: bytes | None = None
    artifacts: bytes | None = None
    etag: str | None = None
    last_modified: str | None = None


class PageStamp(msgspec.Struct, frozen=True):
    """Which page of a package is stored, by `digest`, and when the index last confirmed it."""

    digest: bytes
    checked_at: datetime


class ArtifactMetadataRecord(msgspec.Struct, frozen=True):
    """The core metadata of one artifact, or why there is none.

    `key` is 32 bytes by which the caller tells artifacts apart. `facts`, encoded as `format` says,
    is None where the release is opaque; then `opaque` says why, and `needs_build` whether building
    would reveal it. `origin` says where the metadata came from. `content` is the core metadata file
    itself, empty where it was left in the store.
    """

    key: bytes
    format: int
    origin: str
    facts: bytes | None = None
    opaque: str | None = None
    needs_build: bool = False
    content: bytes = b""
