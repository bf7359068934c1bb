"""Solver documents become rows: once in effect, whoever syncs them, in whatever order."""

from __future__ import annotations

import copy
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import InvalidArgumentError, InvalidDocumentError, NotFoundError
from thoth.storages.sync.solver import sync_several_solver_facts, sync_solver_facts
from thoth.storages.sync.solver_documents import read_solver_document
from thoth.storages.testing import solver_document, solver_documents
from thoth.storages.testing.rows import natural_rows

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
ANYWHERE: dict[str, Any] = {"os_name": None, "os_version": None, "python_version": None}
TABLES = (
    "package",
    "package_index",
    "release",
    "requirement",
    "dependency",
    "artifact",
    "release_metadata",
    "software_environment",
    "solver_result",
    "solved",
    "unresolved",
    "release_change",
)


def rows(graph: GraphDatabase) -> dict[str, list[str]]:
    """Return all rows of all tables, as texts, sorted, with their ids and times."""
    with graph.migration_connection() as connection:
        return {
            table: sorted(
                text for (text,) in connection.execute(f"SELECT ({table}.*)::text FROM {table}")
            )
            for table in TABLES
        }


def named_rows(graph: GraphDatabase) -> dict[str, list[str]]:
    """Return all rows by natural keys, without ids and times, but for how it came to them."""
    return natural_rows(graph, [table for table in TABLES if table != "release_change"])


def document(number: int = 0, **result: Any) -> dict[str, Any]:
    made = solver_document(number, dependencies=8)
    made["result"] = {"tree": [], "environment": made["result"]["environment"], **result}
    return made


def tree(name: str, version: str, **changes: Any) -> list[dict[str, Any]]:
    return [{"package_name": name, "package_version": version, "index_url": PYPI, **changes}]


def test_a_document_becomes_what_can_be_asked(graph: GraphDatabase) -> None:
    entry = {
        "package_name": "Six",
        "specifier": ">=1.0",
        "extras": [],
        "extra": ["test"],
        "marker": 'extra == "test"',
        "resolved_versions": [{"index": PYPI, "versions": ["1.0", "0.9"]}],
    }
    metadata = {"Summary": "s", "Classifier": ["Topic :: A"], "Requires-Python": ">=3.7"}
    content = document(
        tree=tree(
            "Flask",
            "2.0",
            sha256=["ab" * 32],
            dependencies=[entry],
            importlib_metadata={"metadata": metadata, "files": [{"path": "flask/__init__.py"}]},
        ),
        unresolved=[{"package_name": "absent", "version_spec": ">=9", "index_url": PYPI}],
        unparsed=[{"requirement": "~~~", "details": "why"}],
    )
    graph.sync_solver_result(content)
    assert graph.get_depends_on("flask", "2.0", PYPI) == {"test": [("six", "1.0")]}
    assert graph.get_python_package_hashes_sha256("flask", "2.0", PYPI) == ["ab" * 32]
    assert graph.get_python_package_version_metadata("flask", "2.0", PYPI)["summary"] == "s"
    assert graph.get_python_package_version_import_packages_all("flask")
    assert graph.solver_document_id_exists(content["metadata"]["document_id"])
    assert graph.get_solved_python_package_versions_all() == [("flask", "2.0", PYPI)]
    assert not graph.has_python_solver_error("flask", "2.0", PYPI, **ANYWHERE)
    named = named_rows(graph)
    assert len(named["unresolved"]) == 1
    assert "~~~" in named["solver_result"][0]


def test_a_document_is_synced_once_and_forced_to_the_same_rows(graph: GraphDatabase) -> None:
    documents = list(solver_documents(10, dependencies=8))
    before = copy.deepcopy(documents)
    for content in documents:
        graph.sync_solver_result(content)
    first = rows(graph)
    for force in (False, True, True):
        for content in documents:
            graph.sync_solver_result(content, force=force)
        assert rows(graph) == first
    assert documents == before


def test_a_forced_document_takes_back_what_it_says_no_more(graph: GraphDatabase) -> None:
    wanted = [{"package_name": "absent", "version_spec": "==1"}, {"package_name": "b"}]
    graph.sync_solver_result(document(tree=tree("a", "1"), unresolved=wanted))
    corrected = document(tree=tree("a", "2"), unresolved=wanted[1:])
    graph.sync_solver_result(corrected)
    assert graph.get_solved_python_package_versions_count_all() == 2
    graph.sync_solver_result(corrected, force=True)
    assert graph.get_solved_python_package_versions_all() == [("a", "2", PYPI)]
    assert len(rows(graph)["unresolved"]) == 1


