"""The read-through index as logic: indexes in memory, a store in memory, a clock of ours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from thoth.dependency_monkey.errors import IndexUnreachableError, UndecidedError
from thoth.dependency_monkey.testing import InMemoryIndex, ReleaseSpec
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.read_through import ReadThrough, UnknownIndexError
from thoth.dependency_monkey.validation.store import MemoryFactStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WHEEL = "six-1.0-py3-none-any.whl"


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Slow(InMemoryIndex):
    """Takes until it is told to go on."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.go_on = asyncio.Event()

    async def page(self, package: str, known: Any = None) -> Any:
        await self.go_on.wait()
        return await super().page(package, known)


def use(
    work: Callable[[ReadThrough], Awaitable[Any]],
    *indexes: InMemoryIndex | NamedIndex,
    store: Any = None,
    **options: Any,
) -> Any:
    named = [
        index if isinstance(index, NamedIndex) else NamedIndex(f"index-{number}", index.url, index)
        for number, index in enumerate(indexes)
    ]

    async def run() -> Any:
        facts = MemoryFactStore() if store is None else store
        async with ReadThrough(named, facts, **options) as read_through:
            return await work(read_through)

    return asyncio.run(run())


def test_a_page_is_asked_for_again_once_it_is_too_old() -> None:
    clock = Clock()
    index = InMemoryIndex({"six": {"1.0": []}}, clock=clock)

    async def work(read_through: ReadThrough) -> None:
        for pause, asked in ((0, 1), (600, 1), (1, 2), (10, 2)):
            clock.advance(pause)
            await read_through.page("default", "six")
            assert len(index.asked) == asked
        clock.advance(1)
        await read_through.page("default", "six", max_age=0.0)
        assert len(index.asked) == 3

    use(work, index, clock=clock)


def test_an_unchanged_page_keeps_its_artifacts() -> None:
    clock = Clock()
    index = InMemoryIndex({"six": {"1.0": []}}, clock=clock)
    store = MemoryFactStore()

    async def work(read_through: ReadThrough) -> None:
        first = await read_through.page("default", "six")
        clock.advance(1000)
        again = await read_through.page("default", "six")
        assert again.artifacts == first.artifacts
        assert again.checked_at == clock.now

    use(work, index, store=store, clock=clock)
    assert store.pages(index.url, ["six"])["six"].checked_at == clock.now
    use(work, index, store=store, clock=clock, cache_bytes=0)


def test_equal_questions_at_once_are_one() -> None:
    async def run() -> None:
        index = Slow({"six": {"1.0": []}})
        named = NamedIndex("main", index.url, index)
        async with ReadThrough([named], MemoryFactStore()) as read_through:
            asking = [asyncio.create_task(read_through.page("main", "six")) for _ in range(5)]
            await asyncio.sleep(0.01)
            # That the first one leaves is nothing to the others.
            asking[0].cancel()
            index.go_on.set()
            pages = await asyncio.gather(*asking[1:])
            assert len({page.digest for page in pages}) == 1
            assert index.asked == [("page", "six")]

    asyncio.run(run())


def test_leaving_stops_what_is_under_way() -> None:
    async def run() -> None:
        index = Slow({"six": {"1.0": []}})
        async with ReadThrough([NamedIndex("main", index.url, index)], MemoryFactStore()) as opened:
            asking = asyncio.create_task(opened.page("main", "six"))
            await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(asyncio.wait_for(run(), 5))


def test_a_failure_is_told_to_all_and_forgotten() -> None:
    index = InMemoryIndex({"six": {"1.0": []}})
    index.unreachable.add("six")

    async def work(read_through: ReadThrough) -> None:
        asking = (read_through.page("default", "six") for _ in range(3))
        for outcome in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(outcome, IndexUnreachableError)
        index.unreachable.clear()
        assert (await read_through.page("default", "six")).facts is not None

    use(work, index)


def test_an_index_that_may_not_be_asked_answers_from_the_store_alone() -> None:
    index = InMemoryIndex({"six": {"1.0": []}})
    store = MemoryFactStore()

    async def fill(read_through: ReadThrough) -> None:
        await read_through.page("default", "six")

    async def work(read_through: ReadThrough) -> None:
        page = await read_through.page("default", "six", max_age=0.0)
        assert page.artifacts is not None
        file = await read_through.file("default", "six", WHEEL)
        assert file is not None
        for asked in (read_through.metadata(file), read_through.page("default", "other")):
            with pytest.raises(UndecidedError):
                await asked

    use(fill, index, store=store)
    use(work, NamedIndex("offline", index.url, None), store=store)


