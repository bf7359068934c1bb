"""Retention on a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from thoth.dependency_monkey.jobs import retention
from thoth.dependency_monkey.jobs.queue import enqueue
from thoth.dependency_monkey.jobs.retention import Retention
from thoth.storages.testing.contracts import absent, page
from thoth.storages.testing.validation_contract import new_validation, succeeded

if TYPE_CHECKING:
    import pytest

    from thoth.storages import GraphDatabase


def log_rows(graph: GraphDatabase) -> int:
    with graph.migration_connection() as connection:
        row = connection.execute("SELECT count(*) FROM queue.pgqueuer_log").fetchone()
    assert row is not None
    return int(row[0])


def test_what_has_expired_goes_with_its_job_its_result_and_the_log_of_the_queue(
    graph: GraphDatabase,
) -> None:
    now = datetime.now(UTC)
    soon, late = now + timedelta(days=30), now + timedelta(days=60)
    waiting = graph.validations.accept(new_validation(expires_at=soon), enqueue=enqueue)
    old = graph.validations.accept_finished(new_validation(expires_at=soon), succeeded("old"))
    kept = graph.validations.accept_finished(new_validation(expires_at=late), succeeded("kept"))
    assert Retention(graph).run_once() == 0
    assert log_rows(graph) == 1
    assert Retention(graph, clock=lambda: now + timedelta(days=31)).run_once() == 2
    assert log_rows(graph) == 0
    assert graph.validations.list(10) == ((kept.id,), None)
    assert graph.validations.begin(waiting.job_id, worker="w") is None
    assert old.result_digest is not None
    assert kept.result_digest is not None
    assert graph.validations.result(old.result_digest) is None
    assert graph.validations.result(kept.result_digest) == b"result kept"


INDEX = "https://index.example/simple/"


def record_absent(graph: GraphDatabase, checked_at: datetime, *names: str) -> None:
    records = [absent(name, checked_at=checked_at) for name in names]
    graph.pages.record(INDEX, [page("six", checked_at=checked_at), *records])


def kept(graph: GraphDatabase, *names: str) -> list[str]:
    return sorted(graph.pages.get(INDEX, [*names, "six"], format=1))


def test_that_a_package_does_not_exist_is_forgotten_when_nobody_asked_for_long(
    graph: GraphDatabase,
) -> None:
    now = datetime.now(UTC)
    record_absent(graph, now - timedelta(days=31), "old")
    record_absent(graph, now - timedelta(days=29), "recent")
    Retention(graph, keeps_pages=True).run_once()
    assert kept(graph, "old", "recent") == ["old", "recent", "six"]
    Retention(graph).run_once()
    assert kept(graph, "old", "recent") == ["recent", "six"]


def test_however_many_names_are_made_up_only_so_many_are_kept(
    graph: GraphDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE_BATCH", 3)
    now = datetime.now(UTC)
    names = [f"made-up-{number:02}" for number in range(20)]
    for number, name in enumerate(names):
        record_absent(graph, now - timedelta(minutes=20 - number), name)
    Retention(graph, most_absent_pages=4).run_once()
    assert kept(graph, *names) == [*names[-4:], "six"]


def test_it_goes_on_until_told_to_stop_though_the_database_is_away(
    graph: GraphDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    past = datetime.now(UTC) + timedelta(seconds=-1)
    graph.validations.accept_finished(new_validation(expires_at=past), succeeded())

    async def logged(text: str) -> None:
        while text not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)

    async def run() -> None:
        stopping = asyncio.Event()
        running = asyncio.create_task(Retention(graph, interval=0.05).run(stopping))
        await logged("Removed 1 expired")
        graph.disconnect()
        await logged("could not be removed")
        graph.connect()
        stopping.set()
        await asyncio.wait_for(running, 10)

    with caplog.at_level("INFO"):
        asyncio.run(asyncio.wait_for(run(), 20))
