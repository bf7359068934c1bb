"""Questions on indicators have the answers that a naive program gives, wherever results lie."""

from __future__ import annotations

import json
import re
import statistics
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thoth.storages.testing.inspection_documents import inspection_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from thoth.storages import GraphDatabase

KNOWN, UNKNOWN = ("PiMatmul", "PiConv1D"), ("PiOfNobody", "pi_matmul")
INJECTIONS = ('x"; DROP TABLE pi_matmul; --', "a'b", "%s", "%(name)s", "{}", "$.a", "\\", "ü")
NAMES = ("reps", "device", "padding", "rate", "batch", *INJECTIONS)
SPELLED: list[Any] = [
    *(512, 512.0, "512", "512.0", " 512 ", "+512", "0512", "5.12e2", "512.00", 513, "x", "SAME"),
    *(0.5, "0.5", ".5", "0.50", "5e-1", 1e-05, "1e-05", 0, "0", -0.0, "-0", 10**17, str(10**17)),
    *(None, True, False, "true", "", [512], {"value": 512}, {"value": 512.0, "unit": "ms"}, []),
    *("NaN", "inf", "1e999", "٣", 2.5e300, 1e-310, 10**25, f"{10**25}", "1e22", 1e22),
]
VALUES = st.sampled_from(SPELLED)
OUTPUTS = st.fixed_dictionaries(
    {"name": st.sampled_from(KNOWN + UNKNOWN)},
    optional={
        "component": st.sampled_from(["tensorflow", "a'b", "", None]),
        "framework": st.just("tensorflow"),
        "@parameters": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
        | st.sampled_from([None, [512], 7]),
        "@result": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
        | st.fixed_dictionaries({"rate": st.integers(0, 5)}),
        "overall_score": st.sampled_from([1, "2.5", "high", None]),
        "@units": st.just("ms"),
    },
)
HARDWARE = st.sampled_from([None, {"cpu_family": 6}, {"cpu_family": 7, "cpu_flags": ["avx"]}])
INSPECTIONS = st.lists(
    st.fixed_dictionaries(
        {
            "outputs": st.lists(OUTPUTS, max_size=4),
            "lock": st.sampled_from([None, {"a": "1.0"}, {"a": "2.0", "b": "1.0"}]),
            "hardware": HARDWARE,
            "requested": HARDWARE,
            "python": st.sampled_from([None, "3.8", "3.11"]),
        }
    ),
    max_size=4,
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(KNOWN + UNKNOWN + INJECTIONS),
        "component": st.sampled_from(["tensorflow", "a'b", "", "nothing"]),
        "parameters": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=2),
        "least": st.dictionaries(st.sampled_from(NAMES), st.sampled_from([-1, 0, 512]), max_size=2),
        "most": st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0.5, 512]), max_size=1),
        "hardware": st.sampled_from([{}, {"cpu_family": 6}, {"cpu_flags": ["avx"]}]),
        "python_version": st.sampled_from(["3.8", "3.9"]),
        "release": st.sampled_from([("a", None), ("a", "1.0"), ("b", "1"), ("c", None)]),
        "inspection_document_id": st.sampled_from(["inspection-00000001", "inspection-x"]),
    },
)
GROUPINGS = st.lists(
    st.sampled_from(
        [
            *("name", "component", "python_version", "cpu_family", "inspection_document_id"),
            *("package:a", "package:b", "parameter:reps", "parameter:device", "parameter:a'b"),
        ]
    ),
    max_size=3,
    unique=True,
)


# --- the naive program ---------------------------------------------------------------------------


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Any) -> float | None:
    """The number that a value is, or spells."""
    spelled = r" *[+-]?[0-9]{1,30}(\.[0-9]{0,30})?(e[+-]?[0-9]{1,3})? *"
    if not is_number(value) and not (
        isinstance(value, str) and re.fullmatch(spelled, value, re.ASCII | re.IGNORECASE)
    ):
        return None
    found = float(value)
    return None if abs(found) > 1.79e308 else 0.0 if abs(found) < 2.3e-308 else found


def plain(value: Any) -> str:
    """The same text for values that are the same parameter."""
    if isinstance(value, str) and re.fullmatch("[1-9][0-9]{0,29}", value):
        return plain(int(value))
    if isinstance(value, str) and number(value) is not None:
        found = float(value)
        if value in {str(found), f"{int(found)}.0", str(int(found))}:
            return plain(found)
    if is_number(value):
        return f"number {int(value) if value == int(value) else value}"
    return json.dumps(value, sort_keys=True)


def objects(output: dict[str, Any], key: str) -> dict[str, Any]:
    found = output.get(key)
    return found if isinstance(found, dict) else {}


def value_of(output: dict[str, Any], name: str) -> float | None:
    measured = objects(output, "@result")
    return number(measured[name] if name in measured else objects(output, "@parameters").get(name))


