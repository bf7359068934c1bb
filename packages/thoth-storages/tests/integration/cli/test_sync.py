"""`thoth-storages sync` as a process, on a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from thoth.storages import (
    HANDLERS_MAPPING,
    AdvisersResultsStore,
    GraphDatabase,
    ProvenanceResultsStore,
    RevSolverResultsStore,
    SolverResultsStore,
)
from thoth.storages.testing import (
    adviser_document,
    connection_variables,
    provenance_document,
    revsolver_document,
    solver_document,
)
from thoth.storages.testing.forking import ForkedProgram
from thoth.storages.testing.run_documents import failed_adviser_document

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "thoth.storages", "sync"]
PROGRAM = ForkedProgram(
    "thoth-storages",
    "thoth.storages.cli.main:main",
    "thoth.storages.cli.commands",
    "thoth.storages.graph.database",
    "thoth.storages.sync.syncing",
    "thoth.storages.sync.solver",
)


@pytest.fixture
def env(graph: GraphDatabase, tmp_path: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("THOTH_", "KNOWLEDGE_GRAPH_"))}
    return kept | connection_variables(graph.settings) | {"THOTH_DATA_DIR": str(tmp_path)}


@pytest.fixture
def store(graph: GraphDatabase, tmp_path: Path) -> SolverResultsStore:
    made = SolverResultsStore(settings=msgspec.structs.replace(graph.settings, data_dir=tmp_path))
    made.connect()
    return made


def document(number: int, **result: Any) -> dict[str, Any]:
    made = solver_document(number, dependencies=8)
    made["result"] |= result
    return made


def run(*arguments: str, env: dict[str, str], code: int = 0) -> subprocess.CompletedProcess[str]:
    done = PROGRAM.run("sync", *arguments, env=env)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, list[int]]:
    head, *rows = (line.split() for line in done.stdout.splitlines())
    assert head == ["KIND", "PROCESSED", "SYNCED", "SKIPPED", "FAILED"]
    return {kind: [int(number) for number in numbers] for kind, *numbers in rows}


def test_the_summary_tells_what_became_of_each_kind(
    env: dict[str, str], store: SolverResultsStore
) -> None:
    store.store_documents([document(0), document(1)])
    nothing = {kind: [0] * 4 for kind in HANDLERS_MAPPING}
    assert counts(run(env=env)) == nothing | {"solver": [2, 2, 0, 0]}
    assert counts(run("--jobs", "2", env=env)) == nothing | {"solver": [2, 0, 2, 0]}
    done = run("--kind", "solver", "--since", "2021-01-01T00:01:37", "--force", env=env)
    assert counts(done) == {"solver": [1, 1, 0, 0]}
    one = document(0)["metadata"]["document_id"]
    assert counts(run(one, env=env)) == {"solver": [1, 0, 1, 0]}


def test_a_document_that_failed_is_exit_code_1_with_its_reason(
    env: dict[str, str], store: SolverResultsStore
) -> None:
    bad = document(0, tree=[{"package_name": 1}])
    bad_id = bad["metadata"]["document_id"]
    store.store_documents([bad])
    stopped = run(env=env, code=1)
    assert stopped.stderr.startswith(f"error: {bad_id}: result.tree[0].package_name")
    assert stopped.stdout == ""
    store.store_document(document(1))
    went_on = run("--graceful", env=env, code=1)
    assert counts(went_on)["solver"] == [2, 1, 0, 1]
    assert bad_id in went_on.stderr
    assert "security-1" in run("security-1", env=env, code=1).stderr
    assert counts(run("security-1", "--graceful", env=env, code=1)) == {"unknown": [1, 0, 0, 1]}


def test_local_takes_all_the_paths_that_follow(env: dict[str, str], tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        made = document(number)
        paths.append(tmp_path / f"{made['metadata']['document_id']}.json")
        paths[-1].write_text(json.dumps(made))
    given = [str(path) for path in paths]
    done = run("--local", *given[:2], "--graceful", "--local", given[2], env=env)
    assert counts(done) == {"solver": [3, 3, 0, 0]}


def test_what_advisers_checks_and_reverse_solvers_report_is_synced_from_a_local_store(
    env: dict[str, str], graph: GraphDatabase, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(graph.settings, data_dir=tmp_path)
    for kept, made in (
        (AdvisersResultsStore(settings=settings), [adviser_document(), failed_adviser_document(1)]),
        (ProvenanceResultsStore(settings=settings), [provenance_document()]),
        (RevSolverResultsStore(settings=settings), [revsolver_document()]),
    ):
        kept.connect()
        kept.store_documents(made)
    expected = {"adviser": 2, "provenance": 1, "revsolver": 1}
    kinds = [option for kind in expected for option in ("--kind", kind)]
    done = run(*kinds, env=env)
    assert counts(done) == {kind: [number, number, 0, 0] for kind, number in expected.items()}
    assert counts(run(*kinds, env=env)) == {
        kind: [number, 0, number, 0] for kind, number in expected.items()
    }
    assert graph.get_adviser_runs_count_all(error=True) == 1
    assert graph.get_provenance_findings_count_all() == 3
    assert graph.get_revsolver_dependents_count_all() == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ("solver-1", "--local", "solver-2"),
        ("solver-1", "--kind", "solver"),
        ("solver-1", "--watch"),
        ("--jobs", "0"),
        ("--jobs", "1000"),
        ("--since", "yesterday"),
        ("--since", "9999-12-31T23:59:59-14:00"),
        ("--interval", "-1"),
        ("--interval", "nan"),
        ("--kind", "solvers"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(
    env: dict[str, str], arguments: tuple[str, ...]
) -> None:
    assert "Usage: " in run(*arguments, env=env, code=2).stderr


def test_watching_goes_on_until_it_is_interrupted(
    env: dict[str, str], store: SolverResultsStore, graph: GraphDatabase
) -> None:
    watching = subprocess.Popen(
        [*COMMAND, "--watch", "--interval", "0.05", "--jobs", "2"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for number in range(2):
            made = document(number)
            store.store_document(made)
            wait_for(watching, graph, made)
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=60)
    finally:
        watching.kill()
    assert watching.returncode == 130
    assert errors.split() == ["interrupted"]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2021-01-01T00:01:37", 1),
        ("2021-01-01T00:01:37Z", 1),
        ("2021-01-01 01:01:37+01:00", 1),
        ("2020-12-31T23:01:37-01:00", 1),
        ("2021-01-01T00:01:37-00:01", 0),
        ("2021-01-01", 2),
        ("2999-01-01", 0),
    ],
)
def test_a_date_may_have_a_time_and_a_zone(
    env: dict[str, str], store: SolverResultsStore, since: str, expected: int
) -> None:
    store.store_documents([document(0), document(1)])
    done = run("--kind", "solver", "--since", since, env=env)
    assert counts(done)["solver"][0] == expected


def test_watching_outlives_a_store_that_goes_away(
    env: dict[str, str], store: SolverResultsStore, graph: GraphDatabase, tmp_path: Path
) -> None:
    made = [document(number) for number in range(2)]
    store.store_document(made[0])
    watching = subprocess.Popen(
        [*COMMAND, "--watch", "--interval", "0.05", "--kind", "solver"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stderr is not None
    try:
        wait_for(watching, graph, made[0])
        folder, away = tmp_path / "documents", tmp_path / "away"
        folder.rename(away)
        folder.touch()
        assert watching.stderr.readline().startswith("error: ")
        folder.unlink()
        away.rename(folder)
        store.store_document(made[1])
        wait_for(watching, graph, made[1])
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=60)
    finally:
        watching.kill()
    assert watching.returncode == 130
    assert errors.splitlines()[-1] == "interrupted"


def wait_for(watching: subprocess.Popen[str], graph: GraphDatabase, made: dict[str, Any]) -> None:
    deadline = time.monotonic() + 60
    while not graph.solver_document_id_exists(made["metadata"]["document_id"]):
        graph.cache_clear()
        assert watching.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_graph_without_tables_says_what_to_do(env: dict[str, str]) -> None:
    done = run(env=env | {"KNOWLEDGE_GRAPH_DATABASE": "no_such_database"}, code=2)
    assert "thoth-storages initialize-schema" in done.stderr
