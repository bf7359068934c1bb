"""Whatever is killed, the next user gets a server with all that was accepted."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psycopg
import pytest

from thoth.storages.exceptions import (
    DataDirectoryError,
    ServerStartError,
    ServerTimeoutError,
    ServerVersionError,
)

KEEP = "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 42 AS value"


@pytest.mark.slow
def test_a_killed_client_counts_as_gone(warm_dir, harness, clients):
    client = clients(warm_dir)
    client.parameters()
    client.kill()
    harness.wait_until(lambda: not harness.processes_at(warm_dir), "the server's end")


def test_a_client_killed_while_it_starts_the_server_leaves_nothing(data_dir, harness, clients):
    client = clients(data_dir)
    harness.wait_until(lambda: list(data_dir.glob("cluster*")), "the beginning of initdb")
    client.kill()
    harness.wait_until(lambda: not harness.processes_at(data_dir), "the end of all")
    with harness.acquire(data_dir) as lease:
        assert harness.query(lease.connection_parameters, "SELECT 1") == 1


def test_the_server_of_a_killed_supervisor_is_adopted(warm_dir, harness):
    with harness.acquire(warm_dir) as lease:
        before = harness.state(warm_dir)
        harness.kill(before["supervisor_pid"])
        with harness.acquire(warm_dir) as other:
            after = harness.state(warm_dir)
            assert after["server_pid"] == before["server_pid"]
            assert after["supervisor_pid"] != before["supervisor_pid"]
            assert other.connection_parameters == lease.connection_parameters


def test_a_killed_server_is_started_again_with_its_data(warm_dir, harness):
    with harness.acquire(warm_dir) as lease:
        parameters = lease.connection_parameters
        harness.query(parameters, KEEP)
        harness.kill(harness.state(warm_dir)["server_pid"])
        with harness.acquire(warm_dir) as other:
            statement = "SELECT value FROM kept"
            assert harness.query(other.connection_parameters, statement) == 42


def test_a_killed_server_is_started_again_without_a_new_user(warm_dir, harness):
    with harness.acquire(warm_dir):
        before = harness.state(warm_dir)
        harness.kill(before["server_pid"])
        harness.wait_until(
            lambda: (
                (warm_dir / "state.json").exists()
                and harness.state(warm_dir)["server_pid"] != before["server_pid"]
            ),
            "another server",
        )


@pytest.mark.slow
def test_an_adopted_server_that_is_killed_is_started_again(warm_dir, harness):
    with harness.acquire(warm_dir):
        first = harness.state(warm_dir)
        harness.kill(first["supervisor_pid"])
        with harness.acquire(warm_dir):
            harness.kill(first["server_pid"])
            with harness.acquire(warm_dir) as lease:
                assert harness.query(lease.connection_parameters, "SELECT 1") == 1


def test_server_and_supervisor_may_both_be_killed(warm_dir, harness):
    with harness.acquire(warm_dir) as lease:
        harness.query(
            lease.connection_parameters,
            KEEP,
        )
        state = harness.state(warm_dir)
        harness.kill(state["supervisor_pid"])
        harness.kill(state["server_pid"])
        with harness.acquire(warm_dir) as other:
            assert harness.query(other.connection_parameters, "SELECT value FROM kept") == 42
            assert other.connection_parameters["host"] != state["socket_directory"]
            assert not Path(state["socket_directory"]).exists()


@pytest.mark.slow
def test_a_session_that_outlives_its_server_is_ended(warm_dir, harness):
    with harness.acquire(warm_dir) as lease:
        state = harness.state(warm_dir)
        parameters = lease.connection_parameters
        with contextlib.closing(psycopg.connect(**parameters, autocommit=True)) as busy:
            backend = busy.info.backend_pid
            busy.pgconn.send_query(b"DO $$ BEGIN LOOP END LOOP; END $$")
            time.sleep(0.1)
            harness.kill(state["supervisor_pid"])
            harness.kill(state["server_pid"])
            assert Path(f"/proc/{backend}").exists()
            with harness.acquire(warm_dir) as other:
                assert harness.query(other.connection_parameters, "SELECT 1") == 1
                assert backend not in harness.processes_at(warm_dir)


def test_a_process_id_that_is_used_again_is_not_taken_for_the_server(warm_dir, harness):
    with harness.acquire(warm_dir):
        owner = (warm_dir / "cluster").stat()
    harness.wait_until(lambda: not harness.processes_at(warm_dir), "the server's end")
    stale = warm_dir / "cluster" / "postmaster.pid"
    lines = [os.getpid(), warm_dir / "cluster", 1, 5432, "/tmp/thoth-00000000", "", "", "ready"]
    stale.write_text("".join(f"{line}\n" for line in lines))
    os.chown(stale, owner.st_uid, owner.st_gid)
    with harness.acquire(warm_dir) as lease:
        assert harness.query(lease.connection_parameters, "SELECT 1") == 1


def test_an_interrupted_first_start_leaves_nothing_half_made(data_dir, harness, clients):
    client = clients(data_dir)
    harness.wait_until(lambda: list(data_dir.glob("cluster.*.partial")), "the beginning of initdb")
    for pid in harness.processes_at(data_dir):
        if pid != client.process.pid:
            os.kill(pid, signal.SIGKILL)
    client.kill()
    assert not (data_dir / "cluster").exists()
    with harness.acquire(data_dir) as lease:
        assert harness.query(lease.connection_parameters, "SELECT 1") == 1
        assert list(data_dir.glob("cluster.*.partial")) == []


def test_a_supervisor_that_is_told_to_end_ends_its_server_cleanly(warm_dir, harness):
    with harness.acquire(warm_dir):
        harness.kill(harness.state(warm_dir)["supervisor_pid"], signal.SIGTERM)
        harness.wait_until(lambda: not harness.processes_at(warm_dir), "the server's end")
        assert "database system is shut down" in (warm_dir / "server.log").read_text()
        with harness.acquire(warm_dir) as lease:
            assert harness.query(lease.connection_parameters, "SELECT 1") == 1


def test_a_server_whose_socket_was_swept_away_is_started_again(warm_dir, harness):
    with harness.acquire(warm_dir) as lease:
        swept = Path(lease.connection_parameters["host"])
        (swept / ".s.PGSQL.5432").unlink()
        with harness.acquire(warm_dir) as other:
            assert harness.query(other.connection_parameters, "SELECT 1") == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"server_pid": "x"}', "\0"])
def test_a_damaged_state_is_no_state(warm_dir, harness, content):
    with harness.acquire(warm_dir):
        state = harness.state(warm_dir)
        (warm_dir / "state.json").write_text(content)
        harness.kill(state["supervisor_pid"])
        with harness.acquire(warm_dir) as lease:
            assert harness.query(lease.connection_parameters, "SELECT 1") == 1


def test_a_cluster_that_cannot_start_is_an_error_with_the_end_of_the_log(warm_dir, harness):
    control = warm_dir / "cluster" / "global" / "pg_control"
    control.rename(control.with_name("elsewhere"))
    try:
        for _ in range(2):
            error = harness.failure(warm_dir)
            assert type(error) is ServerStartError
            assert "pg_control" in error.log_tail
            assert "pg_control" in str(error)
    finally:
        control.with_name("elsewhere").rename(control)


def test_a_cluster_of_another_version_is_named_as_such(warm_dir, harness):
    version = warm_dir / "cluster" / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("14\n")
    try:
        error = harness.failure(warm_dir)
    finally:
        version.write_text(made_by)
    assert isinstance(error, ServerVersionError)
    assert "THOTH_PG_BINDIR" in error.remedy


def test_waiting_has_an_end(warm_dir, harness):
    with harness.acquire(warm_dir):
        supervisor = harness.state(warm_dir)["supervisor_pid"]
        os.kill(supervisor, signal.SIGSTOP)
        (warm_dir / "state.json").unlink()
        try:
            assert isinstance(harness.failure(warm_dir, timeout=0.3), ServerTimeoutError)
        finally:
            os.kill(supervisor, signal.SIGCONT)


@pytest.mark.parametrize("name", ["users.lock", "start.lock", "supervisor.lock", "server.log"])
def test_a_file_of_ours_that_is_a_link_is_an_error(data_dir, tmp_path, harness, name):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    data_dir.mkdir(parents=True)
    (data_dir / name).symlink_to(victim)
    assert isinstance(harness.failure(data_dir), DataDirectoryError)
    assert victim.read_text() == "untouched"
    assert not (data_dir / "cluster").exists()


def test_without_an_interpreter_there_is_a_clear_error(data_dir, harness, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    error = harness.failure(data_dir)
    assert isinstance(error, ServerStartError)
    assert error.path == Path("/nonexistent/python")
    assert "KNOWLEDGE_GRAPH_HOST" in error.remedy
