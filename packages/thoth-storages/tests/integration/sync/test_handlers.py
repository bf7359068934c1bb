"""Which handler a document has: by its prefix, as an entry point, whatever it raises."""

from __future__ import annotations

import dataclasses
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from thoth.storages import (
    HANDLERS_MAPPING,
    DatabaseUnreachableError,
    GraphDatabase,
    Handler,
    InvalidArgumentError,
    InvalidDocumentError,
    SolverResultsStore,
    sync_documents,
)
from thoth.storages.documents.bulk import in_order
from thoth.storages.sync import handlers
from thoth.storages.sync.syncing import Named, Syncing
from thoth.storages.testing import solver_document

from .solving import documents, ids_of, synced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from thoth.storages import StoragesSettings


HOW_TO = Path("docs", "how-to", "add-a-kind-of-document.md")


def test_the_longest_prefix_with_a_dash_chooses_the_handler() -> None:
    kinds = {"solver": 1, "solver-fedora": 2, "dependency": 3}
    chosen = {
        "solver-rhel-8-py38-1": "solver",
        "solver-fedora-35-py310-1": "solver-fedora",
        "solver-fedora": "solver",
        "solver-fedoras-1": "solver",
        "dependency-monkey-1": "dependency",
        "solvers-1": None,
        "solver": None,
        "-solver-1": None,
        "": None,
    }
    assert {text: handlers.kind_of(text, kinds) for text in chosen} == chosen


@pytest.fixture
def coverage(
    graph: GraphDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterable[Callable[..., None]]:
    """Follow the how-to: the module and its table; gives what registers the entry point."""
    page = next((p / HOW_TO for p in Path(__file__).parents if (p / HOW_TO).exists()), None)
    if page is None:
        pytest.skip("not in a checkout: no docs")
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL))
    place = tmp_path / "plugin"
    place.mkdir()
    (place / "coverage_documents.py").write_text(blocks["python"])
    monkeypatch.syspath_prepend(str(place))
    name, value = re.findall(r"^(\w+) = \"(.*)\"$", blocks["toml"], re.MULTILINE)[0]

    def register() -> None:
        info = place / "coverage_documents-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: coverage-documents\nVersion: 1.0\n")
        entry = f"[{handlers.ENTRY_POINTS}]\n{name} = {value}\n"
        (info / "entry_points.txt").write_text(entry)

    with graph.migration_connection() as connection:
        connection.execute(blocks["sql"])
    yield register
    with graph.migration_connection() as connection:
        connection.execute("DROP TABLE coverage")
    sys.modules.pop("coverage_documents", None)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_kind_is_added_as_the_how_to_says(
    graph: GraphDatabase, settings: StoragesSettings, coverage: Callable[[], None], jobs: int
) -> None:
    coverage()
    from coverage_documents import CoverageResultsStore  # type: ignore[import-not-found]

    store = CoverageResultsStore(settings=settings)
    store.connect()
    envelope = solver_document(0)["metadata"]
    for number, percent in enumerate((12.5, "many")):
        document_id = f"coverage-21010100000{number}-{number:016x}"
        store.store_document(
            {
                "metadata": {**envelope, "document_id": document_id},
                "result": {"package_name": "six", "percent": percent},
            }
        )
    for expected in ((2, 1, 0, 1), (2, 0, 1, 1)):
        counts = sync_documents(graceful=True, graph=graph, settings=settings, jobs=jobs)
        assert counts["coverage"] == expected
    with graph.migration_connection() as connection:
        rows = connection.execute("SELECT package_name, percent FROM coverage").fetchall()
    assert rows == [("six", 12.5)]


def test_an_entry_point_that_cannot_be_imported_is_named(
    coverage: Callable[[], None], tmp_path: Path, graph: GraphDatabase
) -> None:
    coverage()
    (tmp_path / "plugin" / "coverage_documents.py").write_text("import no_such_module_of_ours")
    with pytest.raises(InvalidArgumentError, match=r"entry point coverage.*no_such_module_of_ours"):
        sync_documents([], graph=graph)


