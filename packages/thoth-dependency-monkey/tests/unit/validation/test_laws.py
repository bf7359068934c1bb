"""Laws that every validation obeys, on random small indexes."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from thoth.dependency_monkey.ecosystems.pypi.policy import Strategy
from thoth.dependency_monkey.testing import InMemoryIndex, ReleaseSpec
from thoth.dependency_monkey.validation.store import MemoryFactStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.dependency_monkey.validation.result import Validation

NAMES = "abcde"
VERSIONS = ("1", "2", "3a1", "3", "4.post1")
EXTRAS = ("x", "y")
MARKERS = ("", "; sys_platform == 'linux'", "; os_name == 'nt'")

_specifiers = st.one_of(
    st.just(""),
    st.builds(
        "{}{}".format,
        st.sampled_from(("<", "<=", ">", ">=", "==", "!=")),
        st.sampled_from(("1", "2", "3", "4")),
    ),
)
_extras = st.lists(st.sampled_from(EXTRAS), max_size=2, unique=True).map(
    lambda extras: f"[{','.join(extras)}]" if extras else ""
)


def _requirements(names: str) -> st.SearchStrategy[str]:
    return st.builds(
        "{}{}{}{}".format,
        st.sampled_from(names),
        _extras,
        _specifiers,
        st.sampled_from((*MARKERS, *(f"; extra == '{extra}'" for extra in EXTRAS))),
    )


_releases = st.builds(
    ReleaseSpec,
    requires_dist=st.lists(_requirements(NAMES * 4 + "z"), max_size=2),
    requires_python=st.sampled_from((None, None, None, ">=3.8", "<3.12")),
    extras=st.just(EXTRAS),
    wheel_tags=st.sampled_from((("py3-none-any",),) * 6 + (("cp312-cp312-win_amd64",), ())),
    sdist=st.booleans(),
    static=st.booleans(),
    yanked=st.sampled_from((None,) * 6 + ("bad",)),
)
_tables = st.dictionaries(
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(VERSIONS), _releases, min_size=1),
    min_size=4,
)
_lines = st.lists(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(NAMES),
        _extras,
        _specifiers,
        st.sampled_from(MARKERS),
    ),
    min_size=1,
    max_size=4,
)
_law = settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check_lock(table: dict, lines: Sequence[str], validation: Validation) -> None:
    """Check a lock with nothing but `packaging`, the table and the target's markers."""
    markers = validation.results[0].target.markers
    pins = {release.name: Version(release.version) for release in validation.lock}
    by_version = {
        (name, Version(version)): spec
        for name, releases in table.items()
        for version, spec in releases.items()
    }
    todo = [Requirement(line) for line in lines]
    todo = [r for r in todo if r.marker is None or r.marker.evaluate({**markers, "extra": ""})]
    pinned_exactly = {
        r.name for r in todo if any(clause.operator == "==" for clause in r.specifier)
    }
    reached: set[tuple[str, str]] = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{requirement} is not in the lock"
        assert requirement.specifier.contains(pins[name], prereleases=True), requirement
        spec = by_version[name, pins[name]]
        assert spec.wheel_tags == ("py3-none-any",) or (spec.sdist and spec.static)
        python = markers["python_full_version"]
        assert SpecifierSet(spec.requires_python or "").contains(python)
        assert spec.yanked is None or name in pinned_exactly
        for extra in ("", *requirement.extras):
            if (name, extra) in reached:
                continue
            reached.add((name, extra))
            for text in spec.requires_dist:
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({**markers, "extra": extra}):
                    todo.append(needed)
    assert set(pins) == {name for name, _ in reached}, "the lock holds more than is asked for"


def answer(validation: Validation) -> object:
    """Return what must not depend on how the facts arrived."""
    return validation.valid, validation.reason, validation.lock, validation.graph


@_law
@given(table=_tables, lines=_lines, strategy=st.sampled_from(Strategy))
def test_every_lock_satisfies_every_requirement(asker, table, lines, strategy):
    validation = asker.ask("\n".join(lines), table, strategy=strategy)
    if not validation.valid:
        return
    check_lock(table, lines, validation)


