"""Processes come, go and are killed at random: no accepted row is lost, nothing is left."""

import os
import random
import signal
import time

import psycopg
import pytest

SECONDS = 60.0
CROWD = 8


def _worker(data_dir, harness, seed, until, journal):
    """Acquire, write, perhaps kill something, release; keep a journal of accepted rows."""
    luck = random.Random(seed)
    serial = 0
    while time.monotonic() < until:
        with harness.acquire(data_dir, linger=luck.choice([0.0, 0.0, 0.05, 0.5])) as lease:
            for _ in range(luck.randrange(1, 6)):
                serial += 1
                try:
                    statement = f"INSERT INTO journal VALUES ({seed}, {serial})"
                    harness.query(lease.connection_parameters, statement)
                except psycopg.OperationalError:
                    # Killed meanwhile: the row may or may not be there, so it is not claimed.
                    continue
                journal.write(f"{seed} {serial}\n")
                journal.flush()
            if luck.random() < 0.15:
                _kill_something(data_dir, harness, luck)
            if luck.random() < 0.1:
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(luck.choice([0.0, 0.0, 0.01, 0.03, 0.1]))


def _kill_something(data_dir, harness, luck):
    try:
        state = harness.state(data_dir)
    except (OSError, ValueError):
        return
    victims = [state["server_pid"], state["supervisor_pid"]]
    sessions = [pid for pid, name in harness.processes_at(data_dir).items() if "postgres:" in name]
    for pid in luck.choice([victims[:1], victims[1:], victims, sessions[:1]]):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.mark.slow
def test_nothing_accepted_is_lost_and_nothing_is_left(data_dir, harness, tmp_path):
    with harness.acquire(data_dir) as lease:
        harness.query(lease.connection_parameters, "CREATE TABLE journal (seed int, serial int)")
    until = time.monotonic() + SECONDS
    running: dict[int, int] = {}
    seeds = iter(range(100_000))
    failures = []
    while running or time.monotonic() < until:
        while len(running) < CROWD and time.monotonic() < until:
            seed = next(seeds)
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    with (tmp_path / f"{seed}.journal").open("w") as journal:
                        _worker(data_dir, harness, seed, until, journal)
                    code = 0
                except BaseException as error:  # noqa: BLE001 - a child must not return
                    (tmp_path / f"{seed}.error").write_text(f"{type(error).__name__}: {error}")
                finally:
                    os._exit(code)
            running[pid] = seed
        pid, status = os.wait()
        seed = running.pop(pid)
        if os.waitstatus_to_exitcode(status) not in (0, -signal.SIGKILL):
            failures.append((tmp_path / f"{seed}.error").read_text())
    assert failures == []

    claimed = {
        tuple(map(int, line.split()))
        for path in tmp_path.glob("*.journal")
        for line in path.read_text().splitlines()
    }
    with (
        harness.acquire(data_dir) as lease,
        psycopg.connect(**lease.connection_parameters) as connection,
    ):
        kept = connection.execute("SELECT seed, serial FROM journal").fetchall()
    assert len(claimed) > 100
    assert claimed <= set(kept)
    assert len(kept) == len(set(kept))
