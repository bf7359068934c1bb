"""Whatever is done to the document of a run, it is written whole, or refused with its path."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thoth.storages import HANDLERS_MAPPING, InvalidDocumentError
from thoth.storages.testing.inspection_documents import (
    dependency_monkey_document,
    dependency_monkey_document_id,
)
from thoth.storages.testing.rows import natural_rows
from thoth.storages.testing.run_documents import (
    TABLES,
    adviser_document,
    failed_adviser_document,
    provenance_document,
    revsolver_document,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase

    Document = dict[str, Any]

TEXTS = st.text(st.characters(codec=None)) | st.sampled_from(
    [
        *(
            "",
            " ",
            "\0",
            "\ud800",
            "é",
            "\u212a",
            "\ufb01",
            "\x1b[2J",
            "%s",
            "%(run)s",
            "NULL",
            "{}",
        ),
        *(
            "==1.0",
            "1.0",
            "1!1",
            ">=",
            "==" + " " * 20_000,
            " " * 20_000,
            "," * 20_000,
            "(" * 20_000,
        ),
        *("a" * 513, "a" * 70_000, "9" * 5_000, "1." * 300, "Foo_Bar", "foo.bar", "a b", "../.."),
        *(
            "https://x",
            "https://u:p@x/" + "a" * 600,
            "https://[",
            "https://x:99999/",
            "x://" * 5_000,
        ),
        *("sha256:" + "0" * 64, "md5:0", "inspection-1", "adviser-1", "2020-01-01", "INFINITY"),
    ]
)
NUMBERS = st.sampled_from(
    [*(2**31, -(2**31) - 1, 2**63, 2**64, 10**400), *(1e308, 5e-324, float("nan"), float("-inf"))]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
PLACES = st.lists(st.integers(0, 50), min_size=1, max_size=9)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["put", "drop", "add", "rename", "repeat"]), PLACES, VALUES, TEXTS),
    min_size=1,
    max_size=3,
)
MAKERS: dict[str, Callable[..., Document]] = {
    "adviser": adviser_document,
    "failed adviser": failed_adviser_document,
    "provenance": provenance_document,
    "revsolver": revsolver_document,
    "dependency": dependency_monkey_document,
}


@st.composite
def changed_documents(draw: st.DrawFn) -> tuple[str, Document]:
    """Draw a kind, and a document of it to which something was done."""
    name = draw(st.sampled_from(sorted(MAKERS)))
    document = MAKERS[name](draw(st.integers(0, 5)))
    content = copy.deepcopy(document["result"])
    for how, path, value, text in draw(CHANGES):
        change(content, how, path, value, text)
    kind = name.rpartition(" ")[2]
    if kind == "dependency":
        document["metadata"]["document_id"] = dependency_monkey_document_id()
    return kind, {**document, "result": content}


def change(content: Any, how: str, path: list[int], value: Any, text: str) -> None:
    """Do something at a place of a document, going down as the numbers say."""
    for place, step in enumerate(path):
        if not content:
            return
        keys = sorted(content) if isinstance(content, dict) else list(range(len(content)))
        key = keys[step % len(keys)]
        if place + 1 < len(path) and isinstance(content[key], dict | list):
            content = content[key]
            continue
        if how == "put":
            content[key] = value
        elif how == "drop":
            del content[key]
        elif isinstance(content, list):
            content += [value] if how == "add" else [copy.deepcopy(content[key])] * 3
        else:
            content[text] = value if how == "add" else content[key]
            if how == "rename" and text != key:
                del content[key]
        return


def is_finite(value: Any) -> bool:
    try:
        return bool(msgspec.json.decode(msgspec.json.encode(value)) == value)
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError):
        return False


@given(changed_documents())
def test_what_is_refused_is_refused_with_its_path_encoded_or_not(
    changed: tuple[str, Document],
) -> None:
    kind, document = changed
    read = HANDLERS_MAPPING[kind].read
    before = copy.deepcopy(document)
    found: list[Any] = []
    for content in [document, *([msgspec.json.encode(document)] if is_finite(document) else [])]:
        try:
            found.append(read(content))
        except InvalidDocumentError as error:
            # A lone surrogate as a key of ours is of no place that could be named.
            is_placed = error.path.startswith("result") or "surrogate" in error.problem
            found.append((is_placed, str(error).isprintable(), error.args))
    assert not isinstance(found[0], tuple) or found[0][:2] == (True, True)
    assert found[1:] in ([], found[:1])
    assert repr(document) == repr(before)


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changed=changed_documents(), others=st.lists(changed_documents(), max_size=1))
def test_what_is_written_is_written_whole_and_written_again_changes_nothing(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    changed: tuple[str, Document],
    others: list[tuple[str, Document]],
) -> None:
    empty_tables()

    def write(kind: str, document: Document) -> bool:
        handler = HANDLERS_MAPPING[kind]
        before = natural_rows(graph, TABLES)
        try:
            facts = handler.read(document)
            with graph.connection() as connection:
                handler.write(connection, facts, force=True)
        except InvalidDocumentError:
            assert natural_rows(graph, TABLES) == before
            return False
        with graph.connection() as connection:
            own = {"document_ids": [facts.document_id]}
            assert len(connection.execute(handler.synced, own).fetchall()) == 1
        return True

    for other in others:
        write(*other)
    if write(*changed):
        once = natural_rows(graph, TABLES)
        assert write(*changed)
        assert natural_rows(graph, TABLES) == once
