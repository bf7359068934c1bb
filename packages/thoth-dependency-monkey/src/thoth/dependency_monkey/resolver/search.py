"""The search: PubGrub (Weizenbaum, 2018) on bit masks.

What follows from a decision is the business of `assignment`; here is which package to decide next
and which release to try, with two additions: releases that share a hopeless need are rejected
together, and a package that was rejected five times is decided earlier, the one that caused it
later (docs/explanation/resolver.md). The
search neither reads a clock nor fetches anything: it yields `Missing` where it must be told more,
and goes on in place. What it does depends only on facts that it asked for, in its own order, so
that the same facts give the same lock however fast or early they arrived.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from thoth.dependency_monkey.resolver.assignment import ContradictionError, PartialSolution
from thoth.dependency_monkey.resolver.clauses import (
    Clause,
    Constraint,
    Family,
    Needs,
    Root,
    SelfExclusion,
    Unknowable,
)
from thoth.dependency_monkey.resolver.universe import ABSENT, Missing, Need, Opaque

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from thoth.dependency_monkey.resolver.universe import Universe

REJECTIONS_BEFORE_REPRIORITISING = 5
HINTS_AT_MOST = 32
COMMON_NEEDS_AT_MOST = 1_000

_PINNED, _EARLY, _NORMAL, _LATE = range(4)


@dataclass(frozen=True, slots=True)
class Solution:
    """A release, as a bit index, for every package and extra that the requirements reach.

    `needs` are the needs of each; `skipped` are the releases that were passed over because their
    needs cannot be known, as (package, bit index, why).
    """

    pins: dict[int, int]
    needs: dict[int, tuple[Need, ...]]
    skipped: tuple[tuple[int, int, Opaque], ...]
    decisions: int


@dataclass(frozen=True, slots=True)
class NoSolution:
    """There is none; `clause` is the root of the derivation that proves it."""

    clause: Clause
    decisions: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Neither: `limit` says what stopped the search, "decisions" or "stop"."""

    limit: str
    decisions: int


@dataclass(slots=True)
class _Want:
    releases: int = 0
    texts: dict[str, None] = field(default_factory=dict)


