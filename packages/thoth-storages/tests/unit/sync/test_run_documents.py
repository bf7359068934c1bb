"""Reading documents of advisers, checks of provenance and reverse solvers."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import InvalidDocumentError
from thoth.storages.sync.adviser_documents import read_adviser_document
from thoth.storages.sync.dependency_monkey_documents import read_dependency_monkey_document
from thoth.storages.sync.provenance_documents import read_provenance_document
from thoth.storages.sync.revsolver_documents import read_revsolver_document
from thoth.storages.sync.run_documents import MAX_ENTRIES
from thoth.storages.testing.inspection_documents import dependency_monkey_document
from thoth.storages.testing.run_documents import (
    adviser_document,
    failed_adviser_document,
    provenance_document,
    revsolver_document,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[dict[str, Any]], object]

MADE: dict[str, tuple[Callable[[], dict[str, Any]], Callable[..., Any]]] = {
    "adviser": (adviser_document, read_adviser_document),
    "provenance": (provenance_document, read_provenance_document),
    "revsolver": (revsolver_document, read_revsolver_document),
}


def advice(change: Change = lambda result: None, **options: Any) -> Any:
    document = adviser_document(**options)
    change(document["result"])
    return read_adviser_document(document)


def check(change: Change = lambda result: None) -> Any:
    document = provenance_document()
    change(document["result"])
    return read_provenance_document(document)


def dependents(change: Change = lambda result: None) -> Any:
    document = revsolver_document()
    change(document["result"])
    return read_revsolver_document(document)


@pytest.mark.parametrize("kind", MADE)
def test_reading_changes_nothing_and_takes_bytes_too(kind: str) -> None:
    make, read = MADE[kind]
    document = make()
    before = copy.deepcopy(document)
    facts = read(document)
    assert document == before
    assert read(json.dumps(document).encode()) == facts


@pytest.mark.parametrize("kind", MADE)
def test_the_id_that_is_given_counts(kind: str) -> None:
    make, read = MADE[kind]
    assert read(make(), document_id=f"{kind}-0123abcd").document_id == f"{kind}-0123abcd"


@pytest.mark.parametrize("kind", [*MADE, "dependency"])
@pytest.mark.parametrize("stored", [None, "{}-0123abcd"])
def test_a_document_of_another_kind_is_refused(kind: str, stored: str | None) -> None:
    make, read = MADE.get(kind, (dependency_monkey_document, read_dependency_monkey_document))
    document = make()
    document["metadata"]["document_id"] = "solver-fedora-32-py38-0123abcd"
    with pytest.raises(InvalidDocumentError) as raised:
        read(document, document_id=stored and stored.format(kind))
    assert raised.value.path == "metadata.document_id"


def test_documents_of_a_prefix_of_ones_own_may_be_read_as_those_of_a_known_kind() -> None:
    document = adviser_document()
    for own in ("guide-0123abcd", None, "0123abcd"):
        document["metadata"]["document_id"] = own
        assert read_adviser_document(document, document_id="guide-0123abcd").products


@pytest.mark.parametrize("kind", ["adviser", "provenance"])
def test_of_an_empty_result_a_run_is_left(kind: str) -> None:
    make, read = MADE[kind]
    facts = read({**make(), "result": {}})
    assert facts.columns["error"] is False
    assert facts.columns["parameters"] == "{}"
    assert facts.given.stack is None


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("report", [None, {"ERROR": "Broken", "stack_info": [{"a": 1}]}])
def test_a_run_that_failed_has_nothing_but_its_reason(kind: str, report: Any) -> None:
    make, read = MADE[kind]
    document = make()
    document["result"] |= {"error": True, "error_msg": None, "report": report}
    document["result"].pop("dependents", None)
    facts = read(document)
    assert facts.columns["error"] is True
    assert facts.columns["error_message"] == (report and "Broken")
    assert facts.columns["stack_info"] == (report and '[{"a":1}]')


@pytest.mark.parametrize("error", [True, False, None])
@pytest.mark.parametrize("message", ["Why", None])
def test_a_report_of_a_failed_dependency_monkey_is_one_whatever_the_flag_says(
    error: bool | None, message: str | None
) -> None:
    document = dependency_monkey_document()
    report = {"ERROR": "Broken", "stack_info": []}
    document["result"] |= {"error": error, "error_msg": message, "report": report}
    facts = read_dependency_monkey_document(document, document_id="dependency-monkey-0123abcd")
    assert facts.columns["error"] is True
    assert facts.columns["error_message"] == (message or "Broken")
    assert facts.responses == []


def test_a_report_of_failure_is_one_whatever_the_flag_says() -> None:
    facts = advice(lambda it: it.update(error=None, report={"ERROR": "Broken"}))
    assert facts.columns["error"] is True
    assert facts.products == []


def test_what_was_asked_may_be_among_the_arguments_of_the_command() -> None:
    document = adviser_document()
    parameters = document["result"]["parameters"]
    limit = parameters.pop("limit")
    del parameters["count"], parameters["recommendation_type"]
    document["metadata"]["arguments"] = {
        "limit": limit,
        "adviser": {"limit": 3, "recommendation_type": "stable", "count": "many"},
    }
    columns = read_adviser_document(document).columns
    assert columns["limit"] == limit
    assert columns["recommendation_type"] == "stable"
    assert columns["count"] is None


def test_an_origin_is_kept_without_user_info() -> None:
    def change(result: dict[str, Any]) -> None:
        result["parameters"]["origin"] = "https://user:secret@example.com/repository"

    columns = advice(change).columns
    assert columns["origin"] == "https://example.com/repository"
    assert "secret" not in repr(columns)


def test_unresolved_packages_come_as_objects_or_as_requirements_once_each() -> None:
    def change(result: dict[str, Any]) -> None:
        result["report"]["unresolved"] = [
            {"package_name": "Foo_Bar", "version_spec": ">= 1.0 , <2"},
            {"package_name": "foo.bar", "specifier": "<2,>=1.0"},
            {"package_name": "any", "specifier": "*"},
            {"package_name": "odd", "specifier": "whatever it is"},
            "plain",
            "Plain[x] >=3; python_version > '3'",
        ]

    assert advice(change).unresolved == [
        ("foo-bar", "<2,>=1.0"),
        ("any", ""),
        ("odd", "whatever it is"),
        ("plain", ""),
        ("plain", ">=3"),
    ]


@pytest.mark.parametrize("place", ["report", "beside"])
def test_arrays_lie_under_the_report_or_beside_it(place: str) -> None:
    def change(result: dict[str, Any]) -> None:
        unresolved = ["absent"]
        if place == "report":
            result["report"] = {"unresolved": unresolved}
        else:
            result |= {"report": None, "unresolved": unresolved}

    assert advice(change).unresolved == [("absent", "")]


def test_a_stack_without_requirements_may_still_have_an_environment() -> None:
    def change(result: dict[str, Any]) -> None:
        project = result["parameters"]["project"]
        del project["requirements"], project["requirements_locked"]

    given = advice(change).given
    assert given.stack is None
    assert given.environment == ("rhel", "8", "3.8")


def test_findings_may_be_all_of_the_report_or_lie_in_it() -> None:
    found = check().findings
    assert len(found) == 3
    assert check(lambda it: it.update(report={"findings": it["report"]})).findings == found
    assert check(lambda it: it.update(report=None)).findings == []


@pytest.mark.parametrize(
    ("justification", "expected"),
    [
        ("Why", "Why"),
        ([{"message": "First", "link": "x"}, "Second", {}, None], "First\nSecond\n{}"),
        ({"message": "Only"}, "Only"),
        (7, "7"),
        ("", None),
        (None, None),
        ([], None),
    ],
)
def test_a_justification_is_a_text_or_messages(justification: Any, expected: str | None) -> None:
    facts = check(lambda it: it["report"][0].update(justification=justification))
    assert facts.findings[0].columns["justification"] == expected


def test_a_finding_may_name_neither_package_nor_index() -> None:
    finding = check(lambda it: it.update(report=[{"severity": "INFO", "more": 1}])).findings[0]
    assert (finding.package_name, finding.index_url) == (None, None)
    assert finding.columns["finding_type"] == "INFO"
    assert finding.columns["other"] == '{"more":1}'


def test_a_severity_beside_a_type_is_kept_as_what_is_known_besides() -> None:
    finding = check(lambda it: it.update(report=[{"severity": "HIGH", "type": "CVE"}])).findings[0]
    assert finding.columns["finding_type"] == "CVE"
    assert finding.columns["other"] == '{"severity":"HIGH"}'


def test_a_dependent_says_its_requirement_itself_or_under_a_key() -> None:
    def change(result: dict[str, Any]) -> None:
        release = {"package_name": "Some_Thing", "package_version": "1.0.0-rc1"}
        said = {"specifier": ">=1", "extras": ["x"], "extra": "test", "marker": None}
        result["dependents"] = [{**release, **said}, {**release, "dependency": said}, release]

    (first, requirement), (_, same), (_, anything) = dependents(change).dependents
    assert (first.package, first.version, first.index_url) == ("some-thing", "1.0.0rc1", None)
    assert requirement == same == 'package-0[x]>=1; extra == "test"'
    assert anything == "package-0"
    assert first.dependencies is None


def test_the_package_may_be_among_the_parameters() -> None:
    def change(result: dict[str, Any]) -> None:
        names = "package_name", "package_version"
        result["parameters"] = {name: result.pop(name) for name in names}

    facts = dependents(change)
    assert (facts.package_name, facts.columns["package_version"]) == ("package-0", "1.0.0")


BROKEN_ADVICE: list[tuple[str, Change]] = [
    ("result.error", lambda it: it.update(error="yes")),
    ("result.parameters", lambda it: it.update(parameters=[])),
    ("result.parameters.count", lambda it: it["parameters"].update(count="3")),
    ("result.parameters.limit", lambda it: it["parameters"].update(limit=2**40)),
    ("result.parameters.origin", lambda it: it["parameters"].update(origin=[])),
    (
        "result.parameters.recommendation_type",
        lambda it: it["parameters"].update(recommendation_type=3),
    ),
    ("result.parameters.project", lambda it: it["parameters"].update(project="none")),
    (
        "result.parameters.project.requirements.packages.a b",
        lambda it: it["parameters"]["project"]["requirements"]["packages"].update({"a b": "*"}),
    ),
    ("result.report", lambda it: it.update(report="none")),
    ("result.report.products", lambda it: it["report"].update(products={})),
    ("result.report.products[1]", lambda it: it["report"]["products"].__setitem__(1, [])),
    ("result.report.products[0].score", lambda it: it["report"]["products"][0].update(score="a")),
    (
        "result.report.products[2].project.requirements_locked.default.x.version",
        lambda it: it["report"]["products"][2]["project"]["requirements_locked"]["default"].update(
            x={"version": ">=1"}
        ),
    ),
    ("result.report.unresolved", lambda it: it["report"].update(unresolved="x")),
    ("result.report.unresolved[0]", lambda it: it["report"].update(unresolved=[3])),
    ("result.report.unresolved[1]", lambda it: it["report"].update(unresolved=["a", "=="])),
    (
        "result.report.unresolved[0].package_name",
        lambda it: it["report"].update(unresolved=[{"package_name": "a b"}]),
    ),
    (
        "result.report.unresolved[0].specifier",
        lambda it: it["report"].update(unresolved=[{"package_name": "a", "specifier": "\0"}]),
    ),
    (
        "result.report.unresolved[0].version_spec",
        lambda it: it["report"].update(
            unresolved=[{"package_name": "a", "version_spec": "9" * 600}]
        ),
    ),
]
BROKEN_CHECKS: list[tuple[str, Change]] = [
    ("result.report[1]", lambda it: it["report"].__setitem__(1, "text")),
    ("result.report.findings", lambda it: it.update(report={"findings": 3})),
    ("result.report[0].package_name", lambda it: it["report"][0].update(package_name="..")),
    ("result.report[0].package_name", lambda it: it["report"][0].update(package_name=["a"])),
    ("result.report[2].package_version", lambda it: it["report"][2].update(package_version="\0")),
    ("result.report[0].index_url", lambda it: it["report"][0].update(index_url="no url")),
    ("result.report[0].type", lambda it: it["report"][0].update(type=3)),
    ("result.report[0].id", lambda it: it["report"][0].update(id={})),
]
BROKEN_DEPENDENTS: list[tuple[str, Change]] = [
    ("result.package_name", lambda it: it.pop("package_name")),
    ("result.package_name", lambda it: it.update(package_name="a b")),
    ("result.package_version", lambda it: it.update(package_version=1)),
    ("result.package_version", lambda it: it.update(package_version="")),
    ("result.dependents", lambda it: it.update(dependents={})),
    ("result.dependents[0]", lambda it: it.update(dependents=["a"])),
    (
        "result.dependents[1].package_version",
        lambda it: it["dependents"][1].pop("package_version"),
    ),
    (
        "result.dependents[0].specifier",
        lambda it: it["dependents"][0].update(specifier="; rm -rf /"),
    ),
    ("result.dependents[0].extras", lambda it: it["dependents"][0].update(extras=["a b"])),
    ("result.dependents[0].dependency", lambda it: it["dependents"][0].update(dependency=[])),
    (
        "result.dependents[0].dependency.specifier",
        lambda it: it["dependents"][0].update(dependency={"specifier": 3}),
    ),
    ("result.dependents[0]", lambda it: it["dependents"][0].update(marker="a\0")),
    ("result.dependents[0]", lambda it: it["dependents"][0].update(marker="a" * 70_000)),
]


@pytest.mark.parametrize(
    ("read", "path", "change"),
    [
        *((advice, *broken) for broken in BROKEN_ADVICE),
        *((check, *broken) for broken in BROKEN_CHECKS),
        *((dependents, *broken) for broken in BROKEN_DEPENDENTS),
    ],
)
def test_what_is_broken_is_refused_with_the_path(
    read: Callable[[Change], Any], path: str, change: Change
) -> None:
    with pytest.raises(InvalidDocumentError) as raised:
        read(change)
    assert raised.value.path == path
    assert raised.value.document_id is not None


@pytest.mark.parametrize(
    ("kind", "name", "entry"),
    [
        ("adviser", "products", None),
        ("adviser", "unresolved", None),
        ("provenance", "findings", None),
        ("revsolver", "dependents", None),
        ("dependency", "responses", {"product": {}}),
    ],
)
def test_an_array_of_too_many_entries_is_refused(kind: str, name: str, entry: object) -> None:
    make, read = MADE.get(kind, (dependency_monkey_document, read_dependency_monkey_document))
    document = make()
    document["result"].pop(name, None)
    document["result"]["report"] = {name: [entry] * (MAX_ENTRIES + 1)}
    with pytest.raises(InvalidDocumentError, match="500,000 entries") as raised:
        read(document, document_id=f"{kind}-0123abcd")
    assert raised.value.path == f"result.report.{name}"


def test_what_failed_names_packages_that_were_not_resolved() -> None:
    facts = read_adviser_document(failed_adviser_document())
    assert facts.columns["error"] is True
    assert facts.unresolved
    assert all(name.startswith("absent-") for name, _ in facts.unresolved)
