"""What a package index says, as values: pages, artifacts and core metadata of the `pypi` ecosystem.

Everything here is target-independent: which artifact a target can use is the business of
`candidates`. Pages are columnar, so that thousands of files cost little to keep and to load.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

PAGE_FORMAT = 1
METADATA_FORMAT = 1
SDIST = -1
UNKNOWN = -1


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file of a release, as the index describes it (PEP 503, 592, 658, 691, 700, 714).

    `sha256` is lower-case hex or None; `size` in bytes; `uploaded` in seconds since 1970 (UTC).
    `yanked` is the reason given (perhaps empty) or None. `metadata_sha256` is the hash of the
    `.metadata` file that the index offers beside the file, "" if it offers one without a hash,
    None if it offers none. `url` is absolute and carries neither fragment nor user info.
    """

    filename: str
    url: str
    kind: Literal["wheel", "sdist"]
    sha256: str | None = None
    size: int | None = None
    uploaded: int | None = None
    requires_python: str | None = None
    yanked: str | None = None
    metadata_sha256: str | None = None


class PageFacts(msgspec.Struct, array_like=True):
    """The releases that a page offers, in columns.

    `versions` are canonical PEP 440 texts in ascending PEP 440 order, one per release. The
    artifacts of release `j` have the positions `starts[j]` up to, not including, `starts[j + 1]`
    in the columns `tags`, `requires_python`, `uploaded` and `yanked`, in the order of its encoded
    artifacts. `tags[i]` points into `tag_sets` (the compressed tag set of a wheel's file name,
    such as "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"), or is SDIST.
    `requires_python[i]` points into
    `specifiers`, or is UNKNOWN where none is given. `uploaded[i]` is in seconds since 1970, or
    UNKNOWN. The full artifacts of release `j` are the msgpack bytes
    `artifacts[offsets[j]:offsets[j + 1]]`, kept apart since only chosen releases need them.
    `skipped` lists file names that could not be understood, at most 100 of them.
    """

    versions: list[str]
    starts: list[int]
    tag_sets: list[str]
    specifiers: list[str]
    tags: list[int]
    requires_python: list[int]
    uploaded: list[int]
    yanked: list[bool]
    offsets: list[int]
    skipped: list[str]


class Page(msgspec.Struct, frozen=True):
    """The page of one package on one index at one time.

    `facts` is None where the index says that the package does not exist; `artifacts` holds the
    encoded artifacts that `facts.offsets` addresses, or None where they were left in the store.
    `digest` is the hex SHA-256 over the encoded facts and artifacts. `etag` and `last_modified`
    are the validators that the index gave (RFC 9110).
    """

    index_url: str
    package: str
    facts: PageFacts | None
    artifacts: bytes | None
    digest: str
    checked_at: datetime
    etag: str | None = None
    last_modified: str | None = None


class MetadataFacts(msgspec.Struct, frozen=True, array_like=True):
    """What resolution needs of a core metadata file (PEP 566, 643, 685).

    `requires_dist` and `provides_extra` are the texts as the file gives them, in its order.
    """

    requires_dist: tuple[str, ...] = ()
    provides_extra: tuple[str, ...] = ()
    requires_python: str | None = None


class Metadata(msgspec.Struct, frozen=True):
    """The metadata of one artifact, or the reason why there is none.

    `facts` is None where the release is opaque; then `opaque` says why in a sentence and
    `needs_build` whether building would reveal it. `origin` says where the facts came from:
    "core-metadata" (PEP 658), "wheel", "sdist" or "none". `content` is the core metadata file
    itself (empty where opaque or left in the store).
    """

    facts: MetadataFacts | None
    origin: str
    content: bytes = b""
    opaque: str | None = None
    needs_build: bool = False


_ARTIFACTS = msgspec.msgpack.Decoder(list[Artifact])


def encode_artifacts(artifacts: list[Artifact]) -> bytes:
    """Encode the artifacts of one release; the inverse of `decode_artifacts`."""
    return msgspec.msgpack.encode(artifacts)


def decode_artifacts(encoded: bytes) -> list[Artifact]:
    """Decode the artifacts of one release.

    Raises `msgspec.DecodeError` where the bytes are not what `encode_artifacts` made.
    """
    return _ARTIFACTS.decode(encoded)