def test_whatever_a_handler_raises_is_its_documents(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(content: bytes, *, document_id: str) -> None:
        raise KeyError("tree")

    def refused(connection: Any, facts: Any, *, force: bool) -> bool:
        connection.execute("SELECT 1 / 0")
        return True

    solvers.store_documents(documents(1))
    known = HANDLERS_MAPPING["solver"]
    for handler, reason in (
        (Handler(known.store, known.synced, read, known.write), "KeyError: 'tree'"),
        (Handler(known.store, known.synced, known.read, refused), "division by zero"),
    ):
        monkeypatch.setitem(HANDLERS_MAPPING, "solver", handler)
        with pytest.raises(InvalidDocumentError, match=reason) as raised:
            sync_documents(graph=graph, settings=settings)
        assert raised.value.document_id == ids_of(documents(1))[0]
        with pytest.raises(InvalidArgumentError, match="another process"):
            sync_documents(graph=graph, settings=settings, jobs=2)


@pytest.mark.parametrize("graceful", [False, True])
def test_what_cannot_be_written_together_is_written_one_by_one(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    graceful: bool,
) -> None:
    made = documents(20)
    solvers.store_documents(made)
    known = HANDLERS_MAPPING["solver"]
    unwanted = ids_of(made)[9]
    assert known.write_several is not None
    tried: list[int] = []

    def write(connection: Any, facts: Any, *, force: bool) -> bool:
        if facts.document.document_id == unwanted:
            connection.execute("SELECT 1 / 0")
        return known.write(connection, facts, force=force)

    def write_several(connection: Any, several: Any, *, force: bool) -> list[bool]:
        tried.append(len(several))
        with connection.transaction():
            assert known.write_several is not None
            written = known.write_several(connection, several, force=force)
            if unwanted in {facts.document.document_id for facts in several}:
                connection.execute("SELECT 1 / 0")
            return written

    changed = dataclasses.replace(known, write=write, write_several=write_several)
    monkeypatch.setitem(HANDLERS_MAPPING, "solver", changed)
    if graceful:
        counts = sync_documents(ids_of(made), graceful=True, graph=graph, settings=settings)
        assert counts == {"solver": (20, 19, 0, 1)}
        assert synced(graph) == sorted({*ids_of(made)}.difference({unwanted}))
        assert max(tried[tried.index(8) + 1 :]) < 8
    else:
        with pytest.raises(InvalidDocumentError, match="division by zero"):
            sync_documents(ids_of(made), graph=graph, settings=settings)
        assert synced(graph) == sorted(ids_of(made)[:9])


def test_documents_that_were_written_are_told_though_the_server_leaves_before_the_rest(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
) -> None:
    made = documents(12)
    solvers.store_documents(made)
    known = HANDLERS_MAPPING["solver"]
    told: list[str] = []

    def write(connection: Any, facts: Any, *, force: bool) -> bool:
        if facts.document.document_id == ids_of(made)[9]:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return known.write(connection, facts, force=force)

    def write_several(connection: Any, several: Any, *, force: bool) -> list[bool]:
        if len(several) > 4:
            connection.execute("SELECT 1 / 0")
        assert known.write_several is not None
        return known.write_several(connection, several, force=force)

    changed = dataclasses.replace(known, write=write, write_several=write_several)
    syncing = Syncing(graph, settings, {"solver": changed}, force=False, is_listed=False)
    wanted = [Named(document_id) for document_id in ids_of(made)]
    with pytest.raises(DatabaseUnreachableError):
        told.extend(outcome.document_id for outcome in syncing.outcomes("solver", wanted))
    assert told == ids_of(made)[:9]
    assert synced(graph) == sorted(told)


def test_documents_are_read_while_others_are_written(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solvers.store_documents(documents(3))
    known = HANDLERS_MAPPING["solver"]
    happened: list[str] = []

    def read(content: bytes, *, document_id: str) -> Any:
        happened.append("read")
        return known.read(content, document_id=document_id)

    def write(connection: Any, facts: Any, *, force: bool) -> bool:
        happened.append("begun")
        connection.execute("SELECT pg_sleep(0.2)")
        happened.append("written")
        return known.write(connection, facts, force=force)

    slow = dataclasses.replace(known, read=read, write=write, write_several=None)
    monkeypatch.setitem(HANDLERS_MAPPING, "solver", slow)
    counts = sync_documents(ids_of(documents(3)), graph=graph, settings=settings)
    assert counts == {"solver": (3, 3, 0, 0)}
    assert happened[:5] == ["read", "begun", "read", "read", "written"]


def test_a_document_that_is_not_there_yet_is_not_waited_for_while_others_are_written(
    graph: GraphDatabase,
    settings: StoragesSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = {each["metadata"]["document_id"]: msgspec.json.encode(each) for each in documents(3)}
    known = HANDLERS_MAPPING["solver"]
    is_written = threading.Event()

    def fetched(document_id: str) -> tuple[str, bytes]:
        if document_id != next(iter(stored)):
            assert is_written.wait(30)
        return document_id, stored[document_id]

    def write(connection: Any, facts: Any, *, force: bool) -> bool:
        connection.execute("SELECT pg_sleep(0.1)")
        is_written.set()
        return known.write(connection, facts, force=force)

    handler = dataclasses.replace(
        known, write=write, write_several=None, retrieve=lambda _, ids: in_order(fetched, ids)
    )
    monkeypatch.setitem(HANDLERS_MAPPING, "solver", handler)
    assert sync_documents([*stored], graph=graph, settings=settings) == {"solver": (3, 3, 0, 0)}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_while_documents_are_read_ahead_ends_the_run_after_those_before(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    made = documents(8)
    solvers.store_documents(made)
    known = HANDLERS_MAPPING["solver"]
    last = ids_of(made)[5]

    def read(content: bytes, *, document_id: str) -> Any:
        if document_id == last:
            raise error
        return known.read(content, document_id=document_id)

    monkeypatch.setitem(HANDLERS_MAPPING, "solver", dataclasses.replace(known, read=read))
    with pytest.raises(error):
        sync_documents(ids_of(made), graph=graph, settings=settings)
    assert synced(graph) == sorted(ids_of(made)[:5])
