"""Root and ordinary users: who owns, who runs, who may enter."""

import os
import subprocess
from pathlib import Path

import pytest

from thoth.storages.exceptions import (
    BinariesNotFoundError,
    DataDirectoryError,
    DataDirectoryOwnerError,
    DataDirectoryUnreachableError,
    ServerUserError,
)
from thoth.storages.graph.embedded import is_initialised

SYSTEM_BINDIR = Path("/usr/lib/postgresql/15/bin")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs a server as another user")


@as_root
def test_roots_server_runs_as_nobody_and_in_no_group_of_roots(warm_dir, harness, nobody):
    uid, _ = nobody
    with harness.acquire(warm_dir):
        status = Path(f"/proc/{harness.state(warm_dir)['server_pid']}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert set(fields["Uid"].split()) == {str(uid)}
    assert "0" not in fields["Gid"].split()
    assert fields["Groups"].split() == []


@as_root
def test_root_gives_away_the_cluster_and_nothing_else(place, harness, nobody):
    uid, _ = nobody
    data_dir = place / "data" / "graph"
    with harness.acquire(data_dir):
        owners = {path: path.lstat() for path in place.rglob("*")}
    foreign = {path for path, status in owners.items() if status.st_uid != 0}
    cluster = data_dir / "cluster"
    assert cluster in foreign
    assert all(path == cluster or cluster in path.parents for path in foreign)
    assert {owners[path].st_uid for path in foreign} == {uid}
    assert owners[cluster].st_mode & 0o777 == 0o700
    copies = [path for path in data_dir.parent.iterdir() if path.name.startswith("postgresql-")]
    assert len(copies) == 1
    assert not any(status.st_mode & 0o022 for status in owners.values() if status.st_uid == 0)
    assert place.stat().st_uid == 0


@as_root
def test_the_programs_are_copied_once_for_all_directories(place, harness, clients):
    crowd = [clients(place / name) for name in ("one", "two")]
    assert len({client.parameters()["host"] for client in crowd}) == 2
    for client in crowd:
        client.release()
    assert len(list(place.glob("postgresql-*"))) == 1


@as_root
def test_a_directory_that_the_servers_user_cannot_enter_is_named(tmp_path, place, harness):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    error = harness.failure(closed / "data" / "graph")
    assert isinstance(error, DataDirectoryUnreachableError)
    assert error.path == closed
    assert "THOTH_DATA_DIR" in error.remedy
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_programs_that_the_servers_user_cannot_reach_are_named(place, harness, nobody):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    (closed / "bin").mkdir()
    for name in ("initdb", "postgres"):
        (closed / "bin" / name).touch(mode=0o755)
    error = harness.failure(place / "graph", bindir=closed / "bin")
    assert isinstance(error, DataDirectoryUnreachableError)
    assert error.path == closed
    assert "THOTH_PG_BINDIR" in error.remedy


@as_root
@pytest.mark.parametrize("user", ["root", "no-such-user"])
def test_a_user_that_cannot_run_a_server_is_refused(data_dir, harness, user):
    assert isinstance(harness.failure(data_dir, user=user), ServerUserError)
    assert not is_initialised(data_dir)


@as_root
def test_root_does_not_meddle_with_another_users_directory(place, harness, nobody):
    theirs = place / "theirs"
    theirs.mkdir(mode=0o755)
    os.chown(theirs, nobody[0], nobody[0])
    error = harness.failure(theirs)
    assert isinstance(error, DataDirectoryOwnerError)
    assert list(theirs.iterdir()) == []


def test_an_ordinary_user_needs_no_root(place, clients, harness, nobody):
    uid, interpreter = nobody
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, uid, uid)
    data_dir = home / ".local" / "share" / 'odd "quoted" $(name)' / "graph"
    for _ in range(2):
        client = clients(data_dir, interpreter=interpreter, uid=uid)
        assert client.answer()["uid"] == uid
        assert {path.lstat().st_uid for path in home.rglob("*")} == {uid}
        assert data_dir.stat().st_mode & 0o777 == 0o700
        assert (home / ".local").stat().st_mode & 0o777 == 0o700
        client.release()
    assert not list(home.rglob("postgresql-*"))


