"""What a release depends on, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages import InvalidArgumentError, NotFoundError
from thoth.storages.graph.release_records import ReleaseRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
RHEL = {"os_name": "rhel", "os_version": "9", "python_version": "3.11"}
OLD = {"os_name": "rhel", "os_version": "7", "python_version": "3.6"}


@pytest.fixture
def known(graph: GraphDatabase) -> GraphDatabase:
    graph.releases.record(
        [
            ReleaseRecord(
                "app",
                "1.0",
                PYPI,
                dependencies=(
                    "Lib>=2",
                    'lib<2 ; python_version < "3.7"',
                    'colour ; sys_platform == "win32"',
                    'extra-lib ; extra == "More.Colours"',
                    "no-release-known",
                ),
            ),
            ReleaseRecord("app", "0.9", PYPI, dependencies=("lib==1.0",)),
            ReleaseRecord("bare", "1.0", PYPI, dependencies=()),
            ReleaseRecord("opaque", "1.0", PYPI),
            *(ReleaseRecord("lib", version, PYPI) for version in ("10.0", "2.0", "3.0rc1", "1.0")),
            ReleaseRecord("lib", "2.0", "https://other.example/simple/"),
            ReleaseRecord("lib", "2.1", PYPI, is_missing=True),
            ReleaseRecord("lib", "of-no-order", PYPI),
            ReleaseRecord("colour", "1.0", PYPI),
            ReleaseRecord("extra-lib", "1.0", PYPI),
        ]
    )
    return graph


def test_every_known_release_that_is_admitted_comes_once_in_the_order_of_versions(
    known: GraphDatabase,
) -> None:
    assert known.get_depends_on("App", "1.0", PYPI, extras=frozenset({None})) == {
        "": [
            ("colour", "1.0"),
            ("lib", "1.0"),
            ("lib", "2.0"),
            ("lib", "2.1"),
            ("lib", "3.0rc1"),
            ("lib", "10.0"),
        ]
    }


def test_extras_are_told_apart(known: GraphDatabase) -> None:
    everything = known.get_depends_on("app", "1.0", PYPI)
    assert list(everything) == ["", "more-colours"]
    assert everything["more-colours"] == [("extra-lib", "1.0")]
    assert known.get_depends_on("app", "1.0", extras=frozenset({"more_colours"})) == {
        "more-colours": [("extra-lib", "1.0")]
    }
    assert (
        known.get_depends_on("app", "1.0", extras=frozenset({None, "more-colours"})) == everything
    )
    assert known.get_depends_on("app", "1.0", extras=frozenset({"no-such"})) == {}


def test_markers_are_evaluated_only_when_asked(known: GraphDatabase) -> None:
    def names(environment: dict[str, str], result: bool | None) -> list[tuple[str, str]]:
        return known.get_depends_on(
            "app",
            "1.0",
            extras=frozenset({None}),
            marker_evaluation_result=result,
            **environment,
        ).get("", [])

    assert names(RHEL, None) == names({}, None)
    assert ("lib", "1.0") not in names(RHEL, True)
    assert ("lib", "1.0") in names(OLD, True)
    assert names(RHEL, False) == [("colour", "1.0"), ("lib", "1.0")]


def test_what_an_environment_leaves_open_is_kept_either_way(known: GraphDatabase) -> None:
    for result in (True, False):
        found = known.get_depends_on(
            "app", "1.0", extras=frozenset({None}), marker_evaluation_result=result, os_name="rhel"
        )[""]
        assert ("lib", "1.0") in found
        assert (("colour", "1.0") in found) is (result is False)


def test_the_recorded_markers_of_an_environment_count(known: GraphDatabase) -> None:
    with known.migration_connection() as connection:
        connection.execute(
            "INSERT INTO software_environment (os_name, os_version, python_version, markers)"
            " VALUES ('rhel', '9', '3.11', %s)",
            ['{"sys_platform": "win32", "python_version": "3.11"}'],
        )
    found = known.get_depends_on("app", "1.0", marker_evaluation_result=True, **RHEL)
    assert ("colour", "1.0") in found[""]


def test_missing_dependencies_can_be_chosen(known: GraphDatabase) -> None:
    assert known.get_depends_on("app", "1.0", is_missing=True) == {"": [("lib", "2.1")]}
    assert ("lib", "2.1") not in known.get_depends_on("app", "1.0", is_missing=False)[""]


def test_without_a_version_all_releases_of_the_package_count(known: GraphDatabase) -> None:
    assert known.get_depends_on("app", "0.9") == {"": [("lib", "1.0")]}
    assert set(known.get_depends_on("app")) == {"", "more-colours"}


@pytest.mark.parametrize("name", ["bare", "opaque"])
def test_a_release_without_known_dependencies_has_none(known: GraphDatabase, name: str) -> None:
    assert known.get_depends_on(name, "1.0", PYPI) == {}


def test_answers_are_fresh(known: GraphDatabase) -> None:
    known.get_depends_on("app", "0.9")[""].clear()
    assert known.get_depends_on("app", "0.9") == {"": [("lib", "1.0")]}


@pytest.mark.parametrize(
    "release", [("nothing", "1.0", None), ("app", "7", None), ("app", "1.0", "https://no.example/")]
)
def test_an_unknown_release_is_not_found(
    known: GraphDatabase, release: tuple[str, str, str | None]
) -> None:
    with pytest.raises(NotFoundError, match=release[0]):
        known.get_depends_on(*release)
    with pytest.raises(NotFoundError, match=release[0]):
        known.get_python_package_version_records(
            *release, os_name=None, os_version=None, python_version=None
        )


@pytest.mark.parametrize(
    ("argument", "ask"),
    [
        ("package_name", lambda graph: graph.get_depends_on("")),
        ("package_version", lambda graph: graph.get_depends_on("app", 1)),
        ("index_url", lambda graph: graph.get_depends_on("app", "1.0", "ftp://x")),
        ("extras", lambda graph: graph.get_depends_on("app", extras="x")),
        ("extras", lambda graph: graph.get_depends_on("app", extras=5)),
        ("extras", lambda graph: graph.get_depends_on("app", extras=frozenset({1}))),
        ("extras", lambda graph: graph.get_depends_on("app", extras=map(str, range(1_001)))),
        ("is_missing", lambda graph: graph.get_depends_on("app", is_missing="no")),
        (
            "marker_evaluation_result",
            lambda graph: graph.get_depends_on("app", marker_evaluation_result="yes"),
        ),
        ("os_name", lambda graph: graph.get_depends_on("app", os_name="a\0")),
    ],
)
def test_wrong_arguments_are_named(
    known: GraphDatabase, argument: str, ask: Callable[[GraphDatabase], object]
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        ask(known)
    assert caught.value.argument == argument


def test_records_are_of_the_environments_that_a_solver_saw(known: GraphDatabase) -> None:
    with known.migration_connection() as connection:
        connection.execute(
            """
            WITH environment AS (
                INSERT INTO software_environment (os_name, os_version, python_version)
                VALUES ('rhel', '9', '3.11'), ('rhel', '8', '3.8') RETURNING id, os_version),
            result AS (
                INSERT INTO solver_result (software_environment_id, created_at, document_id,
                                           solver_name)
                SELECT id, now(), 'solver-' || os_version || '-' || run, 'solver-' || os_version
                  FROM environment, generate_series(1, 2) AS run
                RETURNING id)
            INSERT INTO solved (release_id, solver_result_id, error)
            SELECT release.id, result.id, false FROM result, release
              JOIN package ON package.id = package_id WHERE name = 'bare'
            """
        )
    anywhere = {"os_name": None, "os_version": None, "python_version": None}
    bare = {"package_name": "bare", "package_version": "1.0", "index_url": PYPI}
    old = {**bare, "os_name": "rhel", "os_version": "8", "python_version": "3.8"}
    assert known.get_python_package_version_records("bare", "1.0", None, **anywhere) == [
        old,
        {**bare, **RHEL},
    ]
    ubi = {**anywhere, "os_name": "ubi", "os_version": "8.4"}
    assert known.get_python_package_version_records("bare", "1.0", PYPI, **ubi) == [old]
    assert known.get_python_package_version_records("bare", "1.0", PYPI, **OLD) == []
    assert known.get_python_package_version_records("opaque", "1.0", PYPI, **anywhere) == [
        {**bare, **anywhere, "package_name": "opaque"}
    ]


def test_the_marker_between_two_releases(known: GraphDatabase) -> None:
    def marker(dependency: tuple[str, str], result: bool | None = None) -> str | None:
        name, version = dependency
        return known.get_python_environment_marker(
            "app",
            "1.0",
            PYPI,
            dependency_name=name,
            dependency_version=version,
            marker_evaluation_result=result,
            **RHEL,
        )

    assert marker(("lib", "2.0")) is None
    assert marker(("lib", "2.0"), result=True) is None
    assert marker(("lib", "1.0")) == 'python_version < "3.7"'
    assert marker(("lib", "1.0"), result=False) == 'python_version < "3.7"'
    assert marker(("extra-lib", "1.0"), result=True) == 'extra == "more-colours"'
    with pytest.raises(NotFoundError, match="whose marker is True"):
        marker(("lib", "1.0"), result=True)
    with pytest.raises(NotFoundError, match="admits"):
        marker(("bare", "1.0"))


def test_whether_a_marker_holds(known: GraphDatabase) -> None:
    def holds(name: str, version: str, environment: dict[str, str]) -> bool:
        return known.get_python_environment_marker_evaluation_result(
            "app",
            "1.0",
            PYPI,
            dependency_name=name,
            dependency_version=version,
            **environment,
        )

    assert holds("lib", "2.0", RHEL)
    assert not holds("lib", "1.0", RHEL)
    assert holds("lib", "1.0", OLD)
    assert holds("extra-lib", "1.0", RHEL)
    assert not holds("colour", "1.0", RHEL)
    with pytest.raises(InvalidArgumentError, match="python_version"):
        holds("lib", "1.0", {**RHEL, "python_version": ""})