@_law
@given(table=_tables, lines=_lines, data=st.data())
def test_removing_a_version_makes_nothing_possible(asker, table, lines, data):
    stack = "\n".join(lines)
    if asker.ask(stack, table).valid is not False:
        return
    name = data.draw(st.sampled_from(sorted(table)))
    version = data.draw(st.sampled_from(sorted(table[name])))
    fewer = {version_: spec for version_, spec in table[name].items() if version_ != version}
    assert asker.ask(stack, {**table, name: fewer}).valid is False


@_law
@given(table=_tables, lines=_lines, releases=st.dictionaries(st.sampled_from(VERSIONS), _releases))
def test_a_package_that_nobody_asks_for_changes_nothing(asker, table, lines, releases):
    stack = "\n".join(lines)
    before = asker.ask(stack, table)
    after = asker.ask(stack, {"unrelated": releases, **table})
    assert answer(before) == answer(after)
    assert before.explanation == after.explanation


@_law
@given(table=_tables, lines=_lines)
def test_a_line_more_makes_nothing_possible(asker, table, lines):
    if asker.ask("\n".join(lines[:-1]) or "a; os_name == 'nt'", table).valid is False:
        assert asker.ask("\n".join(lines), table).valid is False


@_law
@given(table=_tables, lines=_lines)
def test_a_lock_as_the_stack_resolves_to_itself(asker, table, lines):
    validation = asker.ask("\n".join(lines), table)
    if not (validation.valid and validation.lock):
        return
    pinned = [
        f"{r.name}{f'[{chr(44).join(r.extras)}]' if r.extras else ''}=={r.version}"
        for r in validation.lock
    ]
    assert asker.pins(asker.ask("\n".join(pinned), table)) == asker.pins(validation)


@_law
@given(table=_tables, lines=_lines)
def test_the_lines_at_fault_alone_are_impossible_too(asker, table, lines):
    validation = asker.ask("\n".join(lines), table)
    if validation.valid is not False:
        return
    fault = "\n".join(asker.lines(validation))
    assert asker.ask(fault, table).valid is False


@_law
@given(table=_tables, lines=_lines)
def test_a_cold_run_a_warm_run_and_an_offline_run_agree(asker, table, lines):
    stack = "\n".join(lines)
    index = InMemoryIndex(table)
    store = MemoryFactStore()
    cold = asker.ask(stack, index, store=store)
    asked = len(index.asked)
    warm = asker.ask(stack, index, store=store)
    offline = asker.ask(stack, index, store=store, offline=True)
    assert answer(cold) == answer(warm) == answer(offline)
    assert cold.explanation == warm.explanation == offline.explanation
    assert all(kind == "metadata" for kind, _ in index.asked[asked:])


class ShuffledIndex(InMemoryIndex):
    """Answers in an order that has nothing to do with that of the questions."""

    def __init__(self, table, seed: int) -> None:
        super().__init__(table)
        self._random = random.Random(seed)

    async def _pause(self) -> None:
        for _ in range(self._random.randrange(8)):
            await asyncio.sleep(0)

    async def page(self, package, known=None):
        await self._pause()
        return await super().page(package, known)

    async def metadata(self, package, version, artifact):
        await self._pause()
        return await super().metadata(package, version, artifact)


@_law
@given(table=_tables, lines=_lines, seeds=st.tuples(st.integers(), st.integers()))
def test_the_order_in_which_facts_arrive_changes_no_lock(asker, table, lines, seeds):
    stack = "\n".join(lines)
    one, other = (asker.ask(stack, ShuffledIndex(table, seed)) for seed in seeds)
    assert answer(one) == answer(other)
    assert asker.ask(stack, table).raw_log == one.raw_log


@pytest.mark.slow
@settings(max_examples=1_000, suppress_health_check=list(HealthCheck))
@given(table=_tables, lines=_lines, strategy=st.sampled_from(Strategy))
def test_every_lock_satisfies_every_requirement_at_length(asker, table, lines, strategy):
    validation = asker.ask("\n".join(lines), table, strategy=strategy)
    if validation.valid:
        check_lock(table, lines, validation)
