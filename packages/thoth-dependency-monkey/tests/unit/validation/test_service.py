"""The service without HTTP: the fast path, the question's identity, what it refuses."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from thoth.dependency_monkey.ecosystems.pypi.facts import decode_artifacts
from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
from thoth.dependency_monkey.errors import RequestError
from thoth.dependency_monkey.testing import InMemoryIndex, ReleaseSpec
from thoth.dependency_monkey.validation.fast_path import BUDGET, FastPath
from thoth.dependency_monkey.validation.limits import Limits
from thoth.dependency_monkey.validation.question import Question
from thoth.dependency_monkey.validation.service import (
    MAX_IN_FLIGHT,
    Terms,
    TooBusyError,
    UnsupportedEcosystemError,
    ValidationNotFoundError,
    ValidationService,
)
from thoth.dependency_monkey.validation.store import MemoryFactStore, metadata_key
from thoth.storages.testing import InMemoryValidations

INDEX = "https://index.test/simple/"
TARGET = "cp312-manylinux_2_28_x86_64"
START = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """A service whose facts are those of an index, as of `now`."""

    def __init__(self, **options: Any) -> None:
        self.now = START
        self.index = InMemoryIndex(
            {
                "boto3": {"1.0": ["six>=1.10"]},
                "six": {"1.17.0": []},
                "old": {"1.0": ["six<1"]},
                "built": {"1.0": ReleaseSpec(wheel_tags=(), sdist=True, static=False)},
            },
            url=INDEX,
            clock=lambda: self.now,
        )
        self.facts = MemoryFactStore()
        self.store = InMemoryValidations(clock=lambda: self.now)
        self.queued: list[Any] = []
        self.options = options

    def learn(self, *packages: str, metadata: bool = True) -> None:
        async def fetch() -> None:
            for package in packages:
                page = await self.index.page(package)
                self.facts.record_pages(INDEX, [page])
                if not metadata or page.facts is None or page.artifacts is None:
                    continue
                offsets = page.facts.offsets
                for position, version in enumerate(page.facts.versions):
                    encoded = page.artifacts[offsets[position] : offsets[position + 1]]
                    for artifact in decode_artifacts(encoded):
                        known = await self.index.metadata(package, version, artifact)
                        self.facts.record_metadata([(metadata_key(INDEX, artifact), known)])

        asyncio.run(fetch())

    def accept(self, *stacks: str) -> list[Any]:
        async def run() -> list[Any]:
            service = self.service()
            try:
                return [await service.accept(stack) for stack in stacks]
            finally:
                service.close()

        return asyncio.run(run())

    def service(self) -> ValidationService:
        budget = self.options.get("budget", BUDGET)
        return ValidationService(
            self.store,
            Terms((TARGET,), (INDEX,), Policy(max_age=600.0), timedelta(days=30)),
            enqueue=lambda _, job_id: self.queued.append(job_id),
            fast_path=FastPath(
                [("test", INDEX)], self.facts, budget=budget, clock=lambda: self.now
            ),
            clock=lambda: self.now,
        )


@pytest.fixture
def world():
    return World()


# -- the fast path ---------------------------------------------------------------------------------


def test_fresh_facts_answer_at_once(world):
    world.learn("boto3", "six")
    (record,) = world.accept("boto3")
    assert (record.phase, record.valid, record.reason) == ("succeeded", True, "resolved")
    assert "six" in record.raw_log
    assert b'"lock":[{"name":"boto3"' in world.store.result(record.result_digest)
    assert world.queued == []


def test_fresh_facts_refute_at_once(world):
    world.learn("old", "six")
    (record,) = world.accept("old")
    assert (record.phase, record.valid, record.reason) == ("succeeded", False, "version_not_found")
    assert "old requires six<1" in record.raw_log
    assert world.queued == []


def test_what_only_a_build_could_tell_fails_at_once(world):
    world.learn("built")
    (record,) = world.accept("built")
    assert (record.phase, record.valid, record.reason) == ("failed", None, "metadata_unavailable")
    assert "built 1.0" in record.raw_log
    assert world.queued == []


def test_a_package_that_is_known_not_to_exist_is_a_fact(world):
    world.learn("nothing")
    (record,) = world.accept("nothing")
    assert (record.valid, record.reason) == (False, "package_not_found")


def test_facts_as_old_as_allowed_are_fresh(world):
    world.learn("boto3", "six")
    world.now += timedelta(seconds=600)
    assert world.accept("boto3")[0].valid is True


def test_stale_facts_make_a_job(world):
    world.learn("boto3", "six")
    world.now += timedelta(seconds=601)
    (record,) = world.accept("boto3")
    assert (record.phase, record.valid, record.raw_log) == ("pending", None, None)
    assert world.queued == [record.job_id]


def test_one_stale_fact_among_fresh_ones_makes_a_job(world):
    world.learn("six")
    world.now += timedelta(seconds=601)
    world.learn("boto3")
    assert world.accept("boto3")[0].phase == "pending"


def test_facts_from_the_future_make_a_job(world):
    world.now += timedelta(hours=1)
    world.learn("six")
    world.now -= timedelta(hours=1)
    assert world.accept("six")[0].phase == "pending"


@pytest.mark.parametrize("known", [(), ("boto3",), ("six",)])
def test_a_missing_page_makes_a_job(world, known):
    world.learn(*known)
    assert world.accept("boto3")[0].phase == "pending"


def test_missing_metadata_makes_a_job(world):
    world.learn("boto3", "six", metadata=False)
    assert world.accept("boto3")[0].phase == "pending"


@pytest.mark.parametrize("budget", [Limits(seconds=0.0), Limits(decisions=0)])
def test_a_budget_that_does_not_suffice_makes_a_job(budget):
    world = World(budget=budget)
    world.learn("boto3", "six")
    assert world.accept("boto3")[0].phase == "pending"


def test_a_fault_of_the_fast_path_makes_a_job(world, monkeypatch):
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(world.facts, "pages", broken)
    assert world.accept("six")[0].phase == "pending"


def test_no_index_is_asked(world):
    world.learn("boto3", "six")
    asked = list(world.index.asked)
    world.accept("boto3", "old", "elsewhere")
    assert world.index.asked == asked


# -- accepting -------------------------------------------------------------------------------------


def test_equal_questions_share_a_job_and_different_ones_do_not(world):
    records = world.accept("six", "six", "six ", "six>=1")
    assert records[0].job_id == records[1].job_id
    assert records[3].job_id != records[0].job_id
    assert len({record.id for record in records}) == 4


def test_a_validation_is_kept_for_as_long_as_agreed(world):
    (record,) = world.accept("six")
    assert record.expires_at == START + timedelta(days=30)


def test_the_question_reads_back_as_it_was(world):
    world.accept("Six ; python_version>'3'  # mine")
    (job_id,) = world.queued
    job = world.store.begin(job_id, worker="test")
    question = Question.decode(job.request)
    assert question.stack_specification == "Six ; python_version>'3'  # mine"
    assert question.targets == (TARGET,)
    assert question.policy["max_age"] == 600.0


@pytest.mark.parametrize(
    "change",
    [
        {"stack_specification": "six>=1"},
        {"stack_specification": "six "},
        {"targets": ("cp311-manylinux_2_28_x86_64",)},
        {"policy": Policy(max_age=1.0).as_json()},
        {"constraints": "six<2"},
        {"ecosystem": "other"},
    ],
)
def test_whatever_may_change_the_answer_changes_the_digest(change):
    fields: dict[str, Any] = {
        "ecosystem": "pypi",
        "stack_specification": "six",
        "targets": (TARGET,),
        "policy": Policy().as_json(),
    }
    assert Question(**fields).digest([INDEX]) == Question(**fields).digest([INDEX])
    assert Question(**fields).digest([INDEX]) != Question(**{**fields, **change}).digest([INDEX])
    assert Question(**fields).digest([INDEX]) != Question(**fields).digest([INDEX, INDEX])
    assert len(Question(**fields).digest([])) == 32


def test_what_is_no_question_is_refused(world):
    with pytest.raises(RequestError):
        world.accept("six=>1")
    assert world.queued == []


def test_an_unsupported_ecosystem_names_the_supported_ones(world):
    async def run() -> None:
        service = world.service()
        try:
            await service.accept("six", "npm")
        finally:
            service.close()

    with pytest.raises(UnsupportedEcosystemError) as refused:
        asyncio.run(run())
    assert (refused.value.ecosystem, refused.value.supported) == ("npm", ("pypi",))


def test_too_much_at_once_is_turned_away(world):
    gate = threading.Event()

    def slow(_: Any) -> None:
        gate.wait()

    world.store.get = slow

    async def run() -> list[Any]:
        service = world.service()
        waiting = [asyncio.create_task(service.get("x")) for _ in range(MAX_IN_FLIGHT)]
        await asyncio.sleep(0)
        try:
            with pytest.raises(TooBusyError):
                await service.accept("six")
        finally:
            gate.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert (await service.accept("six")).phase == "pending", "there is room again"
        service.close()
        return outcomes

    assert {type(outcome) for outcome in asyncio.run(run())} == {ValidationNotFoundError}
