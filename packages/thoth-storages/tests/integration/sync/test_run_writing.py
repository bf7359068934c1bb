"""How rows of runs are written: all that is said, none twice, none moved, by several at once."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import GraphDatabase, sync_documents
from thoth.storages.graph.models.base import Base
from thoth.storages.sync.stacks import REFERRING
from thoth.storages.testing.inspection_documents import (
    dependency_monkey_document,
    dependency_monkey_document_id,
)
from thoth.storages.testing.rows import natural_rows
from thoth.storages.testing.run_documents import (
    adviser_document,
    adviser_document_id,
    failed_adviser_document,
    provenance_document,
    revsolver_document,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Document = dict[str, Any]

INDEX = "https://pypi.org/simple/"
TABLES = [name for name in Base.metadata.tables if name not in ("validation", "result", "job")]
OF_STACKS = ["software_stack", "adviser_product", "adviser_run", "provenance_run"]


def report(number: int) -> Document:
    document = dependency_monkey_document(number)
    document["metadata"]["document_id"] = dependency_monkey_document_id(number)
    return document


MAKERS: list[Callable[[int], Document]] = [
    adviser_document,
    failed_adviser_document,
    provenance_document,
    revsolver_document,
    report,
]


def stored(folder: Path, count: int) -> list[Path]:
    """Store so many documents of each kind; return their files, kinds in turn."""
    paths = []
    for number in range(count):
        for make in MAKERS:
            # Failures are advice too: their numbers follow those of what succeeded.
            document = make(number + count * (make is failed_adviser_document))
            paths.append(folder / f"{document['metadata']['document_id']}.json")
            paths[-1].write_text(json.dumps(document))
    return paths


def row_versions(graph: GraphDatabase) -> set[tuple[str, str, str]]:
    """Return where each row lies, and which transaction wrote it."""
    with graph.connection() as connection:
        return {
            (name, *row)
            for name in TABLES
            for row in connection.execute(f'SELECT ctid::text, xmin::text FROM "{name}"').fetchall()
        }


def test_equal_locks_of_a_document_make_all_their_hashes_known(graph: GraphDatabase) -> None:
    document = adviser_document(products=2)
    first, second = document["result"]["report"]["products"]
    second["project"] = copy.deepcopy(first["project"])
    locked = second["project"]["requirements_locked"]["default"]
    for entry in locked.values():
        entry["hashes"] = [f"sha256:{'ab' * 32}"]
    graph.sync_adviser_result(document)
    best, other = graph.get_adviser_products_all(adviser_document_id())
    assert best["lock_sha256"] == other["lock_sha256"]
    for name, entry in locked.items():
        version = entry["version"].removeprefix("==")
        known = graph.get_python_package_hashes_sha256(name, version, INDEX)
        assert len(known) == 2
        assert "ab" * 32 in known


def test_a_justification_that_is_no_number_is_none(graph: GraphDatabase) -> None:
    document = adviser_document(products=1)
    document["result"]["report"]["products"][0]["justification"] = float("nan")
    graph.sync_adviser_result(document)
    (product,) = graph.get_adviser_products_all(adviser_document_id())
    assert product["justification"] == []


def test_what_is_forced_and_has_not_changed_leaves_each_row_where_it_lies(
    graph: GraphDatabase, tmp_path: Path
) -> None:
    paths = stored(tmp_path, 2)
    sync_documents(paths, graph=graph, is_local=True)
    before = row_versions(graph)
    counts = sync_documents(paths, graph=graph, is_local=True, force=True)
    assert sum(count.synced for count in counts.values()) == len(paths)
    assert row_versions(graph) == before


def test_what_may_refer_to_a_stack_is_looked_at_before_one_is_deleted() -> None:
    referring = {
        table.name
        for table in Base.metadata.tables.values()
        for column in table.columns
        if any(key.column.table.name == "software_stack" for key in column.foreign_keys)
    }
    assert referring == set(REFERRING)


@pytest.mark.parametrize("make", [adviser_document, provenance_document])
def test_a_forced_document_leaves_no_stack_of_its_former_self_but_those_of_others(
    graph: GraphDatabase, empty_tables: Callable[[], None], make: Callable[[int], Document]
) -> None:
    former, other, changed = make(0), make(0), make(1)
    kind = former["metadata"]["document_id"].partition("-")[0]
    other["metadata"]["document_id"] = make(2)["metadata"]["document_id"]
    if kind == "adviser":
        other["result"]["report"]["products"].pop()
    changed["metadata"]["document_id"] = former["metadata"]["document_id"]
    sync = getattr(graph, f"sync_{kind}_result")
    for document in (changed, other):
        sync(document)
    expected = natural_rows(graph, OF_STACKS)
    empty_tables()
    for document in (former, other):
        sync(document)
    sync(changed, force=True)
    assert natural_rows(graph, OF_STACKS) == expected


def test_stacks_of_a_changed_report_stay_where_inspections_have_them(
    graph: GraphDatabase, tmp_path: Path
) -> None:
    former, changed = report(0), report(0)
    changed["result"]["report"]["responses"].clear()
    path = tmp_path / f"{dependency_monkey_document_id(0)}.json"
    for document in (former, changed):
        path.write_text(json.dumps(document))
        sync_documents([path], graph=graph, is_local=True, force=True)
    responses = former["result"]["report"]["responses"]
    assert graph.get_python_software_stack_count_all() == len(responses)
    for response in responses:
        response["response"] = None
        response["product"]["project"]["requirements"]["packages"] = {"other": "*"}
    for document in (former, changed):
        path.write_text(json.dumps(document))
        sync_documents([path], graph=graph, is_local=True, force=True)
    assert graph.get_python_software_stack_count_all() == len(responses)


def test_several_runs_that_force_the_same_documents_leave_what_one_leaves(
    graph: GraphDatabase, empty_tables: Callable[[], None], tmp_path: Path
) -> None:
    paths = stored(tmp_path, 4)
    orders = [paths, paths[::-1], paths[7:] + paths[:7]]

    def sync(order: list[Path]) -> None:
        counts = sync_documents(order, graph=graph, is_local=True, force=True)
        assert sum(count.synced for count in counts.values()) == len(paths)

    with ThreadPoolExecutor(len(orders)) as pool:
        list(pool.map(sync, orders))
    several = natural_rows(graph, TABLES)
    empty_tables()
    sync_documents(paths, graph=graph, is_local=True)
    assert natural_rows(graph, TABLES) == several


# What is added first is gone again, as if somebody else had recorded and removed it meanwhile.
VANISHING = """
    CREATE SEQUENCE added;
    CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RETURN CASE WHEN nextval('added') > 1 THEN NEW END;
    END $$;
    CREATE TRIGGER vanish BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION vanish();
