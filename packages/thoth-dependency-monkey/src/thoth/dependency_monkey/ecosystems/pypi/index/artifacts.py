"""Metadata of an artifact over HTTP: the file beside it, a wheel by ranges, an sdist in stream."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from thoth.dependency_monkey.ecosystems.pypi.index.credentials import Origin, origin_of
from thoth.dependency_monkey.ecosystems.pypi.index.faults import (
    ArchiveError,
    WrongAnswerError,
)
from thoth.dependency_monkey.ecosystems.pypi.index.sdists import (
    WANTED as PKG_INFO,
)
from thoth.dependency_monkey.ecosystems.pypi.index.sdists import (
    TarGzReader,
    choose_pkg_info,
)
from thoth.dependency_monkey.ecosystems.pypi.index.transport import (
    Answer,
    Body,
    Nothing,
    Sink,
    Transport,
)
from thoth.dependency_monkey.ecosystems.pypi.index.wheels import WANTED as DIST_INFO
from thoth.dependency_monkey.ecosystems.pypi.index.wheels import choose_metadata
from thoth.dependency_monkey.ecosystems.pypi.index.zip_archives import (
    ByteRange,
    Window,
    ZipLimits,
    read_member,
)
from thoth.dependency_monkey.errors import LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact
    from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_IDENTITY: Final = {"accept-encoding": "identity"}
# Whole wheels are held in memory, `wheel_bytes` each.
_WHOLE_AT_ONCE = 2


class UnavailableError(Exception):
    """The server has no such file (404, 410)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answers {status} for it")


class ArtifactReader:
    """Reads core metadata files out of artifacts and beside them; never runs or keeps them.

    Its methods raise `UnavailableError` where the server lacks the file, `ArchiveError` where it is
    malformed, hostile, too large or not what its hash says, and `IndexUnreachableError`.
    """

    def __init__(self, transport: Transport, limits: IndexLimits) -> None:
        self._transport = transport
        self._limits = limits
        self._whole = asyncio.Semaphore(_WHOLE_AT_ONCE)
        self._rangeless: set[Origin] = set()

    async def core_metadata_file(self, artifact: Artifact) -> bytes:
        """Return the `.metadata` file beside an artifact (PEP 658, 714), checked by its hash."""
        _origin(artifact)
        parts = urlsplit(artifact.url)
        url = urlunsplit(parts._replace(path=f"{parts.path}.metadata"))
        content = await self._body(url, "metadata_bytes", self._limits.metadata_bytes)
        _check_hash(content, artifact.metadata_sha256, "the .metadata file")
        return content

    async def wheel_metadata(self, artifact: Artifact, package: str, version: str) -> bytes:
        """Return a wheel's METADATA."""
        return await self._from_zip(
            artifact, lambda names: choose_metadata(names, package, version), DIST_INFO
        )

    async def sdist_metadata(self, artifact: Artifact) -> bytes:
        """Return the PKG-INFO of a source distribution, a `.tar.gz` or a `.zip`."""
        if artifact.filename.lower().endswith(".zip"):
            return await self._from_zip(artifact, choose_pkg_info, PKG_INFO)
        _origin(artifact)
        reader = await self._transport.fetch(
            artifact.url, _IDENTITY, lambda _: TarGzReader(self._limits), _tar_gz
        )
        return reader.finish()

    async def _from_zip(
        self, artifact: Artifact, choose: Callable[[list[bytes]], int], wanted: bytes
    ) -> bytes:
        limits = ZipLimits(
            self._limits.directory_bytes,
            self._limits.archive_members,
            self._limits.metadata_bytes,
        )
        steps = read_member(await self._tail(artifact), choose, wanted, limits)
        return await self._drive(artifact, steps)

    async def _drive(self, artifact: Artifact, steps: Generator[ByteRange, Window, bytes]) -> bytes:
        try:
            needed = next(steps)
            while True:
                needed = steps.send(await self._window(artifact, needed))
        except StopIteration as stop:
            content: bytes = stop.value
            return content

    async def _tail(self, artifact: Artifact) -> Window:
        length = self._limits.wheel_tail_bytes
        origin = _origin(artifact)
        if artifact.size is not None and artifact.size <= length:
            return await self._whole_file(artifact, "wheel_tail_bytes", length)
        if origin not in self._rangeless:
            window = await self._ranged(artifact, f"bytes=-{length}", length)
            if window is not None and window.start + len(window.data) == window.total:
                return window
        async with self._whole:
            return await self._whole_file(artifact, "wheel_bytes", self._limits.wheel_bytes)

    async def _window(self, artifact: Artifact, needed: ByteRange) -> Window:
        last = needed.start + needed.length - 1
        window = await self._ranged(artifact, f"bytes={needed.start}-{last}", needed.length)
        if window is None or window.start > needed.start:
            raise ArchiveError("the server does not keep to its ranges")
        return window

    async def _ranged(self, artifact: Artifact, byte_range: str, length: int) -> Window | None:
        """Return what a range request brings, or None where the server does not serve ranges."""
        try:
            answer, body = await self._transport.fetch(
                artifact.url,
                {**_IDENTITY, "range": byte_range},
                lambda answer: Body("range", length) if answer.status == 206 else Nothing(),
                _ranged_body,
            )
        except LimitExceededError:
            return None
        if isinstance(body, Body):
            return _range_window(answer, bytes(body.data))
        self._rangeless.add(_origin(artifact))
        return None

    async def _whole_file(self, artifact: Artifact, limit: str, allowed: int) -> Window:
        data = await self._body(artifact.url, limit, allowed)
        _check_hash(data, artifact.sha256, "the file")
        return Window(0, data, len(data))

    async def _body(self, url: str, limit: str, allowed: int) -> bytes:
        try:
            return await self._transport.fetch(
                url, _IDENTITY, lambda _: Body(limit, allowed), _whole_body
            )
        except LimitExceededError as exceeded:
            raise ArchiveError(exceeded.detail) from None


def _origin(artifact: Artifact) -> Origin:
    """Return where an artifact is; `ArchiveError` where its URL is none that can be asked."""
    try:
        return origin_of(artifact.url)
    except ValueError:
        raise ArchiveError("its URL cannot be asked") from None


def _ranged_body(answer: Answer, sink: Sink) -> tuple[Answer, Sink]:
    if answer.status in (200, 206, 416):
        return answer, sink
    raise _failure(answer)


def _whole_body(answer: Answer, sink: Sink) -> bytes:
    if answer.status == 200 and isinstance(sink, Body):
        return bytes(sink.data)
    raise _failure(answer)


def _tar_gz(answer: Answer, sink: Sink) -> TarGzReader:
    if answer.status == 200 and isinstance(sink, TarGzReader):
        return sink
    raise _failure(answer)


def _failure(answer: Answer) -> Exception:
    if answer.status in (404, 410):
        return UnavailableError(answer.status)
    return WrongAnswerError(f"HTTP status {answer.status}", answer.status)


def _range_window(answer: Answer, data: bytes) -> Window | None:
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if match is None:
        return None
    first, last, total = (int(group) for group in match.groups())
    if not first <= last < total or len(data) != last - first + 1:
        return None
    return Window(first, data, total)


def _check_hash(data: bytes, sha256: str | None, what: str) -> None:
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise ArchiveError(f"{what} does not have the SHA-256 that the index gives")
