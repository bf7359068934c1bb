"""Whatever ends the command early leaves no process behind and the knowledge graph sound."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from thoth.dependency_monkey.testing import Fault

if TYPE_CHECKING:
    import subprocess

PROMPT = 20.0


def processes_at(place: Path) -> list[str]:
    """Return the commands of the processes that work in a directory or name it."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                command = line.decode(errors="replace")
                if str(place) in f"{command} {(entry / 'cwd').readlink()}":
                    found.append(command)
    return found


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"in vain waited for {what}"
        time.sleep(0.01)


@pytest.fixture
def fetching(program, server, request):
    """Return a way to start the command so that it waits in vain for one of its pages."""
    prefix = f"stop-{abs(hash(request.node.name)) % 10**8}"
    server.add(f"{prefix}-app", "1", requires_dist=[f"{prefix}-lib", f"{prefix}-slow"])
    server.add(f"{prefix}-lib", "1")
    server.add(f"{prefix}-slow", "1")
    server.fault(f"/simple/{prefix}-slow/", Fault(delay=100))

    def start(who=program, **options) -> subprocess.Popen:
        before = server.asked(f"/simple/{prefix}-lib/")
        process = who.start(f"{prefix}-app", "--max-age=0", start_new_session=True, **options)
        wait_until(lambda: server.asked(f"/simple/{prefix}-lib/") > before, "the first pages")
        time.sleep(0.1)
        return process

    def finish(who=program) -> None:
        server.fault(f"/simple/{prefix}-slow/", None)
        outcome = who.run(f"{prefix}-app", "--output-format", "requirements")
        assert outcome.code == 0
        assert outcome.stdout.count("==1 ") == 3

    start.finish = finish
    return start


def test_ctrl_c_while_fetching_ends_promptly_and_quietly(fetching):
    process = fetching()
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - started < PROMPT
    assert process.returncode == 130
    assert output == b""
    assert errors.strip() == b"interrupted"
    fetching.finish()


def test_ctrl_c_while_the_command_still_loads_is_answered_too(program):
    process = program.start("stop-never", "--max-age=0")
    maps = Path(f"/proc/{process.pid}/maps")
    wait_until(lambda: "_msgspec" in maps.read_text() or "msgspec/_core" in maps.read_text(), "it")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.strip()) == (130, b"interrupted")


@pytest.mark.slow
def test_ctrl_c_twice_is_as_good(fetching):
    process = fetching()
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.05)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in errors
    fetching.finish()


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_a_signal_while_fetching_ends_it_and_loses_nothing(fetching, number):
    process = fetching()
    started = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - started < PROMPT
    assert process.returncode in (-number, 128 + number)
    assert output == b""
    assert b"Traceback" not in errors
    fetching.finish()


@pytest.mark.slow
def test_ctrl_c_in_the_very_first_run_leaves_no_process(fetching, new_program):
    process = fetching(new_program)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    wait_until(lambda: not processes_at(new_program.data_dir), "the end of the server")
    fetching.finish(new_program)
    wait_until(lambda: not processes_at(new_program.data_dir), "the end of the server")


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 0.6, 1.0, 1.5, 2.5])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_first_run_may_be_ended_at_any_moment(fetching, new_program, delay, number):
    process = fetching(new_program)
    time.sleep(delay)
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode in (130, -number)
    wait_until(lambda: not processes_at(new_program.data_dir), "the end of the server")
    fetching.finish(new_program)


@pytest.mark.slow
def test_what_was_fetched_before_ctrl_c_is_known_afterwards(fetching, program, server):
    process = fetching()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    asked = len(server.requests)
    fetching.finish()
    again = {request.path for request in server.requests[asked:]}
    assert not any("-lib" in path for path in again)
