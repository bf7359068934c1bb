"""Hot facts: bounded, and never an answer from what is no longer so."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thoth.dependency_monkey.ecosystems.pypi.compiled import CompiledPage, fit_of
from thoth.dependency_monkey.ecosystems.pypi.facts import MetadataFacts, decode_artifacts
from thoth.dependency_monkey.ecosystems.pypi.policy import Artifacts, Policy
from thoth.dependency_monkey.ecosystems.pypi.specification import parse_specification
from thoth.dependency_monkey.ecosystems.pypi.target import parse_target
from thoth.dependency_monkey.testing import InMemoryIndex, ReleaseSpec
from thoth.dependency_monkey.validation.fast_path import FastPath
from thoth.dependency_monkey.validation.hot_facts import HotPage, HotSet
from thoth.dependency_monkey.validation.limits import Limits
from thoth.dependency_monkey.validation.request import ValidationRequest
from thoth.dependency_monkey.validation.store import MemoryFactStore, metadata_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thoth.dependency_monkey.ecosystems.pypi.facts import Page
    from thoth.dependency_monkey.validation.result import Validation

INDEX = "https://index.test/simple/"
TARGET = "cp312-manylinux_2_28_x86_64"
START = datetime(2026, 1, 1, tzinfo=UTC)
BUDGET = Limits(seconds=20.0, decisions=5_000)


class CountingStore(MemoryFactStore):
    """A store that counts what is read in full."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def pages(self, index_url: str, packages: Any) -> dict[str, Page]:
        self.read += packages
        return super().pages(index_url, packages)

    def stamps(self, index_url: str, packages: Any) -> dict[str, tuple[str, datetime]]:
        found = MemoryFactStore.pages(self, index_url, packages)
        return {name: (page.digest, page.checked_at) for name, page in found.items()}


class World:
    """A store of facts, and a fast path that has been running for a while."""

    def __init__(self, **options: Any) -> None:
        self.now = START
        self.facts = CountingStore()
        self.options = options
        self.path = self.new_path()

    def new_path(self) -> FastPath:
        return FastPath(
            [("test", INDEX)], self.facts, budget=BUDGET, clock=lambda: self.now, **self.options
        )

    def learn(self, table: Mapping[str, Any], *packages: str) -> None:
        """Record what an index with this table says now of its packages, and of others."""
        self.now += timedelta(seconds=1)
        index = InMemoryIndex(table, url=INDEX, clock=lambda: self.now)

        async def fetch() -> None:
            for package in {**table, **dict.fromkeys(packages)}:
                page = await index.page(package)
                self.facts.record_pages(INDEX, [page])
                if page.facts is None or page.artifacts is None:
                    continue
                offsets = page.facts.offsets
                for position, version in enumerate(page.facts.versions):
                    encoded = page.artifacts[offsets[position] : offsets[position + 1]]
                    for artifact in decode_artifacts(encoded):
                        known = await index.metadata(package, version, artifact)
                        self.facts.record_metadata([(metadata_key(INDEX, artifact), known)])

        asyncio.run(fetch())

    def ask(self, stack: str, path: FastPath | None = None) -> Validation | None:
        request = ValidationRequest(
            parse_specification(stack), (parse_target(TARGET),), Policy(max_age=600.0)
        )
        return asyncio.run((path or self.path).answer(request))

    def lock(self, stack: str) -> dict[str, str] | None:
        validation = self.ask(stack)
        assert validation is not None
        return validation.lock and {release.name: release.version for release in validation.lock}


@pytest.fixture
def world():
    return World()


# -- staying true ----------------------------------------------------------------------------------


def test_what_is_known_is_read_once(world):
    world.learn({"boto3": {"1.0": ["six"]}, "six": {"1.0": []}})
    assert world.lock("boto3") == world.lock("boto3") == {"boto3": "1.0", "six": "1.0"}
    assert sorted(world.facts.read) == ["boto3", "six"]


