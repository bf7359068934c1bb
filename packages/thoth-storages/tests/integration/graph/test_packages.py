"""Which packages and releases are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages import InvalidArgumentError, NotFoundError
from thoth.storages.graph.release_records import ReleaseRecord

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
OTHER = "https://other.example/simple/"


@pytest.fixture
def known(graph: GraphDatabase) -> GraphDatabase:
    """Three packages; `Flask` on two indexes, `six` solved with Python 3.11 on RHEL 9."""
    ids = graph.releases.record(
        [
            ReleaseRecord(package="six", version="1.10", index_url=PYPI),
            ReleaseRecord(package="six", version="1.9.0", index_url=PYPI, is_missing=True),
            ReleaseRecord(package="six", version="not-a-version", index_url=PYPI),
            ReleaseRecord(package="Flask", version="2.0", index_url=OTHER),
            ReleaseRecord(package="Flask", version="2.0", index_url=PYPI),
            ReleaseRecord(package="Flask", version="2.0"),
            ReleaseRecord(package="zope.interface", version="5.0rc1", index_url=OTHER),
        ]
    )
    solve(graph, ids[0], "rhel", "9", "3.11")
    solve(graph, ids[0], "rhel", "9", "3.12")
    return graph


def solve(graph: GraphDatabase, release: int, *environment: str) -> None:
    os_name, os_version, python_version = environment
    solver = f"solver-{os_name}-{os_version}-py{python_version.replace('.', '')}"
    with graph.migration_connection() as connection:
        row = connection.execute(
            "INSERT INTO software_environment (os_name, os_version, python_version)"
            " VALUES (%s, %s, %s) RETURNING id",
            environment,
        ).fetchone()
        assert row is not None
        row = connection.execute(
            "INSERT INTO solver_result (software_environment_id, created_at, document_id,"
            " solver_name) VALUES (%s, now(), %s, %s) RETURNING id",
            (row[0], f"{solver}-1", solver),
        ).fetchone()
        assert row is not None
        connection.execute("INSERT INTO solved VALUES (%s, %s, false)", (release, row[0]))


def test_a_package_exists_when_a_release_of_it_is_known(known: GraphDatabase) -> None:
    known.releases.record([ReleaseRecord("needy", "1", dependencies=("only-required",))])
    assert known.python_package_exists("SIX")
    assert known.python_package_exists("zope_interface")
    assert not known.python_package_exists("only-required")


def test_a_release_exists_by_any_spelling(known: GraphDatabase) -> None:
    assert known.python_package_version_exists("flask", "v2.0")
    assert known.python_package_version_exists("Six", "1.10", "https://pypi.python.org/simple")
    assert not known.python_package_version_exists("six", "1.10", OTHER)
    assert not known.python_package_version_exists("six", "1.10.0")


def test_a_release_exists_for_the_solvers_that_have_a_result_on_it(known: GraphDatabase) -> None:
    assert known.python_package_version_exists("six", "1.10", PYPI, "solver-rhel-9-py311")
    assert not known.python_package_version_exists("six", "1.10", PYPI, "solver-rhel-8-py311")
    assert not known.python_package_version_exists("flask", "2.0", PYPI, "solver-rhel-9-py311")


def test_what_did_not_exist_does_once_the_same_adapter_records_it(known: GraphDatabase) -> None:
    assert not known.python_package_version_exists("late", "1")
    known.releases.record([ReleaseRecord("late", "1")])
    assert known.python_package_version_exists("late", "1")


def test_releases_are_in_the_order_of_versions_and_indexes(known: GraphDatabase) -> None:
    assert known.get_python_package_versions_all() == [
        ("flask", "2.0", None),
        ("flask", "2.0", OTHER),
        ("flask", "2.0", PYPI),
        ("six", "not-a-version", PYPI),
        ("six", "1.9.0", PYPI),
        ("six", "1.10", PYPI),
        ("zope-interface", "5.0rc1", OTHER),
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"package_name": "SIX"}, 3),
        ({"package_name": "six", "package_version": "1.9.0"}, 1),
        ({"package_version": "2.0"}, 3),
        ({"index_url": OTHER.rstrip("/")}, 2),
        ({"is_missing": True}, 1),
        ({"is_missing": False}, 6),
        ({"os_name": "ubi", "os_version": "9.4", "python_version": "3.11"}, 1),
        ({"os_name": "rhel"}, 1),
        ({"python_version": "3.10"}, 0),
        ({"package_name": "unknown"}, 0),
        ({"distinct": True}, 7),
    ],
)
def test_releases_are_chosen_by_what_is_given(
    known: GraphDatabase, question: dict[str, str], expected: int
) -> None:
    assert len(known.get_python_package_versions_all(**question)) == expected
    assert known.get_python_package_versions_count_all(**question) == expected


@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize(
    "listing",
    [
        "get_python_packages_all",
        "get_python_package_versions_all",
        "get_python_package_version_names_all",
    ],
)
def test_pages_put_together_are_the_whole_and_as_many_as_counted(
    known: GraphDatabase, listing: str, distinct: bool
) -> None:
    ask = getattr(known, listing)
    whole = ask(count=None, distinct=distinct)
    pages = [ask(start_offset=start, count=2, distinct=distinct) for start in range(0, 10, 2)]
    assert [entry for page in pages for entry in page] == whole
    assert len(whole) == getattr(known, listing.replace("_all", "_count_all"))(distinct=distinct)
    assert ask(count=0) == []
    assert ask(start_offset=1000) == []
    if distinct:
        assert len(set(whole)) == len(whole)


def test_packages_are_pairs_once_for_each_release_or_once(known: GraphDatabase) -> None:
    assert known.get_python_packages_all(distinct=True) == [
        ("flask", None),
        ("flask", OTHER),
        ("flask", PYPI),
        ("six", PYPI),
        ("zope-interface", OTHER),
    ]
    assert known.get_python_packages_count_all() == 7
    assert known.get_python_packages_all(os_name="rhel", os_version="9") == [("six", PYPI)]


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        (None, ["flask", "six", "zope-interface"]),
        ("Interface", ["zope-interface"]),
        ("s%", ["six"]),
        ("zope_inter%", ["zope-interface"]),
        ("%", ["flask", "six", "zope-interface"]),
        ("'; DROP TABLE release; --", []),
        ("\\", []),
    ],
)
def test_names_are_found_by_pattern(
    known: GraphDatabase, like: str | None, expected: list[str]
) -> None:
    found = known.get_python_package_version_names_all(distinct=True, like=like)
    assert found == expected
    assert known.get_python_package_version_names_count_all(distinct=True, like=like) == len(found)


def test_names_are_distinct_within_an_environment_too(known: GraphDatabase) -> None:
    environment = {"os_name": "rhel", "os_version": "9", "python_version": "3.12"}
    for distinct in (False, True):
        found = known.get_python_package_version_names_all(distinct=distinct, **environment)
        assert found == ["six"]


def test_an_index_gives_the_versions_of_its_packages(known: GraphDatabase) -> None:
    assert known.get_python_package_versions_per_index(PYPI) == {
        "flask": ["2.0"],
        "six": ["not-a-version", "1.9.0", "1.10"],
    }
    known.register_python_package_index("https://empty.example/simple")
    assert known.get_python_package_versions_per_index("https://empty.example/simple") == {}
    with pytest.raises(NotFoundError, match=r"unknown\.example"):
        known.get_python_package_versions_per_index("https://unknown.example/")


def test_names_versions_and_urls_are_brought_into_one_form(known: GraphDatabase) -> None:
    assert known.normalize_python_package_name("Foo__Bar.baz") == "foo-bar-baz"
    assert known.normalize_python_package_version("V1.0-RC1") == "1.0rc1"
    assert known.normalize_python_package_version("not a version") == "not a version"
    assert known.normalize_python_index_url("https://pypi.python.org/simple") == PYPI
    assert known.normalize_python_index_url(None) is None
    with pytest.raises(InvalidArgumentError) as caught:
        known.normalize_python_index_url("ftp://user:secret@host/")
    assert caught.value.argument == "index_url"
    assert "secret" not in str(caught.value)


def test_a_backslash_in_a_pattern_is_one_of_its_characters(graph: GraphDatabase) -> None:
    graph.releases.record([ReleaseRecord("a", "1.0"), ReleaseRecord("a\\b", "1.0")])

    assert graph.get_python_package_version_names_all(like="\\") == ["a\\b"]
    assert graph.get_python_package_version_names_all(like="%\\b") == ["a\\b"]
    assert graph.get_python_package_version_names_all(like="%\\") == []
    assert graph.get_python_package_version_names_count_all(like="a\\%") == 1
