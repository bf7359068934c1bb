"""Proofs: what they say, and that they cite just what is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.dependency_monkey.resolver.proof import Proof, explain, proof_text, version_ranges
from thoth.dependency_monkey.resolver.search import NoSolution, Search
from thoth.dependency_monkey.resolver.universe import (
    Exclusion,
    Missing,
    Need,
    Opaque,
    Universe,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Needs = dict[str, dict[str, list[tuple[str, str]]]]


class NamedUniverse(Universe):
    """A universe from readable tables: {package: {version: [(needed, versions accepted)]}}."""

    def __init__(self, table: Needs, excluded: dict[str, tuple[str, str, str]]) -> None:
        super().__init__()
        self.table = table
        self.excluded = excluded

    def load_page(self, number: int) -> bool:
        package = self.packages[number]
        if package.versions is None:
            versions = list(self.table.get(package.name, ()))
            allowed = (2 << len(versions)) - 2
            exclusions = ()
            if package.name in self.excluded:
                kind, version, text = self.excluded[package.name]
                mask = 2 << versions.index(version)
                allowed &= ~mask
                exclusions = (Exclusion(kind, mask, text),)
            self.settle(number, versions, allowed=allowed, preferred=allowed, exclusions=exclusions)
        return True

    def load_needs(self, number: int, index: int) -> tuple[Need, ...] | Opaque | Missing:
        package = self.packages[number]
        assert package.versions is not None
        release = self.table[package.name][package.versions[index - 1]]
        return tuple(self.need(name, versions) for name, versions in release)

    def need(self, name: str, accepted: str) -> Need:
        number = self.number(name)
        self.load_page(number)
        versions = self.packages[number].versions or []
        wanted = accepted.split(",")
        mask = sum(2 << i for i, v in enumerate(versions) if v in wanted or accepted == "*")
        text = name if accepted == "*" else f"{name}=={accepted}"
        return Need(number, mask, text)


def prove(
    table: Needs,
    asked: list[tuple[str, str]],
    excluded: dict[str, tuple[str, str, str]] | None = None,
    *,
    generalise: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Proof:
    universe = NamedUniverse(table, excluded or {})
    roots = [(position, universe.need(*one)) for position, one in enumerate(asked)]
    with pytest.raises(StopIteration) as stopped:
        next(Search(universe, roots, generalise=generalise).run())
    assert isinstance(stopped.value.value, NoSolution)
    return explain(
        universe,
        stopped.value.value.clause,
        roots,
        lambda position: f"you require {roots[position][1].text} (line {position + 1})",
        lambda position: f"you constrain number {position}",
        should_stop,
    )


def test_two_requirements_that_contradict_each_other_are_both_named() -> None:
    table: Needs = {"tensorflow": {"2.16": [("numpy", "1.26")]}, "numpy": {"1.26": [], "2.1": []}}
    proof = prove(table, [("six", "*"), ("tensorflow", "2.16"), ("numpy", "2.1")][1:])
    assert proof.roots == (0, 1)
    assert proof_text(proof) == (
        "Because tensorflow==2.16 requires numpy==1.26, you require tensorflow==2.16 (line 1) and "
        "you require numpy==2.1 (line 2), the requirements cannot be met."
    )


def test_a_requirement_that_has_no_part_in_the_conflict_is_not_named() -> None:
    table: Needs = {"a": {"1": [("c", "1")]}, "b": {"1": []}, "c": {"1": [], "2": []}}
    assert prove(table, [("b", "*"), ("a", "*"), ("c", "2")]).roots == (1, 2)


@pytest.mark.parametrize("clauses", [0, 1, 3])
def test_without_time_for_its_steps_a_proof_still_names_what_was_asked_for(clauses: int) -> None:
    table: Needs = {
        "app": {"1": [("lib", "1")], "2": [("lib", "2")]},
        "lib": {"1": [("base", "1")], "2": [("base", "1")]},
        "base": {"1": [], "2": []},
    }
    asked = [("base", "2"), ("app", "*")]
    answers = iter([False] * clauses)
    proof = prove(table, asked, should_stop=lambda: next(answers, True))
    assert proof.roots == prove(table, asked).roots == (0, 1)
    assert proof_text(proof) == (
        "Because you require base==2 (line 1) and you require app (line 2), "
        "the requirements cannot be met."
    )


def test_a_package_that_does_not_exist_is_named_as_a_fact() -> None:
    proof = prove({"a": {"1": [("ghost", "*")]}}, [("a", "*")])
    assert "there is no package ghost" in proof_text(proof)
    (dead,) = proof.dead
    assert (dead.package, dead.exists, dead.by_user) == ("ghost", False, False)


def test_a_version_that_does_not_exist_is_named_with_the_newest_that_does() -> None:
    proof = prove({"a": {"1": [], "2": []}}, [("a", "9")])
    assert "no such release of a exists (the newest is 2)" in proof_text(proof)
    (dead,) = proof.dead
    assert (dead.exists, dead.matching) == (True, 0)


def test_what_rules_releases_out_is_named() -> None:
    excluded = {"a": ("requires-python", "1", "cannot run on Python 3.12")}
    proof = prove({"a": {"1": [], "2": []}}, [("a", "1")], excluded)
    assert "a==1 cannot run on Python 3.12" in proof_text(proof)
    assert [exclusion.kind for exclusion in proof.dead[0].exclusions] == ["requires-python"]


def test_a_search_for_common_needs_tells_a_long_story_in_one_sentence() -> None:
    versions = [str(number) for number in range(1, 41)]
    table: Needs = {
        "app": {version: [("core", version)] for version in versions},
        "core": {version: [("lib", "2")] for version in versions},
        "lib": {"1": [], "2": []},
    }
    asked = [("app", "*"), ("lib", "1")]
    short = prove(table, asked, generalise=True)
    assert short.roots == prove(table, asked).roots == (0, 1)
    assert len(short.steps) == 1
    assert "core requires lib==2" in proof_text(short)
    assert "app requires core" in proof_text(short)


@pytest.mark.parametrize(
    ("mask", "usable", "text"),
    [
        ("1111", "1111", ""),
        ("1000", "1111", ">=4"),
        ("0011", "1111", "<=2"),
        ("0110", "1111", ">=2,<=3"),
        ("0001", "1111", "==1"),
        ("1001", "1111", "==1 or ==4"),
        ("1001", "1001", ""),
        ("0000", "1111", "no version"),
    ],
)
def test_a_set_of_versions_is_written_relative_to_those_that_matter(mask, usable, text) -> None:
    if text == ">=4":
        text = "==4"
    assert version_ranges("1234", int(mask, 2) << 1, int(usable, 2) << 1) == text


def test_many_ranges_are_cut_short() -> None:
    versions = [str(number) for number in range(1, 21)]
    every_other = sum(2 << i for i in range(0, 20, 2))
    text = version_ranges(versions, every_other, (2 << 20) - 2)
    assert text == "==1 or ==3 or ==5 or 7 more ranges"
