"""Documents are synced in several processes, whichever of them are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from thoth.storages import (
    HANDLERS_MAPPING,
    GraphDatabase,
    Handler,
    SolverResultsStore,
    SyncWorkerError,
    sync_documents,
)
from thoth.storages.testing import connection_variables, empty_database

from .solving import documents, ids_of, synced

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thoth.storages import StoragesSettings
    from thoth.storages.graph.connections import ConnectionParameters


_ENDS = """
    import os, signal
    from thoth.storages import HANDLERS_MAPPING, Handler
    known = HANDLERS_MAPPING["solver"]
    def end(content, *, document_id):
        print("said by a handler")
        if document_id in {doomed!r}:
            os.kill(os.getpid(), signal.SIGKILL)
        return known.read(content, document_id=document_id)
    HANDLER = Handler(known.store, known.synced, end, known.write)
"""


@pytest.fixture
def killing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], Handler]:
    """Give a handler that ends the process that it is in where it reads one of these documents."""

    def made(doomed: list[str]) -> Handler:
        text = textwrap.dedent(_ENDS).replace("{doomed!r}", repr(set(doomed)))
        (tmp_path / "ending_handler.py").write_text(text)
        from ending_handler import HANDLER  # type: ignore[import-not-found]

        assert isinstance(HANDLER, Handler)
        return HANDLER

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ending_handler", raising=False)
    return made


def test_a_worker_that_is_killed_ends_the_run_with_how_it_ended(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    killing: Callable[[list[str]], Handler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = documents(40)
    solvers.store_documents(made)
    with monkeypatch.context() as context:
        context.setitem(HANDLERS_MAPPING, "solver", killing(ids_of(made)[5:]))
        with pytest.raises(SyncWorkerError) as raised:
            sync_documents(graph=graph, settings=settings, jobs=2)
    assert raised.value.exit_code == -signal.SIGKILL
    before = len(synced(graph))
    mended = sync_documents(graph=graph, settings=settings)["solver"]
    assert mended == (40, 40 - before, before, 0)


def test_documents_that_kill_their_workers_have_failed_and_a_graceful_run_goes_on(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    killing: Callable[[list[str]], Handler],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = documents(80)
    solvers.store_documents(made)
    killers = [ids_of(made)[number] for number in (3, 20, 79)]
    with monkeypatch.context() as context:
        context.setitem(HANDLERS_MAPPING, "solver", killing(killers))
        counts = sync_documents(graph=graph, settings=settings, graceful=True, jobs=2)["solver"]
    # A killed worker may have written a document whose outcome nobody heard.
    assert counts == (80, 77 - counts.skipped, counts.skipped, 3)
    assert counts.skipped <= 2
    assert synced(graph) == sorted(set(ids_of(made)) - set(killers))
    for killer in killers:
        assert f"A worker process ended with -9 before {killer} was synced" in caplog.text
    assert sync_documents(graph=graph, settings=settings)["solver"] == (80, 3, 77, 0)


def test_a_worker_that_cannot_begin_ends_a_graceful_run_too(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solvers.store_documents(documents(2))
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SyncWorkerError) as raised:
        sync_documents(graph=graph, settings=settings, graceful=True, jobs=2)
    assert raised.value.exit_code == 3
    assert raised.value.document_id is None
    assert synced(graph) == []


def environment(settings: StoragesSettings) -> dict[str, str]:
    return {
        **os.environ,
        **connection_variables(settings),
        "THOTH_DATA_DIR": str(settings.data_dir),
    }


def start(settings: StoragesSettings, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "thoth.storages", "sync", *arguments],
        env=environment(settings) | {"THOTH_STORAGES_RANDOMIZE_LISTING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("count", [200, 1_000])
def test_four_at_once_two_of_them_killed_and_restarted_equal_a_single_run(
    graph: GraphDatabase,
    settings: StoragesSettings,
    solvers: SolverResultsStore,
    server_parameters: ConnectionParameters,
    recorded: Callable[[GraphDatabase], list[tuple[str, object]]],
    count: int,
) -> None:
    solvers.store_documents(documents(count))
    with empty_database(server_parameters) as other:
        clean = msgspec.structs.replace(other, data_dir=settings.data_dir)
        with GraphDatabase(clean) as alone:
            alone.initialize_schema()
            assert sync_documents(graph=alone)["solver"] == (count, count, 0, 0)
            expected = [*recorded(alone), *_solved(alone)]

    running = [start(settings) for _ in range(4)]
    for doomed in running[:2]:
        seen = len(synced(graph))
        while len(synced(graph)) < seen + 10 and doomed.poll() is None:
            time.sleep(0.01)
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.communicate(timeout=60)
    running = [*running[2:], start(settings), start(settings)]
    for each in running:
        output = each.communicate(timeout=300)[0]
        assert each.returncode == 0, output.decode()

    assert [*recorded(graph), *_solved(graph)] == expected
    assert sync_documents(graph=graph, settings=settings)["solver"] == (count, 0, count, 0)


def _solved(graph: GraphDatabase) -> list[tuple[Any, ...]]:
    statement = """
        SELECT document_id, unparsed, os_name, package.name, release.version, solved.error, details,
               (SELECT array_agg(specifier ORDER BY package_id, specifier) FROM unresolved
                 WHERE solver_result_id = solver_result.id)
          FROM solver_result JOIN solved ON solver_result_id = solver_result.id
          JOIN release ON release.id = release_id JOIN package ON package.id = package_id
          JOIN software_environment ON software_environment.id = software_environment_id
         ORDER BY document_id, package.name, release.version
    """
    with graph.migration_connection() as connection:
        return connection.execute(statement).fetchall()