def test_the_order_of_syncing_makes_no_difference(graph: GraphDatabase) -> None:
    documents = [
        *solver_documents(12, dependencies=8),
        document(20, unresolved=[{"package_name": "late", "version_spec": "==1"}]),
        document(23, tree=[{"package_name": "late", "package_version": "1"}]),
    ]
    documents[3]["result"]["environment"]["python_full_version"] = "3.8.20"
    results = []
    for _ in range(3):
        for content in documents:
            graph.sync_solver_result(content)
        results.append(named_rows(graph))
        with graph.migration_connection() as connection:
            connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
        random.Random(7).shuffle(documents)
    assert results[0] == results[1] == results[2]


@pytest.mark.slow
def test_many_may_sync_the_same_documents_at_once(graph: GraphDatabase) -> None:
    documents = list(solver_documents(24, dependencies=16))
    for content in documents:
        graph.sync_solver_result(content)
    clean = named_rows(graph)
    with graph.migration_connection() as connection:
        connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        own = list(documents)
        random.Random(seed).shuffle(own)
        try:
            for content in own:
                graph.sync_solver_result(content, force=seed == 3)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = named_rows(graph)
    assert {name for name in clean if found[name] != clean[name]} == set()


def sync_together(graph: GraphDatabase, documents: list[dict[str, Any]], *, force: bool) -> int:
    """Sync documents in as few transactions as they may be; return how many these were."""
    facts = [read_solver_document(content) for content in documents]
    count = 0
    while facts:
        with graph.connection() as connection:
            written = sync_several_solver_facts(connection, facts, force=force)
        facts = facts[len(written) :]
        count += 1
    return count


def history(graph: GraphDatabase) -> dict[str, list[str]]:
    return natural_rows(graph, ["release_change"])


@pytest.mark.parametrize("force", [False, True])
def test_together_leaves_the_same_rows_as_one_by_one(graph: GraphDatabase, force: bool) -> None:
    wanted = [{"package_name": "a", "version_spec": "==1", "index_url": PYPI}]
    failed = [{"package_name": "b", "package_version": "1", "index_url": PYPI}]
    described = {"metadata": {"Summary": "s", "Requires-Python": ">=3.7"}}
    offered = [{"package_name": "a", "resolved_versions": [{"index": PYPI, "versions": ["1"]}]}]
    hopeless = [{"package_name": "b", "version_spec": "==1", "index_url": PYPI}]
    numbered = [
        document(26 + number, tree=tree("f", "1", importlib_metadata={"metadata": {"X": [said]}}))
        for number, said in enumerate((1, True, 1.0, 0, False))
    ]
    documents = [
        *solver_documents(12, dependencies=8),
        *numbered,
        document(20, unresolved=wanted, errors=failed),
        document(21, tree=tree("c", "1"), unresolved=hopeless),
        document(22, tree=tree("c", "1", importlib_metadata=described, dependencies=offered)),
        document(23, tree=tree("c", "1", dependencies=[{"package_name": "d"}])),
        document(24, tree=tree("c", "1", importlib_metadata=described, dependencies=[])),
        document(24, tree=tree("e", "1")),
        document(25, tree=tree("c", "1", sha256=["ab" * 32]), unresolved=hopeless),
    ]
    for content in documents:
        graph.sync_solver_result(content, force=force)
    expected = named_rows(graph), history(graph)
    with graph.migration_connection() as connection:
        connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    assert 1 < sync_together(graph, documents, force=force) < 13
    assert (named_rows(graph), history(graph)) == expected
    assert expected[1]["release_change"]


def test_those_that_are_synced_are_left_alone_among_others(graph: GraphDatabase) -> None:
    documents = list(solver_documents(6, dependencies=8))
    facts = [read_solver_document(content) for content in documents]
    for content in documents[1::2]:
        graph.sync_solver_result(content)
    with graph.connection() as connection:
        written = sync_several_solver_facts(connection, facts)
        assert written == [True, False] * 3
        assert sync_several_solver_facts(connection, facts) == [False] * 6
        before = rows(graph)
        assert sync_several_solver_facts(connection, facts, force=True) == [True] * 6
    assert rows(graph) == before


@pytest.mark.parametrize("force", [False, True])
def test_syncing_takes_a_number_of_statements_whatever_the_number_of_documents(
    graph: GraphDatabase, force: bool
) -> None:
    def statements(documents: list[dict[str, Any]]) -> int:
        before = graph.stats()["statements"]
        sync_together(graph, documents, force=force)
        return int(graph.stats()["statements"] - before)

    documents = list(solver_documents(60, dependencies=8))
    assert statements(documents[:20]) <= 28
    assert statements(documents[20:]) <= 36
    assert statements(documents) <= 36


