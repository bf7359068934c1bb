"""Which releases were solved, which not, and which could not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import InvalidArgumentError
from thoth.storages.testing import solver_document

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
RHEL = {"os_name": "rhel", "os_version": "9", "python_version": "3.11"}
FEDORA = {"os_name": "fedora", "os_version": "35", "python_version": "3.10"}
GOOD, BAD, VAIN, UNREAD = (
    ("good", "1.0", PYPI),
    ("bad", "1.0", PYPI),
    ("vain", "1.0", PYPI),
    ("unread", "1.0", None),
)
UNSOLVED = [("dependency", f"1.{minor}", PYPI) for minor in (2, 9, 10)]


def sync(graph: GraphDatabase, name: str, **result: Any) -> None:
    content = solver_document(0, dependencies=8)
    content["metadata"]["document_id"] = name
    content["result"] = {"tree": [], **result}
    graph.sync_solver_result(content)


def entry(release: tuple[str, str, str | None], **more: Any) -> dict[str, Any]:
    return {
        "package_name": release[0],
        "package_version": release[1],
        "index_url": release[2],
        **more,
    }


@pytest.fixture
def known(graph: GraphDatabase) -> GraphDatabase:
    """On RHEL all but `good` fail; on Fedora `bad` is good, and so is `good`, twice."""
    resolved = [{"index": PYPI, "versions": [version for _, version, _ in UNSOLVED]}]
    dependency = {"package_name": "dependency", "resolved_versions": resolved}
    sync(
        graph,
        "solver-rhel-9-py311-220101000000-0000000000000001",
        tree=[entry(GOOD, dependencies=[dependency])],
        errors=[entry(BAD)],
        unresolved=[{"package_name": "vain", "version_spec": "===1.0", "index_url": PYPI}],
        unparsed=[{"requirement": "unread==1.0"}],
    )
    sync(graph, "solver-fedora-35-py310-220102000000-0000000000000002", tree=[entry(GOOD)])
    fedora = "solver-fedora-35-py310-220103000000-0000000000000003"
    sync(graph, fedora, tree=[entry(GOOD), entry(BAD)])
    return graph


def test_releases_with_a_result_are_solved(known: GraphDatabase) -> None:
    assert known.get_solved_python_package_versions_all() == [BAD, GOOD, UNREAD, VAIN]
    assert known.get_solved_python_package_versions_all(**FEDORA) == [BAD, GOOD]
    assert known.get_solved_python_package_versions_all("Good", "v1.0") == [GOOD]
    assert known.get_solved_python_package_versions_all(is_missing=True) == [VAIN]
    assert known.get_solved_python_package_versions_all(start_offset=1, count=1) == [GOOD]


def test_releases_without_one_are_unsolved(known: GraphDatabase) -> None:
    ask = known.get_unsolved_python_package_versions_all
    assert ask(randomize=False) == UNSOLVED
    assert ask(randomize=False, **FEDORA) == [*UNSOLVED, UNREAD, VAIN]
    assert ask("dependency", "1.9") == [UNSOLVED[1]]
    assert ask(randomize=False, start_offset=1, count=1) == [UNSOLVED[1]]


def test_a_random_order_has_the_same_releases(known: GraphDatabase) -> None:
    orders = {tuple(known.get_unsolved_python_package_versions_all()) for _ in range(60)}
    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {frozenset(UNSOLVED)}


def test_the_newest_result_in_an_environment_makes_an_error(known: GraphDatabase) -> None:
    ask = known.get_error_solved_python_package_versions_all
    assert ask() == [BAD, UNREAD, VAIN]
    assert ask(**FEDORA) == []
    assert ask(unsolvable=True) == [VAIN]
    assert ask(unparseable=True, **RHEL) == [UNREAD]
    assert ask(unsolvable=True, unparseable=True) == [UNREAD, VAIN]
    rhel = "solver-rhel-9-py311-220201000000-0000000000000004"
    sync(known, rhel, tree=[entry(BAD)])
    assert ask("bad") == []


def test_counts_agree_with_listings(known: GraphDatabase) -> None:
    environments: list[dict[str, Any]] = [{}, RHEL, FEDORA, {"os_name": "debian"}]
    for environment in environments:
        for package in (None, "bad", "dependency", "nothing"):
            counts = []
            for kind in ("solved", "unsolved"):
                listed = getattr(known, f"get_{kind}_python_package_versions_all")
                counted = getattr(known, f"get_{kind}_python_package_versions_count_all")
                counts.append(counted(package, **environment))
                assert len(listed(package, **environment)) == counts[-1]
            assert sum(counts) == known.get_python_package_versions_count_all(package)


def test_environments_of_a_release_are_listed(known: GraphDatabase) -> None:
    ask = known.get_solved_python_package_version_environments_all
    assert ask(*GOOD) == [FEDORA, FEDORA, RHEL]
    assert ask(*GOOD, distinct=True) == [FEDORA, RHEL]
    assert ask(*GOOD, start_offset=1, count=1) == [FEDORA]
    assert ask("nothing", "1", None) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": -1},
        {"start_offset": None},
        {"distinct": 1},
        {"os_name": 3},
        {"package_name": "\0"},
    ],
)
def test_wrong_questions_are_refused(graph: GraphDatabase, wrong: dict[str, Any]) -> None:
    for kind in ("solved", "unsolved", "error_solved"):
        with pytest.raises(InvalidArgumentError):
            getattr(graph, f"get_{kind}_python_package_versions_all")(**wrong)
    with pytest.raises(InvalidArgumentError):
        graph.get_unsolved_python_package_versions_all(randomize=None)  # type: ignore[arg-type]
