"""What advisers, checks of provenance and reverse solvers report becomes rows, once; questions."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import (
    GraphDatabase,
    InvalidDocumentError,
    NotFoundError,
    sync_documents,
)
from thoth.storages.testing.run_documents import (
    adviser_document,
    adviser_document_id,
    failed_adviser_document,
    provenance_document,
    provenance_document_id,
    revsolver_document,
    revsolver_document_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Document = dict[str, Any]
    Contents = Callable[[GraphDatabase], dict[str, list[str]]]

INDEX = "https://pypi.org/simple/"


def sync(graph: GraphDatabase, document: Document, *, force: bool = False) -> None:
    kind = document["metadata"]["document_id"].partition("-")[0]
    getattr(graph, f"sync_{kind}_result")(document, force=force)


def advice(number: int) -> Document:
    return failed_adviser_document(number) if number % 3 == 2 else adviser_document(number)


EVERY = [adviser_document, failed_adviser_document, provenance_document, revsolver_document]
IDS = {
    "adviser": adviser_document_id(),
    "provenance": provenance_document_id(),
    "revsolver": revsolver_document_id(),
}
MAKERS: dict[str, Callable[..., Document]] = {
    "adviser": adviser_document,
    "provenance": provenance_document,
    "revsolver": revsolver_document,
}


def ask(graph: GraphDatabase, kind: str, question: str, *arguments: Any, **options: Any) -> Any:
    return getattr(graph, question.format(kind))(*arguments, **options)


# --- syncing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKERS)
def test_a_document_is_in_the_graph_once_it_was_synced(graph: GraphDatabase, kind: str) -> None:
    name = IDS[kind]
    assert not ask(graph, kind, "{}_document_id_exists", name)
    sync(graph, MAKERS[kind]())
    assert ask(graph, kind, "{}_document_id_exists", name)
    assert ask(graph, kind, "get_{}_runs_count_all") == 1


@pytest.mark.parametrize("make", EVERY)
def test_syncing_again_and_forcing_change_nothing(
    graph: GraphDatabase, run_contents: Contents, make: Callable[[], Document]
) -> None:
    document = make()
    before = copy.deepcopy(document)
    sync(graph, document)
    found = run_contents(graph)
    for force in (False, True, True):
        sync(graph, document, force=force)
        assert run_contents(graph) == found
    assert document == before


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_synced_is_left_alone_unless_it_is_forced(
    graph: GraphDatabase, run_contents: Contents, empty_tables: Callable[[], None], kind: str
) -> None:
    first, other = MAKERS[kind](0), MAKERS[kind](1)
    other["metadata"]["document_id"] = first["metadata"]["document_id"]
    sync(graph, other)
    expected = run_contents(graph)
    empty_tables()
    sync(graph, first)
    found = run_contents(graph)
    sync(graph, other)
    assert run_contents(graph) == found
    sync(graph, other, force=True)
    forced = run_contents(graph)
    shared = {"stack_lock_release", "package", "requirement"}
    assert {name: rows for name, rows in forced.items() if name not in shared} == {
        name: rows for name, rows in expected.items() if name not in shared
    }


def test_a_forced_document_with_less_leaves_no_rows_of_the_former(
    graph: GraphDatabase, run_contents: Contents
) -> None:
    for make, shortened in (
        (adviser_document, lambda it: it["report"]["products"].pop(0)),
        (failed_adviser_document, lambda it: it["report"]["unresolved"].pop(0)),
        (provenance_document, lambda it: it["report"].clear()),
        (revsolver_document, lambda it: it["dependents"].clear()),
    ):
        document = make()
        document["result"]["error_msg"] = "changed"
        sync(graph, document, force=True)
        shortened(document["result"])
        sync(graph, document, force=True)
    found = run_contents(graph)
    unresolved = failed_adviser_document()["result"]["report"]["unresolved"]
    assert len(found["adviser_unresolved"]) == len(unresolved) - 1
    for name in ("adviser_product", "provenance_finding", "revsolver_dependent"):
        assert found[name] == []


@pytest.mark.parametrize("kind", MAKERS)
def test_a_run_on_an_empty_result_is_kept(graph: GraphDatabase, kind: str) -> None:
    document = MAKERS[kind]()
    kept = {name: document["result"].get(name) for name in ("package_name", "package_version")}
    document["result"] = {name: value for name, value in kept.items() if value}
    sync(graph, document)
    (run,) = ask(graph, kind, "get_{}_runs_all")
    assert run["error"] is False


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("adviser", lambda it: it["report"]["products"][2].update(score="high")),
        ("provenance", lambda it: it["report"][2].update(index_url="no url")),
        ("revsolver", lambda it: it["dependents"][4].update(package_version=3)),
    ],
)
def test_of_a_broken_document_nothing_is_written(
    graph: GraphDatabase,
    run_contents: Contents,
    kind: str,
    change: Callable[[Document], object],
) -> None:
    before = run_contents(graph)
    document = MAKERS[kind]()
    change(document["result"])
    with pytest.raises(InvalidDocumentError):
        sync(graph, document)
    assert run_contents(graph) == before


def test_parallel_writers_of_the_same_documents_leave_what_one_leaves(
    graph: GraphDatabase, run_contents: Contents, empty_tables: Callable[[], None]
) -> None:
    documents = [
        make(number)
        for number in range(6)
        for make in (advice, provenance_document, revsolver_document)
    ]
    orders = [documents, documents[::-1], documents[7:] + documents[:7], documents[1::2]]

    def write(order: list[Document]) -> None:
        for place, document in enumerate(order):
            sync(graph, document, force=place % 2 == 0)

    with ThreadPoolExecutor(len(orders)) as pool:
        list(pool.map(write, orders))
    parallel = run_contents(graph)
    empty_tables()
    write(documents)
    assert run_contents(graph) == parallel
    assert sum(len(parallel[f"{kind}_run"]) for kind in MAKERS) == len(documents)


HUGE = "x" * 1_000_000


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("adviser", lambda it: it.update(error_msg=HUGE + "\0")),
        ("adviser", lambda it: it.update(error_msg={"deep": ["\0", "\ud800"]})),
        ("adviser", lambda it: it["parameters"].update(origin="a\0\ud800" * 1000)),
        ("adviser", lambda it: it["parameters"].update(other={"a\0": [float("nan"), "\udfff"]})),
        ("adviser", lambda it: it["report"].update(stack_info="\0")),
        ("adviser", lambda it: it["report"]["products"][0].update(score=float("nan"))),
        ("adviser", lambda it: it["report"]["products"][0].update(score=5e-324)),
        ("adviser", lambda it: it["report"]["products"][0].update(justification=HUGE)),
        ("adviser", lambda it: it["report"]["products"][0].update(justification={"\0": 10**400})),
        ("adviser", lambda it: it["report"]["products"][0].update(project=None)),
        ("adviser", lambda it: it["report"].update(unresolved=["a"] * 5000)),
        ("provenance", lambda it: it["report"][0].update(justification=[{"message": "\0"}, HUGE])),
        ("provenance", lambda it: it["report"][0].update(id=HUGE, type="\0", extra={"\ud800": 1})),
        ("provenance", lambda it: it.update(report=[{}] * 5000)),
        ("revsolver", lambda it: it.update(dependents=it["dependents"] * 500)),
        ("revsolver", lambda it: it["dependents"][0].update(marker="not a marker (")),
        (
            "revsolver",
            lambda it: it["dependents"][0].update(specifier="==1.*.2", package_version="?"),
        ),
    ],
)
def test_hostile_values_are_stored_as_far_as_they_can_be(
    graph: GraphDatabase, kind: str, change: Callable[[Document], object]
) -> None:
    document = MAKERS[kind]()
    change(document["result"])
    sync(graph, document)
    assert ask(graph, kind, "{}_document_id_exists", IDS[kind])
    ask(graph, kind, "get_{}_run", IDS[kind])


def test_an_array_too_deep_is_refused(graph: GraphDatabase) -> None:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    document = adviser_document()
    document["result"]["report"]["stack_info"] = deep
    with pytest.raises(InvalidDocumentError, match="100 deep"):
        graph.sync_adviser_result(document)


# --- advisers ------------------------------------------------------------------------------------


def test_a_run_of_an_adviser_comes_out_as_it_went_in(graph: GraphDatabase) -> None:
    document = adviser_document()
    graph.sync_adviser_result(document)
    (run,) = graph.get_adviser_runs_all()
    parameters = document["result"]["parameters"]
    asked = ("recommendation_type", "decision_type", "predictor", "count", "limit", "origin")
    assert {name: run[name] for name in asked} == {name: parameters[name] for name in asked}
    assert run["document_id"] == adviser_document_id()
    assert (run["error"], run["error_message"], run["duration"]) == (False, None, 12)
    assert (run["os_name"], run["os_version"], run["python_version"]) == ("rhel", "8", "3.8")
    record = graph.get_adviser_run(adviser_document_id())
    assert record.items() >= run.items()
    assert record["stack_info"] == document["result"]["report"]["stack_info"]
    assert record["requirements"]["packages"].keys() == {"package-0", "package-7", "package-14"}
    assert "project" not in record["parameters"]


def test_stacks_of_users_are_told_from_those_that_were_advised(graph: GraphDatabase) -> None:
    graph.sync_adviser_result(adviser_document())
    assert graph.get_python_software_stack_count_all(is_external=True) == 1
    assert graph.get_python_software_stack_count_all(software_stack_type="ADVISED") == 3
    run = graph.get_adviser_run(adviser_document_id())
    (given,) = graph.get_python_software_stacks_all("package-0", is_external=True)
    assert given["lock_sha256"] == run["lock_sha256"]
    assert given["software_stack_type"] == "USER"


def test_products_are_listed_the_best_first(graph: GraphDatabase) -> None:
    document = adviser_document()
    graph.sync_adviser_result(document)
    products = graph.get_adviser_products_all(adviser_document_id())
    assert [each["rank"] for each in products] == [0, 1, 2]
    given = document["result"]["report"]["products"]
    assert [each["score"] for each in products] == [each["score"] for each in given]
    locked = given[1]["project"]["requirements_locked"]["default"]
    assert products[1]["releases"] == [
        (name, entry["version"].removeprefix("=="), INDEX) for name, entry in sorted(locked.items())
    ]
    assert graph.get_adviser_products_all(adviser_document_id(), start_offset=1, count=1) == [
        products[1]
    ]


def test_packages_that_were_not_resolved_are_listed_and_counted(graph: GraphDatabase) -> None:
    for number, names in enumerate((["a", "b"], ["b>=1"], ["B", "b<1", "c"])):
        document = failed_adviser_document(number)
        document["result"]["report"]["unresolved"] = names
        graph.sync_adviser_result(document)
    assert graph.get_adviser_unresolved_packages_count() == {"b": 3, "a": 1, "c": 1}
    assert graph.get_adviser_unresolved_packages_count(count=1) == {"b": 3}
    found = graph.get_adviser_unresolved_packages_all("B")
    assert [(each["specifier"], each["adviser_document_id"][-1]) for each in found] == [
        ("", "0"),
        ("", "2"),
        ("<1", "2"),
        (">=1", "1"),
    ]
    assert graph.get_adviser_unresolved_packages_count_all() == 6
    assert graph.get_adviser_unresolved_packages_count_all("b") == 4
    assert not graph.python_package_exists("b")


def test_runs_of_advisers_are_chosen_by_type_origin_and_error(graph: GraphDatabase) -> None:
    for number in range(6):
        graph.sync_adviser_result(advice(number))
    runs = graph.get_adviser_runs_all()
    failed = [run["document_id"] for run in runs if run["error"]]
    assert failed == [adviser_document_id(2), adviser_document_id(5)]
    assert [run["document_id"] for run in graph.get_adviser_runs_all(error=True)] == failed
    for name in ("recommendation_type", "origin"):
        chosen = {name: runs[0][name]}
        expected = [run for run in runs if run[name] == runs[0][name]]
        assert graph.get_adviser_runs_all(**chosen) == expected
        assert graph.get_adviser_runs_count_all(**chosen) == len(expected)


# --- provenance ----------------------------------------------------------------------------------


def test_findings_are_listed_by_release_type_and_document(graph: GraphDatabase) -> None:
    documents = [provenance_document(number) for number in range(3)]
    for document in documents:
        graph.sync_provenance_result(document)
    given = documents[1]["result"]["report"][0]
    found = graph.get_provenance_findings_all(
        given["package_name"].upper(),
        given["package_version"],
        given["index_url"],
        provenance_document_id=provenance_document_id(1),
    )
    assert found == [
        {
            "package_name": given["package_name"],
            "package_version": given["package_version"],
            "index_url": INDEX,
            "finding_type": given["type"],
            "finding_id": given["id"],
            "justification": given["justification"],
            "other": {"sha256": given["sha256"]},
            "provenance_document_id": provenance_document_id(1),
            "number": 0,
        }
    ]
    everything = graph.get_provenance_findings_all(count=None)
    assert len(everything) == graph.get_provenance_findings_count_all() == 9
    for name in ("finding_type", "finding_id"):
        chosen = {name: given[name.removeprefix("finding_")]}
        expected = [each for each in everything if each[name] == chosen[name]]
        assert graph.get_provenance_findings_all(**chosen) == expected
        assert graph.get_provenance_findings_count_all(**chosen) == len(expected)


def test_a_finding_makes_no_release_known(graph: GraphDatabase) -> None:
    document = provenance_document()
    document["result"]["report"] = [
        {
            "package_name": "ghost",
            "package_version": "6.6",
            "index_url": "https://example.com/simple",
        }
    ]
    graph.sync_provenance_result(document)
    assert not graph.python_package_version_exists("ghost", "6.6")
    assert (
        graph.get_provenance_findings_count_all("ghost", "6.6", "https://example.com/simple") == 1
    )


def test_a_checked_stack_is_one_of_a_user(graph: GraphDatabase) -> None:
    graph.sync_provenance_result(provenance_document())
    run = graph.get_provenance_run(provenance_document_id())
    assert run["lock_sha256"] is not None
    assert run["parameters"] == {"whitelist": []}
    assert graph.get_python_software_stack_count_all(is_external=True) == 1
    assert graph.get_provenance_runs_all(error=True) == []
    assert graph.get_provenance_runs_count_all(origin="https://example.com/repository") == 1


# --- reverse solvers -----------------------------------------------------------------------------


def test_dependents_are_listed_with_their_requirements(graph: GraphDatabase) -> None:
    document = revsolver_document(dependents=30)
    given = document["result"]["dependents"]
    graph.sync_revsolver_result(document)
    found = graph.get_revsolver_dependents_all("Package_0", "v1.0.0", count=None)
    assert len(found) == len(given) == graph.get_revsolver_dependents_count_all("package-0")
    names = {(each["package_name"], each["package_version"]) for each in given}
    assert {(each["package_name"], each["package_version"]) for each in found} == names
    assert {each["dependency_name"] for each in found} == {"package-0"}
    assert {each["index_url"] for each in found} == {INDEX}
    assert {each["marker"] for each in found} == {each["marker"] for each in given}
    assert graph.get_revsolver_dependents_all("package-0", "2.0") == []
    chosen = {"revsolver_document_id": revsolver_document_id()}
    assert graph.get_revsolver_dependents_all(**chosen, start_offset=4, count=2) == found[4:6]
    assert graph.get_revsolver_dependents_count_all(revsolver_document_id="revsolver-1") == 0


def test_dependents_become_known_their_dependencies_do_not(graph: GraphDatabase) -> None:
    graph.sync_revsolver_result(revsolver_document(dependents=1))
    ((name, version, url),) = graph.get_python_package_versions_all()
    assert name.startswith("dependent-")
    assert graph.python_package_version_exists(name, version, url)
    assert graph.get_relation_table_count()["dependency"] == 0
    with graph.migration_connection() as connection:
        assert connection.execute("SELECT dependencies_digest FROM release").fetchall() == [(None,)]


def test_runs_of_reverse_solvers_are_chosen_by_package(graph: GraphDatabase) -> None:
    for number in (0, 1, 40):
        graph.sync_revsolver_result(revsolver_document(number))
    runs = graph.get_revsolver_runs_all("Package_0")
    assert [run["package_version"] for run in runs] == ["1.0.0", "1.4.0"]
    assert graph.get_revsolver_runs_all("package-0", "1.4.0") == runs[1:]
    assert graph.get_revsolver_runs_count_all("package-0", error=False) == 2
    assert graph.get_revsolver_runs_count_all(package_version="1.1.0") == 1
    record = graph.get_revsolver_run(revsolver_document_id(40))
    assert record.items() >= runs[1].items()


# --- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKERS)
def test_pages_put_together_are_the_whole(graph: GraphDatabase, kind: str) -> None:
    for number in range(5):
        sync(graph, MAKERS[kind](number))
    whole = ask(graph, kind, "get_{}_runs_all", count=None)
    pages = [ask(graph, kind, "get_{}_runs_all", start_offset=n, count=1) for n in range(6)]
    assert [run for page in pages for run in page] == whole
    assert len(whole) == 5


@pytest.mark.parametrize("kind", MAKERS)
def test_an_unknown_document_is_not_found(graph: GraphDatabase, kind: str) -> None:
    with pytest.raises(NotFoundError, match="Sync it first"):
        ask(graph, kind, "get_{}_run", f"{kind}-0123abcd")
    if kind == "adviser":
        with pytest.raises(NotFoundError):
            graph.get_adviser_products_all("adviser-0123abcd")


def test_runs_stay_when_the_index_of_their_stacks_is_deleted(graph: GraphDatabase) -> None:
    for make in EVERY[:1] + EVERY[2:]:
        sync(graph, make())
    graph.delete_python_package_index(INDEX)
    assert graph.get_adviser_run(adviser_document_id())["requirements_sha256"] is not None
    products = graph.get_adviser_products_all(adviser_document_id())
    assert [each["lock_sha256"] for each in products] == [None] * 3
    assert graph.get_provenance_run(provenance_document_id())["lock_sha256"] is None
    assert graph.get_provenance_findings_all() == []
    assert graph.get_revsolver_dependents_all() == []
    assert graph.get_revsolver_runs_count_all() == 1
    for make in EVERY[:1] + EVERY[2:]:
        sync(graph, make(), force=True)
    assert graph.get_provenance_findings_count_all() == 3
    assert graph.get_adviser_products_all(adviser_document_id())[0]["lock_sha256"] is not None


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_broken_document_of_each_kind_leaves_the_rest(
    graph: GraphDatabase, run_contents: Contents, tmp_path: Path, jobs: int
) -> None:
    breaking: dict[str, Callable[[Document], object]] = {
        "adviser": lambda it: it["report"].update(products=3),
        "provenance": lambda it: it["report"].append("text"),
        "revsolver": lambda it: it.pop("package_name"),
    }
    paths = []
    for kind, make in MAKERS.items():
        for number in range(6):
            document = make(number)
            if number == 4:
                breaking[kind](document["result"])
            paths.append(tmp_path / f"{document['metadata']['document_id']}.json")
            paths[-1].write_text(json.dumps(document))
    counts = sync_documents(paths, graph=graph, graceful=True, is_local=True, jobs=jobs)
    assert counts == dict.fromkeys(MAKERS, (6, 5, 0, 1))
    found = run_contents(graph)
    assert [len(found[f"{kind}_run"]) for kind in MAKERS] == [5, 5, 5]
    with pytest.raises(InvalidDocumentError):
        sync_documents(paths, graph=graph, is_local=True, jobs=jobs)
    good = [path for path in paths if not path.stem.endswith("4")]
    assert sync_documents(good, graph=graph, is_local=True) == dict.fromkeys(MAKERS, (5, 0, 5, 0))
