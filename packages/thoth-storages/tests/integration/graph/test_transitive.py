"""Everything that a release may pull in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages import AnswerTooLargeError, InvalidArgumentError, NotFoundError
from thoth.storages.graph.queries import transitive
from thoth.storages.graph.release_records import ReleaseRecord

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
PLAIN = frozenset({None})


def release(name: str, version: str, *dependencies: str) -> ReleaseRecord:
    return ReleaseRecord(name, version, PYPI, dependencies=dependencies)


@pytest.fixture
def known(graph: GraphDatabase) -> GraphDatabase:
    graph.releases.record(
        [
            release("app", "1", "lib[fast]>=1", 'docs ; extra == "docs"'),
            release("lib", "1", 'speedups ; extra == "fast"', 'docs ; extra == "docs"'),
            release("lib", "2", 'speedups>1 ; extra == "fast"', "app"),
            release("speedups", "1"),
            release("speedups", "2", 'windows ; sys_platform == "win32"'),
            release("docs", "1"),
            release("windows", "1"),
        ]
    )
    return graph


def edges(pairs: str) -> list[transitive.Edge]:
    def one(text: str) -> tuple[str, str, str | None]:
        name, _, version = text.partition("=")
        return name, version, PYPI

    found = (pair.split(">") for pair in pairs.split())
    return [(one(dependent), one(dependency)) for dependent, dependency in found]


def test_extras_are_followed_where_a_requirement_asks_for_them(known: GraphDatabase) -> None:
    assert known.retrieve_transitive_dependencies_python("app", "1", PYPI, extras=PLAIN) == edges(
        "app=1>lib=1 app=1>lib=2 lib=1>speedups=1 lib=1>speedups=2 lib=2>app=1 lib=2>speedups=2"
        " speedups=2>windows=1"
    )


def test_all_extras_are_those_of_the_release_asked_about(known: GraphDatabase) -> None:
    plain = known.retrieve_transitive_dependencies_python("app", "1", PYPI, extras=PLAIN)
    everything = known.retrieve_transitive_dependencies_python("app", "1", None)
    assert set(everything) - set(plain) == set(edges("app=1>docs=1"))


def test_an_environment_ends_what_does_not_apply_there(known: GraphDatabase) -> None:
    roots = ("app", "1", PYPI), ("speedups", "2", None)
    found = known.retrieve_transitive_dependencies_python_multi(
        *roots, os_name="rhel", os_version="9", python_version="3.11"
    )
    assert set(found) == set(roots)
    assert found["speedups", "2", None] == set()
    assert ("windows", "1", PYPI) not in {dependency for _, dependency in found[roots[0]]}


def test_of_no_releases_nothing_is_told(known: GraphDatabase) -> None:
    assert known.retrieve_transitive_dependencies_python_multi() == {}


def test_an_unknown_release_is_not_found(known: GraphDatabase) -> None:
    with pytest.raises(NotFoundError, match="app 2"):
        known.retrieve_transitive_dependencies_python("app", "2", PYPI)
    with pytest.raises(NotFoundError, match="nothing 1"):
        known.retrieve_transitive_dependencies_python_multi(
            ("app", "1", PYPI), ("nothing", "1", PYPI)
        )


@pytest.mark.parametrize("wrong", ["app", ("app", "1"), None, ("app", 1, PYPI), ("app", "1", "x")])
def test_what_is_no_release_is_refused(known: GraphDatabase, wrong: object) -> None:
    with pytest.raises(InvalidArgumentError):
        known.retrieve_transitive_dependencies_python_multi(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "most", "what"), [("MAX_REACHED", 3, "releases"), ("MAX_EDGES", 6, "edges")]
)
def test_an_answer_that_is_too_large_says_so(
    known: GraphDatabase, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, what: str
) -> None:
    monkeypatch.setattr(transitive, limit, most)
    with pytest.raises(AnswerTooLargeError, match=what) as caught:
        known.retrieve_transitive_dependencies_python("app", "1", PYPI, extras=PLAIN)
    assert caught.value.limit == most


def test_a_ladder_of_many_ways_is_reached_once(graph: GraphDatabase) -> None:
    depth, versions = 30, [str(version) for version in range(6)]
    graph.releases.record(
        [
            release(f"p{level}", version, *([f"p{level + 1}"] if level < depth else ()))
            for level in range(depth + 1)
            for version in versions
        ]
    )
    found = graph.retrieve_transitive_dependencies_python("p0", "0", PYPI)
    assert len(found) == len(versions) + (depth - 1) * len(versions) ** 2
