"""What the read-through index and our validators tell each other beyond PEP 691 and PEP 658.

The same resources as for any client, but as facts: with the canonical URL of the real index, with
the reason why there is no metadata, and without being parsed a second time. A client asks for it by
`Accept: MEDIA_TYPE`; whoever does not know it answers with a standard page.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.facts import Metadata, Page
from thoth.dependency_monkey.errors import Reason

MEDIA_TYPE = "application/vnd.thoth.facts.v1+msgpack"
ALL_INDEXES = "default"
"""The name under which all configured indexes are one, in the order of their priority."""


class IndexList(msgspec.Struct, frozen=True, tag="indexes"):
    """The indexes that the read-through index stands for: (name, canonical URL), by priority."""

    indexes: tuple[tuple[str, str], ...]


class PageFact(msgspec.Struct, frozen=True, tag="page"):
    """The page of a package, with its artifacts."""

    page: Page


class MetadataFact(msgspec.Struct, frozen=True, tag="metadata"):
    """The metadata of an artifact, without the file itself."""

    metadata: Metadata


class NoFact(msgspec.Struct, frozen=True, tag="undecided"):
    """What was asked for could not be told, and why."""

    reason: Reason
    detail: str


Fact: TypeAlias = IndexList | PageFact | MetadataFact | NoFact

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Fact] = msgspec.msgpack.Decoder(Fact)


def encode_fact(fact: Fact) -> bytes:
    """Return the bytes of an answer of `MEDIA_TYPE`."""
    return _ENCODER.encode(fact)


def decode_fact(encoded: bytes) -> Fact:
    """Return the inverse of `encode_fact`. Raises `msgspec.DecodeError`."""
    return _DECODER.decode(encoded)
