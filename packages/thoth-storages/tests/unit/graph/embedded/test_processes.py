"""A process is recognised by what it is, not by its id."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from thoth.storages.graph.embedded import processes
from thoth.storages.graph.embedded.processes import find_server_processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fakes are found by /proc")


@pytest.fixture
def postgres(tmp_path):
    """A running program by the name of postgres that stands in a directory."""
    program = tmp_path / "postgres"
    shutil.copy("/bin/sleep", program)
    directory = tmp_path / "cluster"
    directory.mkdir()
    process = subprocess.Popen([program, "60"], cwd=directory)
    deadline = time.monotonic() + 10
    while not find_server_processes(directory, "title", os.geteuid()):
        assert time.monotonic() < deadline
    yield process, directory
    process.kill()
    process.wait()


def test_a_server_is_found_by_program_directory_and_owner(postgres, tmp_path):
    process, directory = postgres
    found = find_server_processes(directory, "title", os.geteuid())
    assert [each.pid for each in found] == [process.pid]
    assert found[0].is_running()
    assert find_server_processes(tmp_path, "title", os.geteuid()) == []
    assert find_server_processes(directory, "title", os.geteuid() + 1) == []


def test_another_program_in_the_directory_is_not_a_server(postgres):
    process, directory = postgres
    bystander = subprocess.Popen(["/bin/sleep", "60"], cwd=directory)
    try:
        found = find_server_processes(directory, "title", os.geteuid())
        assert [each.pid for each in found] == [process.pid]
    finally:
        bystander.kill()
        bystander.wait()


def test_a_zombie_does_not_run(postgres):
    process, directory = postgres
    (found,) = find_server_processes(directory, "title", os.geteuid())
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    os.kill(process.pid, 0)
    assert not found.is_running()
    assert find_server_processes(directory, "title", os.geteuid()) == []


def test_a_process_id_that_is_used_again_is_another_process(postgres):
    process, directory = postgres
    (found,) = find_server_processes(directory, "title", os.geteuid())
    earlier = replace(found, started=found.started - 1)
    assert not earlier.is_running()
    earlier.signal(signal.SIGKILL)
    assert process.poll() is None


def test_a_signal_reaches_a_process_and_spares_one_that_has_gone(postgres):
    process, directory = postgres
    (found,) = find_server_processes(directory, "title", os.geteuid())
    found.signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM
    found.signal(signal.SIGTERM)


def test_without_proc_a_server_is_found_by_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(processes.sys, "platform", "darwin")
    directory = tmp_path / "cluster"
    script = "import time; time.sleep(60)"
    commands = {
        "server": ["/anywhere/postgres", "-c", script, "-D", str(directory)],
        "session": ["postgres: thoth-1: postgres postgres [local] idle", "-c", script],
        "other server": ["/anywhere/postgres", "-c", script, "-D", f"{directory}2"],
        "other session": ["postgres: thoth-12: checkpointer", "-c", script],
        "bystander": ["cat", "-c", script, "-D", str(directory)],
    }
    running = {
        name: subprocess.Popen(command, executable=sys.executable, stderr=subprocess.DEVNULL)
        for name, command in commands.items()
    }
    try:
        found = find_server_processes(directory, "thoth-1", os.geteuid())
        assert {each.pid for each in found} == {running["server"].pid, running["session"].pid}
        assert all(each.is_running() for each in found)
        running["server"].kill()
        os.waitid(os.P_PID, running["server"].pid, os.WEXITED | os.WNOWAIT)
        found = find_server_processes(directory, "thoth-1", os.geteuid())
        assert {each.pid for each in found} == {running["session"].pid}
    finally:
        for process in running.values():
            process.kill()
            process.wait()
