"""A server starts with its first user, is shared, and ends with its last one."""

import os
import signal
import statistics
import threading
import time
from pathlib import Path

import psycopg
import pytest

from thoth.storages.graph.embedded import EmbeddedServer, is_initialised

KEEP = "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 42 AS value"
STARTED = "SELECT pg_postmaster_start_time()::text"


def test_making_the_object_touches_no_file(tmp_path):
    EmbeddedServer(tmp_path / "data" / "graph")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "settings",
    [{"linger": -1.0}, {"linger": float("nan")}, {"timeout": 0.0}, {"timeout": float("nan")}],
)
def test_a_time_that_makes_no_sense_is_refused(tmp_path, settings):
    with pytest.raises(ValueError, match="seconds"):
        EmbeddedServer(tmp_path, **settings)


def test_the_first_start_makes_a_cluster_that_keeps_what_it_accepts(data_dir, harness):
    assert not is_initialised(data_dir)
    with harness.acquire(data_dir) as lease:
        parameters = lease.connection_parameters
        assert is_initialised(data_dir)
        assert harness.query(parameters, "SHOW server_encoding") == "UTF8"
        assert harness.query(parameters, "SHOW fsync") == "on"
        assert harness.query(parameters, "SHOW data_checksums") == "on"
        assert harness.query(parameters, "SHOW listen_addresses") == ""
        assert harness.query(parameters, "SHOW timezone") == "UTC"


def test_a_server_that_is_not_durable_is_asked_for(warm_dir, harness):
    with harness.acquire(warm_dir, durable=False) as lease:
        assert harness.query(lease.connection_parameters, "SHOW fsync") == "off"
        assert harness.query(lease.connection_parameters, "SHOW full_page_writes") == "off"
        with harness.acquire(warm_dir) as other:
            assert harness.query(other.connection_parameters, "SHOW fsync") == "off"
    harness.wait_until(lambda: not harness.processes_at(warm_dir), "the server's end")
    with harness.acquire(warm_dir) as lease:
        assert harness.query(lease.connection_parameters, "SHOW fsync") == "on"


def test_a_warm_start_finds_the_data(warm_dir, harness):
    with harness.acquire(warm_dir) as lease:
        harness.query(
            lease.connection_parameters,
            KEEP,
        )
        first = harness.query(lease.connection_parameters, STARTED)
    harness.wait_until(lambda: not harness.processes_at(warm_dir), "the server's end")
    with harness.acquire(warm_dir) as lease:
        assert harness.query(lease.connection_parameters, STARTED) != first
        assert harness.query(lease.connection_parameters, "SELECT value FROM kept") == 42


def test_a_running_server_is_shared_and_quickly_had(warm_dir, harness):
    with harness.acquire(warm_dir) as lease:
        seconds = []
        for _ in range(20):
            begun = time.perf_counter()
            with harness.acquire(warm_dir) as other:
                seconds.append(time.perf_counter() - begun)
            assert other.connection_parameters == lease.connection_parameters
        assert statistics.median(seconds) < 0.1


def test_nothing_runs_once_the_last_user_has_gone(warm_dir, harness):
    first, second = harness.acquire(warm_dir), harness.acquire(warm_dir)
    socket_directory = Path(first.connection_parameters["host"])
    first.release()
    time.sleep(0.2)
    assert harness.query(second.connection_parameters, "SELECT 1") == 1
    second.release()
    second.release()
    harness.wait_until(lambda: not harness.processes_at(warm_dir), "the server's end")
    # The supervisor tidies up with its last breath, when it no longer counts as running here.
    harness.wait_until(lambda: not socket_directory.exists(), "the socket directory's end")
    harness.wait_until(lambda: not (warm_dir / "state.json").exists(), "the record's end")


def test_a_server_outlives_its_user_for_the_linger(warm_dir, harness):
    with harness.acquire(warm_dir, linger=1.0) as lease:
        started = harness.query(lease.connection_parameters, STARTED)
    time.sleep(0.5)
    with harness.acquire(warm_dir, linger=1.0) as lease:
        assert harness.query(lease.connection_parameters, STARTED) == started
    released = time.monotonic()
    harness.wait_until(lambda: not harness.processes_at(warm_dir), "the server's end")
    assert time.monotonic() - released > 0.9


def test_a_user_that_comes_while_the_server_stops_gets_another_one(warm_dir, harness):
    for _ in range(5):
        with harness.acquire(warm_dir) as lease:
            assert harness.query(lease.connection_parameters, "SELECT 1") == 1
        # The supervisor looks every 20 ms: arrivals fall before, into and after its decision.
        time.sleep(0.015)


