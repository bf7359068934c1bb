"""A graph that a service, the command and tasks filled is rebuilt from its documents alone."""

from __future__ import annotations

import base64
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest

from thoth.dependency_monkey.api.serving import free_port
from thoth.dependency_monkey.testing import Fault, IndexServer
from thoth.storages import (
    AdvisersResultsStore,
    DependencyMonkeyReportsStore,
    GraphDatabase,
    InspectionsStore,
    ProvenanceResultsStore,
    RevSolverResultsStore,
    SolverResultsStore,
    sync_documents,
)
from thoth.storages.graph.models import Base
from thoth.storages.testing import (
    connection_variables,
    dependency_monkey_document,
    empty_database,
    solver_document,
)
from thoth.storages.testing.fixtures import server_parameters, session_data_dir
from thoth.storages.testing.inspection_documents import (
    dependency_monkey_document_id,
    inspection_document,
)
from thoth.storages.testing.rows import natural_rows
from thoth.storages.testing.run_documents import (
    adviser_document,
    failed_adviser_document,
    provenance_document,
    revsolver_document,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thoth.storages import StoragesSettings
    from thoth.storages.graph.connections import ConnectionParameters

__all__ = ["server_parameters", "session_data_dir"]

MONKEY = [sys.executable, "-m", "thoth.dependency_monkey.cli"]
STORAGES = [sys.executable, "-m", "thoth.storages"]
BASE = "/api/v0alpha0/validations/"
SECONDS = 150.0
STACKS = (
    "rebuilt-none",
    "rebuilt-base>2",
    "rebuilt-built",
    "rebuilt-broken",
    "rebuilt-app[none]; python_version > '3' # \N{SNOWMAN}\nrebuilt-base<2",
    "rebuilt-base; sys_platform == 'win32'",
    "\n".join([*(f"# {'x' * 1_000}" for _ in range(64)), "rebuilt-base"]),
)
AS_OF = ("--exclude-newer", "2021-01-01")
TWO_TARGETS = ("--target", "cp312-manylinux_2_28_x86_64", "--target", "cp311-macosx_11_0_arm64")
INDICATORS = ("PiMatmul", "PiConv1D", "PiConv2D", "PiPyBench", "PiOther")
HOW_TO = Path(__file__).parents[5] / "docs" / "how-to" / "rebuild-the-graph.md"

# What is not of documents, and what they may tell of in any order: facts of releases.
NOT_OF_DOCUMENTS = {"page", "artifact_metadata", "document_removal", "milestone"}
NOT_OF_DOCUMENTS |= {"rule", "vulnerability", "vulnerability_release", "release_change"}


def environment(settings: StoragesSettings, documents: Path, index: IndexServer) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(documents),
        "THOTH_DATA_DIR": str(documents),
        "THOTH_INDEX_URL": index.url,
        "THOTH_TARGET": "cp312-manylinux_2_28_x86_64",
        **connection_variables(settings),
    }


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def settings(server_parameters: ConnectionParameters, tmp_path: Path) -> Iterator[StoragesSettings]:
    with empty_database(server_parameters) as found:
        yield msgspec.structs.replace(found, data_dir=tmp_path)


@pytest.fixture
def environ(settings: StoragesSettings, tmp_path: Path, server: IndexServer) -> dict[str, str]:
    return environment(settings, tmp_path, server)


@contextmanager
def service(environ: dict[str, str], *arguments: str) -> Iterator[httpx2.Client]:
    """Lend a client of a service that runs meanwhile."""
    port = free_port("127.0.0.1", 0)
    command = [*MONKEY, "serve", "--port", str(port), *arguments]
    with (Path(environ["HOME"]) / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False)

    def is_ready() -> bool:
        assert process.poll() is None
        try:
            return client.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    try:
        eventually(is_ready)
        yield client
    finally:
        client.close()
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)


def post(client: httpx2.Client, stack: str) -> dict[str, Any]:
    answer = client.post(BASE, json={"stack_specification": stack})
    assert answer.status_code == 201
    made: dict[str, Any] = answer.json()
    return made


def is_final(client: httpx2.Client, validation: dict[str, Any]) -> bool:
    return client.get(BASE + validation["id"]).json()["phase"] in ("succeeded", "failed")


