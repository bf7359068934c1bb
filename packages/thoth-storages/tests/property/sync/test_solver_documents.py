"""Whatever is done to a solver document, it is read or refused with a typed error."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from thoth.storages import InvalidDocumentError
from thoth.storages.sync.core_metadata import import_packages
from thoth.storages.sync.solver_documents import read_solver_document
from thoth.storages.testing import solver_document

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


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), VALUES, st.sampled_from([0, 9]))
def test_a_changed_document_is_read_or_refused(path: list[int], value: Any, number: int) -> None:
    content = changed(solver_document(number, dependencies=8), path, value)
    with contextlib.suppress(InvalidDocumentError):
        facts = read_solver_document(content)
        assert all(outcome.record < len(facts.records) for outcome in facts.outcomes)
        assert facts.packages.issuperset(record.package for record in facts.records)


@given(st.binary())
def test_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(InvalidDocumentError):
        read_solver_document(content)


@given(st.integers(0, 2000))
def test_a_document_says_the_same_encoded_and_decoded(number: int) -> None:
    content = solver_document(number, dependencies=8)
    assert read_solver_document(msgspec.json.encode(content)) == read_solver_document(content)


@given(st.lists(st.text(max_size=20)))
def test_names_to_import_are_dotted_identifiers(paths: list[str]) -> None:
    for name in import_packages(f"{path}.py" for path in paths):
        assert all(part.isidentifier() for part in name.split("."))
