"""The limits on what an index may cost: time, connections, bytes, counts. All are published."""

from __future__ import annotations

from dataclasses import dataclass

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexLimits:
    """What one `HttpIndex` allows itself and its servers. Times in seconds, sizes in bytes.

    connections: requests under way at once. Up to twice as many connections are kept open.
    connect_timeout, read_timeout: for a connection (with TLS), and between two reads.
    request_timeout: for one request in all: every try, redirect, wait and byte of its answer.
        `page` makes one request, `metadata` at most six; waiting for a connection comes on top.
    retries: further tries after a failed one. The n-th waits `backoff * 2**(n - 1)`, less a random
        part of up to half.
    retry_after: the longest `Retry-After` that is waited for; a longer one ends the request.
    redirects: followed in one try.
    page_bytes, page_files: a page after content decoding, and the files that it lists.
    wheel_tail_bytes: asked for from a wheel's end in the first range request.
    directory_bytes, archive_members: a zip's central directory, and the members of any archive.
    wheel_bytes: a wheel that must be read whole, since its server has no ranges.
    sdist_bytes, sdist_inflated_bytes: how far into a source distribution metadata is looked for.
    metadata_bytes: a core metadata file, uncompressed.
    metadata_entries: its Requires-Dist lines, and likewise its Provides-Extra lines.
    """

    connections: int = 32
    connect_timeout: float = 10.0
    read_timeout: float = 15.0
    request_timeout: float = 60.0
    retries: int = 3
    backoff: float = 0.25
    retry_after: float = 10.0
    redirects: int = 5
    page_bytes: int = 64 * _MIB
    page_files: int = 100_000
    wheel_tail_bytes: int = 48 * _KIB
    directory_bytes: int = 16 * _MIB
    archive_members: int = 200_000
    wheel_bytes: int = 64 * _MIB
    sdist_bytes: int = 64 * _MIB
    sdist_inflated_bytes: int = 512 * _MIB
    metadata_bytes: int = 10 * _MIB
    metadata_entries: int = 10_000
