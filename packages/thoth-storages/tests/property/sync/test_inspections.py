"""Whatever is done to an inspection's document, it is written whole, or refused with its path."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thoth.storages import InvalidDocumentError
from thoth.storages.sync.inspection import sync_inspection_facts
from thoth.storages.sync.inspection_documents import read_inspection_document
from thoth.storages.testing.inspection_documents import indicator_output, inspection_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase
    from thoth.storages.sync.inspection_documents import InspectionFacts

INDICATORS = ("PiMatmul", "PiConv1D", "PiConv2D", "PiPyBench", "PiMine")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(
        [
            *("1.5", " 7 ", "1e5", "1e999", "NaN", "-0", "+3", "0x10", "٣", "12 GFLOPS", "SAME"),
            *("500m", "1Gi", "-1", "\0", "\ud800", "a" * 70_000, "{", "[]", '{"name": "PiMatmul"}'),
            *(2**31, -(2**31) - 1, 2**63, 10**400, 1e308, 5e-324, float("nan"), float("-inf")),
            *("2020-01-01", "2020-01-01T00:00:00+99:00", "0001-01-01T00:00:00+14:00"),
            *("9999-12-31T23:59:59-14:00", "24:00", "inspection-1", "../../etc/passwd"),
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PLACES = st.lists(st.integers(0, 50), min_size=1, max_size=7)
CHANGES = st.lists(st.tuples(st.sampled_from(["put", "drop", "add"]), PLACES, VALUES), max_size=3)
DOCUMENTS = st.builds(
    inspection_document,
    st.integers(0, 5),
    st.integers(0, 1),
    results=st.integers(0, 3),
    indicator=st.sampled_from(INDICATORS),
)


def change(content: Any, how: str, path: list[int], value: Any) -> None:
    """Put, drop or add a value at a place of a document, going down as the numbers say."""
    for place, step in enumerate(path):
        if not content:
            return
        keys = sorted(content) if isinstance(content, dict) else range(len(content))
        key = keys[step % len(keys)]
        is_last = place + 1 == len(path) or not isinstance(content[key], dict | list)
        if is_last and how == "add" and isinstance(content, dict):
            content[f"{key}x"] = value
        elif is_last and how == "drop":
            del content[key]
        elif is_last:
            content[key] = value
        if is_last:
            return
        content = content[key]


ROWS = """
    SELECT (SELECT count(*) FROM inspection), (SELECT count(*) FROM inspection_result),
           (SELECT count(*) FROM performance_indicator) + (SELECT count(*) FROM pi_matmul)
           + (SELECT count(*) FROM pi_conv1d) + (SELECT count(*) FROM pi_conv2d)
           + (SELECT count(*) FROM pi_pybench)
"""


def rows(graph: GraphDatabase) -> tuple[int, ...]:
    with graph.migration_connection() as connection:
        return tuple(connection.execute(ROWS).fetchall()[0])


def read(document: dict[str, Any]) -> InspectionFacts | InvalidDocumentError:
    try:
        return read_inspection_document(document, document_id="inspection-1")
    except InvalidDocumentError as error:
        return error


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(document=DOCUMENTS, changes=CHANGES)
def test_a_changed_inspection_is_written_whole_or_refused_with_its_path(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    document: dict[str, Any],
    changes: list[tuple[str, list[int], Any]],
) -> None:
    for each in changes:
        change(document, *each)
    before = copy.deepcopy(document)
    empty_tables()
    facts = read(document)
    assert repr(document) == repr(before)
    if isinstance(facts, InvalidDocumentError):
        assert re.split(r"[.[]", facts.path)[0] in {*document, "specification"}
        return
    with graph.migration_connection() as connection:
        assert sync_inspection_facts(connection, facts)
        assert not sync_inspection_facts(connection, facts)
    measured = [each for each in facts.repetitions if each.indicator is not None]
    assert rows(graph) == (1, len(facts.repetitions), len(measured))
    assert graph.get_pi_results_count_all() == len(measured)
    listed = graph.get_pi_results_all(count=None)
    assert [each["name"] for each in listed] == [each.indicator.name for each in measured]
    again = graph.get_pi_statistics_all(value="rate", group_by=["name", "parameter:matrix_size"])
    assert sum(each["count"] for each in again) <= len(measured)


@given(name=st.sampled_from(INDICATORS), changes=CHANGES)
def test_any_output_is_an_indicator_or_none(
    name: str, changes: list[tuple[str, list[int], Any]]
) -> None:
    document = inspection_document(results=1)
    output = indicator_output(name)
    for each in changes:
        change(output, *each)
    document["results"][0]["stdout"] = output
    read_inspection_document(document)
