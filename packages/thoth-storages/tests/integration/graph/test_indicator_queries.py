"""Results of performance indicators are found wherever they lie, with the same answer."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from thoth.storages import GraphDatabase, InvalidArgumentError
from thoth.storages.graph.queries import indicator_groups, indicators
from thoth.storages.testing import connection_variables
from thoth.storages.testing.inspection_documents import (
    indicator_output,
    inspection_document,
    inspection_document_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN, UNKNOWN = "PiMatmul", "PiOfNobody"
INDEX_URL = "https://pypi.org/simple"


def sync(
    graph: GraphDatabase,
    number: int,
    outputs: list[dict[str, Any]],
    change: Callable[[dict[str, Any]], None] = lambda document: None,
) -> str:
    document = inspection_document(number, results=len(outputs))
    for result, output in zip(document["results"], outputs, strict=True):
        result["stdout"] = output
    change(document)
    graph.sync_inspection_result(document)
    return str(document["document_id"])


def measured(name: str, rate: Any, **parameters: Any) -> dict[str, Any]:
    output = indicator_output("PiMatmul")
    output |= {"name": name, "@result": {"rate": rate, "elapsed": 5}}
    output["@parameters"] |= parameters
    return output


def both(graph: GraphDatabase, number: int, rates: list[Any], **parameters: Any) -> None:
    """Sync an inspection that measured an indicator with a table, and one without."""
    for place, name in enumerate((KNOWN, UNKNOWN)):
        outputs = [measured(name, rate, **parameters) for rate in rates]
        sync(graph, number + 1000 * place, outputs)


def rates(entries: list[dict[str, Any]]) -> list[Any]:
    return [entry["result"]["rate"] for entry in entries]


def test_an_entry_has_what_the_script_wrote_and_where_it_ran(graph: GraphDatabase) -> None:
    output = {**indicator_output("PiMine", rate=2.5), "@units": {"rate": "GFLOPS"}}
    document_id = sync(graph, 7, [output])
    (entry,) = graph.get_pi_results_all()
    stack = graph.get_python_software_stacks_all("package-7")[0]
    assert entry.pop("hardware")["cpu_features"] == ["avx", "avx2"]
    assert entry.pop("started_at").isoformat() == "2020-06-01T00:07:00+00:00"
    assert entry == {
        "name": "PiMine",
        "component": "tensorflow",
        "overall_score": 2.5,
        "parameters": {"size": {"value": 2, "unit": "GiB"}},
        "result": {"rate": 2.5, "elapsed": 400},
        "other": {"@units": {"rate": "GFLOPS"}},
        "inspection_document_id": document_id,
        "inspection_result_number": 0,
        "lock_sha256": stack["lock_sha256"],
        "requirements_sha256": stack["requirements_sha256"],
        "os_name": "rhel",
        "os_version": "8",
        "python_version": "3.8",
    }


def test_an_indicator_with_a_table_and_one_without_have_the_same_entry(
    graph: GraphDatabase,
) -> None:
    output = indicator_output("PiConv2D")
    sync(graph, 1, [output])
    # With a key that the model lacks, it lands among those without a table.
    sync(graph, 1001, [{**output, "@result": {**output["@result"], "median": 1}}])
    known, unknown = graph.get_pi_results_all(name="PiConv2D")
    assert unknown["result"].pop("median") == 1
    differ = {"inspection_document_id", "started_at", "lock_sha256"}
    assert {key for key in known if known[key] != unknown[key]} == differ
    counts = graph.get_performance_table_count()
    assert (counts["pi_conv2d"], counts["performance_indicator"]) == (1, 1)


FILTERS: dict[str, tuple[dict[str, Any], list[float]]] = {
    "nothing": ({}, [10, 20, 30, 40, 50]),
    "component": ({"component": "tensorflow"}, [10, 20, 30, 40, 50]),
    "another component": ({"component": "pytorch"}, []),
    "a number": ({"parameters": {"matrix_size": 512}}, [10, 20]),
    "the same number": ({"parameters": {"matrix_size": 512.0}}, [10, 20]),
    "the number as a text": ({"parameters": {"matrix_size": "512"}}, [10, 20]),
    "a number that was a text": ({"parameters": {"matrix_size": 1024}}, [30]),
    "that text": ({"parameters": {"matrix_size": "1024"}}, [30]),
    "a text": ({"parameters": {"device": "gpu"}}, [40, 50]),
    "several": ({"parameters": {"device": "gpu", "reps": 7}}, [50]),
    "none": ({"parameters": {"mini_batch": None}}, [40]),
    "another type": ({"parameters": {"matrix_size": True}}, []),
    "an unknown parameter": ({"parameters": {"nothing": 1}}, []),
    "a result is no parameter": ({"parameters": {"rate": 10}}, []),
    "a column that is none": ({"parameters": {"component": "tensorflow"}}, []),
    "at least": ({"least": {"rate": 30}}, [30, 40, 50]),
    "at most": ({"most": {"rate": 30}}, [10, 20, 30]),
    "between": ({"least": {"rate": 15}, "most": {"rate": 35, "elapsed": 5}}, [20, 30]),
    "a parameter at least": ({"least": {"matrix_size": 1000}}, [30]),
    "an unknown value at least": ({"least": {"nothing": 0}}, []),
    "a release": ({"package_name": "package-0", "package_version": "1.1.0"}, [10, 20]),
    "any release": ({"package_name": "Package.7"}, [10, 20, 30, 40, 50]),
    "no release": ({"package_name": "package-1"}, []),
    "a release on an index": (
        {"package_name": "package-0", "package_version": "1.2.0", "index_url": INDEX_URL},
        [30],
    ),
    "a release on another index": (
        {"package_name": "package-0", "index_url": "https://example.com/simple"},
        [],
    ),
    "an environment": (
        {"os_name": "ubi", "os_version": "8.2", "python_version": "3.8"},
        [10, 20, 30, 40, 50],
    ),
    "hardware": ({"hardware": {"cpu_family": 6, "cpu_model": "94"}}, [10, 20, 30, 40, 50]),
    "other hardware": ({"hardware": {"cpu_family": 7}}, []),
    "hardware without a column": (
        {"hardware": {"cpu_features": ["avx", "avx2"]}},
        [10, 20, 30, 40, 50],
    ),
    "hardware that differs there": ({"hardware": {"cpu_features": ["avx"]}}, []),
}


@pytest.fixture
def _measured(graph: GraphDatabase) -> None:
    both(graph, 1, [10, 20], matrix_size=512, mini_batch=3)
    both(graph, 2, ["30"], matrix_size="1024", mini_batch=3)
    both(graph, 300, [40], matrix_size=3, device="gpu", mini_batch=None)
    both(graph, 301, [50.0], matrix_size=3, device="gpu", mini_batch=3, reps="7")


@pytest.mark.usefixtures("_measured")
def test_every_filter_gives_the_same_with_and_without_a_table(graph: GraphDatabase) -> None:
    for label, (wanted, expected) in FILTERS.items():
        for name in (KNOWN, UNKNOWN):
            arguments = {**wanted, "name": name}
            if "package_name" in wanted and name == UNKNOWN:
                # Their stacks are others.
                continue
            found = graph.get_pi_results_all(**arguments)
            assert [float(rate) for rate in rates(found)] == expected, (label, name)
            assert graph.get_pi_results_count_all(**arguments) == len(expected), (label, name)
        if "package_name" not in wanted:
            assert graph.get_pi_results_count_all(**wanted) == 2 * len(expected), label


@pytest.mark.usefixtures("_measured")
def test_results_of_a_stack_and_of_an_inspection_are_found(graph: GraphDatabase) -> None:
    document_id = inspection_document_id(1)
    entries = graph.get_pi_results_all(inspection_document_id=document_id)
    assert rates(entries) == [10, 20]
    assert [entry["inspection_result_number"] for entry in entries] == [0, 1]
    for key, others in (("lock_sha256", []), ("requirements_sha256", [30, 40, 50])):
        wanted = {key: entries[0][key], "name": KNOWN}
        found = graph.get_pi_results_all(**wanted)
        assert found[:2] == entries
        assert [float(rate) for rate in rates(found[2:])] == others
        assert graph.get_pi_results_all(**{key: "0" * 64}) == []


@pytest.mark.usefixtures("_measured")
def test_hardware_is_what_was_asked_for_where_the_repetition_tells_none(
    graph: GraphDatabase,
) -> None:
    def without(document: dict[str, Any]) -> None:
        del document["results"][0]["runtime_environment"]["hardware"]
        document["specification"]["run"]["requests"]["hardware"] = {"cpu_family": 25}

    sync(graph, 5, [measured(KNOWN, 60)], without)
    assert rates(graph.get_pi_results_all(hardware={"cpu_family": 25})) == [60]


@pytest.mark.usefixtures("_measured")
def test_results_are_sorted_by_a_value_and_come_in_pages(graph: GraphDatabase) -> None:
    sync(graph, 9, [{**measured(UNKNOWN, 0), "@result": {"rate": "fast"}}])
    by_rate = graph.get_pi_results_all(sort_by="rate", descending=True)
    assert [float(rate) for rate in rates(by_rate)[:-1]] == [
        rate for rate in (50, 40, 30, 20, 10) for _ in range(2)
    ]
    assert rates(by_rate)[-1] == "fast"
    ascending = graph.get_pi_results_all(sort_by="rate", name=KNOWN)
    assert [float(rate) for rate in rates(ascending)] == [10, 20, 30, 40, 50]
    for options in ({}, {"descending": True}, {"sort_by": "rate"}, {"sort_by": "nothing"}):
        whole = graph.get_pi_results_all(**options)
        pages = [
            entry
            for start in range(0, 12, 4)
            for entry in graph.get_pi_results_all(**options, start_offset=start, count=4)
        ]
        assert pages == whole
        assert len(whole) == 11


def test_values_that_are_no_numbers_are_no_fault(graph: GraphDatabase) -> None:
    values: list[Any] = [1e300, "1e999", "-0", {"value": 1}, [1], None, True, "", 5e-324, 10**40]
    sync(graph, 1, [measured(UNKNOWN, value) for value in values])
    sync(graph, 2, [{"name": UNKNOWN, "@result": [1], "@parameters": 7}])
    (entry,) = graph.get_pi_statistics_all(value="rate")
    assert (entry["count"], entry["min"], entry["max"]) == (4, 0, 1e300)
    assert entry["median"] == pytest.approx(5e39)
    assert len(graph.get_pi_results_all(least={"rate": -1})) == 4
    assert len(graph.get_pi_results_all(sort_by="rate", count=None)) == 11


# --- statistics ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_measured")
def test_statistics_are_of_all_that_is_listed(graph: GraphDatabase) -> None:
    expected = {"count": 5, "min": 10.0, "mean": 30.0, "median": 30.0, "max": 50.0}
    for name in (KNOWN, UNKNOWN):
        assert graph.get_pi_statistics_all(value="rate", name=name) == [expected]
    (entry,) = graph.get_pi_statistics_all(value="rate", least={"rate": 20})
    assert (entry["count"], entry["median"]) == (8, 35)
    assert graph.get_pi_statistics_all(value="rate", component="nothing") == []
    assert graph.get_pi_statistics_all(value="nothing") == []


@pytest.mark.usefixtures("_measured")
def test_a_value_is_compared_by_the_version_of_a_package(graph: GraphDatabase) -> None:
    def without_lock(document: dict[str, Any]) -> None:
        document["specification"]["python"]["requirements_locked"] = None

    sync(graph, 9, [measured(KNOWN, 60)], without_lock)
    entries = graph.get_pi_statistics_all(value="rate", name=KNOWN, group_by=["package:Package-0"])
    assert [(entry["package:package-0"], entry["mean"]) for entry in entries] == [
        (None, 60),
        *(("1.1.0", 15), ("1.2.0", 30), ("1.3.0", 40), ("1.4.0", 50)),
    ]


def test_versions_are_in_their_order(graph: GraphDatabase) -> None:
    def pinned(version: str) -> Callable[[dict[str, Any]], None]:
        def change(document: dict[str, Any]) -> None:
            lock = document["specification"]["python"]["requirements_locked"]
            lock["default"] = {"tensorflow": {"version": f"=={version}", "index": "pypi"}}

        return change

    for number, version in enumerate(("2.10.0", "2.9.0", "2.10.0rc1", "2.9.0")):
        sync(graph, number, [measured(KNOWN, number + 1)], pinned(version))
    group_by = ["package:TensorFlow", "parameter:matrix_size"]
    entries = graph.get_pi_statistics_all(value="rate", group_by=group_by)
    assert [(entry["package:tensorflow"], entry["count"]) for entry in entries] == [
        ("2.9.0", 2),
        ("2.10.0rc1", 1),
        ("2.10.0", 1),
    ]
    assert entries[0] == {
        "package:tensorflow": "2.9.0",
        "parameter:matrix_size": 512,
        "count": 2,
        "min": 2.0,
        "mean": 3.0,
        "median": 3.0,
        "max": 4.0,
    }
    assert graph.get_pi_statistics_all(
        value="rate", group_by=group_by, start_offset=1, count=1
    ) == [entries[1]]


@pytest.mark.usefixtures("_measured")
def test_a_parameter_that_is_a_number_groups_with_its_spelling(graph: GraphDatabase) -> None:
    sync(graph, 400, [measured(UNKNOWN, 60, matrix_size="512.0"), measured(UNKNOWN, 1, device=7)])
    sizes = graph.get_pi_statistics_all(value="rate", group_by=["parameter:matrix_size", "name"])
    assert [(each["parameter:matrix_size"], each["name"], each["count"]) for each in sizes] == [
        *((3, KNOWN, 2), (3, UNKNOWN, 2), (512, KNOWN, 2), (512, UNKNOWN, 4)),
        *((1024, KNOWN, 1), (1024, UNKNOWN, 1)),
    ]
    devices = graph.get_pi_statistics_all(value="rate", group_by=["parameter:device"])
    assert [entry["parameter:device"] for entry in devices] == ["cpu", "gpu", 7]


@pytest.mark.usefixtures("_measured")
def test_every_grouping_is_possible(graph: GraphDatabase) -> None:
    for grouping in indicator_groups.GROUPINGS:
        entries = graph.get_pi_statistics_all(value="rate", group_by=[grouping])
        assert sum(entry["count"] for entry in entries) == 10
        assert len({json.dumps(entry[grouping]) for entry in entries}) == len(entries)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([(UNKNOWN, sys.float_info.min, 1, "cpu"), (UNKNOWN, sys.float_info.max, "1", "cpu")])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([KNOWN, UNKNOWN]),
            st.floats(-1e6, 1e6, allow_subnormal=False),
            st.sampled_from([1, 1.0, "1", 2, "x"]),
            st.sampled_from(["cpu", "gpu"]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_statistics_are_those_of_the_standard_library(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    made: list[tuple[str, float, Any, str]],
) -> None:
    empty_tables()
    sync(graph, 1, [measured(n, rate, matrix_size=size, device=d) for n, rate, size, d in made])
    for number, spelling in ((1, "1"), (2, "2")):
        rates_of = [rate for _, rate, size, _ in made if str(size) in (spelling, f"{spelling}.0")]
        asked = {"value": "rate", "parameters": {"matrix_size": number}}
        found = graph.get_pi_statistics_all(**asked)
        if not rates_of:
            assert found == []
            continue
        (entry,) = found
        assert (entry["count"], entry["min"], entry["max"]) == (
            len(rates_of),
            min(rates_of),
            max(rates_of),
        )
        assert entry["mean"] == pytest.approx(statistics.fmean(rates_of), abs=1e-6)
        assert entry["median"] == pytest.approx(statistics.median(rates_of), abs=1e-6)


# --- questions asked wrongly ---------------------------------------------------------------------

WRONG: list[dict[str, Any]] = [
    {"component": 7},
    {"name": "a\0b"},
    {"parameters": ["x"]},
    {"parameters": {1: 2}},
    {"parameters": {"x": object()}},
    {"parameters": {"x": "\0"}},
    {"parameters": {"x": "\udcff"}},
    {"parameters": {str(number): 1 for number in range(indicators.MAX_CONDITIONS + 1)}},
    {"least": {"rate": "fast"}},
    {"least": {"rate": True}},
    {"most": {"rate": float("inf")}},
    {"package_version": "1.0"},
    {"index_url": "https://pypi.org/simple"},
    {"lock_sha256": "abc"},
    {"lock_sha256": "x" * 64},
    {"requirements_sha256": 7},
    {"inspection_document_id": 7},
    {"os_name": 7},
    {"hardware": {"cpu_family": "many"}},
    {"hardware": [1]},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_asked_wrongly_is_refused(graph: GraphDatabase, wrong: dict[str, Any]) -> None:
    for ask in (graph.get_pi_results_all, graph.get_pi_results_count_all):
        with pytest.raises(InvalidArgumentError):
            ask(**wrong)
    with pytest.raises(InvalidArgumentError):
        graph.get_pi_statistics_all(value="rate", **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": ""},
        {"value": None},
        {"value": "rate", "group_by": "component"},
        {"value": "rate", "group_by": ["no_such"]},
        {"value": "rate", "group_by": ["parameter:"]},
        {"value": "rate", "group_by": ["package:"]},
        {"value": "rate", "group_by": ["name", "name"]},
        {"value": "rate", "group_by": [7]},
        {
            "value": "rate",
            "group_by": [f"parameter:{n}" for n in range(indicators.MAX_GROUPINGS + 1)],
        },
        {"value": "rate", "count": -1},
    ],
)
def test_statistics_that_are_asked_wrongly_are_refused(
    graph: GraphDatabase, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgumentError):
        graph.get_pi_statistics_all(**wrong)


@pytest.mark.parametrize("wrong", [{"sort_by": 7}, {"descending": None}, {"start_offset": -1}])
def test_a_listing_that_is_asked_wrongly_is_refused(
    graph: GraphDatabase, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgumentError):
        graph.get_pi_results_all(**wrong)


REPETITION = "int REFERENCES inspection_result ON DELETE CASCADE"


@pytest.mark.parametrize(
    "columns",
    [
        f"baseline_id {REPETITION}, inspection_result_id {REPETITION} PRIMARY KEY",
        f"baseline_id {REPETITION}",
    ],
)
def test_a_table_that_refers_to_repetitions_otherwise_is_no_table_of_indicators(
    graph: GraphDatabase, columns: str
) -> None:
    sync(graph, 1, [measured(UNKNOWN, 3)])
    with graph.migration_connection() as connection:
        connection.execute(f"CREATE TABLE pi_own (component text, overall_score float8, {columns})")
    try:
        assert graph.get_pi_results_count_all() == 1
        assert len(graph.get_pi_count("tensorflow")) == 5 + ("PRIMARY" in columns)
        if "PRIMARY" in columns:
            with graph.migration_connection() as connection:
                connection.execute(
                    "INSERT INTO pi_own SELECT component, overall_score, inspection_result_id,"
                    " inspection_result_id FROM performance_indicator"
                )
                connection.execute("DELETE FROM performance_indicator")
            assert graph.get_pi_results_count_all() == 1
    finally:
        with graph.migration_connection() as connection:
            connection.execute("DROP TABLE pi_own")


def test_names_of_columns_are_no_part_of_statements(graph: GraphDatabase) -> None:
    with graph.migration_connection() as connection:
        connection.execute(
            'CREATE TABLE "pi "" %s" (inspection_result_id int PRIMARY KEY REFERENCES'
            " inspection_result (id) ON DELETE CASCADE, component text, overall_score float8,"
            ' "100%" float8, "a"" b" text)'
        )
    try:
        sync(graph, 1, [{"name": "Own", "@parameters": {'a" b': "x"}, "@result": {"100%": 3}}])
        with graph.migration_connection() as connection:
            connection.execute(
                'INSERT INTO "pi "" %s" SELECT inspection_result_id, component, overall_score, 3,'
                " 'x' FROM performance_indicator"
            )
            connection.execute("DELETE FROM performance_indicator")
        (entry,) = graph.get_pi_results_all(name="Own", parameters={'a" b': "x"}, least={"100%": 3})
        assert entry["result"] == {"100%": 3}
        assert graph.get_pi_statistics_all(value="100%")[0]["mean"] == 3
    finally:
        with graph.migration_connection() as connection:
            connection.execute('DROP TABLE "pi "" %s"')


# --- from the shell ------------------------------------------------------------------------------


@pytest.mark.usefixtures("_measured")
def test_the_shell_asks_the_same(graph: GraphDatabase) -> None:
    variables = connection_variables(graph.settings)
    command = [sys.executable, "-m", "thoth.storages", "query"]
    options = ["--parameters", "matrix_size=512,device=cpu", "--hardware", '{"cpu_family": 6}']
    done = subprocess.run(
        [*command, "get_pi_statistics_all", "--value", "rate", "--group-by", "name", *options],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    numbers = {"count": 2, "min": 10.0, "mean": 15.0, "median": 15.0, "max": 20.0}
    assert json.loads(done.stdout) == [{"name": name, **numbers} for name in (KNOWN, UNKNOWN)]