def test_names_stand_for_one_index_or_all() -> None:
    index = InMemoryIndex({})

    async def work(read_through: ReadThrough) -> None:
        assert read_through.named("default") == read_through.indexes
        assert read_through.named("index-0") == read_through.indexes
        with pytest.raises(UnknownIndexError) as caught:
            read_through.named("other")
        assert caught.value.known == ("default", "index-0")

    use(work, index)


def test_without_indexes_nothing_can_be_told() -> None:
    async def work(read_through: ReadThrough) -> None:
        with pytest.raises(UndecidedError):
            await read_through.page("default", "six")

    use(work)


@pytest.mark.parametrize("spelled", ["1.0", "1.0.0", "1"])
def test_a_file_is_found_however_its_version_is_spelled(spelled: str) -> None:
    releases = {"0.9": [], spelled: [], "1.1": []}
    index = InMemoryIndex({"six": releases})

    async def work(read_through: ReadThrough) -> None:
        for version in releases:
            name = f"six-{version}-py3-none-any.whl"
            file = await read_through.file("default", "six", name)
            assert file is not None
            assert file.artifact.filename == name
        assert await read_through.file("default", "six", "six-7-py3-none-any.whl") is None

    use(work, index)


def test_missing_metadata_is_looked_for_again_in_time() -> None:
    index = InMemoryIndex({"six": {"1.0": ReleaseSpec(metadata=b"broken")}})

    async def work(read_through: ReadThrough) -> int:
        for _ in range(3):
            file = await read_through.file("default", "six", WHEEL)
            assert file is not None
            assert (await read_through.metadata(file)).facts is None
        return index.asked.count(("metadata", WHEEL))

    assert use(work, index) == 1
    index.asked.clear()
    assert use(work, index, max_age=-1.0) == 3


def test_what_needs_a_build_is_not_asked_for_twice() -> None:
    spec = ReleaseSpec(wheel_tags=(), sdist=True, static=False)
    index = InMemoryIndex({"six": {"1.0": spec}})

    async def work(read_through: ReadThrough) -> None:
        file = await read_through.file("default", "six", "six-1.0.tar.gz")
        assert file is not None
        for _ in range(2):
            found = await read_through.metadata_file(file)
            assert not isinstance(found, bytes)
            assert found.needs_build
            await asyncio.sleep(0.02)

    use(work, index)
    assert index.asked.count(("metadata", "six-1.0.tar.gz")) == 1


def test_the_whole_file_is_fetched_where_only_its_facts_are_known() -> None:
    index = InMemoryIndex({"six": {"1.0": ["idna"]}})
    store = MemoryFactStore()
    lost: list[bytes] = []

    class WithoutFiles(MemoryFactStore):
        def metadata_file(self, key: bytes) -> bytes | None:
            lost.append(key)
            return None

    async def work(read_through: ReadThrough) -> None:
        file = await read_through.file("default", "six", WHEEL)
        assert file is not None
        for _ in range(2):
            whole = await read_through.metadata_file(file)
            assert isinstance(whole, bytes)
            assert b"Requires-Dist: idna" in whole
            await asyncio.sleep(0.02)

    use(work, index, store=store)
    assert index.asked.count(("metadata", WHEEL)) == 1
    use(work, index, store=WithoutFiles())
    assert lost
    assert index.asked.count(("metadata", WHEEL)) == 3


def test_facts_that_cannot_be_recorded_are_served_all_the_same() -> None:
    class ReadOnly(MemoryFactStore):
        def record_pages(self, *_: Any) -> None:
            raise OSError("disk full")

    async def work(read_through: ReadThrough) -> None:
        assert (await read_through.page("default", "six")).facts is not None
        await asyncio.sleep(0.02)
        assert (await read_through.page("default", "six")).facts is not None

    use(work, InMemoryIndex({"six": {"1.0": []}}), store=ReadOnly())


def test_a_page_that_changes_in_the_store_meanwhile_is_asked_for_whole() -> None:
    clock = Clock()
    index = InMemoryIndex({"six": {"1.0": []}}, clock=clock)

    class Moved(MemoryFactStore):
        def page_artifacts(self, page: Any) -> bytes | None:
            return None

    store = Moved()

    async def work(read_through: ReadThrough) -> None:
        page = await read_through.page("default", "six")
        assert page.artifacts is not None

    use(work, index, store=store, clock=clock, cache_bytes=0)
    # As the graph does: artifacts are left in the store.
    kept = store.pages(index.url, ["six"])["six"]
    store._pages[index.url, "six"] = type(kept)(
        kept.index_url, "six", kept.facts, None, kept.digest, kept.checked_at
    )
    use(work, index, store=store, clock=clock, cache_bytes=0)
    assert index.asked == [("page", "six"), ("page", "six")]
