"""A package index whose client is only made when it is asked for the first time.

A run that finds everything in the knowledge graph never pays for importing an HTTP client.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, Metadata, Page
    from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
    from thoth.dependency_monkey.ecosystems.pypi.index.credentials import Credentials


class LazyIndex:
    """See `ports.PackageIndex`; an async context manager."""

    def __init__(self, url: str, credentials: Credentials | None) -> None:
        self.url = url
        self._credentials = credentials
        self._client: HttpIndex | None = None
        self._opening: asyncio.Future[HttpIndex]

    async def __aenter__(self) -> LazyIndex:
        """Return itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client, if there is one."""
        if self._client is not None:
            await self._client.__aexit__(kind, error, traceback)

    async def page(self, package: str, known: Page | None = None) -> Page:
        """See `ports.PackageIndex.page`."""
        return await (await self._open()).page(package, known)

    async def metadata(self, package: str, version: str, artifact: Artifact) -> Metadata:
        """See `ports.PackageIndex.metadata`."""
        return await (await self._open()).metadata(package, version, artifact)

    async def _open(self) -> HttpIndex:
        if self._client is None:
            from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex

            # Set before anything is awaited: the calls that come meanwhile share this client.
            self._client = HttpIndex(self.url, credentials=self._credentials)
            self._opening = asyncio.ensure_future(self._client.__aenter__())
        await asyncio.shield(self._opening)
        return self._client
