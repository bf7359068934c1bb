"""Facts on request: from the store where they are fresh, from the indexes where they are not.

Whatever comes from an index is recorded in the store, in the background, before `close` returns.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.candidates import Facts
from thoth.dependency_monkey.ecosystems.pypi.compiled import CompiledPage
from thoth.dependency_monkey.ecosystems.pypi.facts import decode_artifacts
from thoth.dependency_monkey.errors import (
    DependencyMonkeyError,
    LimitExceededError,
    Reason,
    UndecidedError,
)
from thoth.dependency_monkey.validation.store import metadata_key

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime

    from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, Metadata, Page
    from thoth.dependency_monkey.ecosystems.pypi.ports import PackageIndex
    from thoth.dependency_monkey.validation.limits import Limits
    from thoth.dependency_monkey.validation.store import FactStore

T = TypeVar("T")

Item: TypeAlias = str | tuple[str, int, int]
"""A page, by package name; or metadata, by package, position of release and of artifact."""

_RECORD_AT = 64


class Progress(Protocol):
    """Is told how far the collecting has come; called on the event loop, must return at once."""

    def __call__(self, *, done: int, total: int, fetched: int) -> None:
        """`done` of `total` facts are known, `fetched` of them came from an index."""
        ...


class FactSource(Facts, Protocol):
    """The facts of one validation, on request."""

    def page(self, package: str) -> Page | None:
        """Return the page of a package, or None where it is not known yet."""
        ...

    def artifacts(self, package: str, index: int) -> list[Artifact]:
        """Return the artifacts of a release whose metadata is known."""
        ...

    def consulted(self, package: str) -> list[Page]:
        """Return the pages of a package on every index that was looked at for it."""
        ...

    def is_settled(self, item: Item) -> bool:
        """Say whether an item has become known, or has failed, before now."""
        ...

    def check(self, item: Item) -> None:
        """Raise the error that kept an item from becoming known, if there was one."""
        ...

    def request(self, item: Item) -> None:
        """Ask for an item; never waits."""
        ...

    async def wait(self) -> list[Item]:
        """Wait until something has arrived, or failed; return it."""
        ...


@dataclass(frozen=True, slots=True)
class NamedIndex:
    """A package index by its configured name; `client` is None where it may not be asked."""

    name: str
    url: str
    client: PackageIndex | None


@dataclass(slots=True)
class _Records:
    pages: dict[str, list[Page]] = field(default_factory=dict)
    metadata: list[tuple[bytes, Metadata]] = field(default_factory=list)
    count: int = 0


class Collector:
    """Collects pages and metadata for one validation: a `FactSource` and async context manager.

    Belongs to one event loop. `request` never waits; `wait` returns what has arrived. `indexes`
    are in order of priority: the first that has a package is used for it, and one that fails is
    not skipped. `store_is_empty` promises that looking anything up there is in vain.
    """

    def __init__(
        self,
        indexes: Sequence[NamedIndex],
        store: FactStore,
        *,
        max_age: float,
        limits: Limits,
        clock: Callable[[], datetime],
        store_is_empty: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._indexes = indexes
        self._store = store
        self._store_is_empty = store_is_empty
        self._max_age = timedelta(seconds=max_age)
        self._limits = limits
        self._clock = clock
        self._progress = progress
        self._started = clock()
        self._pages: dict[str, Page] = {}
        self._consulted: dict[str, list[Page]] = {}
        self._compiled: dict[str, CompiledPage] = {}
        self._artifacts: dict[tuple[str, int], list[Artifact]] = {}
        self._metadata: dict[tuple[str, int, int], Metadata] = {}
        self._errors: dict[Item, DependencyMonkeyError] = {}
        self._requested: set[Item] = set()
        self._queued: list[Item] = []
        self._arrived: list[Item] = []
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking_up = False
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="fact-store")
        self._records = _Records()
        self._writing: asyncio.Task[None] | None = None
        self._write_error: Exception | None = None
        self._crash: BaseException | None = None
        self._pages_asked = 0
        self._metadata_asked = 0

    async def __aenter__(self) -> Collector:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop fetching; write down everything that was fetched.

        Raises what the store raised when it was written to.
        """
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            while self._records.count or self._writing is not None:
                self._write()
                if self._writing is not None:
                    await asyncio.shield(self._writing)
        finally:
            self._threads.shutdown(wait=True, cancel_futures=True)
        if self._write_error is not None:
            raise self._write_error

    # -- what is known -------------------------------------------------------------------------

    def page(self, package: str) -> Page | None:
        """See `FactSource.page`."""
        return self._pages.get(package)

    def compiled(self, package: str) -> CompiledPage | None:
        """See `candidates.Facts.compiled`."""
        compiled = self._compiled.get(package)
        if compiled is None:
            page = self._pages.get(package)
            if page is None:
                return None
            compiled = self._compiled[package] = CompiledPage(page.facts)
        return compiled

    def metadata(self, package: str, index: int, position: int) -> Metadata | None:
        """See `candidates.Facts.metadata`."""
        return self._metadata.get((package, index, position))

    def artifacts(self, package: str, index: int) -> list[Artifact]:
        """See `FactSource.artifacts`."""
        return self._artifacts[package, index]

    def consulted(self, package: str) -> list[Page]:
        """See `FactSource.consulted`."""
        return self._consulted.get(package, [])

    def is_settled(self, item: Item) -> bool:
        """See `FactSource.is_settled`."""
        return item in self._pages or item in self._metadata or item in self._errors

    def check(self, item: Item) -> None:
        """See `FactSource.check`."""
        error = self._errors.get(item)
        if error is not None:
            raise error

    @property
    def requests(self) -> int:
        """How many pages and metadata files the indexes were asked for."""
        return self._pages_asked + self._metadata_asked

    # -- asking --------------------------------------------------------------------------------

    def request(self, item: Item) -> None:
        """Ask for an item, once."""
        if item in self._requested:
            return
        self._requested.add(item)
        self._queued.append(item)
        if not self._looking_up:
            self._looking_up = True
            self._spawn(self._look_up())

    async def wait(self) -> list[Item]:
        """Wait until something has arrived, or failed; return it.

        Raises what the store raised, and whatever else nobody expected.
        """
        await self._news.wait()
        self._news.clear()
        if self._crash is not None:
            raise self._crash
        arrived, self._arrived = self._arrived, []
        return arrived

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._crash = task.exception()
            self._news.set()

    def _deliver(self, item: Item, error: DependencyMonkeyError | None = None) -> None:
        if error is not None:
            self._errors[item] = error
        self._arrived.append(item)
        self._news.set()
        if self._progress is not None:
            known = len(self._pages) + len(self._metadata)
            self._progress(done=known, total=len(self._requested), fetched=self.requests)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def _look_up(self) -> None:
        """Look for everything queued in the store, batch by batch; fetch what is not there."""
        try:
            while self._queued:
                queued, self._queued = self._queued, []
                await self._look_up_pages([item for item in queued if isinstance(item, str)])
                await self._look_up_metadata([i for i in queued if not isinstance(i, str)])
        finally:
            self._looking_up = False

    # -- pages ---------------------------------------------------------------------------------

    async def _look_up_pages(self, packages: list[str]) -> None:
        if not packages:
            return
        known: list[dict[str, Page]] = []
        for index in self._indexes:
            found: dict[str, Page] = {}
            if not self._store_is_empty:
                found = await self._in_thread(partial(self._store.pages, index.url, packages))
            known.append(found)
        for package in packages:
            settled = self._settle_from_store(package, known)
            if settled:
                self._deliver(package)
            else:
                self._spawn(self._fetch_page(package, [pages.get(package) for pages in known]))

    def _settle_from_store(self, package: str, known: Sequence[dict[str, Page]]) -> bool:
        consulted = []
        for pages, index in zip(known, self._indexes, strict=True):
            page = pages.get(package)
            if page is None or not self._is_fresh(page, index):
                return False
            consulted.append(page)
            if page.facts is not None:
                break
        self._take_page(package, consulted)
        return True

    def _is_fresh(self, page: Page, index: NamedIndex) -> bool:
        if index.client is None:
            return True
        return timedelta(0) <= self._started - page.checked_at <= self._max_age

    def _take_page(self, package: str, consulted: list[Page]) -> None:
        self._consulted[package] = consulted
        self._pages[package] = consulted[-1]

    async def _fetch_page(self, package: str, known: Sequence[Page | None]) -> None:
        try:
            consulted = []
            for index, stored in zip(self._indexes, known, strict=True):
                page = stored
                if page is None or not self._is_fresh(page, index):
                    page = await self._ask_page(index, package, stored)
                consulted.append(page)
                if page.facts is not None:
                    break
            self._take_page(package, consulted)
        except DependencyMonkeyError as error:
            self._deliver(package, error)
        else:
            self._deliver(package)

    async def _ask_page(self, index: NamedIndex, package: str, known: Page | None) -> Page:
        if index.client is None:
            raise UndecidedError(
                Reason.INDEX_UNREACHABLE,
                f"offline, and what {index.url} has of {package} is not known here; "
                "validate once without --offline",
            )
        self._pages_asked += 1
        if self._pages_asked > self._limits.pages:
            raise LimitExceededError(
                "pages", self._limits.pages, f"more than {self._limits.pages} pages are needed"
            )
        page = await index.client.page(package, known)
        if known is not None and known.digest == page.digest and page.facts is not None:
            # The blobs are in the store already; only the moment of the check is news.
            record = msgspec.structs.replace(page, artifacts=None)
        else:
            record = page
        self._records.pages.setdefault(index.url, []).append(record)
        self._count_record()
        return page

    # -- metadata ------------------------------------------------------------------------------

    async def _look_up_metadata(self, items: list[tuple[str, int, int]]) -> None:
        if not items:
            return
        await self._load_artifacts(items)
        by_key: dict[bytes, list[tuple[str, int, int]]] = {}
        for item in items:
            release = self._artifacts.get(item[:2])
            if release is not None:
                key = metadata_key(self._pages[item[0]].index_url, release[item[2]])
                by_key.setdefault(key, []).append(item)
        found: dict[bytes, Metadata] = {}
        if not self._store_is_empty and by_key:
            found = await self._in_thread(partial(self._store.metadata, list(by_key)))
        for key, same in by_key.items():
            metadata = found.get(key)
            for item in same:
                if metadata is not None and self._still_holds(metadata, item[0]):
                    self._metadata[item] = metadata
                    self._deliver(item)
                else:
                    self._spawn(self._fetch_metadata(item, key))

    def _still_holds(self, metadata: Metadata, package: str) -> bool:
        """Say whether recorded metadata answers: what was missing is looked for again in time."""
        if metadata.facts is not None or metadata.needs_build:
            return True
        page = self._pages[package]
        return self._index_of(page).client is None or page.checked_at < self._started

    async def _load_artifacts(self, items: Sequence[tuple[str, int, int]]) -> None:
        """Make the artifacts of the releases known; they lie apart from their page in the store."""
        wanted: dict[str, list[tuple[Page, int]]] = {}
        for package, position in dict.fromkeys(item[:2] for item in items):
            page = self._pages[package]
            if (package, position) in self._artifacts or page.facts is None:
                continue
            if page.artifacts is not None:
                start, stop = page.facts.offsets[position : position + 2]
                self._artifacts[package, position] = decode_artifacts(page.artifacts[start:stop])
            else:
                wanted.setdefault(page.index_url, []).append((page, position))
        for url, slices in wanted.items():
            encoded = await self._in_thread(partial(self._store.artifacts, url, slices))
            for (page, position), one in zip(slices, encoded, strict=True):
                if one is not None:
                    self._artifacts[page.package, position] = decode_artifacts(one)
        changed = [item for item in items if item[:2] not in self._artifacts]
        for item in changed:
            detail = f"the page of {item[0]} changed while it was being read; validate again"
            self._deliver(item, UndecidedError(Reason.METADATA_UNAVAILABLE, detail))

    def _index_of(self, page: Page) -> NamedIndex:
        return next(index for index in self._indexes if index.url == page.index_url)

    async def _fetch_metadata(self, item: tuple[str, int, int], key: bytes) -> None:
        package, position, which = item
        page = self._pages[package]
        artifact = self._artifacts[package, position][which]
        version = page.facts.versions[position] if page.facts is not None else ""
        try:
            client = self._index_of(page).client
            if client is None:
                raise UndecidedError(
                    Reason.METADATA_UNAVAILABLE,
                    f"offline, and the metadata of {package} {version} is not known here; "
                    "validate once without --offline",
                )
            self._metadata_asked += 1
            if self._metadata_asked > self._limits.metadata_files:
                allowed = self._limits.metadata_files
                raise LimitExceededError(
                    "metadata_files", allowed, f"more than {allowed} metadata files are needed"
                )
            metadata = await client.metadata(package, version, artifact)
        except DependencyMonkeyError as error:
            self._deliver(item, error)
            return
        # The file itself is for the store alone: thousands of them would fill the memory.
        self._metadata[item] = msgspec.structs.replace(metadata, content=b"")
        self._records.metadata.append((key, metadata))
        self._count_record()
        self._deliver(item)

    # -- recording -----------------------------------------------------------------------------

    def _count_record(self) -> None:
        self._records.count += 1
        if self._records.count >= _RECORD_AT:
            self._write()

    def _write(self) -> None:
        """Hand what has gathered to the store, unless it is still busy with the last batch."""
        if self._writing is None and self._records.count:
            records, self._records = self._records, _Records()
            self._writing = asyncio.get_running_loop().create_task(self._write_batch(records))

    async def _write_batch(self, records: _Records) -> None:
        def write() -> None:
            for url, pages in records.pages.items():
                self._store.record_pages(url, pages)
            if records.metadata:
                self._store.record_metadata(records.metadata)

        try:
            await self._in_thread(write)
        except Exception as error:  # noqa: BLE001 - raised again when the collector closes
            self._write_error = error
        finally:
            self._writing = None
