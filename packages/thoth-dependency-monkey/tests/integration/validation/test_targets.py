"""One question, several targets: each has its own answer, and the strictest is the verdict."""

from __future__ import annotations

import time

from thoth.dependency_monkey.testing import InMemoryIndex, ReleaseSpec

OLD = "cp311-manylinux_2_28_x86_64"
NEW = "cp313-manylinux_2_28_x86_64"


def test_every_target_has_its_own_lock(asker):
    index = {
        "app": {
            "1": [],
            "2": ReleaseSpec(requires_python=">=3.13", requires_dist=["six"]),
        },
        "six": {"1": []},
    }
    validation = asker.ask("app", index, targets=(OLD, NEW))
    assert validation.valid is True
    assert [result.target.id for result in validation.results] == [OLD, NEW]
    locks = [{r.name: r.version for r in result.lock} for result in validation.results]
    assert locks == [{"app": "1"}, {"app": "2", "six": "1"}]
    assert (validation.lock, validation.graph, validation.explanation) == (None, None, None)


def test_one_target_on_which_it_is_impossible_makes_the_verdict_false(asker):
    index = {"app": {"1": ReleaseSpec(requires_python=">=3.13")}}
    validation = asker.ask("app", index, targets=(NEW, OLD))
    assert [result.valid for result in validation.results] == [True, False]
    assert (validation.valid, validation.reason) == (False, "python_mismatch")
    assert validation.phase == "succeeded"


def test_undecided_on_one_target_is_undecided_unless_another_is_impossible(asker):
    opaque = ReleaseSpec(wheel_tags=[], sdist=True, static=False)
    wheel = ReleaseSpec(wheel_tags=["cp313-cp313-manylinux_2_28_x86_64"])
    index = InMemoryIndex({"app": {"1": wheel, "2": opaque}})
    validation = asker.ask("app", index, targets=(NEW, OLD))
    assert [result.valid for result in validation.results] == [True, None]
    assert (validation.valid, validation.phase) == (None, "failed")
    index.releases["app"]["1"] = ReleaseSpec(wheel_tags=["cp313-cp313-win_amd64"])
    del index.releases["app"]["2"]
    assert asker.ask("app", index, targets=(NEW, OLD)).valid is False


def test_what_failed_for_one_target_fails_at_once_for_the_next(asker):
    index = InMemoryIndex({"app": {"1": ["six"]}, "six": {"1": []}})
    index.unreachable.add("six")
    started = time.monotonic()
    validation = asker.ask("app", index, targets=(OLD, NEW))
    assert time.monotonic() - started < 15
    assert [result.reason for result in validation.results] == ["index_unreachable"] * 2
    assert index.asked.count(("page", "six")) == 1


def test_targets_share_what_was_fetched(asker):
    index = InMemoryIndex({"app": {"1": ["six"]}, "six": {"1": []}})
    asker.ask("app", index, targets=(OLD, NEW))
    assert len(index.asked) == len(set(index.asked)) == 4