def test_an_ordinary_user_cannot_name_another_one(place, clients, nobody):
    uid, interpreter = nobody
    place.chmod(0o777)
    client = clients(place / "graph", {"user": "daemon"}, interpreter=interpreter, uid=uid)
    assert client.answer()["error"] == "ServerUserError"
    client.release()
    place.chmod(0o755)


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_directory_that_cannot_be_written_is_an_error(place, clients, nobody, mode):
    uid, interpreter = nobody
    parent = place / "home"
    parent.mkdir()
    os.chown(parent, uid, uid)
    parent.chmod(mode)
    client = clients(parent / "graph", interpreter=interpreter, uid=uid)
    answer = client.answer()
    assert answer["error"] == "DataDirectoryError"
    assert str(parent) in answer["path"]
    assert "THOTH_DATA_DIR" in answer["text"]
    client.release()
    parent.chmod(0o700)


def test_roots_directory_is_closed_to_others(warm_dir, clients, harness, nobody):
    uid, interpreter = nobody
    with harness.acquire(warm_dir):
        client = clients(warm_dir, interpreter=interpreter, uid=uid)
        assert client.answer()["error"] == "DataDirectoryOwnerError"
        client.release()


def test_a_file_is_no_data_directory(place, harness):
    (place / "file").touch()
    for path in (place / "file", place / "file" / "below"):
        error = harness.failure(path)
        assert isinstance(error, DataDirectoryError)
        assert "THOTH_DATA_DIR" in error.remedy
    assert not is_initialised(place / "file")


def test_a_directory_where_none_can_be_made_is_an_error(harness):
    assert isinstance(harness.failure(Path("/proc/thoth/graph")), DataDirectoryError)


def test_a_directory_that_others_may_write_is_refused(data_dir, harness):
    data_dir.mkdir(parents=True)
    data_dir.chmod(0o777)
    assert isinstance(harness.failure(data_dir), DataDirectoryOwnerError)
    assert data_dir.stat().st_mode & 0o777 == 0o777
    assert list(data_dir.iterdir()) == []


def test_missing_programs_are_an_error(data_dir, harness, monkeypatch):
    monkeypatch.setenv("THOTH_PG_BINDIR", str(data_dir))
    error = harness.failure(data_dir)
    assert isinstance(error, BinariesNotFoundError)
    assert error.path.parent == data_dir
    assert "THOTH_PG_BINDIR" in error.remedy


def test_a_path_that_a_shell_would_misread_is_refused(place, harness):
    bindir = place / "$(touch pwned)"
    bindir.mkdir()
    for name in ("initdb", "postgres"):
        (bindir / name).touch(mode=0o755)
    assert isinstance(harness.failure(place / "graph", bindir=bindir), BinariesNotFoundError)


@pytest.mark.skipif(not SYSTEM_BINDIR.exists(), reason="this machine has no PostgreSQL 15")
def test_other_programs_can_be_named(data_dir, harness, monkeypatch):
    monkeypatch.setenv("THOTH_PG_BINDIR", str(SYSTEM_BINDIR))
    with harness.acquire(data_dir) as lease:
        version = harness.query(lease.connection_parameters, "SHOW server_version_num")
        assert version.startswith("15")


def test_no_other_user_reaches_the_server(warm_dir, harness, nobody):
    _, interpreter = nobody
    script = (
        "import socket, struct, sys\n"
        "connection = socket.socket(socket.AF_UNIX)\n"
        "connection.connect(sys.argv[1] + '/.s.PGSQL.5432')\n"
        "start = b'user\\0postgres\\0database\\0postgres\\0\\0'\n"
        "connection.sendall(struct.pack('!ii', len(start) + 8, 196608) + start)\n"
        "sys.stdout.buffer.write(connection.recv(4096))\n"
    )

    def attempt(uid: int) -> subprocess.CompletedProcess[bytes]:
        command = [interpreter, "-I", "-S", "-c", script, lease.connection_parameters["host"]]
        return subprocess.run(
            command, check=False, capture_output=True, user=uid, group=uid, extra_groups=[], cwd="/"
        )

    with harness.acquire(warm_dir) as lease:
        stranger = attempt(12345)
        assert b"PermissionError" in stranger.stderr
        # The server's own user can open the socket, but is not let in.
        own = attempt(nobody[0])
        assert own.stdout.startswith(b"E")
        assert b"C28000" in own.stdout


def test_a_server_of_an_unexpected_user_is_not_talked_to(warm_dir, harness):
    import psycopg

    with harness.acquire(warm_dir) as lease:
        parameters = {**lease.connection_parameters, "requirepeer": "somebody-else"}
        with pytest.raises(psycopg.OperationalError, match="requirepeer"):
            psycopg.connect(**parameters)
