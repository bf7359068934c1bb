"""What goes away while documents are synced: a typed error, nothing half written, mended next."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from thoth.storages import (
    HANDLERS_MAPPING,
    DatabaseError,
    DatabaseUnreachableError,
    GraphDatabase,
    Handler,
    NotFoundError,
    ObjectStoreServer,
    SolverResultsStore,
    StoragesError,
    StoragesSettings,
    StoreUnreachableError,
    sync_documents,
)
from thoth.storages.sync import syncing
from thoth.storages.testing import (
    empty_database,
    solver_documents,
    temporary_s3_server,
    temporary_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thoth.storages.graph.connections import ConnectionParameters
    from thoth.storages.sync.run import SyncCounts

COUNT = 80
Rows = list[tuple[str, object]]


def stored(settings: StoragesSettings, count: int = COUNT) -> SolverResultsStore:
    store = SolverResultsStore(settings=settings)
    store.connect()
    store.store_documents(solver_documents(count, dependencies=8))
    return store


def number_synced(graph: GraphDatabase) -> int:
    with graph.migration_connection() as connection:
        row = connection.execute("SELECT count(*) FROM solver_result").fetchone()
    assert row is not None
    return int(row[0])


def after(number: int, act: Callable[[], None]) -> Callable[[str, SyncCounts], None]:
    """Act once when so many documents are synced."""
    seen = 0

    def told(_: str, counts: SyncCounts) -> None:
        nonlocal seen
        before, seen = seen, seen + counts.processed
        if before < number <= seen:
            act()

    return told


@pytest.fixture
def clean(
    server_parameters: ConnectionParameters, recorded: Callable[[GraphDatabase], Rows]
) -> Callable[[StoragesSettings], Rows]:
    """Give what a graph holds after one run without faults."""

    def synced(settings: StoragesSettings) -> Rows:
        with empty_database(server_parameters) as other, GraphDatabase(other) as alone:
            alone.initialize_schema()
            where = msgspec.structs.replace(settings, server=other.server)
            sync_documents(graph=alone, settings=where, kinds=["solver"])
            return recorded(alone)

    return synced


# --- the local folder ----------------------------------------------------------------------------


@pytest.fixture
def few_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no more than a few documents be read ahead of those that are written."""
    monkeypatch.setattr(syncing, "MAX_TOGETHER", 8)


@pytest.mark.usefixtures("few_ahead")
def test_a_local_folder_that_goes_away_is_not_a_folder_whose_documents_were_deleted(
    graph: GraphDatabase, settings: StoragesSettings, tmp_path: Path
) -> None:
    stored(settings)
    (folder,) = (path for path in tmp_path.iterdir() if path.name == "documents")
    elsewhere = tmp_path / "elsewhere"
    with pytest.raises(StoreUnreachableError, match="the folder is gone"):
        sync_documents(
            graph=graph,
            settings=settings,
            kinds=["solver"],
            graceful=True,
            on_progress=after(3, lambda: folder.rename(elsewhere)),
        )
    before = number_synced(graph)
    assert 3 <= before < COUNT
    elsewhere.rename(folder)
    mended = sync_documents(graph=graph, settings=settings, kinds=["solver"])
    assert mended == {"solver": (COUNT, COUNT - before, before, 0)}


@pytest.mark.usefixtures("few_ahead")
def test_documents_that_are_deleted_meanwhile_are_no_fault(
    graph: GraphDatabase, settings: StoragesSettings, tmp_path: Path
) -> None:
    stored(settings)
    folder = tmp_path / "documents" / "local" / "solver"
    counts = sync_documents(
        graph=graph,
        settings=settings,
        kinds=["solver"],
        on_progress=after(3, lambda: shutil.rmtree(folder)),
    )["solver"]
    assert 3 <= counts.synced < COUNT
    assert counts == (counts.synced, counts.synced, 0, 0)


# A mount namespace of its own, where who is nobody special may mount a file system of 1 MB.
FULL = """
    import sys
    from pathlib import Path
    from thoth.storages import SolverResultsStore, StoragesSettings, StoreFullError
    from thoth.storages.testing import solver_documents
    store = SolverResultsStore(settings=StoragesSettings(data_dir=Path(sys.argv[1])))
    store.connect()
    kept = 0
    try:
        for document in solver_documents(200, dependencies=8):
            store.store_document(document)
            kept += 1
    except StoreFullError as error:
        listed = list(store.get_document_listing())
        assert len(listed) == kept, (len(listed), kept)
        whole = [store.retrieve_document(each)["metadata"]["document_id"] for each in listed]
        assert whole == listed
        store.ceph.delete(listed[0])
        store.ceph.delete(listed[1])
        store.store_document(document)
        print("full", error.key)
"""


