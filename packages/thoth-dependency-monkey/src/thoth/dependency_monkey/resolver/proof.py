"""Proofs of unsatisfiability, from the derivation of a search to facts and steps that people read.

A derivation is the graph of clauses below the contradiction. Its leaves are facts: a requirement
of the user's, a constraint, what a release requires, what cannot be known. Steps are the derived
clauses worth a sentence of their own; a chain that is used once is told in one breath.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thoth.dependency_monkey.resolver.clauses import (
    Clause,
    Constraint,
    Derived,
    Needs,
    Root,
    SelfExclusion,
    Unknowable,
)
from thoth.dependency_monkey.resolver.universe import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thoth.dependency_monkey.resolver.clauses import Cause
    from thoth.dependency_monkey.resolver.universe import Exclusion, Need, Universe

REASONS_A_STEP = 4
RUNS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Step:
    """A conclusion and what it follows from: facts, or "step N" counting from 1."""

    conclusion: str
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeadNeed:
    """A requirement in the proof that no candidate satisfies at all.

    `exists` says whether the package has any release, `matching` the releases (a mask) that the
    requirement accepts but `exclusions` rule out.
    """

    package: str
    by_user: bool
    exists: bool
    matching: int
    exclusions: tuple[Exclusion, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Why there is no solution.

    `roots` and `constraints` are the positions of the user's requirements that the proof rests on.
    """

    roots: tuple[int, ...]
    constraints: tuple[int, ...]
    dead: tuple[DeadNeed, ...]
    steps: tuple[Step, ...]


def explain(
    universe: Universe,
    clause: Clause,
    roots: Sequence[tuple[int, Need]],
    root_text: Callable[[int], str],
    constraint_text: Callable[[int], str],
    should_stop: Callable[[], bool] = lambda: False,
) -> Proof:
    """Turn the contradiction that a search ended with into a proof.

    `roots` are those of the search; `root_text` and `constraint_text` give, for a position, a
    clause of a sentence, such as "you require numpy>=2 (line 1)". Once `should_stop` says so, no
    more steps are told: then a single one goes from what the user asked for to the conclusion.
    """
    explainer = _Explainer(universe, clause, roots, root_text, constraint_text)
    return explainer.proof(should_stop)


def unknowable_releases(universe: Universe, clause: Clause) -> tuple[tuple[str, str, str], ...]:
    """Return the releases, as (package, version, reason), that a contradiction could not look into.

    Where there are any, the contradiction proves nothing.
    """
    order, _ = _post_order(clause)
    found = []
    for cause in (member.cause for member in order):
        if isinstance(cause, Unknowable):
            package = universe.packages[cause.package]
            version = (package.versions or [""])[cause.version.bit_length() - 2]
            found.append((package.name, version, cause.opaque.reason))
    return tuple(found)


def version_ranges(versions: Sequence[str], mask: int, usable: int) -> str:
    """Write a set of versions as PEP 440 specifiers, relative to those that matter.

    `mask` and `usable` are masks over the bits of `versions`; releases outside both do not break
    a range. The empty text means any version, and "no version" none.
    """
    usable |= mask
    # Character `i + 1` from the end is version `i`: one conversion instead of a shift a version.
    relevant, inside = f"{usable:b}"[-2::-1], f"{mask:b}"[-2::-1].ljust(len(versions), "0")
    indices = [i for i, digit in enumerate(relevant) if digit == "1"]
    chosen = [inside[i] == "1" for i in indices]
    if not any(chosen):
        return "no version"
    if all(chosen):
        return ""
    runs, start = [], None
    for position, is_in in enumerate([*chosen, False]):
        if is_in and start is None:
            start = position
        elif not is_in and start is not None:
            first, last = versions[indices[start]], versions[indices[position - 1]]
            if start == position - 1:
                runs.append(f"=={first}")
            elif start == 0:
                runs.append(f"<={last}")
            elif position == len(chosen):
                runs.append(f">={first}")
            else:
                runs.append(f">={first},<={last}")
            start = None
    if len(runs) > RUNS_SHOWN:
        left = len(runs) - RUNS_SHOWN + 1
        runs = [*runs[: RUNS_SHOWN - 1], f"{left} more ranges"]
    return " or ".join(runs)


