"""What is asked of runs is what a plain look through their documents gives."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thoth.storages.testing.run_documents import (
    adviser_document,
    provenance_document,
    provenance_document_id,
    revsolver_document,
    revsolver_document_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from thoth.storages import GraphDatabase

    Document = dict[str, Any]

# Spellings, and what they mean.
NAMES = {"Foo_Bar": "foo-bar", "foo.bar": "foo-bar", "a": "a", "A": "a", "b2": "b2"}
VERSIONS = {"1.0": "1.0", "v1.0": "1.0", "1.0.0": "1.0.0", "2.0-RC1": "2.0rc1", "odd": "odd"}
URLS = {
    "https://Example.com/simple": "https://example.com/simple/",
    "https://example.com/simple/": "https://example.com/simple/",
    "https://user:secret@b.example:443/x": "https://b.example/x/",
}
SPECIFIERS = {"": "", "*": "", ">= 1": ">=1", "<2,>=1": "<2,>=1", "odd": "odd"}
REQUIREMENTS = {"": "", "*": "", ">= 1": ">=1", "<2,>=1": "<2,>=1"}
TEXTS = st.sampled_from(["", "x", "é", "%s", "%(a)s", "'; --", "{}"])

names, versions = st.sampled_from(sorted(NAMES)), st.sampled_from(sorted(VERSIONS))
urls = st.none() | st.sampled_from(sorted(URLS))


def documents_of(make: Callable[[int], Document], results: Any) -> Any:
    """Return a strategy of documents, each with an id of its own, whose results are given."""

    def documents(given: list[Document]) -> list[Document]:
        made = []
        for number, result in enumerate(given):
            document = make(number)
            document["result"] = {"error": False, "parameters": {}, **result}
            made.append(document)
        return made

    return st.lists(results, max_size=5).map(documents)


ADVICE = documents_of(
    adviser_document,
    st.fixed_dictionaries(
        {
            "error": st.booleans(),
            "parameters": st.fixed_dictionaries(
                {}, optional={"origin": TEXTS, "recommendation_type": TEXTS, "count": st.just(3)}
            ),
            "report": st.fixed_dictionaries(
                {
                    "unresolved": st.lists(
                        st.fixed_dictionaries(
                            {
                                "package_name": names,
                                "specifier": st.sampled_from(sorted(SPECIFIERS)),
                            }
                        ),
                        max_size=5,
                    )
                }
            ),
        }
    ),
)
CHECKS = documents_of(
    provenance_document,
    st.fixed_dictionaries(
        {
            "error": st.booleans(),
            "parameters": st.fixed_dictionaries({}, optional={"origin": TEXTS}),
            "report": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "package_name": names,
                        "package_version": versions,
                        "index_url": urls,
                        "type": TEXTS,
                        "id": TEXTS,
                        "more": st.integers(),
                    },
                ),
                max_size=4,
            ),
        }
    ),
)
SEARCHES = documents_of(
    revsolver_document,
    st.fixed_dictionaries(
        {
            "error": st.booleans(),
            "package_name": names,
            "package_version": versions,
            "dependents": st.lists(
                st.fixed_dictionaries(
                    {"package_name": names, "package_version": versions},
                    optional={
                        "index_url": urls,
                        "specifier": st.sampled_from(sorted(REQUIREMENTS)),
                        "extras": st.just(["x"]),
                    },
                ),
                max_size=5,
            ),
        }
    ),
)
PAGES = st.tuples(st.integers(0, 6), st.none() | st.integers(0, 6))
WITH_A_GRAPH = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def part(entries: list[Any], page: tuple[int, int | None]) -> list[Any]:
    start, count = page
    return entries[start:] if count is None else entries[start : start + count]


def page_options(page: tuple[int, int | None]) -> dict[str, int | None]:
    return {"start_offset": page[0], "count": page[1]}


def wanted(row: dict[str, Any], **conditions: Any) -> bool:
    return all(value is None or row[name] == value for name, value in conditions.items())


def ids(runs: Iterable[dict[str, Any]]) -> list[str]:
    return [run["document_id"] for run in runs]


@WITH_A_GRAPH
@given(
    documents=ADVICE,
    origin=st.none() | TEXTS,
    kind=st.none() | TEXTS,
    error=st.none() | st.booleans(),
    name=st.none() | names,
    page=PAGES,
)
def test_what_is_asked_of_advisers_is_what_their_documents_say(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    documents: list[Document],
    origin: str | None,
    kind: str | None,
    error: bool | None,
    name: str | None,
    page: tuple[int, int | None],
) -> None:
    empty_tables()
    for document in reversed(documents):
        graph.sync_adviser_result(document)
    runs = [
        {
            "document_id": document["metadata"]["document_id"],
            "error": document["result"]["error"],
            "origin": document["result"]["parameters"].get("origin"),
            "recommendation_type": document["result"]["parameters"].get("recommendation_type"),
            "count": document["result"]["parameters"].get("count"),
        }
        for document in documents
    ]
    asked = {"origin": origin, "recommendation_type": kind, "error": error}
    expected = [run for run in runs if wanted(run, **asked)]
    found = graph.get_adviser_runs_all(**asked, **page_options(page))
    assert ids(found) == part(ids(expected), page)
    assert all(
        run.items() <= each.items() for run, each in zip(part(expected, page), found, strict=True)
    )
    assert graph.get_adviser_runs_count_all(**asked) == len(expected)

    unresolved = sorted(
        {
            (
                NAMES[entry["package_name"]],
                SPECIFIERS[entry["specifier"]],
                document["metadata"]["document_id"],
            )
            for document in documents
            for entry in document["result"]["report"]["unresolved"]
            if name is None or NAMES[entry["package_name"]] == NAMES[name]
        }
    )
    listed = graph.get_adviser_unresolved_packages_all(name, **page_options(page))
    columns = ("package_name", "specifier", "adviser_document_id")
    assert [tuple(each[column] for column in columns) for each in listed] == part(unresolved, page)
    assert graph.get_adviser_unresolved_packages_count_all(name) == len(unresolved)
    if name is None:
        counted = Counter(package for package, _ in {(each[0], each[2]) for each in unresolved})
        often = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        counts = graph.get_adviser_unresolved_packages_count(**page_options(page))
        assert list(counts.items()) == part(often, page)


@WITH_A_GRAPH
@given(
    documents=CHECKS,
    name=st.none() | names,
    version=st.none() | versions,
    url=urls,
    number=st.none() | st.integers(0, 5),
    kind=st.none() | TEXTS,
    finding_id=st.none() | TEXTS,
    page=PAGES,
)
def test_what_is_asked_of_checks_is_what_their_documents_say(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    documents: list[Document],
    name: str | None,
    version: str | None,
    url: str | None,
    number: int | None,
    kind: str | None,
    finding_id: str | None,
    page: tuple[int, int | None],
) -> None:
    empty_tables()
    for document in reversed(documents):
        graph.sync_provenance_result(document)
    for error in (None, True, False):
        expected = [
            document["metadata"]["document_id"]
            for document in documents
            if error is None or document["result"]["error"] is error
        ]
        found = graph.get_provenance_runs_all(error=error, **page_options(page))
        assert ids(found) == part(expected, page)
        assert graph.get_provenance_runs_count_all(error=error) == len(expected)

    findings = [
        {
            "package_name": NAMES.get(entry.get("package_name")),
            "package_version": VERSIONS.get(entry.get("package_version")),
            "index_url": URLS.get(entry.get("index_url")),
            # An empty one says nothing.
            "finding_type": entry.get("type") or None,
            "finding_id": entry.get("id"),
            "justification": None,
            "other": {"more": entry["more"]} if "more" in entry else {},
            "provenance_document_id": document["metadata"]["document_id"],
            "number": place,
        }
        for document in documents
        for place, entry in enumerate(document["result"]["report"])
    ]
    document_id = None if number is None else provenance_document_id(number)
    expected_findings = [
        finding
        for finding in findings
        if wanted(
            finding,
            package_name=name and NAMES[name],
            package_version=version and VERSIONS[version],
            index_url=url and URLS[url],
            provenance_document_id=document_id,
            finding_type=kind,
            finding_id=finding_id,
        )
    ]
    asked = {
        "provenance_document_id": document_id,
        "finding_type": kind,
        "finding_id": finding_id,
    }
    listed = graph.get_provenance_findings_all(name, version, url, **asked, **page_options(page))
    assert listed == part(expected_findings, page)
    counted = graph.get_provenance_findings_count_all(name, version, url, **asked)
    assert counted == len(expected_findings)


@WITH_A_GRAPH
@given(
    documents=SEARCHES,
    name=st.none() | names,
    version=st.none() | versions,
    number=st.none() | st.integers(0, 5),
    page=PAGES,
)
def test_what_is_asked_of_reverse_solvers_is_what_their_documents_say(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    documents: list[Document],
    name: str | None,
    version: str | None,
    number: int | None,
    page: tuple[int, int | None],
) -> None:
    empty_tables()
    for document in reversed(documents):
        graph.sync_revsolver_result(document)
    about = [
        document
        for document in documents
        if (name is None or NAMES[document["result"]["package_name"]] == NAMES[name])
        and (
            version is None or VERSIONS[document["result"]["package_version"]] == VERSIONS[version]
        )
    ]
    for error in (None, True, False):
        expected = [
            document["metadata"]["document_id"]
            for document in about
            if error is None or document["result"]["error"] is error
        ]
        found = graph.get_revsolver_runs_all(name, version, error=error, **page_options(page))
        assert ids(found) == part(expected, page)
        assert graph.get_revsolver_runs_count_all(name, version, error=error) == len(expected)

    document_id = None if number is None else revsolver_document_id(number)
    dependents = {
        (
            document["metadata"]["document_id"],
            NAMES[entry["package_name"]],
            VERSIONS[entry["package_version"]],
            URLS.get(entry.get("index_url")),
            NAMES[document["result"]["package_name"]],
            VERSIONS[document["result"]["package_version"]],
            REQUIREMENTS[entry.get("specifier", "")],
            tuple(entry.get("extras", ())),
        )
        for document in about
        for entry in document["result"]["dependents"]
        if document_id in (None, document["metadata"]["document_id"])
    }
    columns = (
        "revsolver_document_id",
        "package_name",
        "package_version",
        "index_url",
        "dependency_name",
        "dependency_version",
        "specifier",
    )
    chosen = {"revsolver_document_id": document_id}
    whole = graph.get_revsolver_dependents_all(name, version, **chosen, count=None)
    shown = [(*(each[column] for column in columns), tuple(each["extras"])) for each in whole]
    assert len(shown) == len(dependents)
    assert set(shown) == dependents
    assert [each[:2] for each in shown] == sorted(each[:2] for each in shown)
    assert graph.get_revsolver_dependents_count_all(name, version, **chosen) == len(dependents)
    found = graph.get_revsolver_dependents_all(name, version, **chosen, **page_options(page))
    assert found == part(whole, page)