def test_a_release_that_was_never_found_is_missing_until_it_is(graph: GraphDatabase) -> None:
    vain = document(unresolved=[{"package_name": "a", "version_spec": "==1", "index_url": PYPI}])
    graph.sync_solver_result(vain)
    assert graph.is_python_package_version_is_missing("a", "1", PYPI)
    assert graph.get_error_solved_python_package_versions_all(unsolvable=True) == [("a", "1", PYPI)]
    graph.sync_solver_result(document(3, tree=tree("a", "1")))
    assert not graph.is_python_package_version_is_missing("a", "1", PYPI)
    graph.sync_solver_result(vain, force=True)
    assert not graph.is_python_package_version_is_missing("a", "1", PYPI)


def test_a_release_that_went_missing_stays_so(graph: GraphDatabase) -> None:
    found = document(tree=tree("a", "1"))
    graph.sync_solver_result(found)
    graph.update_missing_flag_package_version("a", "1", PYPI, value=True)
    graph.sync_solver_result(found, force=True)
    assert graph.is_python_package_version_is_missing("a", "1", PYPI)


@pytest.mark.parametrize(
    ("result", "path"),
    [
        ({"tree": tree("a", "1\0")}, "result.tree[0].package_version"),
        ({"tree": tree("a", "")}, "result.tree[0].package_version"),
        ({"tree": tree("a", "1") + tree("b", "1" * 600)}, "result.tree[1].package_version"),
        (
            {"tree": tree("a", "1", dependencies=[{"package_name": "b", "marker": "\0"}])},
            "result.tree[0].dependencies[0]",
        ),
        (
            {
                "tree": tree(
                    "a",
                    "1",
                    dependencies=[{"package_name": "b", "resolved_versions": ["1", "\0"]}],
                )
            },
            "result.tree[0].dependencies[0].resolved_versions[1]",
        ),
        ({"errors": [{"package_name": "a", "version": "\ud800"}]}, "result.errors[0]"),
        ({"tree": [*tree("a", "1"), {}]}, "result.tree[1].package_name"),
    ],
)
def test_nothing_of_a_broken_document_is_written(
    graph: GraphDatabase, result: dict[str, Any], path: str
) -> None:
    content = document(**result)
    with pytest.raises(InvalidDocumentError) as caught:
        graph.sync_solver_result(content)
    assert caught.value.document_id == content["metadata"]["document_id"]
    assert caught.value.path.startswith(path)
    assert not any(rows(graph).values())


def test_a_document_without_id_is_synced_under_the_name_it_is_stored_under(
    graph: GraphDatabase,
) -> None:
    content = document(tree=tree("a", "1"))
    name = content["metadata"]["document_id"]
    content["metadata"]["document_id"] = None
    with pytest.raises(InvalidDocumentError, match="stored under"):
        graph.sync_solver_result(content)
    facts = read_solver_document(content, document_id=name)
    with graph.connection() as connection:
        assert sync_solver_facts(connection, facts)
        assert not sync_solver_facts(connection, facts)
    assert graph.solver_document_id_exists(name)


def test_texts_that_no_row_can_hold_are_no_reason_to_refuse(graph: GraphDatabase) -> None:
    long = "x" * 70_000 + "\0"
    graph.sync_solver_result(
        document(
            tree=tree("a", "1", importlib_metadata={"metadata": {"License": long, "X": "\0"}}),
            errors=[{"package_name": "b", "version": "1", "type": "\0", "details": long}],
            unparsed=[{"requirement": long, "details": {"\0": "\ud800"}}],
        )
    )
    metadata = graph.get_python_package_version_metadata("a", "1", PYPI)
    assert metadata["license"] == "x" * 65_536


def test_what_a_sync_changes_is_seen_at_once(graph: GraphDatabase) -> None:
    release = ("a", "1", PYPI)
    with pytest.raises(NotFoundError):
        graph.has_python_solver_error(*release, **ANYWHERE)
    graph.sync_solver_result(document(tree=tree("a", "1")))
    assert not graph.has_python_solver_error(*release, **ANYWHERE)
    error = {"package_name": "a", "package_version": "1", "index_url": PYPI}
    graph.sync_solver_result(document(3, errors=[error]))
    assert graph.has_python_solver_error(*release, **ANYWHERE)


def test_wrong_arguments_are_refused(graph: GraphDatabase) -> None:
    with pytest.raises(InvalidArgumentError):
        graph.sync_solver_result(document(), force=None)  # type: ignore[arg-type]
    with pytest.raises(InvalidDocumentError):
        graph.sync_solver_result("solver-1")  # type: ignore[arg-type]