def validate(environ: dict[str, str], *arguments: str) -> int:
    done = subprocess.run(
        [*MONKEY, "validate", *arguments], env=environ, capture_output=True, check=False
    )
    assert b"warning" not in done.stderr
    return done.returncode


def waiting(graph: GraphDatabase) -> dict[str, int]:
    return graph.validation_documents.count_waiting()


def add_packages(server: IndexServer) -> None:
    early = {"uploaded": datetime(2020, 1, 1, tzinfo=UTC)}
    server.add("rebuilt-app", "1.0", requires_dist=["rebuilt-base>=1", "rebuilt-extra"], **early)
    server.add("rebuilt-base", "1.0", sdist=True, **early)
    server.add("rebuilt-base", "2.0")
    server.add("rebuilt-extra", "3.0", requires_dist=["rebuilt-base<2"], **early)
    server.add("rebuilt-built", "1.0", wheel_tags=(), sdist=True, static=False)
    server.fault("/simple/rebuilt-broken/", Fault(status=500))


def store_documents_of_tasks(settings: StoragesSettings) -> None:
    """Store what tasks report: of every kind, with indicators of every name."""
    reports = DependencyMonkeyReportsStore(settings=settings)
    inspections = InspectionsStore(settings=settings)
    for store, documents in (
        (SolverResultsStore(settings=settings), map(solver_document, (0, 9, 19))),
        (
            AdvisersResultsStore(settings=settings),
            [adviser_document(0), failed_adviser_document(1)],
        ),
        (ProvenanceResultsStore(settings=settings), map(provenance_document, range(2))),
        (RevSolverResultsStore(settings=settings), map(revsolver_document, range(2))),
    ):
        store.connect()
        store.store_documents(documents)
    reports.connect()
    reports.ceph.store_document(dependency_monkey_document(0), dependency_monkey_document_id(0))
    inspections.connect()
    for entry, indicator in enumerate(INDICATORS):
        made = inspection_document(0, entry, indicator=indicator)
        inspection = inspections.open(made["document_id"])
        inspection.build.store_specification(made["specification"])
        for number, result in enumerate(made["results"]):
            inspection.results.store_result(number, result)


@pytest.mark.slow
def test_syncing_all_documents_into_an_empty_graph_gives_what_the_first_one_had(
    settings: StoragesSettings,
    environ: dict[str, str],
    server: IndexServer,
    server_parameters: ConnectionParameters,
    tmp_path: Path,
) -> None:
    add_packages(server)
    with GraphDatabase(settings) as graph, service(environ, "--workers", "1") as client:
        asked = [post(client, "rebuilt-app") for _ in range(3)]
        asked += [post(client, stack) for stack in STACKS]
        eventually(lambda: all(is_final(client, each) for each in asked))
        # What is known by now is answered at once.
        asked += [post(client, stack) for stack in ("rebuilt-base<2", "rebuilt-app\nrebuilt-base")]
        eventually(lambda: all(is_final(client, each) for each in asked))
        assert validate(environ, "rebuilt-app", "rebuilt-base>=1", "--python", "3.12") == 0
        assert validate(environ, "rebuilt-app", "rebuilt-base>=2") == 1
        assert validate(environ, "rebuilt-unknown", "--offline") == 3
        assert validate(environ, "rebuilt-app", *AS_OF, *TWO_TARGETS) == 0
        constraints = tmp_path / "constraints.txt"
        constraints.write_text("rebuilt-base<2 # \N{SNOWMAN}")
        assert validate(environ, "rebuilt-base", "-c", str(constraints), "--pre") == 0
        eventually(lambda: waiting(graph) == {"store": 0, "remove": 0})
        shown = [client.get(BASE + each["id"]).json() for each in asked]
        store_documents_of_tasks(settings)
        sync_documents(graph=graph, settings=settings)
        tables = Base.metadata.tables.keys() - NOT_OF_DOCUMENTS
        before = natural_rows(graph, tables)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    assert len(before["validation"]) == 5 + len(STACKS) + 5

    with empty_database(server_parameters) as empty:
        into_empty = environment(empty, tmp_path, server)
        for command in commands_of_the_how_to():
            done = subprocess.run(
                [*STORAGES, *command[1:]], env=into_empty, capture_output=True, check=False
            )
            assert done.returncode == 0, done.stderr.decode()
        with GraphDatabase(empty) as graph:
            after = natural_rows(graph, tables)
        for name in tables:
            assert after[name] == before[name], name
        with service(into_empty, "--workers", "0") as client:
            assert [client.get(BASE + each["id"]).json() for each in asked] == shown


