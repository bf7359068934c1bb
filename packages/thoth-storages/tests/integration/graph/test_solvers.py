"""What solvers have found out, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import InvalidArgumentError, NotFoundError
from thoth.storages.testing import solver_document

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
ANYWHERE: dict[str, Any] = {"os_name": None, "os_version": None, "python_version": None}
RHEL = {"os_name": "rhel", "os_version": "9", "python_version": "3.11"}
FEDORA = {"os_name": "fedora", "os_version": "35", "python_version": "3.10"}
FIRST, SECOND, THIRD = (
    "solver-rhel-9-py311-220101000000-0000000000000001",
    "solver-rhel-9-py311-220102000000-0000000000000002",
    "solver-fedora-35-py310-220103000000-0000000000000003",
)


def sync(graph: GraphDatabase, name: str, day: int, *, failed: bool = False) -> None:
    """Sync a document on version 1.0 of the package `a`, and on `b` unless it `failed`."""
    content = solver_document(0, dependencies=8)
    content["metadata"].update(document_id=name, datetime=f"2022-01-{day:02}T00:00:00")
    release = {"package_name": "a", "package_version": "1.0", "index_url": PYPI}
    content["result"].update(
        tree=[{**release, "package_name": "b"}, *([] if failed else [release])],
        errors=[release] if failed else [],
    )
    graph.sync_solver_result(content)


@pytest.fixture
def known(graph: GraphDatabase) -> GraphDatabase:
    """An error on RHEL first, a success there later, an error on Fedora last."""
    sync(graph, SECOND, 2)
    sync(graph, FIRST, 1, failed=True)
    sync(graph, THIRD, 3, failed=True)
    return graph


def test_the_newest_result_tells_whether_there_is_an_error(known: GraphDatabase) -> None:
    assert not known.has_python_solver_error("a", "1.0", PYPI, **RHEL)
    assert known.has_python_solver_error("A", "v1.0", "https://pypi.python.org/simple", **FEDORA)
    assert known.has_python_solver_error("a", "1.0", None, **ANYWHERE)
    assert not known.has_python_solver_error("b", "1.0", PYPI, **ANYWHERE)


def test_a_release_without_result_has_no_error_and_an_unknown_one_is_not_found(
    known: GraphDatabase,
) -> None:
    nowhere = {**RHEL, "python_version": "2.7"}
    assert not known.has_python_solver_error("a", "1.0", PYPI, **nowhere)
    with pytest.raises(NotFoundError, match="a 3"):
        known.has_python_solver_error("a", "3", PYPI, **ANYWHERE)


def test_documents_are_known_by_their_ids(known: GraphDatabase) -> None:
    assert known.solver_document_id_exists(FIRST)
    assert not known.solver_document_id_exists("solver-rhel-9-py311")
    assert known.get_solver_document_id_all("a") == [THIRD, FIRST, SECOND]
    assert known.get_solver_document_id_all("a", sort=True) == [THIRD, FIRST, SECOND]
    assert known.get_solver_document_id_all("A", "1.0", PYPI, os_name="ubi", os_version="9.4") == [
        FIRST,
        SECOND,
    ]
    assert known.get_solver_document_id_all("a", "2.0") == []


def test_solvers_and_their_environments_are_listed(known: GraphDatabase) -> None:
    assert known.get_ecosystem_solver_all() == ["solver-fedora-35-py310", "solver-rhel-9-py311"]
    assert known.solved_software_environment_exists("ubi", "9.1", "3.11")
    assert not known.solved_software_environment_exists("rhel", "9", "3.12")


def test_the_time_of_the_last_run_is_that_of_its_environment(known: GraphDatabase) -> None:
    assert known.get_last_solver_datetime() == datetime(2022, 1, 3, tzinfo=UTC)
    assert known.get_last_solver_datetime("rhel") == datetime(2022, 1, 2, tzinfo=UTC)
    with pytest.raises(NotFoundError):
        known.get_last_solver_datetime("debian", "12", "3.11")


def test_deleting_a_result_leaves_the_releases(known: GraphDatabase) -> None:
    assert known.delete_solver_result(SECOND) == 1
    assert known.delete_solver_result(SECOND) == 0
    assert not known.solver_document_id_exists(SECOND)
    assert known.has_python_solver_error("a", "1.0", PYPI, **RHEL)
    known.delete_solver_result(FIRST)
    assert known.get_solver_document_id_all("a", **RHEL) == []
    assert known.get_ecosystem_solver_all() == ["solver-fedora-35-py310"]
    assert known.python_package_version_exists("a", "1.0", PYPI)


def test_an_empty_graph_has_no_solvers(graph: GraphDatabase) -> None:
    assert graph.get_ecosystem_solver_all() == []
    assert not graph.solved_software_environment_exists("rhel", "9", "3.11")
    with pytest.raises(NotFoundError):
        graph.get_last_solver_datetime()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("solver_document_id_exists", [None]),
        ("solver_document_id_exists", ["a\0"]),
        ("delete_solver_result", [""]),
        ("get_solver_document_id_all", [None]),
        ("get_solver_document_id_all", ["a", 1]),
        ("solved_software_environment_exists", ["rhel", None, "3.11"]),
        ("get_last_solver_datetime", [8]),
    ],
)
def test_wrong_questions_are_refused(graph: GraphDatabase, name: str, arguments: list[Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        getattr(graph, name)(*arguments)
