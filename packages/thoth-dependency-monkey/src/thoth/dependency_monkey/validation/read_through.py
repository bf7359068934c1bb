"""The read-through index: what indexes say, from the store where it is fresh, and always recorded.

The trusted side of a validation: freshness, credentials and the rules about addresses are decided
here and in the index clients, so that whoever asks needs no network but us. No HTTP server here.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import structlog
from msgspec.structs import replace
from packaging.version import Version

from thoth.dependency_monkey.ecosystems.pypi.facts import decode_artifacts
from thoth.dependency_monkey.ecosystems.pypi.index.filenames import FileNames
from thoth.dependency_monkey.errors import DependencyMonkeyError, Reason, UndecidedError
from thoth.dependency_monkey.settings import DEFAULT_MAX_AGE
from thoth.dependency_monkey.validation.exchange import ALL_INDEXES
from thoth.dependency_monkey.validation.store import metadata_key

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Sequence

    from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, Metadata, Page
    from thoth.dependency_monkey.validation.collector import NamedIndex
    from thoth.dependency_monkey.validation.store import ServedFactStore

T = TypeVar("T")

CACHE_BYTES = 64 * 1024 * 1024
STORE_THREADS = 4

_RECORD_AT = 64
_JUST_SEEN = 600.0
_REMEMBERED_FAILURES = 10_000
_logger = structlog.get_logger("thoth.dependency_monkey.read_through")


class UnknownIndexError(DependencyMonkeyError):
    """No index has this `name`; `known` are those that there are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"no index is called {name!r}; there are {', '.join(known)}")


class ServedFile(NamedTuple):
    """A file that a page lists, and where it belongs."""

    page: Page
    version: str
    artifact: Artifact


def _now() -> datetime:
    return datetime.now(UTC)


