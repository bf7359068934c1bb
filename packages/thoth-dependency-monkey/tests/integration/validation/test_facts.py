"""What is known already is not asked again, and facts never answer for what they are not about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from thoth.dependency_monkey.testing import IndexServer, InMemoryIndex, ReleaseSpec
from thoth.dependency_monkey.validation.limits import Limits
from thoth.dependency_monkey.validation.store import GraphFactStore, MemoryFactStore
from thoth.storages import GraphDatabase
from thoth.storages.testing import empty_database

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def graph(server_parameters, migrated_database):
    with (
        empty_database(server_parameters, like=migrated_database) as settings,
        GraphDatabase(settings) as database,
    ):
        yield database


@pytest.fixture(params=["memory", "graph"])
def store(request):
    if request.param == "memory":
        return MemoryFactStore()
    graph = request.getfixturevalue("graph")
    with graph.migration_connection() as connection:
        connection.execute("DELETE FROM package_index; DELETE FROM artifact_metadata")
    return GraphFactStore(graph)


def fill(server: IndexServer) -> None:
    server.add("app", "1", requires_dist=["lib>=1", "lib[x]"])
    server.add("lib", "1", extras=["x"], requires_dist=["six; extra == 'x'"])
    server.add("lib", "2", wheel_tags=(), sdist=True, static=False)
    server.add("six", "1", wheel_tags=(), sdist=True)


def later(seconds: float):
    return lambda: NOON + timedelta(seconds=seconds)


def lock(validation):
    return [(r.name, r.version, r.index, r.requires_python) for r in validation.lock]


def test_a_second_run_within_max_age_asks_nothing(asker, store):
    with IndexServer() as server:
        fill(server)
        first = asker.ask("app", server, store=store, clock=later(0))
        assert asker.pins(first) == {"app": "1", "lib": "1", "six": "1"}
        asked = len(server.requests)
        assert first.timings["requests"] > 0
        second = asker.ask("app", server, store=store, clock=later(600), max_age=600)
        assert len(server.requests) == asked
        assert second.timings["requests"] == 0
        assert (second.lock, second.graph) == (first.lock, first.graph)
        assert second.warnings == first.warnings
        assert second.index_state == first.index_state


def test_a_later_run_asks_only_whether_pages_changed(asker, store):
    with IndexServer(etags=True) as server:
        fill(server)
        first = asker.ask("app", server, store=store, clock=later(0))
        del server.requests[:]
        second = asker.ask("app", server, store=store, clock=later(601), max_age=600)
        assert {request.status for request in server.requests} == {304}
        assert sorted(r.path for r in server.requests) == [
            "/simple/app/",
            "/simple/lib/",
            "/simple/six/",
        ]
        assert second.lock == first.lock
        assert second.index_state[0].oldest_checked_at == later(601)()
        del server.requests[:]
        asker.ask("app", server, store=store, clock=later(1_200), max_age=600)
        assert server.requests == []


def test_without_validators_a_later_run_asks_for_pages_but_no_metadata(asker, store):
    with IndexServer() as server:
        fill(server)
        first = asker.ask("app", server, store=store, clock=later(0))
        del server.requests[:]
        second = asker.ask("app", server, store=store, clock=later(601), max_age=600)
        assert {(r.path, r.status) for r in server.requests} == {
            (f"/simple/{name}/", 200) for name in ("app", "lib", "six")
        }
        assert second.lock == first.lock


def test_max_age_0_always_asks(asker, store):
    with IndexServer() as server:
        fill(server)
        asker.ask("app", server, store=store, clock=later(0))
        asker.ask("app", server, store=store, clock=later(1), max_age=0)
        assert server.asked("/simple/app/") == 2


def test_facts_from_the_future_are_not_trusted(asker, store):
    with IndexServer() as server:
        fill(server)
        asker.ask("app", server, store=store, clock=later(3_600))
        asker.ask("app", server, store=store, clock=later(0))
        assert server.asked("/simple/app/") == 2


def test_a_later_run_sees_what_changed(asker, store):
    with IndexServer(etags=True) as server:
        fill(server)
        asker.ask("app", server, store=store, clock=later(0))
        server.add("lib", "3", extras=["x"])
        within = asker.ask("app", server, store=store, clock=later(10))
        assert asker.pins(within) == {"app": "1", "lib": "1", "six": "1"}
        after = asker.ask("app", server, store=store, clock=later(601))
        assert asker.pins(after) == {"app": "1", "lib": "3"}
        server.remove("lib")
        gone = asker.ask("app", server, store=store, clock=later(1_300))
        assert gone.reason == "package_not_found"


def test_absent_packages_are_remembered_too(asker, store):
    with IndexServer() as server:
        first = asker.ask("nonsense", server, store=store, clock=later(0))
        second = asker.ask("nonsense", server, store=store, clock=later(600))
        assert first.reason == second.reason == "package_not_found"
        assert server.asked("/simple/nonsense/") == 1
        offline = asker.ask("nonsense", server, store=store, offline=True)
        assert offline.reason == "package_not_found"
        server.add("nonsense", "1")
        assert asker.ask("nonsense", server, store=store, clock=later(601)).valid is True


def test_offline_answers_from_what_is_known_however_old(asker, store):
    with IndexServer() as server:
        fill(server)
        first = asker.ask("app", server, store=store, clock=later(0))
        asked = len(server.requests)
        offline = asker.ask("app", server, store=store, clock=later(10**8), offline=True)
        assert len(server.requests) == asked
        assert offline.lock == first.lock


@pytest.mark.parametrize("stack", ["six", "app\nunheard-of"])
def test_offline_says_what_is_missing(asker, store, stack):
    with IndexServer() as server:
        server.add("app", "1")
        asker.ask("app", server, store=store)
        validation = asker.ask(stack, server, store=store, offline=True)
        assert (validation.valid, validation.reason) == (None, "index_unreachable")
        missing = stack.split("\n")[-1]
        assert missing in validation.results[0].detail
        assert "offline" in validation.results[0].detail


def test_offline_says_which_metadata_is_missing(asker, store):
    with IndexServer() as server:
        server.add("app", "1")
        server.add("app", "2")
        asker.ask("app", server, store=store)
        validation = asker.ask("app<2", server, store=store, offline=True)
        assert (validation.valid, validation.reason) == (None, "metadata_unavailable")
        assert "app 1" in validation.results[0].detail


def test_metadata_that_was_missing_is_looked_for_again_with_its_page(asker, store):
    with IndexServer(metadata_files=False) as server:
        server.add("app", "1")
        content = server.content("app-1-py3-none-any.whl")
        server.add_file("app", "app-1-py3-none-any.whl", b"x" * len(content))
        server.hashes = False
        first = asker.ask("app", server, store=store, clock=later(0))
        assert first.reason == "metadata_unavailable"
        server.add_file("app", "app-1-py3-none-any.whl", content)
        again = asker.ask("app", server, store=store, clock=later(601))
        assert asker.pins(again) == {"app": "1"}


# -- several indexes -----------------------------------------------------------------------------


def test_facts_of_two_indexes_do_not_mix(asker, store):
    with IndexServer() as one, IndexServer() as other:
        one.add("app", "1")
        other.add("app", "2", requires_dist=["six"])
        other.add("six", "1")
        assert asker.pins(asker.ask("app", one, store=store)) == {"app": "1"}
        assert asker.pins(asker.ask("app", other, store=store)) == {"app": "2", "six": "1"}
        assert asker.pins(asker.ask("app", one, store=store)) == {"app": "1"}
        offline = asker.ask("six", one, store=store, offline=True)
        assert offline.valid is None


def test_what_an_index_says_of_a_file_does_not_count_for_another_indexes_file(asker, store):
    # A hostile index gives the hash of somebody else's wheel, and metadata of its own making.
    hostile = InMemoryIndex({"app": {"1": ["evil"]}, "evil": {"1": []}}, url="https://evil.test/")
    honest = InMemoryIndex({"app": {"1": []}}, url="https://honest.test/")
    assert asker.pins(asker.ask("app", hostile, store=store)) == {"app": "1", "evil": "1"}
    validation = asker.ask("app", honest, store=store)
    assert asker.pins(validation) == {"app": "1"}
    assert validation.lock[0].artifacts[0].sha256 is not None


def test_files_that_claim_one_hash_have_their_own_metadata(asker, store):
    with IndexServer() as server:
        server.add("app", "1", requires_dist=["lib"])
        server.add("lib", "1", requires_dist=["six"])
        server.add("six", "1")
        server._sha256 = lambda filename: "ab" * 32
        for _ in range(2):
            validation = asker.ask("app", server, store=store)
            assert asker.pins(validation) == {"app": "1", "lib": "1", "six": "1"}


def test_an_index_that_was_asked_in_vain_is_asked_again_in_time(asker, store):
    with IndexServer() as one, IndexServer() as other:
        other.add("app", "1")
        first = asker.ask("app", one, other, store=store, clock=later(0))
        assert lock(first)[0][2] == other.url
        one.add("app", "5")
        assert asker.pins(asker.ask("app", one, other, store=store, clock=later(60))) == {
            "app": "1"
        }
        again = asker.ask("app", one, other, store=store, clock=later(601))
        assert asker.pins(again) == {"app": "5"}


# -- ways to the same facts ----------------------------------------------------------------------

WAYS = {
    "JSON": {},
    "HTML": {"json": False},
    "no hashes": {"hashes": False},
    "range requests": {"metadata_files": False},
    "whole wheels": {"metadata_files": False, "ranges": False},
    "whole wheels, HTML": {"json": False, "metadata_files": False, "ranges": False},
    "validators": {"etags": True},
}


@pytest.mark.parametrize("switches", WAYS.values(), ids=WAYS.keys())
def test_every_way_to_the_facts_gives_the_same_lock(asker, switches):
    with IndexServer(**switches) as server:
        fill(server)
        server.add_release("app", "2", ReleaseSpec(requires_python=">=3.13"))
        server.add_release("app", "3", ReleaseSpec(yanked="<b>bad</b>"))
        validation = asker.ask("app", server)
        assert asker.pins(validation) == {"app": "1", "lib": "1", "six": "1"}
        assert asker.warned(validation) == [("newer_release_needs_build", "lib")]
        assert [r.extras for r in validation.lock] == [(), ("x",), ()]


@pytest.mark.parametrize("connections", [1, 2, 32])
def test_the_number_of_connections_changes_no_lock(asker, connections):
    with IndexServer() as server:
        for name in "abcdefgh":
            for version in range(5):
                needs = [f"{other}>={version}" for other in "abcdefgh" if other > name]
                server.add(name, str(version), requires_dist=needs)
        limits = replace(asker.limits, connections=connections)
        validation = asker.ask("a\nh<3", server, index_limits=limits)
        assert asker.pins(validation) == dict.fromkeys("abcdefgh", "2")


# -- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["pages", "metadata_files"])
def test_an_index_is_asked_for_so_much_and_no_more(asker, limit):
    index = InMemoryIndex({f"p{n}": {"1": [f"p{n + 1}"]} for n in range(50)})
    validation = asker.ask("p0", index, limits=Limits(**{limit: 10}))
    assert (validation.valid, validation.reason) == (None, "limit_exceeded")
    kind = limit.partition("_")[0].removesuffix("s")
    assert sum(asked == kind for asked, _ in index.asked) == 10


def test_what_is_known_already_counts_against_no_limit(asker):
    index = InMemoryIndex({f"p{n}": {"1": [f"p{n + 1}"]} for n in range(9)} | {"p9": {"1": []}})
    store = MemoryFactStore()
    assert asker.ask("p0", index, store=store).valid is True
    limits = Limits(pages=0, metadata_files=0)
    assert asker.ask("p0", index, store=store, limits=limits).valid is True


def test_decisions_are_limited(asker):
    index = {f"p{n}": {"1": [f"p{n + 1}"]} for n in range(9)} | {"p9": {"1": []}}
    validation = asker.ask("p0", index, limits=Limits(decisions=5))
    assert (validation.valid, validation.reason) == (None, "limit_exceeded")
    assert "5 decisions" in validation.results[0].detail