def entries(inspections: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for place, inspection in enumerate(inspections):
        for repetition, output in enumerate(inspection["outputs"]):
            if not output.keys() & {"@parameters", "@result"}:
                continue
            yield {
                "output": output,
                "name": output["name"],
                "component": output.get("component") or output.get("framework") or "",
                "inspection_document_id": f"inspection-{place:08}",
                "inspection_result_number": repetition,
                "lock": inspection["lock"] or {},
                "hardware": inspection["hardware"] or inspection["requested"] or {},
                "python_version": inspection["python"],
            }


def fits(entry: dict[str, Any], asked: dict[str, Any]) -> bool:
    output = entry["output"]
    for key in ("name", "component", "inspection_document_id", "python_version"):
        if key in asked and entry[key] != asked[key]:
            return False
    parameters = objects(output, "@parameters")
    for name, value in asked.get("parameters", {}).items():
        if name not in parameters or plain(parameters[name]) != plain(value):
            return False
    for name, least in asked.get("least", {}).items():
        if (found := value_of(output, name)) is None or found < least:
            return False
    for name, most in asked.get("most", {}).items():
        if (found := value_of(output, name)) is None or found > most:
            return False
    if any(entry["hardware"].get(n) != value for n, value in asked.get("hardware", {}).items()):
        return False
    name, version = asked.get("release", (None, None))
    return name is None or (name in entry["lock"] and version in (None, entry["lock"][name]))


def property_of(entry: dict[str, Any], grouping: str) -> str | None:
    kind, _, name = grouping.partition(":")
    if kind == "package":
        version: str | None = entry["lock"].get(name)
        return version
    if kind == "parameter":
        parameters = objects(entry["output"], "@parameters")
        return None if parameters.get(name) is None else plain(parameters[name])
    found = entry["hardware"].get(kind) if kind == "cpu_family" else entry[kind]
    return None if found is None else json.dumps(found)


# --- the test ------------------------------------------------------------------------------------


def sync(graph: GraphDatabase, inspections: list[dict[str, Any]]) -> None:
    for place, inspection in enumerate(inspections):
        outputs = inspection["outputs"]
        document = inspection_document(results=len(outputs))
        document["document_id"] = f"inspection-{place:08}"
        specification = document["specification"]
        specification["run"]["requests"]["hardware"] = inspection["requested"]
        lock = inspection["lock"]
        specification["python"]["requirements_locked"] = lock and {
            "default": {name: {"version": f"=={version}"} for name, version in lock.items()}
        }
        for result, output in zip(document["results"], outputs, strict=True):
            result["stdout"] = output
            result["os_release"] = None
            result["runtime_environment"] = {
                "hardware": inspection["hardware"],
                "python_version": inspection["python"],
            }
        graph.sync_inspection_result(document)


def keyed(entry: dict[str, Any]) -> tuple[str, int]:
    return entry["inspection_document_id"], entry["inspection_result_number"]


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    inspections=INSPECTIONS,
    questions=st.lists(st.tuples(FILTERS, GROUPINGS, st.sampled_from(NAMES)), max_size=4),
)
def test_answers_are_those_of_a_naive_program(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    inspections: list[dict[str, Any]],
    questions: list[tuple[dict[str, Any], list[str], str]],
) -> None:
    empty_tables()
    sync(graph, inspections)
    for asked, group_by, value in questions:
        expected = [entry for entry in entries(inspections) if fits(entry, asked)]
        arguments = {key: given for key, given in asked.items() if key != "release"}
        if "release" in asked:
            arguments["package_name"], arguments["package_version"] = asked["release"]
        listed = graph.get_pi_results_all(**arguments, count=None)
        assert list(map(keyed, listed)) == list(map(keyed, expected))
        assert graph.get_pi_results_count_all(**arguments) == len(expected)
        for found, entry in zip(listed, expected, strict=True):
            check_entry(found, entry)
        by_value = graph.get_pi_results_all(**arguments, sort_by=value, count=None)
        ranked = sorted(
            expected,
            key=lambda each: (
                (found := value_of(each["output"], value)) is None,
                found,
                *keyed(each),
            ),
        )
        assert list(map(keyed, by_value)) == list(map(keyed, ranked))
        groups = graph.get_pi_statistics_all(
            **arguments, value=value, group_by=group_by, count=None
        )
        check_groups(groups, expected, value, group_by)


def doubles(value: Any) -> Any:
    """What JSON says, with every number as a double: 2.5e300 comes back as 25 and 299 zeros."""
    if isinstance(value, dict):
        return {key: doubles(each) for key, each in value.items()}
    if isinstance(value, list):
        return [doubles(each) for each in value]
    return float(value) if is_number(value) else value


def check_entry(found: dict[str, Any], entry: dict[str, Any]) -> None:
    output = entry["output"]
    for key in ("name", "component", "python_version"):
        assert found[key] == entry[key]
    assert found["overall_score"] == number(output.get("overall_score"))
    for key in ("parameters", "result"):
        said = output.get(f"@{key}")
        assert doubles(found[key]) == doubles({} if said is None else said)
    assert found["other"].get("@units") == output.get("@units")
    for name, value in entry["hardware"].items():
        assert found["hardware"][name] == value


def check_groups(
    found: list[dict[str, Any]], expected: list[dict[str, Any]], value: str, group_by: list[str]
) -> None:
    groups: dict[tuple[str | None, ...], list[float]] = {}
    for entry in expected:
        measured = value_of(entry["output"], value)
        if measured is not None:
            key = tuple(property_of(entry, grouping) for grouping in group_by)
            groups.setdefault(key, []).append(measured)
    shown = {tuple(shown_as(each[name], name) for name in group_by): each for each in found}
    assert len(shown) == len(found)
    assert shown.keys() == groups.keys()
    for key, numbers in groups.items():
        entry = shown[key]
        assert (entry["count"], entry["min"], entry["max"]) == (
            len(numbers),
            min(numbers),
            max(numbers),
        )
        assert entry["median"] == pytest.approx(statistics.median(numbers))
        mean = statistics.fmean(each * 2.0**-40 for each in numbers) * 2.0**40
        assert entry["mean"] == pytest.approx(mean)
        assert entry["min"] <= entry["mean"] <= entry["max"]


def shown_as(value: Any, grouping: str) -> str | None:
    """What `property_of` gives, of a group in an answer."""
    if value is None:
        return None
    if grouping.startswith("package:"):
        return str(value)
    return plain(value) if grouping.startswith("parameter:") else json.dumps(value)