class _Explainer:
    def __init__(
        self,
        universe: Universe,
        clause: Clause,
        roots: Sequence[tuple[int, Need]],
        root_text: Callable[[int], str],
        constraint_text: Callable[[int], str],
    ) -> None:
        self._packages = universe.packages
        self._clause = clause
        self._roots = roots
        self._root_text = root_text
        self._constraint_text = constraint_text
        self._order, self._uses = _post_order(clause)
        self._asked: dict[int, int] = {}
        self._asked_texts: dict[int, list[str]] = {}
        for _, need in roots:
            base = self._packages[need.package].base
            narrowed = self._asked.get(base, -1) & need.versions
            if base == need.package and narrowed & self._packages[base].allowed:
                self._asked[base] = narrowed
                self._asked_texts.setdefault(base, []).append(need.text)

    def proof(self, should_stop: Callable[[], bool]) -> Proof:
        causes = [clause.cause for clause in self._order if not isinstance(clause.cause, Derived)]
        roots = sorted({cause.index for cause in causes if isinstance(cause, Root)})
        constraints = sorted({cause.index for cause in causes if isinstance(cause, Constraint)})
        return Proof(
            roots=tuple(roots),
            constraints=tuple(constraints),
            dead=self._dead(causes),
            steps=self._steps(should_stop) or (self._whole(roots, constraints),),
        )

    # -- facts ---------------------------------------------------------------------------------

    def _dead(self, causes: Sequence[Cause]) -> tuple[DeadNeed, ...]:
        used = {cause.index for cause in causes if isinstance(cause, Root)}
        wanted: list[tuple[int, int, bool]] = [
            (need.package, need.versions, True) for index, need in self._roots if index in used
        ]
        wanted += [
            (cause.needed, cause.needed_versions, False)
            for cause in causes
            if isinstance(cause, Needs)
        ]
        found: dict[tuple[int, int], DeadNeed] = {}
        for number, versions, by_user in wanted:
            package = self._packages[number]
            if versions & package.allowed:
                continue
            found.setdefault(
                (package.base, versions),
                DeadNeed(
                    package.name,
                    by_user,
                    bool(package.versions),
                    versions & package.existing,
                    tuple(e for e in package.exclusions if e.versions & versions),
                ),
            )
        return tuple(found.values())

    def _fact(self, cause: Cause) -> list[str]:
        """Return a fact as clauses of a sentence; none where it goes without saying."""
        match cause:
            case Root(index):
                need = next(need for position, need in self._roots if position == index)
                return [self._root_text(index), *self._exclusions(need.package, need.versions)]
            case Constraint(index):
                return [self._constraint_text(index)]
            case Needs(package, versions, needed, needed_versions, texts):
                if len(texts) <= 2:
                    wanted = " or ".join(texts)
                else:
                    wanted = self._name(needed, needed_versions)
                verb = "requires" if self._is_one(package, versions) else "require"
                return [
                    f"{self._name(package, versions)} {verb} {wanted}",
                    *self._exclusions(needed, needed_versions),
                ]
            case SelfExclusion(package, version, text):
                return [f"{self._name(package, version)} requires {text} of itself"]
            case Unknowable(package, version, opaque):
                return [f"the needs of {self._name(package, version)} are unknown: {opaque.reason}"]
        return []

    def _exclusions(self, number: int, versions: int) -> list[str]:
        """Say what rules out releases that a requirement would accept."""
        package = self._packages[number]
        if not package.versions:
            return [f"there is no package {package.name}"]
        if not versions & package.existing:
            if package.note:
                return [package.note]
            newest = package.versions[-1]
            return [f"no such release of {package.name} exists (the newest is {newest})"]
        if versions & package.allowed:
            return []
        return [
            f"{package.name}{version_ranges(package.versions, hit, package.existing)} {e.text}"
            for e in package.exclusions
            if (hit := e.versions & versions)
        ]

    def _is_one(self, number: int, mask: int) -> bool:
        mask &= ~ABSENT
        return not mask & (mask - 1) or bool(self._name(number, mask).find(" or ") < 0)

    def _version(self, number: int, mask: int) -> str:
        versions = self._packages[number].versions or [""]
        return versions[mask.bit_length() - 2]

    def _name(self, number: int, mask: int) -> str:
        """Name a package at a set of versions, such as `numpy>=2.1`.

        Only versions that the user's own requirements leave matter, where they leave some.
        """
        package = self._packages[number]
        mask &= package.existing
        usable = package.allowed & ~ABSENT
        asked = self._asked.get(package.base, -1)
        if mask & asked & usable:
            mask &= asked
            usable &= asked
            texts = self._asked_texts.get(package.base, ())
            if not usable & ~mask and len(texts) == 1 and package.base == number:
                return texts[0]
        elif not mask & usable:
            usable = package.existing
        ranges = version_ranges(package.versions or [], mask, usable)
        return f"{package.label} ({ranges})" if ranges == "no version" else package.label + ranges

    # -- steps ---------------------------------------------------------------------------------

    def _whole(self, roots: Sequence[int], constraints: Sequence[int]) -> Step:
        """Tell all in one step: what was asked for, and that it cannot be."""
        asked = [*map(self._root_text, roots), *map(self._constraint_text, constraints)]
        return Step(self._conclusion(self._clause), tuple(asked))

    def _steps(self, should_stop: Callable[[], bool]) -> tuple[Step, ...]:
        """Return the steps; none where there was no time for them."""
        numbers: dict[int, int] = {}
        told: dict[int, list[str]] = {}
        steps: list[Step] = []
        for clause in self._order:
            if should_stop():
                return ()
            cause = clause.cause
            if not isinstance(cause, Derived):
                told[id(clause)] = self._fact(cause)
                continue
            because: list[str] = []
            for part in (cause.first, cause.second):
                number = numbers.get(id(part))
                for reason in told[id(part)] if number is None else [f"step {number}"]:
                    if reason not in because:
                        because.append(reason)
            told[id(clause)] = because
            final = clause is self._clause
            if final or self._uses[id(clause)] > 1 or len(because) >= REASONS_A_STEP:
                steps.append(Step(self._conclusion(clause), tuple(because)))
                numbers[id(clause)] = len(steps)
        if not steps:
            steps.append(Step(self._conclusion(self._clause), tuple(told[id(self._clause)])))
        return tuple(steps)

    def _conclusion(self, clause: Clause) -> str:
        terms = [
            (package, mask)
            for package, mask in clause.terms
            if self._packages[package].allowed & ~mask
        ]
        if not terms:
            return "the requirements cannot be met"
        present = [self._name(p, mask) for p, mask in terms if not mask & ABSENT]
        wanted = []
        for package, mask in terms:
            if mask & ABSENT:
                inside = self._packages[package].allowed & ~mask & ~ABSENT
                wanted.append(self._name(package, inside))
        if not wanted:
            if len(present) == 1:
                return f"{present[0]} cannot be used"
            return f"{_join(present)} cannot be used together"
        goal = " or ".join(wanted)
        if not present:
            return f"{goal} must be used"
        return f"{_join(present)} {'needs' if len(present) == 1 else 'need'} {goal}"


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _post_order(clause: Clause) -> tuple[list[Clause], dict[int, int]]:
    """Return every clause below one, causes first, and how often each is used as a cause."""
    order: list[Clause] = []
    uses: dict[int, int] = {}
    done: set[int] = set()
    todo: list[tuple[Clause, bool]] = [(clause, False)]
    while todo:
        current, expanded = todo.pop()
        if expanded:
            order.append(current)
            continue
        if id(current) in done:
            continue
        done.add(id(current))
        todo.append((current, True))
        if isinstance(current.cause, Derived):
            for part in (current.cause.second, current.cause.first):
                uses[id(part)] = uses.get(id(part), 0) + 1
                todo.append((part, False))
    return order, uses


def proof_text(proof: Proof) -> str:
    """Tell a proof in sentences, one step a paragraph; the last paragraph is the conclusion."""
    paragraphs = []
    for number, step in enumerate(proof.steps, start=1):
        head = f"{number}. " if len(proof.steps) > 1 else ""
        because = f"Because {_join(step.because)}, " if step.because else ""
        sentence = f"{because}{step.conclusion}."
        paragraphs.append(head + sentence[:1].upper() + sentence[1:])
    return "\n".join(paragraphs)