def test_processes_that_start_at_once_get_one_server(data_dir, clients, harness):
    crowd = [clients(data_dir) for _ in range(4)]
    parameters = [client.parameters() for client in crowd]
    assert len({harness.query(each, STARTED) for each in parameters}) == 1
    for client in crowd:
        client.release()


def test_threads_that_start_at_once_get_one_server(warm_dir, harness):
    leases = []
    threads = [
        threading.Thread(target=lambda: leases.append(harness.acquire(warm_dir))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({str(lease.connection_parameters) for lease in leases}) == 1
    assert len(leases) == 8
    for lease in leases:
        lease.release()


def test_two_data_directories_have_two_servers(warm_dir, data_dir, harness):
    with harness.acquire(warm_dir) as one, harness.acquire(data_dir) as two:
        harness.query(one.connection_parameters, "CREATE TABLE only_here ()")
        with pytest.raises(psycopg.errors.UndefinedTable):
            harness.query(two.connection_parameters, "SELECT FROM only_here")
        assert harness.state(warm_dir)["server_pid"] != harness.state(data_dir)["server_pid"]


def test_a_path_may_be_long_and_odd(place, harness):
    data_dir = place.joinpath(*["it's, a (directory) é; " + "x" * 60] * 4)
    with harness.acquire(data_dir) as lease:
        assert harness.query(lease.connection_parameters, "SELECT 1") == 1
        assert len(lease.connection_parameters["host"]) < 80


def test_a_symbolic_link_leads_to_the_same_server(tmp_path, warm_dir, harness):
    with harness.acquire(warm_dir) as lease:
        (tmp_path / "link").symlink_to(warm_dir)
        with harness.acquire(tmp_path / "link") as other:
            assert other.connection_parameters == lease.connection_parameters


def test_the_callers_environment_reaches_no_server(warm_dir, harness, clients):
    environment = {
        "PGDATA": "/nonexistent",
        "PGPORT": "1",
        "PGOPTIONS": "-c work_mem=1GB",
        "LC_ALL": "C.UTF-8",
        "SECRET": "hidden",
    }
    client = clients(warm_dir, environment=environment)
    parameters = client.parameters()
    assert harness.query(parameters, "SHOW work_mem") == "4MB"
    state = harness.state(warm_dir)
    for pid in (state["server_pid"], state["supervisor_pid"]):
        content = Path(f"/proc/{pid}/environ").read_bytes()
        names = {entry.partition(b"=")[0] for entry in content.split(b"\0") if entry}
        # What remains is set by us or by PostgreSQL itself.
        assert names <= {b"PATH", b"LANG", b"LC_ALL"}
    client.release()


def test_variables_of_libpq_lead_to_no_other_server(warm_dir, harness, monkeypatch):
    for name, value in {"PGHOST": "elsewhere", "PGHOSTADDR": "127.0.0.1", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    with harness.acquire(warm_dir) as lease:
        assert harness.query(lease.connection_parameters, "SELECT current_user") == "postgres"


def test_the_server_holds_no_terminal_and_no_file_of_the_client(warm_dir, harness, clients):
    client = clients(warm_dir)
    client.parameters()
    state = harness.state(warm_dir)
    for pid in (state["server_pid"], state["supervisor_pid"]):
        assert os.getsid(pid) != os.getsid(client.process.pid)
        opened = {int(entry.name): str(entry.readlink()) for entry in _open_files(pid)}
        assert opened[0] == "/dev/null"
        assert not any("pts" in path or "start.lock" in path for path in opened.values())
    client.release()


def _open_files(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/fd").iterdir())


def test_an_interrupt_from_the_terminal_ends_the_client_alone(warm_dir, harness, clients):
    with harness.acquire(warm_dir) as lease:
        client = clients(warm_dir)
        client.parameters()
        os.killpg(client.process.pid, signal.SIGINT)
        client.process.wait(20)
        assert harness.query(lease.connection_parameters, "SELECT 1") == 1


def test_a_clients_interrupt_spares_the_server_that_it_started(warm_dir, harness, clients):
    client = clients(warm_dir)
    client.parameters()
    with harness.acquire(warm_dir) as lease:
        started = harness.query(lease.connection_parameters, STARTED)
        os.killpg(client.process.pid, signal.SIGINT)
        client.process.wait(20)
        time.sleep(0.2)
        assert harness.query(lease.connection_parameters, STARTED) == started


def test_the_log_is_kept_short(warm_dir, harness):
    noise = "DO $$ BEGIN RAISE LOG '%', repeat('x', 1000000); END $$"
    with harness.acquire(warm_dir) as lease:
        for _ in range(4):
            harness.query(lease.connection_parameters, noise)
        log = warm_dir / "server.log"
        harness.wait_until(lambda: log.stat().st_size < 2**20, "a short log")
        assert (warm_dir / "server.log.1").stat().st_size <= 2**20
