"""Whatever happens to jobs, phases follow one another as written, in PostgreSQL and in memory."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thoth.storages.graph.validation_records import TRANSITIONS, Phase
from thoth.storages.testing import InMemoryValidations
from thoth.storages.testing.validation_contract import (
    failed,
    new_validation,
    no_queue,
    succeeded,
)

if TYPE_CHECKING:
    from uuid import UUID

    from thoth.storages import GraphDatabase, ValidationStore

EVENTS = {
    "begin": lambda store, job, _: store.begin(job, worker="w") is not None,
    "succeed": lambda store, job, attempt: store.finish(job, attempt, succeeded()),
    "fail": lambda store, job, attempt: store.finish(job, attempt, failed()),
    "give back": lambda store, job, attempt: store.give_back(job, attempt),
    "lose sight": lambda store, job, attempt: store.mark_unknown(job, attempt),
}
# The phase that each event leads to, and from which ones it does.
MEANT: dict[str, tuple[Phase, frozenset[Phase]]] = {
    "begin": ("running", frozenset({"pending", "unknown"})),
    "succeed": ("succeeded", frozenset({"running"})),
    "fail": ("failed", frozenset({"running"})),
    "give back": ("pending", frozenset({"running", "unknown"})),
    "lose sight": ("unknown", frozenset({"pending", "running"})),
}
PATHS: dict[Phase, tuple[str, ...]] = {
    "pending": (),
    "running": ("begin",),
    "unknown": ("begin", "lose sight"),
    "succeeded": ("begin", "succeed"),
    "failed": ("begin", "fail"),
}
steps = st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(-1, 1)), max_size=12)


class Job:
    """A job with one validation in a store, and the phases that it had."""

    def __init__(self, store: ValidationStore | InMemoryValidations) -> None:
        self.store = store
        accepted = store.accept(new_validation(uuid4().hex), enqueue=no_queue)
        self.validation: UUID = accepted.id
        self.id = accepted.job_id
        self.phases: list[Phase] = [accepted.phase]

    def record(self) -> Any:
        record = self.store.get(self.validation)
        assert record is not None
        return record

    def happen(self, event: str, offset: int = 0) -> bool:
        """Let an event happen; it names an attempt that is wrong by `offset`."""
        happened: bool = EVENTS[event](self.store, self.id, self.record().attempt + offset)
        if happened:
            self.phases.append(self.record().phase)
        return happened


def test_every_transition_that_is_written_has_an_event_and_no_other() -> None:
    meant = {phase: {to for to, ways in MEANT.values() if phase in ways} for phase in PATHS}
    assert meant == {phase: set(following) for phase, following in TRANSITIONS.items()}
    assert set(TRANSITIONS) == set(get_args(Phase))


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("phase", PATHS)
def test_an_event_happens_only_where_its_transition_is_written(
    graph: GraphDatabase, phase: Phase, event: str, in_memory: bool
) -> None:
    job = Job(InMemoryValidations() if in_memory else graph.validations)
    for step in PATHS[phase]:
        assert job.happen(step)
    assert job.record().phase == phase
    to, ways = MEANT[event]
    assert job.happen(event) == (phase in ways)
    assert job.record().phase == (to if phase in ways else phase)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=steps)
def test_phases_follow_as_written_and_both_stores_agree(
    graph: GraphDatabase, steps: list[tuple[str, int]]
) -> None:
    real, twin = Job(graph.validations), Job(InMemoryValidations())
    for event, offset in steps:
        before = real.record()
        assert real.happen(event, offset) == twin.happen(event, offset)
        after = real.record()
        seen = [
            (record.phase, record.valid, record.reason, record.attempt, record.result_digest)
            for record in (after, twin.record())
        ]
        assert seen[0] == seen[1]
        begun = event == "begin" and after.phase != before.phase
        assert after.attempt - before.attempt == int(begun)
        if not TRANSITIONS[before.phase]:
            assert after == before
    for earlier, later in pairwise(real.phases):
        assert later in TRANSITIONS[earlier]