class Search:
    """One search for the requirements `roots` in a universe.

    `roots` are (position, need) whose packages are settled; the position is what a proof cites.
    A requirement with extras is several needs with one position. `run` may be used once.
    `trust_opaque` takes releases whose needs cannot be known as having none: what has no solution
    even then has none at all, but a solution found then proves nothing. `generalise` makes the
    search look, before it decides anything, at what all known candidates of a package have in
    common: it finds the same verdict with a shorter proof, and is meant for telling one.
    """

    def __init__(
        self,
        universe: Universe,
        roots: Sequence[tuple[int, Need]],
        *,
        max_decisions: int = 200_000,
        should_stop: Callable[[], bool] = lambda: False,
        trust_opaque: bool = False,
        generalise: bool = False,
    ) -> None:
        self._universe = universe
        self._packages = universe.packages
        self._roots = roots
        self._max_decisions = max_decisions
        self._should_stop = should_stop
        self._trust_opaque = trust_opaque
        self._generalise = generalise
        self._solution = PartialSolution(self._packages, self._enqueue, self._note_learnt)
        # The order of decisions.
        self._heap: list[tuple[int, int, int, int]] = []
        self._rank: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self._priority: dict[int, int] = {}
        self._affected: dict[int, int] = {}
        self._culprits: dict[int, int] = {}
        self._postponed: list[int] = []
        # What was asked and answered.
        self._needs: dict[int, dict[int, tuple[Need, ...]]] = {}
        # For each package and needed package: what is accepted, by which releases, in which words.
        self._wants: dict[tuple[int, int], dict[int, _Want]] = {}
        self._covered: dict[tuple[int, int, int], int] = {}
        self._skipped: list[tuple[int, int, Opaque]] = []
        self._decisions = 0
        self._steps = 0
        self._trying = -1

    def run(self) -> Generator[Missing, None, Solution | NoSolution | Stopped]:
        """Search. Yields what is missing; resume it once that is known."""
        try:
            self._begin()
            if self._generalise:
                self._find_common_needs()
            while True:
                self._solution.propagate()
                self._apply_postponed()
                package = self._pick()
                if package is None:
                    return self._finish()
                self._steps += 1
                if self._decisions >= self._max_decisions:
                    return Stopped("decisions", self._decisions)
                if self._steps % 64 == 0 and self._should_stop():
                    return Stopped("stop", self._decisions)
                if not self._agree_with_family(package):
                    index = self._universe.choose(package, self._solution.current(package))
                    needs = self._ask(package, index)
                    while isinstance(needs, Missing):
                        yield needs
                        if self._should_stop():
                            return Stopped("stop", self._decisions)
                        needs = self._ask(package, index)
                    self._try(package, index, needs)
        except ContradictionError as contradiction:
            return NoSolution(contradiction.clause, self._decisions)

    @property
    def met(self) -> tuple[int, ...]:
        """The base packages that the search has met so far, losers included."""
        return tuple(self._rank)

    # -- beginning and end ---------------------------------------------------------------------

    def _begin(self) -> None:
        for position, need in self._roots:
            self._see(need.package)
            self._solution.impose(Clause(((need.package, self._outside(need)),), Root(position)))

    def _finish(self) -> Solution:
        pins: dict[int, int] = {}
        needs: dict[int, tuple[Need, ...]] = {}
        todo = [need.package for _, need in self._roots]
        while todo:
            package = todo.pop()
            if package in pins:
                continue
            index = pins[package] = self._solution.decided[package]
            base = self._packages[package].base
            needs[package] = self._needs[package][index]
            todo += [need.package for need in needs[package]]
            if base != package:
                todo.append(base)
        skipped = tuple(entry for entry in self._skipped if entry[0] in pins)
        return Solution(pins, needs, skipped, self._decisions)

    def _outside(self, need: Need) -> int:
        """Every state of the needed package that does not satisfy the need, ABSENT included."""
        package = self._packages[need.package]
        return (package.existing | ABSENT) & ~need.versions

    # -- deciding ------------------------------------------------------------------------------

    def _see(self, package: int) -> None:
        """Give a package its place in the breadth-first order, the first time it is met."""
        if package in self._seen:
            return
        self._seen[package] = len(self._seen)
        base = self._packages[package].base
        if base not in self._rank:
            self._rank[base] = len(self._rank)
            for position, accepted in self._packages[base].constraints:
                outside = self._packages[base].existing & ~accepted
                if outside:
                    self._solution.impose(Clause(((base, outside),), Constraint(position)))

    def _enqueue(self, package: int, domain: int) -> None:
        self._see(package)
        base = self._packages[package].base
        single = not domain & (domain - 1)
        priority = _PINNED if single else self._priority.get(base, _NORMAL)
        is_extra = int(base != package)
        heapq.heappush(
            self._heap,
            (priority, self._rank[base], is_extra * (1 + self._seen[package]), package),
        )

    def _pick(self) -> int | None:
        while self._heap:
            package = heapq.heappop(self._heap)[3]
            if package in self._solution.decided or self._solution.current(package) & ABSENT:
                continue
            base = self._packages[package].base
            if base != package and base not in self._solution.decided:
                self._enqueue(package, self._solution.current(package))
                return base
            return package
        return None

    def _agree_with_family(self, package: int) -> bool:
        """Bring a base and its required extras to the same versions; say whether that did anything.

        An extra is taken at the release of its base, so what is out for one is out for the other.
        """
        owner = self._packages[package].base
        base_domain = self._solution.current(owner)
        for extra in self._packages[owner].family:
            extra_domain = self._solution.current(extra)
            if extra_domain & ABSENT:
                continue
            # "The extra at one of these means the base at one of these", where it tells anything.
            these = extra_domain & ~base_domain
            if not these and base_domain & ~extra_domain:
                these = extra_domain
            if these:
                others = (self._packages[owner].existing | ABSENT) & ~these
                self._solution.impose(
                    Clause(((extra, these), (owner, others)), Family(owner, extra))
                )
                self._requeue(package)
                return True
        return False

    def _requeue(self, package: int) -> None:
        """Have a package that must still be decided picked again."""
        if self._solution.is_required(package):
            self._enqueue(package, self._solution.current(package))

    def _ask(self, package: int, index: int) -> tuple[Need, ...] | Opaque | Missing:
        asked = self._needs.setdefault(package, {})
        known = asked.get(index)
        if known is not None:
            return known
        answer = self._universe.load_needs(package, index)
        if isinstance(answer, Missing):
            return Missing(answer.pages, answer.metadata, self._hints(package, index))
        if isinstance(answer, Opaque):
            if not self._trust_opaque:
                return answer
            answer = ()
        asked[index] = answer
        self._note_wants(package, 1 << index, answer)
        return answer

    def _note_wants(self, package: int, bit: int, needs: tuple[Need, ...]) -> None:
        """Remember which releases accept just the same of a needed package."""
        accepted: dict[int, int] = {}
        texts: dict[int, list[str]] = {}
        for need in needs:
            accepted[need.package] = accepted.get(need.package, -1) & need.versions
            texts.setdefault(need.package, []).append(need.text)
        for needed, versions in accepted.items():
            wants = self._wants.setdefault((package, needed), {})
            want = wants.get(versions)
            if want is None:
                want = wants[versions] = _Want()
            want.releases |= bit
            for text in texts[needed]:
                want.texts[text] = None

    def _hints(self, package: int, index: int) -> tuple[tuple[int, int], ...]:
        """Name the releases that come next: twice as many after each that was asked for in vain."""
        asked = len(self._needs[package])
        if asked < 2:
            return ()
        base = self._packages[package].base
        domain = self._solution.current(package) & ~(1 << index)
        hints: list[tuple[int, int]] = []
        while domain & ~ABSENT and len(hints) < min(HINTS_AT_MOST, 1 << min(asked, 16)):
            following = self._universe.choose(package, domain)
            hints.append((base, following))
            domain &= ~(1 << following)
        return tuple(hints)

    def _try(self, package: int, index: int, needs: tuple[Need, ...] | Opaque) -> None:
        """Decide a release, or rule it out where its needs cannot be met now."""
        bit = 1 << index
        self._trying = package
        if isinstance(needs, Opaque):
            self._skipped.append((package, index, needs))
            self._reject(Clause(((package, bit),), Unknowable(package, bit, needs)), package)
            return
        base = self._packages[package].base
        for need in needs:
            if self._packages[need.package].base != base:
                self._see(need.package)
        for need in needs:
            if need.package in (base, package):
                if not need.versions & bit:
                    cause = SelfExclusion(package, bit, need.text)
                    self._reject(Clause(((package, bit),), cause), package)
                    return
            elif not self._solution.current(need.package) & need.versions:
                self._reject_alike(package, bit, need)
                return
        self._decisions += 1
        self._solution.decide(package, index)
        for need in needs:
            if need.package not in (base, package):
                self._require(package, bit, need)

    def _require(self, package: int, bit: int, need: Need) -> None:
        """Add the clause of a need of a decided release, and follow it at once."""
        key = (package, need.package, need.versions)
        outside = self._outside(need)
        clause = None
        if not self._covered.get(key, 0) & bit:
            cause = Needs(package, bit, need.package, need.versions, (need.text,))
            clause = Clause(((package, bit), (need.package, outside)), cause)
            self._solution.add(clause)
            self._covered[key] = self._covered.get(key, 0) | bit
        before = self._solution.current(need.package)
        after = before & need.versions
        if after != before:
            if clause is None:
                self._solution.look_at(package)
            elif after:
                self._solution.derive(need.package, after, clause)
            else:
                # An earlier need of the same release took what this one asks for.
                self._solution.look_at(package)

    def _reject_alike(self, package: int, bit: int, need: Need) -> None:
        """Rule out, with one clause, every asked-for release whose need is as hopeless."""
        domain = self._solution.current(need.package)
        versions, accepted = bit, need.versions
        texts = {need.text: None}
        for wanted, want in self._wants[package, need.package].items():
            if not wanted & domain:
                versions |= want.releases
                accepted |= wanted
                texts.update(want.texts)
        outside = (self._packages[need.package].existing | ABSENT) & ~accepted
        cause = Needs(package, versions, need.package, accepted, tuple(texts))
        self._reject(Clause(((package, versions), (need.package, outside)), cause), package)

    def _reject(self, clause: Clause, package: int) -> None:
        self._solution.add(clause)
        mask = next(mask for member, mask in clause.terms if member == package)
        before = self._solution.current(package)
        after = before & ~mask
        self._note_rejection(package, package, clause)
        if after:
            self._solution.derive(package, after, clause)
        else:
            self._solution.resolve_conflict(clause)
        self._requeue(package)

    # -- common needs --------------------------------------------------------------------------

    def _find_common_needs(self) -> None:
        """Derive what follows from the needs that all candidates of a required package share.

        Source: arc consistency (Mackworth, 1977), here on clauses, so that a proof can cite it.
        """
        looked_at: dict[int, int] = {}
        while True:
            self._solution.propagate()
            todo = [
                package
                for package in self._seen
                if not self._solution.current(package) & ABSENT
                and looked_at.get(package) != self._solution.current(package)
            ]
            if not todo:
                return
            for package in todo:
                if self._agree_with_family(package):
                    break
                looked_at[package] = self._solution.current(package)
                self._add_common_needs(package)
                if not self._solution.is_settled:
                    break

    def _add_common_needs(self, package: int) -> None:
        domain = self._solution.current(package)
        if domain.bit_count() > COMMON_NEEDS_AT_MOST:
            return
        users: dict[int, int] = {}
        accepted: dict[int, int] = {}
        texts: dict[int, dict[str, None]] = {}
        rest = domain
        while rest:
            bit = rest & -rest
            rest ^= bit
            needs = self._universe.load_needs(package, bit.bit_length() - 1)
            if isinstance(needs, Missing | Opaque):
                return
            own: dict[int, int] = {}
            for need in needs:
                if self._packages[need.package].base != self._packages[package].base:
                    own[need.package] = own.get(need.package, -1) & need.versions
                    texts.setdefault(need.package, {})[need.text] = None
            for needed, versions in own.items():
                users[needed] = users.get(needed, 0) | bit
                accepted[needed] = accepted.get(needed, 0) | versions
        for needed, mask in users.items():
            if mask != domain or not self._solution.current(needed) & ~accepted[needed]:
                continue
            self._see(needed)
            everything = self._packages[needed].existing | ABSENT
            cause = Needs(package, domain, needed, accepted[needed], tuple(texts[needed]))
            terms = ((package, domain), (needed, everything & ~accepted[needed]))
            self._solution.impose(Clause(terms, cause))

    # -- reprioritising ------------------------------------------------------------------------

    def _note_learnt(self, package: int, clause: Clause) -> None:
        self._note_rejection(self._trying, package, clause)

    def _note_rejection(self, chosen: int, affected: int, clause: Clause) -> None:
        """Count who is in whose way; move both once it happened often enough."""
        threshold = REJECTIONS_BEFORE_REPRIORITISING
        packages = self._packages
        own = packages[affected].base
        others = [package for package, _ in clause.terms if packages[package].base != own]
        if not others and len(clause.terms) > 1:
            return
        for package in others:
            before = self._culprits.get(package, 0)
            self._culprits[package] = before + 1
            base = packages[package].base
            crossed = before + 1 == threshold
            if crossed and self._priority.get(base, _NORMAL) == _NORMAL:
                self._priority[base] = _LATE
                self._postponed.append(package)
        if chosen < 0:
            return
        before = self._affected.get(chosen, 0)
        self._affected[chosen] = before + 1
        base = packages[chosen].base
        if before + 1 == threshold and self._priority.get(base, _NORMAL) != _EARLY:
            self._priority[base] = _EARLY
            self._requeue(chosen)

    def _apply_postponed(self) -> None:
        """Take back the decisions on culprits, so that the packages they hindered come first."""
        if not self._postponed:
            return
        for culprit in self._postponed:
            self._solution.undo_decision(culprit)
            base = self._packages[culprit].base
            for package in (base, *self._packages[base].family):
                self._requeue(package)
        self._postponed.clear()
