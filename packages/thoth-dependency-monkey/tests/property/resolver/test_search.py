"""The search against brute force on random universes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from thoth.dependency_monkey.resolver.clauses import Derived, Needs, Unknowable
from thoth.dependency_monkey.resolver.search import NoSolution, Search, Solution, Stopped

from .universes import Requirement, Table, TableUniverse, brute_force, needs_of, tables

if TYPE_CHECKING:
    from thoth.dependency_monkey.resolver.clauses import Clause


def run(search: Search) -> Solution | NoSolution | Stopped:
    steps = search.run()
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def solve(table: Table, requirements: list[Requirement], **options: bool):
    universe = TableUniverse(table, step_by_step=options.pop("step_by_step", False))
    return universe, run(Search(universe, universe.roots(requirements), **options))


def named_pins(universe: TableUniverse, solution: Solution) -> dict[tuple[str, str], int]:
    return {
        (universe.packages[number].name, universe.packages[number].extra): index
        for number, index in solution.pins.items()
    }


def check_lock(table: Table, requirements: list[Requirement], pins: dict) -> None:
    """Check a lock against nothing but the table."""
    reached, todo = set(), list(requirements)
    while todo:
        name, extra, accepted = todo.pop()
        assert pins[name, ""] in accepted
        for part in {"", extra}:
            assert pins[name, part] == pins[name, ""]
            if (name, part) not in reached:
                reached.add((name, part))
                needs = needs_of(table, name, part, pins[name, ""])
                assert needs is not None
                todo += needs
    assert reached == set(pins)


def check_fact(universe: TableUniverse, clause: Clause) -> None:
    """Check that every release of the clause needs what the clause says."""
    (package, versions), (needed, outside) = clause.terms
    for index in range(1, versions.bit_length()):
        if versions >> index & 1:
            needs = universe.load_needs(package, index)
            assert isinstance(needs, tuple)
            accepted = -1
            for need in needs:
                if need.package == needed:
                    accepted &= need.versions
            assert accepted != -1
            assert not accepted & outside


def leaves(clause: Clause) -> list[Clause]:
    found, todo, seen = [], [clause], set()
    while todo:
        clause = todo.pop()
        if id(clause) in seen:
            continue
        seen.add(id(clause))
        if isinstance(clause.cause, Derived):
            todo += [clause.cause.first, clause.cause.second]
        else:
            found.append(clause)
    return found


@given(tables())
def test_the_verdict_is_that_of_brute_force_and_the_lock_holds(drawn) -> None:
    table, requirements = drawn
    universe, outcome = solve(table, requirements)
    expected = brute_force(table, requirements, trust=False)
    if isinstance(outcome, Solution):
        assert expected
        check_lock(table, requirements, named_pins(universe, outcome))
    else:
        assert isinstance(outcome, NoSolution)
        assert not expected


@given(tables(opaque=True))
def test_opaque_releases_are_never_locked_and_decide_no_proof_unseen(drawn) -> None:
    table, requirements = drawn
    universe, outcome = solve(table, requirements)
    assert isinstance(outcome, Solution) == brute_force(table, requirements, trust=False)
    if isinstance(outcome, Solution):
        check_lock(table, requirements, named_pins(universe, outcome))
    elif not any(isinstance(leaf.cause, Unknowable) for leaf in leaves(outcome.clause)):
        assert not brute_force(table, requirements, trust=True)
    _, trusting = solve(table, requirements, trust_opaque=True)
    assert isinstance(trusting, Solution) == brute_force(table, requirements, trust=True)


@given(tables(opaque=True))
def test_the_same_facts_give_the_same_lock_however_they_arrive(drawn) -> None:
    table, requirements = drawn
    eager, first = solve(table, requirements)
    lazy, second = solve(table, requirements, step_by_step=True)
    assert type(first) is type(second)
    if isinstance(first, Solution) and isinstance(second, Solution):
        assert named_pins(eager, first) == named_pins(lazy, second)
        assert first.decisions == second.decisions


@given(tables(opaque=True))
def test_a_search_for_common_needs_gives_the_same_verdict_with_a_sound_proof(drawn) -> None:
    table, requirements = drawn
    universe, outcome = solve(table, requirements, generalise=True)
    assert isinstance(outcome, Solution) == brute_force(table, requirements, trust=False)
    if isinstance(outcome, Solution):
        check_lock(table, requirements, named_pins(universe, outcome))
    else:
        check_proof(universe, outcome.clause)


@given(tables())
def test_every_derived_clause_of_a_proof_follows_from_its_two_causes(drawn) -> None:
    table, requirements = drawn
    universe, outcome = solve(table, requirements)
    if not isinstance(outcome, NoSolution):
        return
    check_proof(universe, outcome.clause)


def check_proof(universe: TableUniverse, contradiction: Clause) -> None:
    """Check a derivation step by step, and each fact against the table."""
    todo, seen = [contradiction], set()
    assert not [t for t in contradiction.terms if universe.packages[t[0]].allowed & ~t[1]]
    while todo:
        clause = todo.pop()
        if id(clause) in seen:
            continue
        seen.add(id(clause))
        if isinstance(clause.cause, Needs):
            check_fact(universe, clause)
        if not isinstance(clause.cause, Derived):
            continue
        first, second = clause.cause.first, clause.cause.second
        pivot, own = clause.cause.pivot, dict(clause.terms)
        one, other = dict(first.terms), dict(second.terms)
        for package, mask in own.items():
            if package == pivot:
                assert not mask & ~(one[package] | other[package])
            else:
                assert not mask & ~(one.get(package, -1) & other.get(package, -1))
        for package in one.keys() | other.keys():
            if package not in own:
                allowed = universe.packages[package].allowed
                assert package == pivot
                assert not allowed & ~(one[package] | other[package])
        todo += [first, second]


def test_a_budget_of_decisions_stops_the_search() -> None:
    table: Table = {f"p{i}": {1: {"": [(f"p{i + 1}", "", frozenset({1}))]}} for i in range(50)}
    table["p50"] = {1: {"": []}}
    universe = TableUniverse(table)
    roots = universe.roots([("p0", "", frozenset({1}))])
    assert run(Search(universe, roots, max_decisions=10)) == Stopped("decisions", 10)


def test_a_caller_can_stop_the_search() -> None:
    universe = TableUniverse({"p": {1: {"": []}}}, step_by_step=True)
    search = Search(universe, universe.roots([("p", "", frozenset({1}))]), should_stop=lambda: True)
    assert run(search) == Stopped("stop", 0)


@pytest.mark.slow
def test_the_verdict_is_that_of_brute_force_on_many_larger_universes() -> None:
    verdicts = {True: 0, False: 0}
    for seed in range(12_000):
        table, requirements = random_universe(random.Random(seed))
        universe, outcome = solve(table, requirements, generalise=seed % 3 == 0)
        expected = brute_force(table, requirements, trust=False)
        assert isinstance(outcome, Solution) == expected, seed
        verdicts[expected] += 1
        if isinstance(outcome, Solution):
            check_lock(table, requirements, named_pins(universe, outcome))
        else:
            check_proof(universe, outcome.clause)
    assert min(verdicts.values()) > 1_000


def random_universe(chance: random.Random) -> tuple[Table, list[Requirement]]:
    names = [f"p{i}" for i in range(chance.randint(3, 8))]
    most = chance.randint(2, 6)

    def requirement() -> Requirement:
        kind, pivot = chance.randrange(4), chance.randint(1, most)
        accepted = {
            0: range(1, most + 1),
            1: [pivot],
            2: range(pivot, most + 1),
            3: [v for v in range(1, most + 1) if v != pivot],
        }[kind]
        extra = chance.choice(["", "", "", "", "x"])
        return chance.choice(names), extra, frozenset(accepted)

    def parts() -> dict[str, list[Requirement]]:
        needs = {"": [requirement() for _ in range(chance.randint(0, 3))]}
        if chance.random() < 0.4:
            needs["x"] = [requirement()]
        return needs

    table: Table = {n: {v: parts() for v in range(1, most + 1)} for n in names}
    return table, [requirement() for _ in range(chance.randint(1, 3))]