class ReadThrough:
    """The indexes, by priority, behind one that fetches, records and serves.

    An async context manager that belongs to one event loop; safe for any number of calls at once.
    The clients of `indexes` must be open for as long. Equal questions under way are asked once.
    `cache_bytes` bounds the pages kept in memory beside the store. A page is asked for again once
    it is older than `max_age` seconds.
    """

    def __init__(
        self,
        indexes: Sequence[NamedIndex],
        store: ServedFactStore,
        *,
        max_age: float = DEFAULT_MAX_AGE,
        cache_bytes: int = CACHE_BYTES,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.indexes = tuple(indexes)
        self.max_age = max_age
        self._store = store
        self._clock = clock
        self._cache = _Cache(cache_bytes)
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}
        # When artifacts without metadata were last asked for theirs, by key.
        self._failures: OrderedDict[bytes, float] = OrderedDict()
        self._threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="read-through")
        self._pages_to_record: dict[str, list[Page]] = {}
        self._metadata_to_record: list[tuple[bytes, Metadata]] = []
        self._recording: asyncio.Task[None] | None = None

    async def __aenter__(self) -> ReadThrough:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop what is under way; write down what was fetched."""
        flights = tuple(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        while self._recording is not None:
            await asyncio.shield(self._recording)
        self._threads.shutdown(wait=True)

    def named(self, name: str) -> tuple[NamedIndex, ...]:
        """Return the indexes that a name stands for. Raises `UnknownIndexError`."""
        if name == ALL_INDEXES:
            return self.indexes
        found = tuple(index for index in self.indexes if index.name == name)
        if not found:
            raise UnknownIndexError(name, [ALL_INDEXES, *(index.name for index in self.indexes)])
        return found

    # -- asking --------------------------------------------------------------------------------

    async def page(self, name: str, package: str, *, max_age: float | None = None) -> Page:
        """Return the page of a package (a normalised name), with its artifacts.

        It was checked at most `max_age` seconds ago. Of several indexes, the first that has the
        package is used, and one that fails is not skipped. Where none has it, the page's `facts`
        are None. Raises `UnknownIndexError`, `UndecidedError` and what the store raises.
        """
        age = timedelta(seconds=self.max_age if max_age is None else max_age)
        oldest = self._clock() - age
        page = None
        for index in self.named(name):
            page = await self._page_on(index, package, oldest)
            if page.facts is not None:
                break
        if page is None:
            raise UndecidedError(Reason.INDEX_UNREACHABLE, "no package index is configured")
        return page

    async def file(self, name: str, package: str, filename: str) -> ServedFile | None:
        """Return a file that the page of a package lists; None where it lists none such.

        Raises as `page` does.
        """
        read = (names := FileNames(package)).read(filename)
        if not isinstance(read, tuple):
            return None
        version = names.releases[read[0]].version
        # Who asks for a file has just seen the page: asking for it again would only cost time.
        page = await self.page(name, package, max_age=max(self.max_age, _JUST_SEEN))
        if page.facts is None or page.artifacts is None:
            return None
        position = bisect_left(page.facts.versions, version, key=Version)
        if position == len(page.facts.versions):
            return None
        start, stop = page.facts.offsets[position : position + 2]
        for artifact in decode_artifacts(page.artifacts[start:stop]):
            if artifact.filename == filename:
                return ServedFile(page, page.facts.versions[position], artifact)
        return None

    async def metadata(self, file: ServedFile) -> Metadata:
        """Return what the core metadata of a file says, perhaps without its `content`.

        Raises `UndecidedError` and what the store raises.
        """
        key = metadata_key(file.page.index_url, file.artifact)
        known = (await self._in_thread(partial(self._store.metadata, [key]))).get(key)
        if known is not None and self._still_holds(known, key):
            return known
        return await self._shared(("metadata", key), self._fetch_metadata(file, key))

    async def metadata_file(self, file: ServedFile) -> bytes | Metadata:
        """Return the core metadata file of a file as it is, or why there is none.

        Raises `UndecidedError` and what the store raises.
        """
        key = metadata_key(file.page.index_url, file.artifact)
        content = await self._in_thread(partial(self._store.metadata_file, key))
        if content is not None:
            return content
        known = (await self._in_thread(partial(self._store.metadata, [key]))).get(key)
        if known is None or known.facts is not None or not self._still_holds(known, key):
            known = await self._shared(("metadata", key), self._fetch_metadata(file, key))
        return known if known.facts is None else known.content

    # -- pages ---------------------------------------------------------------------------------

    async def _page_on(self, index: NamedIndex, package: str, oldest: datetime) -> Page:
        key = (index.url, package)
        while True:
            cached = self._cache.get(key)
            if cached is not None and (cached.checked_at >= oldest or index.client is None):
                return cached
            joined = key in self._flights
            page = await self._shared(key, self._find_page(index, package, oldest))
            # What another one began may have been content with an older page.
            if not joined or page.checked_at >= oldest:
                return page

    async def _find_page(self, index: NamedIndex, package: str, oldest: datetime) -> Page:
        known = self._cache.get((index.url, package))
        if known is None:
            stored = await self._in_thread(partial(self._store.pages, index.url, [package]))
            known = stored.get(package)
        if known is not None and (known.checked_at >= oldest or index.client is None):
            page = await self._with_artifacts(known)
            if page is not None:
                self._cache.put(page)
                return page
            known = None
        if index.client is None:
            detail = f"what {index.url} has of {package} is not known, and it may not be asked"
            raise UndecidedError(Reason.INDEX_UNREACHABLE, detail)
        asked = await index.client.page(package, known)
        page = await self._with_artifacts(asked)
        if page is None:
            # It has changed in the store since: ask as if nothing were known.
            page = asked = await index.client.page(package)
        unchanged = known is not None and known.digest == page.digest and page.facts is not None
        record = replace(page, artifacts=None) if unchanged else page
        self._pages_to_record.setdefault(index.url, []).append(record)
        self._record()
        self._cache.put(page)
        return page

    async def _with_artifacts(self, page: Page) -> Page | None:
        if page.facts is None or page.artifacts is not None:
            return page
        cached = self._cache.get((page.index_url, page.package))
        if cached is not None and cached.digest == page.digest:
            return replace(page, artifacts=cached.artifacts)
        artifacts = await self._in_thread(partial(self._store.page_artifacts, page))
        return None if artifacts is None else replace(page, artifacts=artifacts)

    # -- metadata ------------------------------------------------------------------------------

    def _still_holds(self, known: Metadata, key: bytes) -> bool:
        """Say whether recorded metadata answers: what was missing is looked for again in time."""
        if known.facts is not None or known.needs_build:
            return True
        asked = self._failures.get(key)
        return asked is not None and time.monotonic() - asked <= self.max_age

    async def _fetch_metadata(self, file: ServedFile, key: bytes) -> Metadata:
        client = next(i.client for i in self.indexes if i.url == file.page.index_url)
        if client is None:
            detail = f"the metadata of {file.artifact.filename} is not known, and may not be asked"
            raise UndecidedError(Reason.METADATA_UNAVAILABLE, detail)
        metadata = await client.metadata(file.page.package, file.version, file.artifact)
        if metadata.facts is None and not metadata.needs_build:
            self._failures[key] = time.monotonic()
            self._failures.move_to_end(key)
            while len(self._failures) > _REMEMBERED_FAILURES:
                self._failures.popitem(last=False)
        self._metadata_to_record.append((key, metadata))
        self._record()
        return metadata

    # -- sharing, recording --------------------------------------------------------------------

    async def _shared(self, key: Hashable, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`, or wait for the same work that is under way already."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(work)
            self._flights[key] = flight
            flight.add_done_callback(partial(self._landed, key))
        else:
            work.close()
        # Whoever asked first may leave: the others still wait.
        result: T = await asyncio.shield(flight)
        return result

    def _landed(self, key: Hashable, flight: asyncio.Task[Any]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            # Retrieved, even where everybody who asked has left.
            flight.exception()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _record(self) -> None:
        if self._recording is None:
            self._recording = asyncio.get_running_loop().create_task(self._record_all())

    async def _record_all(self) -> None:
        try:
            while self._pages_to_record or self._metadata_to_record:
                pages, self._pages_to_record = self._pages_to_record, {}
                metadata, self._metadata_to_record = self._metadata_to_record, []
                try:
                    await self._in_thread(partial(self._write, pages, metadata))
                except Exception as error:  # noqa: BLE001 - what was fetched is served all the same
                    _logger.warning("facts could not be recorded", error=str(error))
        finally:
            self._recording = None

    def _write(self, pages: dict[str, list[Page]], metadata: list[tuple[bytes, Metadata]]) -> None:
        for url, own in pages.items():
            self._store.record_pages(url, own)
        for start in range(0, len(metadata), _RECORD_AT):
            self._store.record_metadata(metadata[start : start + _RECORD_AT])


class _Cache:
    """Pages with their artifacts, the most recently used ones up to a number of bytes."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._size = 0
        self._pages: OrderedDict[tuple[str, str], Page] = OrderedDict()

    def get(self, key: tuple[str, str]) -> Page | None:
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
        return page

    def put(self, page: Page) -> None:
        key = (page.index_url, page.package)
        former = self._pages.pop(key, None)
        if former is not None:
            self._size -= _size(former)
        self._pages[key] = page
        self._size += _size(page)
        while self._size > self._allowed:
            _, dropped = self._pages.popitem(last=False)
            self._size -= _size(dropped)


def _size(page: Page) -> int:
    """Estimate the bytes of a page: an encoded artifact takes about what its columns take."""
    return 1024 + 2 * len(page.artifacts or b"")