@pytest.mark.slow
def test_what_was_killed_between_verdict_and_document_is_stored_after_the_next_start(
    settings: StoragesSettings, environ: dict[str, str], server: IndexServer, tmp_path: Path
) -> None:
    add_packages(server)
    # A file in the way of the folder: the store is away.
    documents = tmp_path / "documents"
    documents.write_text("")
    with GraphDatabase(settings) as graph:
        with service(environ, "--workers", "1") as client:
            job = post(client, "rebuilt-app")
            eventually(lambda: is_final(client, job))
            at_once = post(client, "rebuilt-base")
            assert at_once["phase"] == "succeeded"
            metrics = client.get("/metrics").text
            assert 'thoth_documents_waiting{work="store"} 2.0' in metrics
            log = tmp_path / "serve.log"
            eventually(lambda: "Documents wait" in log.read_text())
            killed = [int(line) for line in running(environ["HOME"])]
            assert len(killed) >= 2
            for process in killed:
                os.kill(process, signal.SIGKILL)
        assert waiting(graph)["store"] == 2
        documents.unlink()
        with service(environ, "--workers", "1") as client:
            eventually(lambda: waiting(graph) == {"store": 0, "remove": 0})
            assert len(list((documents / "local" / "validation").iterdir())) == 2
            for each in (job, at_once):
                assert client.delete(BASE + each["id"]).status_code == 204
            eventually(lambda: waiting(graph) == {"store": 0, "remove": 0})
            assert list((documents / "local" / "validation").iterdir()) == []


PASSWORD = "pass-word-of-nobody"


@pytest.mark.slow
def test_credentials_of_an_index_are_in_no_document_no_row_and_no_log(
    settings: StoragesSettings, tmp_path: Path
) -> None:
    with (
        IndexServer(username="user", password=PASSWORD) as server,
        GraphDatabase(settings) as graph,
    ):
        add_packages(server)
        environ = environment(settings, tmp_path, server)
        environ["THOTH_INDEX_URL"] = server.url.replace("//", f"//user:{PASSWORD}@")
        with service(environ, "--workers", "1", "--debug") as client:
            asked = [post(client, stack) for stack in ("rebuilt-app", "rebuilt-broken")]
            eventually(lambda: all(is_final(client, each) for each in asked))
            assert client.get(BASE + asked[0]["id"]).json()["valid"] is True
            for stack, code in (("rebuilt-app", 0), ("rebuilt-base>2", 1), ("rebuilt-broken", 3)):
                assert validate(environ, stack) == code
            eventually(lambda: waiting(graph) == {"store": 0, "remove": 0})
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert sum(path.name.startswith("validation-") for path in files) == 5
        assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []
        with graph.migration_connection() as connection:
            tables = [name for (name,) in connection.execute(TABLES).fetchall()]
            assert len(tables) > 20
            for table in tables:
                found = connection.execute(HOLDING.format(table=table), {"texts": hidden()})
                assert found.fetchall() == [], table


TABLES = """
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""
HOLDING = "SELECT row FROM {table} AS row WHERE row::text LIKE ANY (%(texts)s) LIMIT 1"


def hidden() -> list[str]:
    """Return how the password would be in a row: as text, in bytes, or as it is sent."""
    sent = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    return [f"%{text}%" for text in (PASSWORD, PASSWORD.encode().hex(), sent)]


def running(home: str) -> list[str]:
    """Return the ids of the processes whose home this is."""
    marker = f"HOME={home}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def commands_of_the_how_to() -> list[list[str]]:
    lines = HOW_TO.read_text().splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("    thoth-storages ")]
    assert [command[1] for command in commands] == ["initialize-schema", "sync", "stats"]
    return commands