def test_a_new_page_is_never_answered_from_the_old_one(world):
    world.learn({"boto3": {"1.0": ["six"]}, "six": {"1.0": []}})
    assert world.lock("boto3") == {"boto3": "1.0", "six": "1.0"}
    world.learn({"six": {"1.0": [], "1.1": []}})
    assert world.lock("boto3") == {"boto3": "1.0", "six": "1.1"}
    world.learn({"six": {"1.0": []}})
    assert world.lock("boto3") == {"boto3": "1.0", "six": "1.0"}


def test_a_refutation_rests_on_the_page_of_now_too(world):
    world.learn({"boto3": {"1.0": ["six>=2"]}, "six": {"1.0": []}})
    assert world.lock("boto3") is None
    world.learn({"six": {"1.0": [], "2.0": []}})
    assert world.lock("boto3") == {"boto3": "1.0", "six": "2.0"}


def test_a_package_may_come_and_go(world):
    world.learn({}, "six")
    assert world.ask("six").reason == "package_not_found"
    world.learn({"six": {"1.0": []}})
    assert world.lock("six") == {"six": "1.0"}
    world.learn({}, "six")
    assert world.ask("six").reason == "package_not_found"


def test_a_release_that_is_yanked_by_now_is_left(world):
    world.learn({"six": {"1.0": [], "1.1": []}})
    assert world.lock("six") == {"six": "1.1"}
    world.learn({"six": {"1.0": [], "1.1": ReleaseSpec(yanked="broken")}})
    assert world.lock("six") == {"six": "1.0"}


def test_metadata_that_was_opaque_may_become_known(world):
    newer = ReleaseSpec(wheel_tags=(), sdist=True, static=False)
    world.learn({"six": {"1.0": [], "1.1": newer}})
    assert world.lock("six") == {"six": "1.0"}
    page = world.facts.pages(INDEX, ["six"])["six"]
    (encoded,) = world.facts.artifacts(INDEX, [(page, 1)])
    key = metadata_key(INDEX, decode_artifacts(encoded)[0])
    held = world.facts.metadata([key])[key]
    assert held.facts is None
    world.facts.record_metadata([(key, type(held)(facts=MetadataFacts(), origin="sdist"))])
    assert world.lock("six") == {"six": "1.1"}


def test_that_only_a_build_would_tell_is_an_answer(world):
    world.learn({"six": {"1.0": ReleaseSpec(wheel_tags=(), sdist=True, static=False)}})
    for _ in range(2):
        validation = world.ask("six")
        assert (validation.valid, validation.reason) == (None, "metadata_unavailable")


def test_that_metadata_is_not_valid_is_none(world):
    world.learn({"six": {"1.0": ReleaseSpec(metadata=b"\x00")}})
    assert world.ask("six") is None


def test_hot_facts_grow_old(world):
    world.learn({"six": {"1.0": []}})
    assert world.lock("six") == {"six": "1.0"}
    world.now += timedelta(seconds=601)
    assert world.ask("six") is None


def test_a_page_that_was_checked_again_need_not_be_read_again(world):
    table = {"six": {"1.0": []}}
    world.learn(table)
    assert world.lock("six") == {"six": "1.0"}
    world.now += timedelta(seconds=601)
    world.learn(table)
    assert world.lock("six") == {"six": "1.0"}
    assert world.facts.read == ["six"]


_versions = st.lists(st.sampled_from(("1.0", "1.1", "2.0rc1", "2.0")), min_size=1, unique=True)
_needs = st.lists(
    st.builds(
        "{}{}".format, st.sampled_from(("a", "b", "c[x]")), st.sampled_from(("", "<2", ">1.0"))
    ),
    max_size=2,
)
_steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("abc"), _versions, st.integers(0, 9)),
        st.sampled_from(("a", "b\nc<2", "a[x]", "c\na>1.0")),
    ),
    max_size=12,
)