"""


@pytest.mark.parametrize(
    ("table", "make"),
    [
        *((name, adviser_document) for name in ("package", "stack_requirements")),
        *((name, adviser_document) for name in ("package_index", "stack_lock", "software_stack")),
        *((name, provenance_document) for name in ("package", "package_index", "stack_lock")),
        *((name, revsolver_document) for name in ("package", "package_index", "requirement")),
    ],
)
def test_a_row_that_is_removed_before_it_is_referred_to_is_added_again(
    graph: GraphDatabase,
    empty_tables: Callable[[], None],
    table: str,
    make: Callable[[int], Document],
) -> None:
    document = make(0)
    kind = document["metadata"]["document_id"].partition("-")[0]
    sync = getattr(graph, f"sync_{kind}_result")
    sync(document)
    expected = natural_rows(graph, TABLES)
    empty_tables()
    with graph.connection() as connection:
        connection.execute(VANISHING.format(table))
        try:
            sync(document)
            added = connection.execute("SELECT last_value FROM added").fetchone()
        finally:
            connection.execute("DROP FUNCTION vanish CASCADE; DROP SEQUENCE added")
    assert natural_rows(graph, TABLES) == expected
    assert added is not None
    assert added[0] > 1


@pytest.mark.slow
def test_many_rows_are_written_again_in_a_time_that_grows_with_their_number(
    own_graph: GraphDatabase,
) -> None:
    document = adviser_document(products=0)
    report = document["result"]["report"]
    report["unresolved"] = [f"absent=={number}" for number in range(200_000)]
    own_graph.sync_adviser_result(document)
    del report["unresolved"][100_000:]
    with own_graph.connection() as connection:
        # One by one it would take hours.
        connection.execute("SET statement_timeout = '60s'")
    own_graph.sync_adviser_result(document, force=True)
    assert own_graph.get_adviser_unresolved_packages_count_all() == 100_000