def test_a_disk_that_is_full_refuses_a_document_and_keeps_the_others_whole(tmp_path: Path) -> None:
    alone = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("this system lets nobody mount a small file system")
    mount = f"mount -t tmpfs -o size=1m,nr_inodes=1000 tmpfs {tmp_path}"
    program = [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path)]
    done = subprocess.run(
        [*alone, "sh", "-c", f'{mount} && exec "$@"', "sh", *program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("full local/solver/solver-")


# --- the server of objects -----------------------------------------------------------------------


class Seaweed:
    """The process of a server that a test may kill and start again, with what it had stored."""

    def __init__(self, server: ObjectStoreServer, place: Path) -> None:
        self.server = server
        port = server.endpoint_url.rpartition(":")[2]
        self._pid, self._command = next(
            (int(path.name), command.split("\0")[:-1])
            for path in Path("/proc").iterdir()
            if path.name.isdigit() and f"-s3.port={port}\0" in (command := _command_line(path))
        )
        self._cwd = Path(f"/proc/{self._pid}/cwd").readlink()
        self._settings = StoragesSettings(data_dir=place, object_store=server)
        self._own: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        if self._own is not None:
            self._own.wait()

    def start(self) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._own = subprocess.Popen(self._command, cwd=self._cwd, **quiet)  # type: ignore[call-overload]
        assert self._own is not None
        self._pid = self._own.pid
        deadline = time.monotonic() + 60
        while True:
            with suppress(StoragesError):
                store = SolverResultsStore(settings=self._settings)
                store.connect()
                store.ceph.store_blob(b"{}", "solver-ready", overwrite=True)
                store.ceph.delete("solver-ready")
                return
            assert time.monotonic() < deadline
            time.sleep(0.2)

    @property
    def bytes_stored(self) -> int:
        return sum(path.stat().st_size for path in (self._cwd / "data").glob("*.dat"))


def _command_line(process: Path) -> str:
    with suppress(OSError):
        return (process / "cmdline").read_bytes().decode(errors="replace")
    return ""


@pytest.fixture
def seaweed(tmp_path: Path) -> Iterator[Seaweed]:
    with temporary_s3_server() as server:
        seaweed = Seaweed(server, tmp_path)
        try:
            yield seaweed
        finally:
            with suppress(ProcessLookupError):
                seaweed.kill()


@pytest.mark.slow
def test_a_server_of_objects_that_is_killed_in_a_listing_a_run_and_a_put(
    graph: GraphDatabase,
    seaweed: Seaweed,
    tmp_path: Path,
    recorded: Callable[[GraphDatabase], Rows],
    clean: Callable[[StoragesSettings], Rows],
) -> None:
    settings = msgspec.structs.replace(
        graph.settings, object_store=seaweed.server, deployment_name=f"test-{uuid.uuid4().hex}"
    )
    store = stored(settings, 1_100)

    listing = store.get_document_listing()
    next(listing)
    seaweed.kill()
    with pytest.raises(StoreUnreachableError):
        list(listing)
    with pytest.raises(StoreUnreachableError):
        sync_documents(graph=graph, settings=settings, kinds=["solver"], graceful=True)
    assert number_synced(graph) == 0

    seaweed.start()
    with pytest.raises(StoreUnreachableError):
        sync_documents(
            graph=graph,
            settings=settings,
            kinds=["solver"],
            graceful=True,
            jobs=2,
            on_progress=after(20, seaweed.kill),
        )
    before = number_synced(graph)
    assert 20 <= before < 1_100

    seaweed.start()
    assert sync_documents(graph=graph, settings=settings, kinds=["solver"], jobs=2) == {
        "solver": (1_100, 1_100 - before, before, 0)
    }
    assert recorded(graph) == clean(settings)

    large = tmp_path / "large"
    with large.open("wb") as file:
        for _ in range(64):
            file.write(os.urandom(2**20))
    had = seaweed.bytes_stored
    program = "from thoth.storages import SolverResultsStore; import sys\n"
    program += "store = SolverResultsStore(); store.connect()\n"
    program += "store.ceph.store_file(sys.argv[1], 'solver-large')"
    variables = {
        "THOTH_S3_ENDPOINT_URL": seaweed.server.endpoint_url,
        "THOTH_CEPH_KEY_ID": seaweed.server.key_id,
        "THOTH_CEPH_SECRET_KEY": seaweed.server.secret_key,
        "THOTH_CEPH_BUCKET": seaweed.server.bucket,
        "THOTH_DEPLOYMENT_NAME": settings.deployment_name,
    }
    putting = subprocess.Popen(
        [sys.executable, "-c", program, str(large)],
        env=os.environ | variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    while seaweed.bytes_stored < had + 2**22 and putting.poll() is None:
        time.sleep(0.001)
    seaweed.kill()
    _, errors = putting.communicate(timeout=300)
    assert "StoreUnreachableError" in errors.splitlines()[-1]
    seaweed.start()
    with pytest.raises(NotFoundError):
        store.ceph.retrieve_blob("solver-large")
    store.ceph.store_file(large, "solver-large")
    assert store.ceph.document_exists("solver-large")


# --- the graph -----------------------------------------------------------------------------------


def until_it_answers(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except DatabaseError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.slow
def test_a_graph_whose_server_is_killed_ends_a_run_and_the_next_one_mends_it(
    recorded: Callable[[GraphDatabase], Rows],
    clean: Callable[[StoragesSettings], Rows],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = HANDLERS_MAPPING["solver"]
    with temporary_settings() as settings, GraphDatabase(settings) as graph:
        graph.initialize_schema()
        ids = list(stored(settings).get_document_listing())
        written: list[int] = []
        pid_file = settings.data_dir / "postgresql" / "cluster" / "postmaster.pid"

        def kill() -> None:
            os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)

        def write(connection: Any, facts: Any, *, force: bool) -> bool:
            with connection.transaction():
                is_new = known.write(connection, facts, force=force)
                written.append(1)
                if len(written) == 41:
                    kill()
                    deadline = time.monotonic() + 60
                    while time.monotonic() < deadline:
                        connection.execute("SELECT pg_sleep(0.01)")
                return is_new

        handler = Handler(known.store, known.synced, known.read, write)
        with monkeypatch.context() as context:
            context.setitem(HANDLERS_MAPPING, "solver", handler)
            with pytest.raises(DatabaseUnreachableError):
                sync_documents(graph=graph, kinds=["solver"], graceful=True)
        assert until_it_answers(lambda: number_synced(graph)) == 40
        assert not graph.solver_document_id_exists(ids[40])
        mended = sync_documents(graph=graph, kinds=["solver"])
        assert mended == {"solver": (COUNT, COUNT - 40, 40, 0)}

        # Between two documents, connections that died are replaced: a run may go on.
        with suppress(DatabaseUnreachableError):
            sync_documents(
                graph=graph, kinds=["solver"], force=True, jobs=2, on_progress=after(20, kill)
            )
        until_it_answers(lambda: sync_documents(graph=graph, kinds=["solver"]))
        assert number_synced(graph) == COUNT
        assert recorded(graph) == clean(settings)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    """Mount a file system of a size; skip where only root may, or not even root."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=711", "tmpfs", str(place)]
    done = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.slow
def test_a_graph_whose_disk_is_full_ends_a_run_and_the_next_one_mends_it(
    recorded: Callable[[GraphDatabase], Rows], clean: Callable[[StoragesSettings], Rows]
) -> None:
    with (
        temporary_settings() as settings,
        small_disk(settings.data_dir, "512m"),
        GraphDatabase(settings) as graph,
    ):
        graph.initialize_schema()
        stored(settings, 600)
        ballast = settings.data_dir / "ballast"

        def fill() -> None:
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(2**16)):
                    pass

        with pytest.raises(DatabaseError) as raised:
            sync_documents(
                graph=graph, kinds=["solver"], graceful=True, on_progress=after(20, fill)
            )
        assert "No space left" in str(raised.value) or isinstance(
            raised.value, DatabaseUnreachableError
        )
        ballast.unlink()
        before = until_it_answers(lambda: number_synced(graph))
        assert 20 <= before < 600
        mended = until_it_answers(lambda: sync_documents(graph=graph, kinds=["solver"]))
        assert sum(mended["solver"][1:3]) == 600
        assert number_synced(graph) == 600
        assert recorded(graph) == clean(settings)