@example(
    needs=[[], [], ["b"], [], []],
    steps=[
        *("a", "b\nc<2", ("a", ["1.0"], 0), ("b", ["1.0", "1.1"], 0)),
        *(("a", ["1.0", "1.1", "2.0rc1", "2.0"], 0), "a"),
    ],
    limit=17775,
)
@example(needs=[[]] * 5, steps=["c\na>1.0", ("a", ["1.0", "1.1"], 0), "a"], limit=4272)
@settings(max_examples=40)
@given(needs=st.lists(_needs, min_size=5, max_size=5), steps=_steps, limit=st.integers(0, 40_000))
def test_hot_and_cold_answers_are_the_same_whatever_happens_in_between(needs, steps, limit):
    world = World(hot_bytes=limit)
    world.learn({name: {"1.0": []} for name in "abc"})
    for step in steps:
        if isinstance(step, tuple):
            name, versions, seed = step
            drawn = random.Random(seed)
            world.learn({name: {version: drawn.choice(needs) for version in versions}})
            continue
        hot, cold = world.ask(step), world.ask(step, world.new_path())
        assert hot is not None
        assert cold is not None
        for part in ("valid", "reason", "lock", "graph", "warnings"):
            assert getattr(hot, part) == getattr(cold, part)


# -- staying small ---------------------------------------------------------------------------------


def page_of(package: str, releases: int) -> Page:
    index = InMemoryIndex(
        {package: {f"1.{number}": [] for number in range(releases)}}, url=INDEX, clock=lambda: START
    )
    return asyncio.run(index.page(package))


PAGES = {(name, size): page_of(name, size) for name in "abcd" for size in (1, 30)}


@given(
    st.integers(0, 30_000),
    st.lists(
        st.tuples(st.sampled_from(("put", "grow", "get", "drop")), st.sampled_from([*PAGES])),
        max_size=40,
    ),
)
def test_a_hot_set_never_outgrows_its_limit(limit, steps):
    hot = HotSet(limit)
    for step, key in steps:
        if step == "put":
            hot.put(HotPage(PAGES[key]))
        elif (page := hot.get(INDEX, key[0])) is not None:
            if step == "grow":
                hot.grow(page, 5_000)
            elif step == "drop":
                hot.drop(page)
        assert hot.weight <= limit
        kept = [page for name in "abcd" if (page := hot.get(INDEX, name)) is not None]
        assert hot.weight == sum(page.weight for page in kept)
        assert len(hot) == len(kept)


def test_the_longest_unused_page_goes_first():
    one, two, three = (HotPage(PAGES[name, 1]) for name in "abc")
    hot = HotSet(one.weight + two.weight)
    hot.put(one)
    hot.put(two)
    hot.get(INDEX, "a")
    hot.put(three)
    assert [hot.get(INDEX, name) for name in "abc"] == [one, None, three]


def test_what_no_longer_fits_is_read_again_and_still_answered():
    world = World(hot_bytes=0)
    world.learn({"boto3": {"1.0": ["six"]}, "six": {"1.0": []}})
    assert world.lock("boto3") == world.lock("boto3") == {"boto3": "1.0", "six": "1.0"}
    assert sorted(world.facts.read) == ["boto3", "boto3", "six", "six"]


def test_what_users_make_up_is_not_kept():
    page = CompiledPage(PAGES["a", 30].facts)
    metadata = MetadataFacts(requires_dist=("b; extra == 'x'", "c; extra != 'y'"))
    candidates = page.candidates(fit_of(parse_target(TARGET), Artifacts.WHEEL_ONLY, None))
    for number in range(50):
        page.line.compute(f"=={number}.1")
        candidates.declared(0, f"extra-{number}", metadata)
    assert page.line._masks == {}
    assert candidates._declared == {}
    assert candidates.declared(0, "x", metadata) is candidates.declared(0, "x", metadata)


def test_a_page_keeps_its_candidates_for_a_few_targets_only():
    page = CompiledPage(PAGES["a", 30].facts)
    for minor in range(8, 15):
        target = parse_target(f"cp3{minor}-manylinux_2_28_x86_64")
        page.candidates(fit_of(target, Artifacts.WHEEL_ONLY, None))
    assert len(page._candidates) <= 4
