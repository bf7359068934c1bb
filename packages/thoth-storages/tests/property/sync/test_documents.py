"""Whatever is done to a document, it is read or refused with a typed error; it is written once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thoth.storages import InvalidDocumentError
from thoth.storages.sync.handlers import HANDLERS_MAPPING
from thoth.storages.testing import solver_document
from thoth.storages.testing.run_documents import (
    adviser_document,
    failed_adviser_document,
    provenance_document,
    revsolver_document,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase

RUNS = (adviser_document, failed_adviser_document, provenance_document, revsolver_document)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(["==1.0", ">=", "a", "https://x", "\0", "a" * 70_000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
OF_RUNS = st.one_of(
    *(st.builds(make, st.integers(0, 500), seed=st.integers(0, 3)) for make in RUNS)
)
DOCUMENTS = OF_RUNS | st.builds(solver_document, st.integers(0, 2000), dependencies=st.just(8))
KINDS = ("adviser", "provenance", "revsolver", "solver")


def kind_of(document: dict[str, Any]) -> str:
    return str(document["metadata"]["document_id"]).partition("-")[0]


def changed(content: Any, path: list[int], value: Any) -> Any:
    """Put a value at a place of a document, going down as the numbers say."""
    if not path or not isinstance(content, dict | list) or not content:
        return value
    step, *rest = path
    if isinstance(content, dict):
        key = sorted(content)[step % len(content)]
        return {**content, key: changed(content[key], rest, value)}
    place = step % len(content)
    return [*content[:place], changed(content[place], rest, value), *content[place + 1 :]]


@given(DOCUMENTS)
def test_a_document_says_the_same_encoded_and_decoded(document: dict[str, Any]) -> None:
    read = HANDLERS_MAPPING[kind_of(document)].read
    assert read(msgspec.json.encode(document)) == read(document)


@given(DOCUMENTS, st.lists(st.integers(0, 50), min_size=1, max_size=8), VALUES)
def test_a_changed_document_is_read_or_refused(
    document: dict[str, Any], path: list[int], value: Any
) -> None:
    kind = kind_of(document)
    with contextlib.suppress(InvalidDocumentError):
        facts = HANDLERS_MAPPING[kind].read(changed(document, path, value))
        if kind == "solver":
            releases = {*facts.said.mentioned, *(each.key for each in facts.said.releases)}
            assert releases.issuperset(outcome.release for outcome in facts.outcomes)


@pytest.mark.parametrize("kind", KINDS)
@given(content=st.binary())
def test_bytes_are_read_or_refused(kind: str, content: bytes) -> None:
    with contextlib.suppress(InvalidDocumentError):
        HANDLERS_MAPPING[kind].read(content)


IN_A_DATABASE = settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@IN_A_DATABASE
@given(documents=st.lists(OF_RUNS, min_size=1, max_size=4))
def test_what_is_synced_twice_or_forced_is_as_if_it_were_synced_once(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    run_contents: Callable[[GraphDatabase], dict[str, list[str]]],
    documents: list[dict[str, Any]],
) -> None:
    def sync(*, force: bool) -> None:
        for document in documents:
            getattr(graph, f"sync_{kind_of(document)}_result")(document, force=force)

    documents = list({each["metadata"]["document_id"]: each for each in documents}.values())
    empty_tables()
    sync(force=False)
    fresh = run_contents(graph)
    sync(force=False)
    assert run_contents(graph) == fresh
    sync(force=True)
    assert run_contents(graph) == fresh
    empty_tables()
    documents.reverse()
    sync(force=True)
    assert run_contents(graph) == fresh


@IN_A_DATABASE
@given(document=OF_RUNS, path=st.lists(st.integers(0, 50), min_size=1, max_size=6), value=VALUES)
def test_a_changed_document_is_written_or_refused_by_its_reader(
    graph: GraphDatabase, document: dict[str, Any], path: list[int], value: Any
) -> None:
    kind = kind_of(document)
    try:
        facts = HANDLERS_MAPPING[kind].read(
            {**document, "result": changed(document["result"], path, value)}
        )
    except InvalidDocumentError:
        return
    with graph.migration_connection() as connection:
        HANDLERS_MAPPING[kind].write(connection, facts, force=True)
