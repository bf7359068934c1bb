"""The promises of a store of validations, as a test suite that every implementation passes.

Inherit it and give it `make_store()`, which returns an empty store. See `contracts`.
"""
# ruff: noqa: S101, D102 - a test suite, though no framework's

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Barrier, Thread
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec

from thoth.storages.graph.validation_records import FinishedJob, NewValidation
from thoth.storages.testing.contracts import HOSTILE_TEXTS, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from thoth.storages.graph.queries.validations import ValidationStore
    from thoth.storages.graph.validation_records import Ending
    from thoth.storages.testing.validation_twin import InMemoryValidations

FOREVER = datetime(2999, 1, 1, tzinfo=UTC)


def new_validation(stack: str = "six", /, **changes: object) -> NewValidation:
    """Return a validation of a stack of this name, with an id of its own."""
    made = NewValidation(
        id=uuid4(),
        ecosystem="pypi",
        stack_specification=stack,
        question=sha256(stack.encode()).digest(),
        request=b"request of " + stack.encode(),
        expires_at=FOREVER,
    )
    return msgspec.structs.replace(made, **changes)


def succeeded(content: str = "1", **changes: object) -> FinishedJob:
    """Return an answer that says valid."""
    made = FinishedJob(
        phase="succeeded",
        valid=True,
        reason="resolved",
        result=b"result " + content.encode(),
        raw_log="It resolves.",
    )
    return msgspec.structs.replace(made, **changes)


def failed(**changes: object) -> FinishedJob:
    """Return what is known of a job that came to no conclusion."""
    made = FinishedJob("failed", None, "timed_out", b"", "It took too long.")
    return msgspec.structs.replace(made, **changes)


def no_queue(_connection: object, _job_id: UUID) -> None:
    """Stand for a queue where a test needs none."""


def in_parallel(count: int, work: Callable[[int], None]) -> None:
    """Run `work` in threads that begin at the same time; raise what any of them raised."""
    barrier = Barrier(count, timeout=30)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            failures.append(error)

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures


