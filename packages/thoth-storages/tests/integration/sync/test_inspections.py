"""Dependency Monkey reports and inspections become rows, once; questions on them."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import (
    GraphDatabase,
    InspectionsStore,
    InUseError,
    InvalidArgumentError,
    InvalidDocumentError,
    NotFoundError,
    sync_documents,
)
from thoth.storages.testing.inspection_documents import (
    dependency_monkey_document,
    dependency_monkey_document_id,
    failed_dependency_monkey_document,
    inspection_document,
    inspection_document_id,
)
from thoth.storages.testing.rows import natural_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import StoragesSettings

TABLES = (
    "dependency_monkey_run",
    "dependency_monkey_response",
    "inspection",
    "inspection_result",
    "pi_matmul",
    "stack_lock_release",
    "software_stack",
    "artifact",
)


def contents(graph: GraphDatabase) -> dict[str, list[str]]:
    return natural_rows(graph, TABLES)


def report(number: int = 0, **options: Any) -> dict[str, Any]:
    document = dependency_monkey_document(number, **options)
    document["metadata"]["document_id"] = dependency_monkey_document_id(number)
    return document


def test_a_report_is_in_the_graph_once_it_was_synced(graph: GraphDatabase) -> None:
    name = dependency_monkey_document_id()
    assert not graph.dependency_monkey_document_id_exists(name)
    graph.sync_dependency_monkey_result(report())
    assert graph.dependency_monkey_document_id_exists(name)
    assert graph.get_python_software_stack_count_all(software_stack_type="INSPECTION") == 3
    assert graph.get_relation_table_count()["dependency_monkey_response"] == 3


def test_a_response_makes_as_many_pending_repetitions_as_the_batch_has(
    graph: GraphDatabase,
) -> None:
    graph.sync_dependency_monkey_result(report(responses=2, batch_size=5))
    graph.sync_dependency_monkey_result(report(1, responses=1, batch_size=None))
    assert graph.get_pending_inspections_all() == [
        (inspection_document_id(0, 0), 5),
        (inspection_document_id(0, 1), 5),
        (inspection_document_id(1, 0), 1),
    ]
    assert graph.get_pending_inspections_all(start_offset=1, count=1) == [
        (inspection_document_id(0, 1), 5)
    ]


def test_a_pending_inspection_is_not_in_the_graph_yet(graph: GraphDatabase) -> None:
    graph.sync_dependency_monkey_result(report())
    name = inspection_document_id()
    assert not graph.inspection_document_id_exist(name)
    assert not graph.inspection_document_id_result_number_exists(name, 0)


def test_repetitions_end_one_by_one(graph: GraphDatabase) -> None:
    graph.sync_dependency_monkey_result(report(responses=1))
    document = inspection_document()
    name, results = document["document_id"], document.pop("results")
    graph.sync_inspection_result({**document, "result": results[1], "result_number": 1})
    assert graph.inspection_document_id_exist(name)
    assert graph.inspection_document_id_result_number_exists(name, 1)
    assert not graph.inspection_document_id_result_number_exists(name, 0)
    assert graph.get_pending_inspections_all() == [(name, 1)]
    graph.sync_inspection_result({**document, "result": results[0]})
    assert graph.get_pending_inspections_all() == []


def test_rows_belong_to_the_inspection_that_made_them(graph: GraphDatabase) -> None:
    graph.sync_inspection_result(inspection_document(0, 0, results=2))
    graph.sync_inspection_result(inspection_document(1, 0, results=1))
    found = contents(graph)
    assert len(found["pi_matmul"]) == 3
    assert len(found["inspection_result"]) == 3
    assert sum(inspection_document_id(1) in row for row in found["pi_matmul"]) == 1


def test_an_inspection_without_results_is_in_the_graph(graph: GraphDatabase) -> None:
    graph.sync_inspection_result(inspection_document(results=0))
    assert graph.inspection_document_id_exist(inspection_document_id())
    assert not graph.inspection_document_id_result_number_exists(inspection_document_id(), 0)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0, 1), (1, 0, 0)])
def test_order_and_repetition_change_nothing(graph: GraphDatabase, order: tuple[int, ...]) -> None:
    def sync(graph: GraphDatabase, which: int) -> None:
        if which:
            graph.sync_inspection_result(inspection_document())
        else:
            graph.sync_dependency_monkey_result(report())

    for which in order:
        sync(graph, which)
    found = contents(graph)
    assert [len(rows) for rows in found.values()] == [1, 3, 3, 2, 2, 36, 3, 36]
    for which in (0, 1):
        sync(graph, which)
    assert contents(graph) == found


def test_what_a_report_says_later_counts(graph: GraphDatabase) -> None:
    graph.sync_dependency_monkey_result(report(responses=3, batch_size=2))
    graph.sync_dependency_monkey_result(report(responses=1, batch_size=4))
    assert graph.get_relation_table_count()["dependency_monkey_response"] == 1
    assert graph.get_pending_inspections_all()[0] == (inspection_document_id(), 4)


def test_a_report_does_not_change_what_the_inspection_says(graph: GraphDatabase) -> None:
    graph.sync_inspection_result(inspection_document(results=2))
    graph.sync_dependency_monkey_result(report(responses=1, batch_size=9))
    assert graph.get_pending_inspections_all() == []


def test_a_failed_run_is_kept(graph: GraphDatabase) -> None:
    document = failed_dependency_monkey_document()
    document["metadata"]["document_id"] = dependency_monkey_document_id()
    graph.sync_dependency_monkey_result(document)
    (row,) = contents(graph)["dependency_monkey_run"]
    assert "No stacks were found" in row


def test_of_a_broken_report_nothing_is_written(graph: GraphDatabase) -> None:
    before = contents(graph)
    document = report()
    document["result"]["report"]["responses"][2]["response"] = "no id"
    with pytest.raises(InvalidDocumentError):
        graph.sync_dependency_monkey_result(document)
    assert contents(graph) == before


def test_of_a_broken_inspection_nothing_is_written(graph: GraphDatabase) -> None:
    before = contents(graph)
    document = inspection_document()
    document["results"][1]["exit_code"] = 2**40
    with pytest.raises(InvalidDocumentError):
        graph.sync_inspection_result(document)
    assert contents(graph) == before


def hostile(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = inspection_document()
    change(document)
    return document


# Of four bytes each, and no two alike, so that an index cannot make them shorter.
RARE = "".join(chr(0x20000 + number * 37 % 40_000) for number in range(600))

HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    "NUL in output": lambda it: it["results"][0]["stdout"]["@result"].update({"a\0b": "c\0d"}),
    "NUL in the specification": lambda it: it["specification"].update(script="a\0"),
    "lone surrogate": lambda it: it["results"][0]["stdout"].update({"\ud800": ["\udfff"]}),
    "no number": lambda it: it["results"][0]["stdout"]["@result"].update(rate=float("nan")),
    "huge number": lambda it: it["results"][0]["stdout"]["@result"].update(rate=10**400),
    "tiny number": lambda it: it["results"][0]["stdout"]["@result"].update(rate=1e-320),
    "NUL in a column": lambda it: it["results"][0]["stdout"]["@parameters"].update(dtype="a\0"),
    "long host name": lambda it: it["results"][0].update(hostname="h" * 100_000),
    "long component": lambda it: it["results"][0]["stdout"].update(component="ю" * 10_000),
    "long names of rare characters": lambda it: it["results"][0]["stdout"].update(
        name=RARE, component=RARE[::-1]
    ),
    "long environment of rare characters": lambda it: it["results"][0].update(
        os_release=None,
        runtime_environment={
            "operating_system": {"name": RARE[:128], "version": RARE[128:256]},
            "python_version": RARE[256:384],
        },
    ),
    "huge batch": lambda it: it["specification"].update(batch_size=2**31 - 1),
    "odd hardware": lambda it: it["results"][0]["runtime_environment"].update(
        hardware={"cpu_family": "Intel", "ram_size": "a lot", "x": {"\0": 1}}
    ),
    "no indicator": lambda it: it["results"][0].update(stdout={"name": 3}),
    "empty": lambda it: it.update(specification={}, results=[{}]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_stored_or_refused_by_type(graph: GraphDatabase, name: str) -> None:
    document = hostile(HOSTILE[name])
    before = copy.deepcopy(document)
    graph.sync_inspection_result(document)
    assert repr(document) == repr(before)
    assert graph.inspection_document_id_result_number_exists(document["document_id"], 0)


def test_a_result_with_numbers_that_only_python_writes_is_synced_from_its_store(
    graph: GraphDatabase, settings: StoragesSettings
) -> None:
    document = inspection_document(results=2)
    document["results"][1]["stdout"]["@result"]["elapsed"] = float("nan")
    store = InspectionsStore(settings=settings)
    store.connect()
    inspection_id = document["document_id"]
    store.open(inspection_id).build.store_specification(document["specification"])
    for number, result in enumerate(document["results"]):
        key = f"{inspection_id}/results/{number}/result"
        store.ceph.store_blob(json.dumps(result).encode(), key)
    counts = sync_documents([inspection_id], graph=graph, settings=settings)
    assert counts["inspection"] == (1, 1, 0, 0)
    elapsed = [each["result"]["elapsed"] for each in graph.get_pi_results_all(name="PiMatmul")]
    assert elapsed[1] is None
    assert elapsed[0] > 0


def test_an_inspection_may_have_thousands_of_repetitions(graph: GraphDatabase) -> None:
    document = inspection_document(results=3)
    document["results"] = [
        {**document["results"][number % 3], "hostname": f"host-{number}"} for number in range(5000)
    ]
    document["specification"]["batch_size"] = 5000
    graph.sync_inspection_result(document)
    graph.sync_inspection_result(document)
    assert graph.get_pi_results_count_all(name="PiMatmul") == 5000
    assert graph.get_pending_inspections_all() == []
    last = graph.get_pi_results_all(descending=True, count=1)[0]
    assert last["inspection_result_number"] == 4999


def test_parallel_writers_of_the_same_documents_leave_what_one_leaves(
    graph: GraphDatabase,
) -> None:
    documents = [(number, entry) for number in range(4) for entry in range(2)]

    def sync(place: tuple[int, int]) -> None:
        number, entry = place
        graph.sync_dependency_monkey_result(report(number, responses=2))
        graph.sync_inspection_result(inspection_document(number, entry))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(sync, documents * 3))
    parallel = contents(graph)
    assert len(parallel["inspection_result"]) == 16
    for place in documents:
        sync(place)
    assert contents(graph) == parallel


# --- hardware ------------------------------------------------------------------------------------


def test_hardware_comes_out_as_it_went_in(graph: GraphDatabase) -> None:
    hardware = {"cpu_family": 6, "cpu_model_name": "Xeon", "ram_size": "16Gi", "disk": {"ssd": 1}}
    row = graph.create_hardware_information(hardware)
    (found,) = graph.get_hardware_environments_all(is_external=True, without_id=False)
    assert found["id"] == row
    assert found["ram_size"] == 16 * 2**30
    assert found["disk"] == {"ssd": 1}
    assert found["cpu_model"] is None
    del found["id"]
    assert graph.create_hardware_information(found) == row
    assert graph.get_hardware_environments_all(is_external=True) == [found]


def test_hardware_of_users_and_ours_is_told_apart(graph: GraphDatabase) -> None:
    ours = graph.create_hardware_information({"cpu_cores": 4}, is_external=False)
    assert graph.create_hardware_information({"cpu_cores": 4}) != ours
    assert len(graph.get_hardware_environments_all()) == 1
    with pytest.raises(NotFoundError):
        graph.delete_hardware_information(ours)
    graph.delete_hardware_information(ours, is_external=False)
    assert graph.get_hardware_environments_all() == []


def test_hardware_of_inspections_cannot_be_deleted(graph: GraphDatabase) -> None:
    graph.sync_inspection_result(inspection_document())
    for entry in graph.get_hardware_environments_all(without_id=False):
        with pytest.raises(InUseError, match="in use by inspections"):
            graph.delete_hardware_information(entry["id"], is_external=False)
    assert len(graph.get_hardware_environments_all(count=None)) == 2


@pytest.mark.parametrize(
    "hardware",
    [
        {},
        {"cpu_cores": None},
        {"cpu_cores": "many"},
        {"cpu_cores": -1},
        {"ram_size": "1Q"},
        [],
        {1: 2},
    ],
)
def test_hardware_that_says_nothing_or_nonsense_is_refused(
    graph: GraphDatabase, hardware: Any
) -> None:
    with pytest.raises(InvalidArgumentError):
        graph.create_hardware_information(hardware)


@pytest.mark.parametrize("row", [-1, "1", None, True])
def test_an_id_that_is_none_is_refused(graph: GraphDatabase, row: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        graph.delete_hardware_information(row)


def test_unknown_hardware_is_not_found(graph: GraphDatabase) -> None:
    for row in (1, 2**40):
        with pytest.raises(NotFoundError):
            graph.delete_hardware_information(row)


# --- stacks --------------------------------------------------------------------------------------


def test_stacks_that_contain_a_release_are_listed(graph: GraphDatabase) -> None:
    graph.sync_inspection_result(inspection_document(0))
    graph.sync_inspection_result(inspection_document(7))
    both = graph.get_python_software_stacks_all("package-7")
    assert len(both) == 2
    assert graph.get_python_software_stacks_all("package-7", count=1, start_offset=1) == both[1:]
    first = both[:1]
    assert first[0]["software_stack_type"] == "INSPECTION"
    assert first[0]["os_name"] == "rhel"
    assert graph.get_python_software_stacks_all("Package_7", "1.1", "https://pypi.org/simple") == []
    assert graph.get_python_software_stacks_all("package-7", "1.1.0") == first
    assert graph.get_python_software_stacks_all("package-7", "1.1.0", is_external=True) == []
    assert graph.get_python_software_stacks_all("package-7", count=0) == []
    assert graph.get_python_software_stacks_all("nothing") == []


def test_the_same_stack_of_two_inspections_is_one(graph: GraphDatabase) -> None:
    document = inspection_document()
    graph.sync_inspection_result(document)
    graph.sync_inspection_result({**document, "document_id": "inspection-00000001"})
    assert graph.get_python_software_stack_count_all() == 1
    document["specification"]["python"]["runtime_environment"]["python_version"] = "3.9"
    graph.sync_inspection_result({**document, "document_id": "inspection-00000002"})
    assert graph.get_python_software_stack_count_all() == 2
    assert graph.get_python_software_stack_count_all(distinct=True) == 1
    assert graph.get_python_software_stack_count_all(is_external=True) == 0
    assert graph.get_python_software_stack_count_all(software_stack_type="USER") == 0
    assert graph.get_main_table_count()["stack_lock"] == 1


def test_a_stack_of_requirements_alone_is_one(graph: GraphDatabase) -> None:
    document = inspection_document()
    document["specification"]["python"]["requirements_locked"] = None
    graph.sync_inspection_result(document)
    graph.sync_inspection_result({**document, "document_id": "inspection-00000001"})
    assert graph.get_python_software_stack_count_all() == 1


def test_an_index_that_is_deleted_takes_its_stacks_not_the_inspections(
    graph: GraphDatabase,
) -> None:
    graph.sync_inspection_result(inspection_document())
    graph.delete_python_package_index("https://pypi.org/simple")
    assert graph.get_python_software_stack_count_all() == 0
    assert graph.inspection_document_id_exist(inspection_document_id())
    graph.sync_inspection_result(inspection_document())
    assert graph.get_python_software_stack_count_all() == 1
