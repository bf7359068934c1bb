"""The whole of a validation: collect, search, prove, answer."""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from typing import TYPE_CHECKING

from thoth.dependency_monkey.ecosystems.pypi.candidates import PypiUniverse
from thoth.dependency_monkey.errors import LimitExceededError, Reason, UndecidedError
from thoth.dependency_monkey.resolver.forecast import Forecast
from thoth.dependency_monkey.resolver.proof import explain, unknowable_releases
from thoth.dependency_monkey.resolver.search import NoSolution, Search, Solution, Stopped
from thoth.dependency_monkey.resolver.universe import Missing, Need
from thoth.dependency_monkey.validation.collector import Collector
from thoth.dependency_monkey.validation.result import IndexState, Remedy, TargetResult, Validation
from thoth.dependency_monkey.validation.verdict import (
    LockBuilder,
    place,
    proved_impossible,
    undecided,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence
    from datetime import datetime

    from thoth.dependency_monkey.ecosystems.pypi.facts import Page
    from thoth.dependency_monkey.ecosystems.pypi.target import Target
    from thoth.dependency_monkey.resolver.clauses import Clause
    from thoth.dependency_monkey.resolver.proof import Proof
    from thoth.dependency_monkey.validation.collector import (
        FactSource,
        Item,
        NamedIndex,
        Progress,
    )
    from thoth.dependency_monkey.validation.request import ValidationRequest
    from thoth.dependency_monkey.validation.store import FactStore


async def validate(
    request: ValidationRequest,
    indexes: Sequence[NamedIndex],
    store: FactStore,
    *,
    clock: Callable[[], datetime],
    store_is_empty: bool = False,
    progress: Progress | None = None,
) -> Validation:
    """Answer a request: does the stack resolve, to exactly what, and if not, why.

    Every outcome, "could not tell" included, is a `Validation`; only what the store raises is an
    error. Takes at most `request.limits.seconds` plus the time of the last write to the store.
    `store_is_empty` promises that looking anything up in the store is in vain.
    """
    created = clock()
    deadline = time.monotonic() + request.limits.seconds
    results: list[TargetResult] = []
    touched: set[str] = set()
    async with Collector(
        indexes,
        store,
        max_age=request.policy.max_age,
        limits=request.limits,
        clock=clock,
        store_is_empty=store_is_empty,
        progress=progress,
    ) as collector:
        for target in request.targets:
            question = _Question(request, target, collector, deadline)
            results.append(await question.answer())
            touched |= question.touched
        searched = time.monotonic()
        states = _index_states(indexes, collector, touched)
        fetched = collector.requests
    finished = clock()
    return _validation(
        request,
        results,
        states,
        created=created,
        finished=finished,
        timings={
            "total_seconds": request.limits.seconds - (deadline - time.monotonic()),
            "answer_seconds": request.limits.seconds - (deadline - searched),
            "requests": float(fetched),
        },
    )


def validate_known(
    request: ValidationRequest,
    indexes: Sequence[NamedIndex],
    facts: FactSource,
    *,
    clock: Callable[[], datetime],
) -> Validation:
    """Answer like `validate`, from facts that nobody has to wait for: `facts.wait` never gives way.

    Where they do not suffice, or within `request.limits`, that is the answer.
    """
    created = clock()
    begin = time.monotonic()
    deadline = begin + request.limits.seconds
    results: list[TargetResult] = []
    touched: set[str] = set()
    for target in request.targets:
        question = _Question(request, target, facts, deadline)
        results.append(_at_once(question.answer_by_deadline()))
        touched |= question.touched
    seconds = time.monotonic() - begin
    return _validation(
        request,
        results,
        _index_states(indexes, facts, touched),
        created=created,
        finished=clock(),
        timings={"total_seconds": seconds, "answer_seconds": seconds, "requests": 0.0},
    )


def _at_once(work: Coroutine[object, None, TargetResult]) -> TargetResult:
    """Run to its end what never waits; an event loop would cost more than many an answer."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: TargetResult = stop.value
        return result
    work.close()
    raise RuntimeError("facts that nobody has to wait for were waited for")


class _Question:
    """The question for one target."""

    def __init__(
        self,
        request: ValidationRequest,
        target: Target,
        facts: FactSource,
        deadline: float,
    ) -> None:
        self._request = request
        self._target = target
        self._facts = facts
        self._deadline = deadline
        self._universe = PypiUniverse(
            facts, target, request.policy, request.stack.requirements, request.constraints
        )
        self._items: dict[Item, list[int | tuple[int, int]]] = {}
        self._known: set[Item] = set()
        self._forecast: Forecast | None = None
        self.touched: set[str] = set()

    async def answer(self) -> TargetResult:
        """Answer within the deadline, however long a fact takes."""
        try:
            async with asyncio.timeout(max(0.0, self._deadline - time.monotonic())):
                return await self.answer_by_deadline()
        except TimeoutError:
            return self._timed_out()

    async def answer_by_deadline(self) -> TargetResult:
        """Answer; look at the deadline whenever something was asked for and while searching."""
        try:
            self._keep_deadline()
            return await self._decide()
        except TimeoutError:
            return self._timed_out()
        except UndecidedError as error:
            return undecided(self._target, error.reason, error.detail)

    def _timed_out(self) -> TargetResult:
        seconds = self._request.limits.seconds
        detail = f"no conclusion within {seconds:g} s; raise the time limit or pin more"
        return undecided(self._target, Reason.TIMED_OUT, detail)

    def _keep_deadline(self) -> None:
        if time.monotonic() > self._deadline:
            raise TimeoutError

    # -- searching -----------------------------------------------------------------------------

    async def _decide(self) -> TargetResult:
        roots = self._universe.roots()
        while isinstance(roots, Missing):
            await self._supply(roots)
            roots = self._universe.roots()
        self._forecast = Forecast(self._universe, roots)
        outcome = await self._search(roots)
        if isinstance(outcome, Solution):
            builder = LockBuilder(self._universe, outcome, self._facts, self._target)
            return builder.result()
        unknowable = unknowable_releases(self._universe, outcome.clause)
        if unknowable:
            # Without a solution even if every unknown release needed nothing, there is none.
            outcome = await self._search(roots, trust_opaque=True)
            if isinstance(outcome, Solution):
                return self._not_proved(unknowable)
        proof = self._explain(outcome.clause, roots)
        proof = self._shorten(roots, self._minimise(roots, proof))
        remedies = self._remedies(roots, proof)
        return proved_impossible(
            self._target,
            proof,
            self._universe.requirements,
            self._request.constraints,
            remedies,
        )

    async def _search(
        self, roots: Sequence[tuple[int, Need]], *, trust_opaque: bool = False
    ) -> Solution | NoSolution:
        limits = self._request.limits
        search = Search(
            self._universe,
            roots,
            max_decisions=limits.decisions,
            should_stop=lambda: time.monotonic() > self._deadline,
            trust_opaque=trust_opaque,
        )
        steps = search.run()
        try:
            while True:
                await self._supply(next(steps))
        except StopIteration as stop:
            outcome: Solution | NoSolution | Stopped = stop.value
        finally:
            self.touched |= {self._universe.packages[base].name for base in search.met}
        if isinstance(outcome, Stopped):
            if outcome.limit == "decisions":
                detail = f"no conclusion after {limits.decisions} decisions; pin more packages"
                raise LimitExceededError("decisions", limits.decisions, detail)
            raise TimeoutError
        return outcome

    def _try_out(
        self, roots: Sequence[tuple[int, Need]], *, generalise: bool = False
    ) -> Solution | NoSolution | None:
        """Search with what is known already; None where that, or the time, does not suffice."""
        if self._is_late():
            return None
        search = Search(
            self._universe,
            roots,
            max_decisions=self._request.limits.decisions,
            should_stop=lambda: time.monotonic() > self._deadline,
            generalise=generalise,
        )
        steps = search.run()
        try:
            next(steps)
        except StopIteration as stop:
            outcome: Solution | NoSolution | Stopped = stop.value
            return None if isinstance(outcome, Stopped) else outcome
        return None

    # -- supplying -----------------------------------------------------------------------------

    async def _supply(self, missing: Missing) -> None:
        """Make what the search lacks known, and with it whatever is likely to be asked next.

        Raises `UndecidedError` where it cannot be made known.
        """
        blocking = self._request_items(missing)
        if self._forecast is not None:
            self._forecast.follow(missing.hints)
        self._look_ahead(())
        while not all(item in self._known for item in blocking):
            arrived = await self._facts.wait()
            self._keep_deadline()
            self._known.update(arrived)
            for item in blocking:
                if item in self._known:
                    self._facts.check(item)
            self._look_ahead(arrived)
        for item in blocking:
            self._facts.check(item)

    def _request_item(self, entry: int | tuple[int, int]) -> Item:
        item: Item
        if isinstance(entry, int):
            item = self._universe.packages[entry].name
        else:
            base, index = entry
            best = self._universe.usable_artifacts(base, index)[0]
            item = (self._universe.packages[base].name, index - 1, best)
        entries = self._items.setdefault(item, [])
        if entry not in entries:
            entries.append(entry)
        self._facts.request(item)
        if self._facts.is_settled(item):
            self._known.add(item)
        return item

    def _look_ahead(self, arrived: Iterable[Item]) -> None:
        if self._forecast is None:
            return
        entries = [entry for item in arrived for entry in self._items.get(item, ())]
        self._request_items(self._forecast.advance(entries))

    def _request_items(self, missing: Missing) -> list[Item]:
        items = [self._request_item(page) for page in missing.pages]
        return items + [self._request_item(release) for release in missing.metadata]

    # -- proving -------------------------------------------------------------------------------

    def _explain(self, clause: Clause, roots: Sequence[tuple[int, Need]]) -> Proof:
        return explain(
            self._universe,
            clause,
            roots,
            self._requirement_text,
            self._constraint_text,
            self._is_late,
        )

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _requirement_text(self, position: int) -> str:
        requirement = self._universe.requirements[position]
        return f"you require {requirement} ({place(requirement)})"

    def _constraint_text(self, position: int) -> str:
        constraint = self._request.constraints[position]
        return f"you constrain {constraint} ({place(constraint)})"

    def _minimise(self, roots: Sequence[tuple[int, Need]], proof: Proof) -> Proof:
        """Leave out the user's lines that the conflict does not need, as far as that can be told.

        Every line is tried once; a line stays where the known facts, or the time, are not enough.
        """
        kept = [(position, need) for position, need in roots if position in proof.roots]
        for position in proof.roots:
            fewer = [entry for entry in kept if entry[0] != position]
            if not fewer:
                break
            outcome = self._try_out(fewer)
            if isinstance(outcome, NoSolution) and self._proves(outcome):
                smaller = self._explain(outcome.clause, fewer)
                if self._is_late():
                    break
                proof = smaller
                kept = [entry for entry in fewer if entry[0] in proof.roots]
        return proof

    def _shorten(self, roots: Sequence[tuple[int, Need]], proof: Proof) -> Proof:
        """Look for a shorter proof that rests on the same lines."""
        kept = [entry for entry in roots if entry[0] in proof.roots]
        outcome = self._try_out(kept, generalise=True)
        if not isinstance(outcome, NoSolution) or not self._proves(outcome):
            return proof
        other = self._explain(outcome.clause, kept)
        is_better = not self._is_late() and len(other.steps) <= len(proof.steps)
        return other if is_better else proof

    def _proves(self, outcome: NoSolution) -> bool:
        return not unknowable_releases(self._universe, outcome.clause)

    def _remedies(self, roots: Sequence[tuple[int, Need]], proof: Proof) -> list[Remedy]:
        """Try what happens if one of the conflicting lines asks for any version."""
        found = []
        for position in proof.roots[: self._request.limits.remedies]:
            requirement = self._universe.requirements[position]
            if not requirement.specifier:
                continue
            relaxed = [
                (p, need._replace(versions=self._universe.packages[need.package].existing))
                if p == position
                else (p, need)
                for p, need in roots
            ]
            outcome = self._try_out(relaxed)
            if isinstance(outcome, Solution):
                number = self._universe.number(requirement.name)
                versions = self._universe.packages[number].versions or []
                version = versions[outcome.pins[number] - 1]
                found.append(
                    Remedy(
                        change=f"allow any version of {requirement.name} ({place(requirement)})",
                        then=f"the stack resolves, with {requirement.name} {version}",
                    )
                )
        return found

    def _not_proved(self, unknowable: Sequence[tuple[str, str, str]]) -> TargetResult:
        shown = [f"{name} {version} ({why})" for name, version, why in unknowable[:3]]
        more = len(unknowable) - len(shown)
        tail = f" and {more} more" if more > 0 else ""
        detail = f"no release with known metadata fits, and nothing is known of {', '.join(shown)}"
        return undecided(self._target, Reason.METADATA_UNAVAILABLE, detail + tail)


def _index_states(
    indexes: Sequence[NamedIndex], facts: FactSource, touched: Iterable[str]
) -> tuple[IndexState, ...]:
    pages: dict[str, list[Page]] = {}
    for package in sorted(touched):
        for page in facts.consulted(package):
            pages.setdefault(page.index_url, []).append(page)
    states = []
    for index in indexes:
        own = pages.get(index.url)
        if own:
            text = "".join(f"{page.package}:{page.digest}\n" for page in own)
            states.append(
                IndexState(
                    name=index.name,
                    url=index.url,
                    oldest_checked_at=min(page.checked_at for page in own),
                    digest=hashlib.sha256(text.encode()).hexdigest(),
                )
            )
    return tuple(states)


def _validation(
    request: ValidationRequest,
    results: Sequence[TargetResult],
    states: tuple[IndexState, ...],
    *,
    created: datetime,
    finished: datetime,
    timings: dict[str, float],
) -> Validation:
    deciding = next((r for r in results if r.valid is False), None)
    deciding = deciding or next((r for r in results if r.valid is None), results[0])
    only = results[0] if len(results) == 1 else None
    limits = request.limits
    return Validation(
        id=str(uuid.uuid4()),
        document_id=None,
        ecosystem="pypi",
        stack_specification=request.stack.canonical,
        constraints="\n".join(map(str, request.constraints)) if request.constraints else None,
        policy=request.policy.as_json(),
        phase="failed" if deciding.valid is None else "succeeded",
        valid=deciding.valid,
        reason=deciding.reason,
        created_at=created,
        started_at=created,
        finished_at=finished,
        expires_at=None,
        reused=False,
        attempt=1,
        index_state=states,
        results=tuple(results),
        lock=only.lock if only else None,
        graph=only.graph if only else None,
        explanation=only.explanation if only else None,
        warnings=only.warnings if only else (),
        limits={
            "seconds": limits.seconds,
            "decisions": limits.decisions,
            "pages": limits.pages,
            "metadata_files": limits.metadata_files,
        },
        timings=timings,
        raw_log="\n".join(f"{r.target.id}: {r.reason}: {r.detail}" for r in results),
        links={},
    )
