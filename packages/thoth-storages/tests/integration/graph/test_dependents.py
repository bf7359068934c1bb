"""Who requires a package, what goes together with a release, and which stacks contain it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages import AnswerTooLargeError, InvalidArgumentError, NotFoundError
from thoth.storages.graph.queries import dependents
from thoth.storages.graph.release_records import ReleaseRecord

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"


def release(name: str, version: str, *dependencies: str) -> ReleaseRecord:
    return ReleaseRecord(name, version, PYPI, dependencies=dependencies)


@pytest.fixture
def known(graph: GraphDatabase) -> GraphDatabase:
    graph.releases.record(
        [
            release("base", "1"),
            release("base", "2"),
            release("middle", "1", "base<2"),
            release("middle", "10", 'base[fast]>=2 ; python_version >= "3.8"'),
            release("middle", "9", "base>=2"),
            release("optional", "1", 'middle>9 ; extra == "all"'),
            release("top", "1", "optional"),
            release("top", "2", "optional[all]"),
        ]
    )
    return graph


def named(records: list[dict[str, object]]) -> list[str]:
    return [
        f"{record['package_name']} {record['package_version']} {record['dependency_name']}"
        f"{record['specifier']}"
        for record in records
    ]


def test_the_versions_that_require_a_package(known: GraphDatabase) -> None:
    assert known.retrieve_dependent_packages("Base") == {"middle": ["1", "9", "10"]}
    assert known.retrieve_dependent_packages("base", "1.0") == {"middle": ["1"]}
    assert known.retrieve_dependent_packages("base", "not of PEP 440") == {}
    assert known.retrieve_dependent_packages("top") == {}


def test_direct_dependents_come_with_their_requirement(known: GraphDatabase) -> None:
    found = known.get_python_package_version_dependents_all("base")
    assert named(found) == ["middle 1 base<2", "middle 9 base>=2", "middle 10 base>=2"]
    assert found[2] == {
        "package_name": "middle",
        "package_version": "10",
        "index_url": PYPI,
        "dependency_name": "base",
        "specifier": ">=2",
        "extras": ["fast"],
        "marker": 'python_version >= "3.8"',
        "url": None,
    }
    assert known.get_python_package_version_dependents_all("base", os_name="rhel") == []
    assert known.get_python_package_version_dependents_all("base", start_offset=1, count=1) == [
        found[1]
    ]


def test_transitive_dependents_go_through_extras_only_where_they_are_asked_for(
    known: GraphDatabase,
) -> None:
    ask = known.get_python_package_version_dependents_transitive_all
    assert named(ask("base")) == [
        "middle 1 base<2",
        "middle 9 base>=2",
        "middle 10 base>=2",
        "optional 1 middle>9",
        "top 2 optional",
    ]
    assert named(ask("base", "1")) == ["middle 1 base<2"]
    assert named(ask("base", direct=False)) == ["optional 1 middle>9", "top 2 optional"]
    assert named(ask("base", "2", direct=True)) == ["middle 9 base>=2", "middle 10 base>=2"]


def test_too_many_dependents_say_so(known: GraphDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependents, "MAX_DEPENDENTS", 2)
    for direct in (None, True):
        with pytest.raises(AnswerTooLargeError) as caught:
            known.get_python_package_version_dependents_transitive_all("base", direct=direct)
        assert caught.value.limit == 2


def test_an_unknown_package_is_not_found(known: GraphDatabase) -> None:
    for ask in (
        known.retrieve_dependent_packages,
        known.get_python_package_version_dependents_all,
        known.get_python_package_version_dependents_transitive_all,
    ):
        with pytest.raises(NotFoundError, match="nothing"):
            ask("nothing")


def test_releases_that_go_together(known: GraphDatabase) -> None:
    ask = known.get_compatible_python_package_versions_all
    assert ask("base", "middle", "9") == [("base", "2", PYPI)]
    assert ask("middle", "base", "2", python_version="3.11") == [
        ("middle", "9", PYPI),
        ("middle", "10", PYPI),
    ]
    assert ask("middle", "base", "1", python_version="3.7") == [
        ("middle", "1", PYPI),
        ("middle", "10", PYPI),
    ]
    assert ask("middle", "middle", "9") == [("middle", "9", PYPI)]
    assert ask("middle", "base", "2", start_offset=1, count=1) == [("middle", "10", PYPI)]
    assert ask("nothing", "base", "2") == []


def test_releases_of_unknown_dependencies_go_together_only_when_asked_for(
    known: GraphDatabase,
) -> None:
    known.releases.record([ReleaseRecord("middle", "11", PYPI)])
    ask = known.get_compatible_python_package_versions_all
    assert ("middle", "11", PYPI) not in ask("middle", "base", "2")
    assert ("middle", "11", PYPI) in ask("middle", "base", "2", include_unknown=True)
    with pytest.raises(NotFoundError, match="dependencies of middle 11"):
        ask("base", "middle", "11")
    assert len(ask("base", "middle", "11", include_unknown=True)) == 2
    with pytest.raises(NotFoundError, match="base 7"):
        ask("middle", "base", "7")
    with pytest.raises(InvalidArgumentError, match="other_version"):
        ask("middle", "base", "")


def test_the_stacks_that_contain_a_release(known: GraphDatabase) -> None:
    with known.migration_connection() as connection:
        connection.execute(
            """
            WITH lock AS (
                INSERT INTO stack_lock (ecosystem, digest)
                VALUES ('pypi', sha256('1')), ('pypi', sha256('2')) RETURNING id),
            contained AS (
                INSERT INTO stack_lock_release (stack_lock_id, release_id)
                SELECT (SELECT min(id) FROM lock), release.id FROM release)
            INSERT INTO software_stack (stack_lock_id, is_external, recorded_at,
                                        software_stack_type)
            SELECT id, false, now(), 'ADVISED' FROM lock
            """
        )
    (stack,) = known.get_python_software_stacks_all("base", "1", PYPI)
    assert stack["software_stack_type"] == "ADVISED"
    assert stack["os_name"] is None
    assert stack["requirements"] is None
    known.releases.record([release("alone", "1")])
    assert known.get_python_software_stacks_all("alone", "1") == []
