"""Facts in memory: what a long-running process keeps between validations, and asks the store about.

A fact is used optimistically and confirmed afterwards, all that a validation used at once: pages by
their digests, since an index may say something else today; opaque metadata, since it may be known
by now. Other metadata does not change.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.compiled import CompiledPage
from thoth.dependency_monkey.ecosystems.pypi.facts import decode_artifacts
from thoth.dependency_monkey.errors import IndexUnreachableError
from thoth.dependency_monkey.validation.store import metadata_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, Metadata, Page
    from thoth.dependency_monkey.validation.collector import Item
    from thoth.dependency_monkey.validation.store import StampedFactStore

HOT_BYTES = 256 * 1024 * 1024
"""Memory, as estimated, that hot facts may take; the longest unused go first."""

_PAGE_BYTES = 4_096
_RELEASE_BYTES = 96
_FILE_BYTES = 80
_RECORD_BYTES = 512
_TEXT_BYTES = 128


class HotPage:
    """A page with whatever was read and computed of it; shared between threads.

    `metadata` is by positions of release and artifact, `artifacts` by position of release;
    `opaque_keys` are those of metadata that may still become known.
    """

    __slots__ = ("artifacts", "compiled", "metadata", "opaque_keys", "page", "weight")

    def __init__(self, page: Page) -> None:
        self.page = msgspec.structs.replace(page, artifacts=None)
        self.compiled = CompiledPage(page.facts)
        self.artifacts: dict[int, list[Artifact]] = {}
        self.metadata: dict[tuple[int, int], Metadata] = {}
        self.opaque_keys: dict[tuple[int, int], bytes] = {}
        self.weight = _PAGE_BYTES
        if page.facts is not None:
            self.weight += _RELEASE_BYTES * len(page.facts.versions)
            self.weight += _FILE_BYTES * len(page.facts.tags)


class HotSet:
    """Hot pages of a process, by index and package, within `limit` bytes; thread-safe."""

    def __init__(self, limit: int = HOT_BYTES) -> None:
        self._limit = limit
        self._lock = Lock()
        self._pages: OrderedDict[tuple[str, str], HotPage] = OrderedDict()
        self._weight = 0

    @property
    def weight(self) -> int:
        """The memory that is taken, as estimated, in bytes."""
        return self._weight

    def __len__(self) -> int:
        """Return how many pages there are."""
        return len(self._pages)

    def get(self, index_url: str, package: str) -> HotPage | None:
        """Return the page of a package, if it is hot."""
        key = (index_url, package)
        with self._lock:
            hot = self._pages.get(key)
            if hot is not None:
                self._pages.move_to_end(key)
        return hot

    def put(self, hot: HotPage) -> None:
        """Keep a page, in the place of an older one of the package."""
        key = (hot.page.index_url, hot.page.package)
        with self._lock:
            replaced = self._pages.pop(key, None)
            if replaced is not None:
                self._weight -= replaced.weight
            self._pages[key] = hot
            self._weight += hot.weight
            self._shrink()

    def grow(self, hot: HotPage, weight: int) -> None:
        """Take into account that something was added to a page."""
        with self._lock:
            hot.weight += weight
            if self._pages.get((hot.page.index_url, hot.page.package)) is hot:
                self._weight += weight
                self._shrink()

    def drop(self, hot: HotPage) -> None:
        """Forget a page."""
        key = (hot.page.index_url, hot.page.package)
        with self._lock:
            if self._pages.get(key) is hot:
                del self._pages[key]
                self._weight -= hot.weight

    def _shrink(self) -> None:
        while self._weight > self._limit:
            _, oldest = self._pages.popitem(last=False)
            self._weight -= oldest.weight


class KnownFacts:
    """The facts of one validation, as far as they are hot or in the store; a `FactSource`.

    Nothing is asked of an index, and nothing waits but for the store. `index_urls` are in order of
    priority. A page counts where it was checked at most `max_age` seconds before `started`. Hot
    pages are used at once where `optimistic`, else when the store has said that they still hold.
    Belongs to one thread. Afterwards, `confirm` says whether all of it was true.
    """

    def __init__(
        self,
        hot: HotSet,
        store: StampedFactStore,
        index_urls: Sequence[str],
        *,
        max_age: float,
        started: datetime,
        optimistic: bool = True,
    ) -> None:
        self._hot = hot
        self._optimistic = optimistic
        self._store = store
        self._index_urls = index_urls
        self._max_age = timedelta(seconds=max_age)
        self._started = started
        self._taken: dict[str, list[HotPage]] = {}
        self._read: set[HotPage] = set()
        self._opaque: dict[bytes, tuple[HotPage, tuple[int, int]]] = {}
        self._queued: dict[Item, None] = {}
        self._missing: set[Item] = set()

    # -- what is known -------------------------------------------------------------------------

    def compiled(self, package: str) -> CompiledPage | None:
        """See `candidates.Facts.compiled`."""
        taken = self._taken.get(package) or self._take(package)
        return None if taken is None else taken[-1].compiled

    def page(self, package: str) -> Page | None:
        """See `FactSource.page`."""
        taken = self._taken.get(package) or self._take(package)
        return None if taken is None else taken[-1].page

    def metadata(self, package: str, index: int, position: int) -> Metadata | None:
        """See `candidates.Facts.metadata`."""
        hot = self._taken[package][-1]
        metadata = hot.metadata.get((index, position))
        if metadata is not None and metadata.facts is None:
            key = hot.opaque_keys[index, position]
            self._opaque.setdefault(key, (hot, (index, position)))
        return metadata

    def artifacts(self, package: str, index: int) -> list[Artifact]:
        """See `FactSource.artifacts`."""
        return self._taken[package][-1].artifacts[index]

    def consulted(self, package: str) -> list[Page]:
        """See `FactSource.consulted`."""
        return [hot.page for hot in self._taken.get(package, ())]

    def is_settled(self, item: Item) -> bool:
        """See `FactSource.is_settled`."""
        if item in self._missing:
            return True
        if isinstance(item, str):
            return self.compiled(item) is not None
        return self.metadata(*item) is not None

    def check(self, item: Item) -> None:
        """See `FactSource.check`."""
        if item in self._missing:
            package = item if isinstance(item, str) else item[0]
            raise IndexUnreachableError(self._index_urls[0], f"it was not asked about {package}")

    @property
    def lacks_only_builds(self) -> bool:
        """Whether all that is not known of what was used could only be known by building."""
        return not self._missing and all(
            hot.metadata[position].needs_build for hot, position in self._opaque.values()
        )

    def confirm(self) -> bool:
        """Ask the store whether all that was used is what it has now; forget what is not."""
        true = True
        for url in self._index_urls:
            used = [
                hot
                for taken in self._taken.values()
                for hot in taken
                if hot.page.index_url == url and hot not in self._read
            ]
            if used:
                true = self._renew(url, used) and true
        if self._opaque:
            found = self._store.metadata([*self._opaque])
            for key, (hot, position) in self._opaque.items():
                held = hot.metadata[position]
                if _opacity(found.get(key)) != _opacity(held):
                    self._hot.drop(hot)
                    true = False
        return true

    # -- asking --------------------------------------------------------------------------------

    def request(self, item: Item) -> None:
        """See `FactSource.request`."""
        if not self.is_settled(item):
            self._queued[item] = None

    async def wait(self) -> list[Item]:
        """Read everything that was asked for, without giving way; return it."""
        queued, self._queued = self._queued, {}
        self._read_pages([item for item in queued if isinstance(item, str)])
        self._read_metadata([item for item in queued if not isinstance(item, str)])
        return [*queued]

    # -- pages ---------------------------------------------------------------------------------

    def _take(self, package: str) -> list[HotPage] | None:
        """Take a package's pages, one an index until one has it, where all are hot and fresh."""
        if not self._optimistic:
            return None
        taken = []
        for url in self._index_urls:
            hot = self._hot.get(url, package)
            if hot is None or not self._is_fresh(hot):
                return None
            taken.append(hot)
            if hot.page.facts is not None:
                break
        self._taken[package] = taken
        return taken

    def _is_fresh(self, hot: HotPage) -> bool:
        return timedelta(0) <= self._started - hot.page.checked_at <= self._max_age

    def _read_pages(self, packages: list[str]) -> None:
        taken: dict[str, list[HotPage]] = {package: [] for package in packages}
        wanted = packages
        for url in self._index_urls:
            if not wanted:
                break
            found = self._read_from(url, wanted)
            following = []
            for package in wanted:
                hot = found.get(package)
                if hot is None or not self._is_fresh(hot):
                    self._missing.add(package)
                    continue
                taken[package].append(hot)
                if hot.page.facts is None:
                    following.append(package)
            wanted = following
        for package, pages in taken.items():
            if package not in self._missing:
                self._taken[package] = pages

    def _read_from(self, url: str, packages: list[str]) -> dict[str, HotPage]:
        """Return what the store has of packages on an index, as hot pages."""
        found = {}
        for package in packages:
            hot = self._hot.get(url, package)
            if hot is not None:
                found[package] = hot
        if found:
            self._renew(url, found.values())
            found = {
                package: hot for package, hot in found.items() if self._hot.get(url, package) is hot
            }
        unknown = [package for package in packages if package not in found]
        if unknown:
            for package, page in self._store.pages(url, unknown).items():
                hot = found[package] = HotPage(page)
                self._hot.put(hot)
        self._read.update(found.values())
        return found

    def _renew(self, url: str, pages: Iterable[HotPage]) -> bool:
        """Take over when pages were checked last; forget those that are others now."""
        by_name = {hot.page.package: hot for hot in pages}
        stamps = self._store.stamps(url, [*by_name])
        same = True
        for package, hot in by_name.items():
            digest, checked_at = stamps.get(package, (None, None))
            if digest != hot.page.digest:
                self._hot.drop(hot)
                same = False
            elif checked_at is not None and checked_at > hot.page.checked_at:
                hot.page = msgspec.structs.replace(hot.page, checked_at=checked_at)
        return same

    # -- metadata ------------------------------------------------------------------------------

    def _read_metadata(self, items: list[tuple[str, int, int]]) -> None:
        self._read_artifacts(items)
        wanted: dict[bytes, list[tuple[str, int, int]]] = {}
        for item in items:
            package, index, position = item
            hot = self._taken[package][-1]
            release = hot.artifacts.get(index)
            if release is None:
                self._missing.add(item)
            else:
                key = metadata_key(hot.page.index_url, release[position])
                wanted.setdefault(key, []).append(item)
        found = self._store.metadata([*wanted]) if wanted else {}
        for key, same in wanted.items():
            for item in same:
                metadata = found.get(key)
                if metadata is None:
                    self._missing.add(item)
                else:
                    self._keep_metadata(self._taken[item[0]][-1], item[1:], key, metadata)

    def _keep_metadata(
        self, hot: HotPage, position: tuple[int, int], key: bytes, metadata: Metadata
    ) -> None:
        if metadata.facts is None:
            hot.opaque_keys[position] = key
            weight = _RECORD_BYTES
        else:
            texts = metadata.facts.requires_dist
            weight = _RECORD_BYTES + sum(map(len, texts)) + _TEXT_BYTES * len(texts)
        hot.metadata[position] = msgspec.structs.replace(metadata, content=b"")
        self._hot.grow(hot, weight)

    def _read_artifacts(self, items: Sequence[tuple[str, int, int]]) -> None:
        """Read the artifacts of releases; they lie apart from their page in the store."""
        wanted: dict[str, list[tuple[HotPage, int]]] = {}
        for package, index in dict.fromkeys(item[:2] for item in items):
            hot = self._taken[package][-1]
            if index not in hot.artifacts:
                wanted.setdefault(hot.page.index_url, []).append((hot, index))
        for url, slices in wanted.items():
            encoded = self._store.artifacts(url, [(hot.page, index) for hot, index in slices])
            for (hot, index), one in zip(slices, encoded, strict=True):
                if one is None:
                    self._hot.drop(hot)
                else:
                    hot.artifacts[index] = decode_artifacts(one)
                    self._hot.grow(hot, _RECORD_BYTES + 2 * len(one))


def _opacity(metadata: Metadata | None) -> tuple[str | None, bool] | None:
    """Return what is said of metadata that is not known; None where it is, or nothing is said."""
    if metadata is None or metadata.facts is not None:
        return None
    return metadata.opaque, metadata.needs_build
