"""The partial solution: what every package may still be, why, and what follows from the clauses.

Unit propagation and conflict-driven learning. Source: PubGrub (Weizenbaum, 2018), where a version
set is a bit mask. Which release to try, and when, is not decided here but in `search`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thoth.dependency_monkey.resolver.clauses import Clause, Derived
from thoth.dependency_monkey.resolver.universe import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thoth.dependency_monkey.resolver.universe import Package


class ContradictionError(Exception):
    """There is no solution; `clause` holds before any decision and is the root of the proof."""

    def __init__(self, clause: Clause) -> None:
        self.clause = clause


class PartialSolution:
    """What every package may still be: a mask each, and the trail of how it came to that.

    `on_ready` is told when a package must be present and may be decided, `on_learnt` which package
    a learnt clause narrowed.
    """

    def __init__(
        self,
        packages: Sequence[Package],
        on_ready: Callable[[int, int], None],
        on_learnt: Callable[[int, Clause], None],
    ) -> None:
        self._packages = packages
        self._on_ready = on_ready
        self._on_learnt = on_learnt
        self._domain: dict[int, int] = {}
        # For each package: (trail position, domain from there on).
        self._history: dict[int, list[tuple[int, int]]] = {}
        # Each assignment: package, level, and the clause that made it or None for a decision.
        self._trail: list[tuple[int, int, Clause | None]] = []
        self._level = 0
        self._watch: dict[int, list[Clause]] = {}
        self._queue: list[int] = []
        self.decided: dict[int, int] = {}

    @property
    def is_settled(self) -> bool:
        """Whether `propagate` would find nothing to do."""
        return not self._queue

    def current(self, package: int) -> int:
        """Return what a package may still be, as a mask."""
        domain = self._domain.get(package)
        return self._packages[package].allowed if domain is None else domain

    def is_required(self, package: int) -> bool:
        """Say whether a package must be present and is not decided yet."""
        domain = self._domain.get(package)
        return domain is not None and not domain & ABSENT and package not in self.decided

    def add(self, clause: Clause) -> None:
        """Add a clause; it acts when one of its packages is looked at next."""
        for package, _ in clause.terms:
            watching = self._watch.get(package)
            if watching is None:
                self._watch[package] = [clause]
            else:
                watching.append(clause)

    def look_at(self, *packages: int) -> None:
        """Have the next propagation look at the clauses of these packages."""
        self._queue += packages

    def impose(self, clause: Clause) -> None:
        """Add a clause that the next propagation shall look at."""
        self.add(clause)
        self._queue.extend(package for package, _ in clause.terms)

    def decide(self, package: int, index: int) -> None:
        """Take a release, given as a bit index, at a new level."""
        self._level += 1
        self.decided[package] = index
        bit = 1 << index
        before = self.current(package)
        self._history.setdefault(package, []).append((len(self._trail), bit))
        self._trail.append((package, self._level, None))
        self._domain[package] = bit
        if before != bit:
            self._queue.append(package)

    def undo_decision(self, package: int) -> None:
        """Take back the decision on a package, and everything since."""
        if package in self.decided:
            for other, level, cause in self._trail:
                if other == package and cause is None:
                    self._backjump(level - 1)
                    return

    def derive(self, package: int, after: int, cause: Clause) -> None:
        """Narrow a package to `after`, which must not be empty, because of a clause."""
        before = self.current(package)
        self._history.setdefault(package, []).append((len(self._trail), after))
        self._trail.append((package, self._level, cause))
        self._domain[package] = after
        newly_ready = before & ABSENT or not after & (after - 1)
        if newly_ready and not after & ABSENT and package not in self.decided:
            self._on_ready(package, after)
        self._queue.append(package)

    def _backjump(self, level: int) -> None:
        trail, history = self._trail, self._history
        while trail and trail[-1][1] > level:
            package, _, cause = trail.pop()
            steps = history[package]
            steps.pop()
            if steps:
                after = self._domain[package] = steps[-1][1]
            else:
                del self._domain[package]
                after = ABSENT
            if cause is None:
                del self.decided[package]
            if not after & ABSENT and package not in self.decided:
                self._on_ready(package, after)
        self._level = level

    def propagate(self) -> None:
        """Derive all that follows by unit propagation, learning from every conflict on the way.

        Raises `ContradictionError`.
        """
        queue, watch, domain = self._queue, self._watch, self._domain
        packages = self._packages
        while queue:
            clauses = watch.get(queue.pop())
            if clauses is None:
                continue
            for clause in reversed(clauses):
                open_package = -1
                after = 0
                for package, mask in clause.terms:
                    current = domain.get(package)
                    if current is None:
                        current = packages[package].allowed
                    inside = current & mask
                    if not inside:
                        break
                    if inside != current:
                        if open_package >= 0:
                            break
                        open_package, after = package, current ^ inside
                else:
                    if open_package < 0:
                        self.resolve_conflict(clause)
                        break
                    self.derive(open_package, after, clause)

    def resolve_conflict(self, clause: Clause) -> None:
        """Learn from a clause all of whose terms hold, and go back to where it first bites.

        Raises `ContradictionError`.
        """
        self._queue.clear()
        while True:
            clause = self._learn(clause)
            open_terms = []
            for package, mask in clause.terms:
                current = self.current(package)
                if not current & mask:
                    self._queue.extend(member for member, _ in clause.terms)
                    return
                if current & ~mask:
                    open_terms.append((package, current & ~mask))
            if not open_terms:
                continue
            if len(open_terms) == 1:
                package, after = open_terms[0]
                self.derive(package, after, clause)
                self._on_learnt(package, clause)
            else:
                self._queue.extend(member for member, _ in clause.terms)
            return

    def _learn(self, clause: Clause) -> Clause:
        """Resolve a satisfied clause with the causes of its satisfiers; back jump; return it.

        Raises `ContradictionError` with the clause where it holds before any decision.
        """
        packages, trail, history = self._packages, self._trail, self._history
        while True:
            latest, mask_there = -1, 0
            positions = []
            for package, mask in clause.terms:
                position = -1
                if packages[package].allowed & ~mask:
                    for at, after in history[package]:
                        if not after & ~mask:
                            position = at
                            break
                positions.append(position)
                if position > latest:
                    latest, mask_there = position, mask
            if latest < 0:
                raise ContradictionError(clause)
            pivot, level, cause = trail[latest]
            previous = 0
            for position in positions:
                if 0 <= position != latest:
                    previous = max(previous, trail[position][1])
            cause_mask = 0
            if cause is not None:
                cause_mask = next(mask for package, mask in cause.terms if package == pivot)
                # What the cause alone leaves of the pivot outside the term was ruled out earlier.
                rest = packages[pivot].allowed & ~cause_mask & ~mask_there
                if rest:
                    for at, after in history[pivot]:
                        if not after & rest:
                            previous = max(previous, trail[at][1])
                            break
            if cause is None or previous < level:
                self._backjump(previous)
                if isinstance(clause.cause, Derived):
                    self.add(clause)
                return clause
            terms = dict(clause.terms)
            for package, mask in cause.terms:
                other = terms.get(package)
                if other is None:
                    terms[package] = mask
                elif package == pivot:
                    terms[package] = mask | other
                else:
                    terms[package] = mask & other
            if not packages[pivot].allowed & ~terms[pivot]:
                del terms[pivot]
            clause = Clause(tuple(terms.items()), Derived(clause, cause, pivot))
