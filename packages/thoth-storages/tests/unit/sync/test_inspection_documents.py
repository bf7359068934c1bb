"""Reading inspections and the reports that ask for them."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import InvalidDocumentError
from thoth.storages.sync.dependency_monkey_documents import read_dependency_monkey_document
from thoth.storages.sync.indicators import read_indicator
from thoth.storages.sync.inspection_documents import read_inspection_document, read_output
from thoth.storages.testing.inspection_documents import (
    dependency_monkey_document,
    dependency_monkey_document_id,
    failed_dependency_monkey_document,
    indicator_output,
    inspection_document,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[dict[str, Any]], object]

ID = dependency_monkey_document_id()


def inspection(change: Change = lambda document: None) -> dict[str, Any]:
    document = inspection_document()
    change(document)
    return document


def report(change: Change = lambda document: None) -> dict[str, Any]:
    document = dependency_monkey_document()
    change(document)
    return document


def test_an_inspection_may_have_one_result_with_its_number() -> None:
    document = inspection()
    document["result"] = document.pop("results")[0]
    document["result_number"] = 7
    assert [each.number for each in read_inspection_document(document).repetitions] == [7]


def test_an_inspection_may_come_in_an_envelope() -> None:
    document = inspection()
    enveloped = {"metadata": {"document_id": document.pop("document_id")}, "result": document}
    assert read_inspection_document(enveloped) == read_inspection_document(inspection())


def test_the_id_that_is_given_counts() -> None:
    assert read_inspection_document(inspection(), document_id="inspection-9").document_id == (
        "inspection-9"
    )


def test_encoded_documents_are_read_too() -> None:
    encoded = json.dumps(inspection()).encode()
    assert read_inspection_document(encoded) == read_inspection_document(inspection())


def test_hardware_is_optional() -> None:
    record = read_inspection_document(inspection()).record
    assert record.build_hardware is None
    assert record.run_hardware is not None
    assert record.columns["build_requests_memory"] == 2**30


def test_the_older_time_is_when_a_repetition_began() -> None:
    document = inspection()
    for key in ("start_datetime", "end_datetime"):
        del document["results"][0][key]
    document["results"][0]["datetime"] = "2019-03-01T12:00:00"
    columns = read_inspection_document(document).repetitions[0].columns
    assert columns["started_at"] == datetime(2019, 3, 1, 12, tzinfo=UTC)
    assert columns["finished_at"] is None


@pytest.mark.parametrize("stdout", ["", "Done.", {}, None, "{not JSON", "[" * 10_000, 3, "{\ud800"])
def test_output_that_is_no_json_is_none(stdout: object) -> None:
    assert read_output(stdout) is None


def test_json_may_be_given_as_text() -> None:
    output = indicator_output()
    assert read_output(f" {json.dumps(output)}\n") == output


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_only_python_writes_are_null(odd: float) -> None:
    document, plain = inspection(), inspection()
    for each, value in ((document, odd), (plain, None)):
        each["results"][0]["stdout"]["@result"]["rate"] = value
        each["results"][1]["stdout"] = json.dumps({"name": "PiMine", "@result": {"rate": value}})
    facts = read_inspection_document(json.dumps(document).encode())
    assert facts == read_inspection_document(plain)
    assert facts.repetitions[1].indicator is not None
    assert facts.repetitions[1].indicator.result == {"rate": None}


@pytest.mark.parametrize("text", ['{"NaN": }', '{"a": NaN, "b": ' + "[" * 200 + "]" * 200 + "}"])
def test_what_is_no_json_with_such_numbers_either_is_refused(text: str) -> None:
    with pytest.raises(InvalidDocumentError):
        read_inspection_document(text.encode(), document_id="inspection-1")
    assert read_output(text) is None


def test_a_component_was_called_framework_once() -> None:
    output = indicator_output()
    output["framework"] = output.pop("component")
    assert read_indicator(output) == read_indicator(indicator_output())


def test_one_response_makes_a_batch_of_its_context() -> None:
    facts = read_dependency_monkey_document(report(), document_id=ID)
    assert facts.inspection.columns["batch_size"] == 2
    assert len(facts.responses) == 3


def test_a_batch_is_one_where_the_context_says_nothing() -> None:
    document = dependency_monkey_document(batch_size=None)
    facts = read_dependency_monkey_document(document, document_id=ID)
    assert facts.inspection.columns["batch_size"] == 1


def test_a_report_needs_an_id() -> None:
    with pytest.raises(InvalidDocumentError, match="document_id is null"):
        read_dependency_monkey_document(report())


@pytest.mark.parametrize("said", [None, {"ERROR": "Broken", "stack_info": None}])
def test_a_run_that_failed_has_no_responses(said: object) -> None:
    document = failed_dependency_monkey_document()
    document["result"]["report"] = said
    facts = read_dependency_monkey_document(document, document_id=ID)
    assert facts.responses == []
    assert facts.columns["error"] is True


@pytest.mark.parametrize(
    ("document", "read"),
    [(inspection(), read_inspection_document), (report(), read_dependency_monkey_document)],
)
def test_reading_changes_nothing(document: dict[str, Any], read: Any) -> None:
    before = copy.deepcopy(document)
    read(document, document_id=ID)
    assert document == before


BROKEN_INSPECTIONS: list[tuple[str, Change]] = [
    ("document_id", lambda it: it.pop("document_id")),
    ("document_id", lambda it: it.update(document_id="../etc/passwd")),
    ("specification", lambda it: it.pop("specification")),
    ("specification", lambda it: it.update(specification=[])),
    ("specification.batch_size", lambda it: it["specification"].update(batch_size="two")),
    ("specification.batch_size", lambda it: it["specification"].update(batch_size=-1)),
    ("specification.batch_size", lambda it: it["specification"].update(batch_size=2**40)),
    ("specification.@created", lambda it: it["specification"].update({"@created": "today"})),
    (
        "specification.build.requests.cpu",
        lambda it: it["specification"]["build"]["requests"].update(cpu="some"),
    ),
    (
        "specification.run.requests.hardware",
        lambda it: it["specification"]["run"]["requests"].update(hardware=[]),
    ),
    (
        "specification.python.requirements_locked.default.foo.version",
        lambda it: it["specification"]["python"]["requirements_locked"]["default"].update(
            foo={"version": "*"}
        ),
    ),
    ("results", lambda it: it.update(results={})),
    ("results[1]", lambda it: it["results"].__setitem__(1, "text")),
    ("results[0].exit_code", lambda it: it["results"][0].update(exit_code=2**40)),
    ("results[0].exit_code", lambda it: it["results"][0].update(exit_code="0")),
    ("results[0].script_sha256", lambda it: it["results"][0].update(script_sha256="xyz")),
    ("results[0].start_datetime", lambda it: it["results"][0].update(start_datetime="now")),
    ("results[0].usage", lambda it: it["results"][0].update(usage=[])),
    (
        "results[0].runtime_environment.hardware",
        lambda it: it["results"][0]["runtime_environment"].update(hardware="a lot"),
    ),
    (
        "results[0].runtime_environment.operating_system.name",
        lambda it: it["results"][0]["runtime_environment"]["operating_system"].update(
            name="x" * 129
        ),
    ),
    ("result_number", lambda it: it.update(results=None, result={}, result_number=-1)),
    ("result_number", lambda it: it.update(results=None, result={}, result_number="1")),
]


@pytest.mark.parametrize(("path", "change"), BROKEN_INSPECTIONS)
def test_a_broken_inspection_is_refused_with_the_path(path: str, change: Change) -> None:
    with pytest.raises(InvalidDocumentError) as raised:
        read_inspection_document(inspection(change))
    assert raised.value.path == path


BROKEN_REPORTS: list[tuple[str, Change]] = [
    ("metadata", lambda it: it.pop("metadata")),
    ("metadata.datetime", lambda it: it["metadata"].update(datetime="yesterday")),
    ("result.parameters", lambda it: it["result"].pop("parameters")),
    ("result.parameters.seed", lambda it: it["result"]["parameters"].update(seed=2**70)),
    (
        "result.parameters.context.batch_size",
        lambda it: it["result"]["parameters"]["context"].update(batch_size=[]),
    ),
    (
        "result.report.responses[1].response",
        lambda it: it["result"]["report"]["responses"][1].update(response="a b"),
    ),
    (
        "result.report.responses[2].product",
        lambda it: it["result"]["report"]["responses"][2].pop("product"),
    ),
    (
        "result.report.responses[0].product.score",
        lambda it: it["result"]["report"]["responses"][0]["product"].update(score="high"),
    ),
]


@pytest.mark.parametrize(("path", "change"), BROKEN_REPORTS)
def test_a_broken_report_is_refused_with_the_path(path: str, change: Change) -> None:
    with pytest.raises(InvalidDocumentError) as raised:
        read_dependency_monkey_document(report(change), document_id=ID)
    assert raised.value.path.startswith(path)
    assert raised.value.document_id == ID