class ValidationStoreContract(ABC):
    """What every store of validations promises."""

    @abstractmethod
    def make_store(self) -> ValidationStore | InMemoryValidations:
        """Return an empty store."""

    def test_an_accepted_validation_is_pending_and_comes_back_as_it_was_given(self) -> None:
        store, new = self.make_store(), new_validation()
        enqueued: list[UUID] = []
        accepted = store.accept(new, enqueue=lambda _, job_id: enqueued.append(job_id))
        assert store.get(new.id) == accepted
        assert enqueued == [accepted.job_id]
        given = {name: getattr(accepted, name) for name in ("ecosystem", "request", "expires_at")}
        assert given == {"ecosystem": "pypi", "request": new.request, "expires_at": FOREVER}
        assert accepted.stack_specification == "six"
        assert (accepted.phase, accepted.attempt) == ("pending", 0)
        assert {accepted.valid, accepted.reason, accepted.raw_log} == {None}
        assert {accepted.started_at, accepted.finished_at, accepted.result_digest} == {None}

    def test_what_the_queue_refuses_is_not_accepted(self) -> None:
        store, new = self.make_store(), new_validation()

        def refuse(_connection: Any, _job_id: UUID) -> None:
            raise RuntimeError("no queue")

        try:
            store.accept(new, enqueue=refuse)
        except RuntimeError:
            pass
        else:
            raise AssertionError("the error of the queue was swallowed")
        assert store.get(new.id) is None
        assert store.list(10) == ((), None)
        assert store.count_unfinished() == {}

    def test_equal_questions_in_flight_share_a_job_that_is_enqueued_once(self) -> None:
        store = self.make_store()
        enqueued: list[UUID] = []
        accepted = [
            store.accept(new_validation(name), enqueue=lambda _, job_id: enqueued.append(job_id))
            for name in ("six", "numpy", "six")
        ]
        assert accepted[0].job_id == accepted[2].job_id != accepted[1].job_id
        assert enqueued == [accepted[0].job_id, accepted[1].job_id]

    def test_a_finished_job_is_not_joined(self) -> None:
        store = self.make_store()
        first = self.finished(store, new_validation())
        assert store.accept(new_validation(), enqueue=no_queue).job_id != first.job_id

    def test_a_finished_job_answers_all_its_validations(self) -> None:
        store = self.make_store()
        ids = [store.accept(new_validation(), enqueue=no_queue).id for _ in range(3)]
        record = store.get(ids[0])
        assert record is not None
        job = store.begin(record.job_id, worker="w")
        assert job is not None
        assert (job.request, job.ecosystem, job.attempt) == (b"request of six", "pypi", 1)
        assert store.finish(job.job_id, job.attempt, succeeded())
        for validation_id in ids:
            found = store.get(validation_id)
            assert found is not None
            assert (found.phase, found.valid, found.reason) == ("succeeded", True, "resolved")
            assert found.raw_log == "It resolves."
            assert found.started_at is not None
            assert found.finished_at is not None
            assert found.created_at <= found.finished_at
            assert found.result_digest is not None
            assert store.result(found.result_digest) == b"result 1"

    def test_an_answer_that_is_known_at_once_needs_no_job(self) -> None:
        store, new = self.make_store(), new_validation()
        accepted = store.accept_finished(new, succeeded(valid=False, reason="conflict"))
        assert store.get(new.id) == accepted
        assert (accepted.phase, accepted.valid, accepted.attempt) == ("succeeded", False, 1)
        assert accepted.created_at == accepted.started_at == accepted.finished_at
        assert store.count_unfinished() == {}
        assert store.begin(accepted.job_id, worker="w") is None

    def test_equal_results_are_stored_once_and_an_empty_one_is_none(self) -> None:
        store = self.make_store()
        first = store.accept_finished(new_validation(), succeeded())
        second = store.accept_finished(new_validation("numpy"), succeeded())
        without = store.accept_finished(new_validation("b"), failed())
        assert first.result_digest == second.result_digest == sha256(b"result 1").digest()
        assert without.result_digest is None
        assert store.result(sha256(b"unknown").digest()) is None

    def test_a_job_that_runs_cannot_be_begun_again_until_it_is_given_back(self) -> None:
        store = self.make_store()
        job_id = store.accept(new_validation(), enqueue=no_queue).job_id
        assert store.running(job_id) is None
        first = store.begin(job_id, worker="a")
        assert first is not None
        assert store.begin(job_id, worker="b") is None
        assert store.running(job_id) == first
        assert store.give_back(job_id, 1)
        assert not store.give_back(job_id, 1)
        second = store.begin(job_id, worker="b")
        assert second is not None
        assert second.attempt == 2

    def test_how_attempts_ended_is_counted(self) -> None:
        store = self.make_store()
        job_id = store.accept(new_validation(), enqueue=no_queue).job_id
        endings: tuple[Ending, ...] = ("crashed", "interrupted", "interrupted", "stopped")
        for attempt, ending in enumerate(endings, 1):
            assert store.begin(job_id, worker="a") is not None
            assert not store.give_back(job_id, attempt + 1, ending=ending)
            assert store.give_back(job_id, attempt, ending=ending)
            assert not store.give_back(job_id, attempt, ending=ending)
        last = store.begin(job_id, worker="a")
        assert last is not None
        assert (last.attempt, last.crashes, last.interruptions) == (5, 1, 2)
        assert store.running(job_id) == last

    def test_only_the_attempt_that_counts_may_finish(self) -> None:
        store = self.make_store()
        job_id = store.accept(new := new_validation(), enqueue=no_queue).job_id
        store.begin(job_id, worker="a")
        store.give_back(job_id, 1)
        store.begin(job_id, worker="b")
        assert not store.is_wanted(job_id, 1)
        assert not store.finish(job_id, 1, succeeded("late"))
        assert not store.give_back(job_id, 1)
        assert not store.mark_unknown(job_id, 1)
        assert store.result(sha256(b"result late").digest()) is None
        assert store.is_wanted(job_id, 2)
        assert store.finish(job_id, 2, failed())
        assert not store.finish(job_id, 2, succeeded())
        found = store.get(new.id)
        assert found is not None
        assert (found.phase, found.valid, found.reason) == ("failed", None, "timed_out")

    def test_a_job_whose_fate_is_unknown_recovers(self) -> None:
        store = self.make_store()
        job_id = store.accept(new_validation(), enqueue=no_queue).job_id
        assert store.mark_unknown(job_id, 0)
        assert store.begin(job_id, worker="a") is not None
        assert store.mark_unknown(job_id, 1)
        assert store.is_wanted(job_id, 1)
        assert not store.finish(job_id, 1, succeeded())
        assert store.give_back(job_id, 1)
        assert store.count_unfinished() == {"pending": 1}

    def test_the_last_validation_to_leave_stops_the_job(self) -> None:
        store = self.make_store()
        first, second = (store.accept(new_validation(), enqueue=no_queue) for _ in range(2))
        job = store.begin(first.job_id, worker="w")
        assert job is not None
        assert store.delete(first.id) == (True, None)
        assert store.get(first.id) is None
        assert store.is_wanted(job.job_id, job.attempt)
        assert store.delete(second.id) == (True, job.job_id)
        assert not store.is_wanted(job.job_id, job.attempt)
        assert not store.finish(job.job_id, job.attempt, succeeded())
        assert store.begin(job.job_id, worker="w") is None
        assert store.delete(second.id) == (False, None)
        assert store.delete(uuid4()) == (False, None)
        assert store.accept(new_validation(), enqueue=no_queue).job_id != job.job_id

    def test_deleting_a_finished_validation_stops_nothing(self) -> None:
        store = self.make_store()
        done = self.finished(store, new_validation())
        assert store.delete(done.id) == (True, None)

    def test_listings_are_newest_first_and_complete(self) -> None:
        store = self.make_store()
        made = [store.accept(new_validation(), enqueue=no_queue) for _ in range(7)]
        expected = [each.id for each in sorted(made, key=lambda each: (each.created_at, each.id))][
            ::-1
        ]
        assert store.list(7) == (tuple(expected), None)
        listed: list[UUID] = []
        cursor: str | None = None
        for size in (3, 3, 1):
            ids, cursor = store.list(3, cursor)
            assert len(ids) == size
            listed += ids
            store.accept(new_validation(), enqueue=no_queue)
        assert cursor is None
        assert listed == expected

    def test_what_was_never_a_cursor_is_refused(self) -> None:
        store = self.make_store()
        for cursor in ("", "1", "-", "1-" + "g" * 32, "f" * 16 + "-" + "0" * 32, "1-" + "0" * 33):
            with refused("before"):
                store.list(1, cursor)
        for limit in (0, -1, 1_001):
            with refused("limit"):
                store.list(limit)

    def test_an_expired_validation_is_gone_before_it_is_removed(self) -> None:
        store, past = self.make_store(), datetime(2000, 1, 1, tzinfo=UTC)
        gone = store.accept(new_validation(expires_at=past), enqueue=no_queue)
        assert store.get(gone.id) is None
        assert store.list(1) == ((), None)
        assert store.delete(gone.id) == (False, None)

    def test_retention_removes_the_longest_expired_first_and_then_their_jobs_and_results(
        self,
    ) -> None:
        store, now = self.make_store(), datetime.now(UTC)
        keep = store.accept_finished(new_validation("keep"), succeeded("shared"))
        old = [
            store.accept_finished(
                new_validation(expires_at=now + timedelta(seconds=60 + number)),
                succeeded("shared" if number else "own"),
            )
            for number in range(3)
        ]
        running = store.accept(
            new_validation("running", expires_at=now + timedelta(seconds=90)), enqueue=no_queue
        )
        job = store.begin(running.job_id, worker="w")
        assert job is not None
        later = now + timedelta(days=1)
        assert store.expire(now, at_most=10) == 0
        assert store.expire(later, at_most=1) == 1
        assert store.get(old[0].id) is None
        assert [store.get(each.id) is None for each in old] == [True, False, False]
        assert store.expire(later, at_most=10) == 3
        assert store.expire(later, at_most=10) == 0
        assert not store.is_wanted(job.job_id, job.attempt)
        assert store.list(10) == ((keep.id,), None)
        assert store.result(sha256(b"result own").digest()) is None
        assert store.result(sha256(b"result shared").digest()) == b"result shared"

    def test_a_result_outlives_its_last_job_for_an_hour(self) -> None:
        store, now = self.make_store(), datetime.now(UTC)
        done = store.accept_finished(new_validation(), succeeded())
        assert done.result_digest is not None
        store.delete(done.id)
        store.expire(now + timedelta(minutes=59), at_most=10)
        assert store.result(done.result_digest) == b"result 1"
        store.expire(now + timedelta(minutes=62), at_most=10)
        assert store.result(done.result_digest) is None

    def test_unfinished_jobs_are_told_oldest_first(self) -> None:
        store = self.make_store()
        jobs = [store.accept(new_validation(name), enqueue=no_queue).job_id for name in "abc"]
        store.begin(jobs[1], worker="w")
        self.finished(store, new_validation("d"))
        later = datetime.now(UTC) + timedelta(minutes=1)
        assert set(store.unfinished(later, at_most=10)) == set(jobs)
        assert len(store.unfinished(later, at_most=2)) == 2
        assert store.unfinished(later - timedelta(hours=1), at_most=10) == ()
        assert store.count_unfinished() == {"pending": 2, "running": 1}

    def test_what_cannot_be_stored_is_refused_and_nothing_of_it_written(self) -> None:
        store = self.make_store()
        texts = [*HOSTILE_TEXTS[:-1], "x" * (2**20 + 1)]
        hostile: list[tuple[str, NewValidation]] = [
            *(("stack_specification", new_validation(stack_specification=text)) for text in texts),
            *(("ecosystem", new_validation(ecosystem=text)) for text in HOSTILE_TEXTS),
            ("question", new_validation(question=b"short")),
            ("expires_at", new_validation(expires_at=FOREVER.replace(tzinfo=None))),
        ]
        for field, new in hostile:
            with refused(field):
                store.accept(new, enqueue=no_queue)
            with refused(field):
                store.accept_finished(new, succeeded())
        job = store.accept(new_validation("y"), enqueue=no_queue).job_id
        store.begin(job, worker="w")
        wrong: list[tuple[str, FinishedJob]] = [
            *(("raw_log", succeeded(raw_log=text)) for text in texts),
            *(("reason", succeeded(reason=text)) for text in HOSTILE_TEXTS),
            ("valid", succeeded(valid=None)),
            ("valid", failed(valid=True)),
            ("phase", succeeded(phase="running")),
        ]
        for field, finished in wrong:
            with refused(field):
                store.finish(job, 1, finished)
            with refused(field):
                store.accept_finished(new_validation(), finished)
        assert store.is_wanted(job, 1)
        assert len(store.list(10)[0]) == 1

    def test_an_id_is_given_once(self) -> None:
        store, new = self.make_store(), new_validation()
        store.accept(new, enqueue=no_queue)
        for again in (new, new_validation("numpy", id=new.id)):
            with refused("id"):
                store.accept(again, enqueue=no_queue)
            with refused("id"):
                store.accept_finished(again, succeeded())
        assert store.count_unfinished() == {"pending": 1}

    def test_parallel_writers_of_one_question_share_a_job_or_make_the_next(self) -> None:
        store = self.make_store()
        enqueued: list[UUID] = []
        left: list[UUID | None] = []

        def work(number: int) -> None:
            for _ in range(6):
                new = new_validation()
                store.accept(new, enqueue=lambda _, job_id: enqueued.append(job_id))
                if number % 2:
                    existed, stopped = store.delete(new.id)
                    assert existed
                    left.append(stopped)

        in_parallel(8, work)
        ids, _ = store.list(100)
        records = [store.get(each) for each in ids]
        assert len(records) == 4 * 6
        jobs = {record.job_id for record in records if record is not None}
        assert len(jobs) == 1
        stopped = [job_id for job_id in left if job_id is not None]
        assert sorted([*jobs, *stopped]) == sorted(enqueued)
        assert store.count_unfinished() == {"pending": 1}

    def test_of_parallel_workers_one_begins_and_one_finishes(self) -> None:
        store = self.make_store()
        jobs = [store.accept(new_validation(str(n)), enqueue=no_queue).job_id for n in range(10)]
        begun: list[UUID] = []
        finished: list[UUID] = []

        def work(number: int) -> None:
            for job_id in jobs:
                job = store.begin(job_id, worker=str(number))
                if job is not None:
                    begun.append(job.job_id)
                if store.finish(job_id, 1, succeeded(str(number))):
                    finished.append(job_id)

        in_parallel(8, work)
        assert sorted(begun) == sorted(finished) == sorted(jobs)

    def test_answers_stored_while_retention_runs_keep_their_results(self) -> None:
        store = self.make_store()
        later = datetime.now(UTC) + timedelta(days=1)
        kept: list[bytes] = []

        def work(number: int) -> None:
            for turn in range(10):
                if number < 2:
                    store.expire(later, at_most=5)
                    continue
                expires_at = FOREVER if turn % 2 else later - timedelta(hours=1)
                new = new_validation(f"{number}-{turn}", expires_at=expires_at)
                done = store.accept_finished(new, succeeded(str(turn % 2)))
                if turn % 2 and done.result_digest is not None:
                    kept.append(done.result_digest)

        in_parallel(8, work)
        assert len(kept) == 30
        assert all(store.result(digest) == b"result 1" for digest in kept)

    @staticmethod
    def finished(store: ValidationStore | InMemoryValidations, new: NewValidation) -> Any:
        """Accept a validation, run and finish its job, and return its record."""
        job_id = store.accept(new, enqueue=no_queue).job_id
        job = store.begin(job_id, worker="w")
        assert job is not None
        assert store.finish(job_id, job.attempt, succeeded())
        return store.get(new.id)
