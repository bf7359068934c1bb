"""Validators as real processes: the well-behaved one, and those that do everything wrong."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
from thoth.dependency_monkey.jobs.executors import InterruptedFailure, SettledFailure
from thoth.dependency_monkey.jobs.process_executor import (
    VALIDATOR,
    ProcessExecutor,
    ProcessLimits,
)
from thoth.dependency_monkey.testing import Fault, IndexServer
from thoth.dependency_monkey.validation.question import Question
from thoth.dependency_monkey.validation.raw_log import LARGEST_LOG
from thoth.storages import JobRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thoth.storages import FinishedJob

TARGET = "cp312-manylinux_2_28_x86_64"
PATIENT = ProcessLimits(validation_seconds=60.0, grace_seconds=30.0)
NOWHERE = "http://127.0.0.1:9/simple/"


def _job(stack: str = "six", **changes: Any) -> JobRecord:
    question = Question(
        ecosystem="pypi",
        stack_specification=stack,
        targets=(TARGET,),
        policy=Policy().as_json(),
        **changes,
    )
    return JobRecord(job_id=uuid4(), attempt=1, request=question.encode(), ecosystem="pypi")


def _run(
    index_url: str,
    job: JobRecord | None = None,
    *,
    command: Sequence[str] = VALIDATOR,
    limits: ProcessLimits = PATIENT,
    cancel_after: float | None = None,
) -> FinishedJob:
    async def run() -> FinishedJob:
        cancelled = asyncio.Event()
        if cancel_after is not None:
            asyncio.get_running_loop().call_later(cancel_after, cancelled.set)
        executor = ProcessExecutor(index_url, command=command, limits=limits)
        return await executor.run(job or _job(), cancelled=cancelled)

    return asyncio.run(run())


def _script(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", code)


def _misbehave(code: str, **kwargs: Any) -> FinishedJob:
    finished = _run(NOWHERE, command=_script(code), **kwargs)
    assert finished.phase == "failed"
    assert finished.valid is None
    assert finished.result == b""
    assert finished.raw_log
    return finished


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add("six", "1.17.0")
        server.add("boto3", "1.0", requires_dist=["six<1.10"])
        yield server


@pytest.fixture(autouse=True)
def directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_for_end(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not _alive(pid):
            return True
        time.sleep(0.02)
    return False


def _wait_for_text(path: Path) -> None:
    until = time.monotonic() + 60
    while not (path.exists() and path.read_text()) and time.monotonic() < until:
        time.sleep(0.02)


class TestTheValidatorItself:
    def test_a_stack_that_resolves_is_valid(self, index: IndexServer) -> None:
        finished = _run(index.url)
        assert (finished.phase, finished.valid, finished.reason) == ("succeeded", True, "resolved")
        answer = json.loads(finished.result)
        assert [release["name"] for release in answer["lock"]] == ["six"]
        assert answer["document_id"] is None
        assert "exit code 0" in finished.raw_log

    def test_a_stack_that_does_not_resolve_succeeds_as_not_valid(self, index: IndexServer) -> None:
        finished = _run(index.url, _job("boto3\nsix"))
        assert (finished.phase, finished.valid) == ("succeeded", False)
        assert json.loads(finished.result)["explanation"]["text"]
        assert "six<1.10" in finished.raw_log

    def test_the_stack_may_have_escaped_new_lines(self, index: IndexServer) -> None:
        finished = _run(index.url, _job("six\\nsix>=1.0\r\nsix<2"))
        assert finished.valid is True

    def test_constraints_and_policy_reach_it(self, index: IndexServer) -> None:
        index.add("six", "1.16.0")
        finished = _run(index.url, _job("six", constraints="six<1.17"))
        assert json.loads(finished.result)["lock"][0]["version"] == "1.16.0"

    def test_an_unreachable_index_is_no_verdict(self) -> None:
        finished = _run(NOWHERE)
        assert (finished.phase, finished.valid) == ("failed", None)
        assert finished.reason == "index_unreachable"
        assert json.loads(finished.result)["valid"] is None

    def test_a_request_that_it_refuses_says_why(self) -> None:
        finished = _run(NOWHERE, _job("-r other.txt"))
        assert (finished.phase, finished.reason) == ("failed", "internal_error")
        assert "line 1" in finished.raw_log
        assert "exit code 2" in finished.raw_log

    def test_its_own_time_limit_ends_in_a_document(self, index: IndexServer) -> None:
        index.fault("/simple/six/", Fault(delay=30.0))
        limits = ProcessLimits(validation_seconds=1.0, grace_seconds=60.0)
        finished = _run(index.url, limits=limits)
        assert finished.reason == "timed_out"
        assert json.loads(finished.result)["reason"] == "timed_out"

    def test_a_job_that_cannot_be_read_fails(self) -> None:
        job = JobRecord(job_id=uuid4(), attempt=1, request=b"{", ecosystem="pypi")
        assert _run(NOWHERE, job).reason == "internal_error"


class TestIsolation:
    def test_nothing_of_our_environment_arrives(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KNOWLEDGE_GRAPH_PASSWORD", "secret-of-ours")
        monkeypatch.setenv("PYTHONPATH", "/secret-of-ours")
        finished = _misbehave(
            "import os, sys; print(dict(os.environ), file=sys.stderr); sys.exit(9)"
        )
        assert "STACK_SPECIFICATION" in finished.raw_log
        assert "secret-of-ours" not in finished.raw_log
        assert "PATH'" not in finished.raw_log.replace("_PATH'", "")

    def test_it_has_no_input_and_no_file_of_ours(self, tmp_path: Path) -> None:
        with (tmp_path / "open").open("w"):
            finished = _misbehave(
                "import os, sys; print(os.listdir('/proc/self/fd'), repr(sys.stdin.read()), "
                "file=sys.stderr); sys.exit(9)"
            )
        assert "['0', '1', '2', '3'] ''" in finished.raw_log

    def test_its_directory_is_its_own_and_goes_with_it(self, directories: Path) -> None:
        finished = _misbehave(
            "import os, sys; open('left', 'w').write('x'); os.mkdir('d'); os.chmod('d', 0); "
            "print(os.getcwd(), oct(os.stat('.').st_mode), file=sys.stderr); sys.exit(9)"
        )
        assert str(directories) in finished.raw_log
        assert "0o40700" in finished.raw_log
        assert list(directories.iterdir()) == []

    def test_it_is_in_a_session_of_its_own_and_gives_way(self) -> None:
        finished = _misbehave(
            "import os, sys; print('sid', os.getsid(0), 'nice', os.nice(0), file=sys.stderr); "
            "sys.exit(9)"
        )
        assert f"sid {os.getsid(0)} " not in finished.raw_log
        assert "nice 5" in finished.raw_log


class TestMisbehaviour:
    def test_a_crash(self) -> None:
        finished = _misbehave("raise ValueError('on purpose')")
        assert finished.reason == "internal_error"
        assert "ValueError: on purpose" in finished.raw_log
        assert "exit code 1" in finished.raw_log

    def test_a_request_that_the_validator_calls_malformed_is_not_to_be_tried_again(self) -> None:
        finished = _run(NOWHERE, _job("six==*"))
        assert isinstance(finished, SettledFailure)
        assert (finished.phase, finished.reason) == ("failed", "internal_error")
        assert "error: line 1" in finished.raw_log
        assert "refused the request as malformed" in finished.raw_log

    def test_a_crash_by_signal(self) -> None:
        finished = _misbehave("import os; os.kill(os.getpid(), 11)")
        assert finished.reason == "internal_error"
        assert "SIGSEGV" in finished.raw_log
        assert not isinstance(finished, InterruptedFailure)

    def test_a_program_that_is_not_there(self) -> None:
        finished = _run(NOWHERE, command=("/no/such/validator",))
        assert finished.reason == "internal_error"
        assert "/no/such/validator" in finished.raw_log

    @pytest.mark.parametrize(
        "written",
        [
            "''",
            "'garbage'",
            "'{}'",
            "'null'",
            "'[' * 100000",
            '\'{"metadata": {}, "result": {"valid": true}}\'',
            "'\\udc80'.encode('utf-8', 'surrogateescape').decode('latin-1')",
        ],
    )
    def test_garbage_instead_of_a_document(self, written: str) -> None:
        code = 0 if "{" in written else 3
        finished = _misbehave(f"import sys; sys.stdout.write({written}); sys.exit({code})")
        assert finished.reason == "internal_error"
        assert "no document" in finished.raw_log

    def test_a_verdict_that_contradicts_its_exit_code(self, index: IndexServer) -> None:
        code = (
            "import os, subprocess, sys; subprocess.run([sys.executable, '-I', '-m', "
            "'thoth.dependency_monkey.validation.validator']); sys.exit(3)"
        )
        finished = _run(index.url, command=_script(code))
        assert (finished.phase, finished.reason) == ("failed", "internal_error")
        assert "the verdict is True" in finished.raw_log

    def test_a_hundred_megabytes_of_output(self) -> None:
        finished = _misbehave(
            "import sys\nfor _ in range(1600): sys.stdout.write('x' * 65536)\nimport time\n"
            "time.sleep(600)"
        )
        assert finished.reason == "limit_exceeded"

    def test_a_hundred_megabytes_of_log(self) -> None:
        finished = _misbehave(
            "import sys\nsys.stderr.write('begin\\n')\n"
            "for _ in range(1600): sys.stderr.write('\\x1b' * 65536)\n"
            "sys.stderr.write('\\nlast words\\n'); sys.exit(9)"
        )
        assert len(finished.raw_log.encode()) <= LARGEST_LOG
        assert finished.raw_log.startswith("begin\n")
        assert "last words" in finished.raw_log
        assert "\x1b" not in finished.raw_log

    def test_control_characters_in_the_log_are_escaped(self) -> None:
        finished = _misbehave(
            "import sys; sys.stderr.buffer.write(b'a\\x00\\x1b[2Jb\\xff\\r\\nc\\xe2\\x80\\xae'); "
            "sys.exit(9)"
        )
        assert finished.raw_log.startswith("a\\x00\\x1b[2Jb\ufffd\nc\\u202e\n")

    def test_one_that_hangs_and_ignores_every_polite_signal(self) -> None:
        limits = ProcessLimits(validation_seconds=0.5, grace_seconds=0.5)
        started = time.monotonic()
        finished = _misbehave(
            "import signal, time\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n"
            "time.sleep(60)",
            limits=limits,
        )
        assert finished.reason == "timed_out"
        assert time.monotonic() - started < 20

    def test_cancelling_takes_less_than_a_second(self) -> None:
        started = time.monotonic()
        finished = _misbehave(
            "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(60)",
            cancel_after=0.5,
        )
        assert finished.reason == "cancelled"
        assert time.monotonic() - started < 1.5

    def test_one_that_closes_its_output_and_hangs(self) -> None:
        limits = ProcessLimits(validation_seconds=0.5, grace_seconds=0.5)
        finished = _misbehave(
            "import os, time; os.close(1); os.close(2); time.sleep(60)", limits=limits
        )
        assert finished.reason == "timed_out"


class TestChildren:
    @pytest.mark.parametrize(
        "flees", [False, True], ids=["in its group", "in a session of its own"]
    )
    def test_what_it_leaves_behind_is_killed(self, tmp_path: Path, flees: bool) -> None:
        pid_file = tmp_path.parent / f"{tmp_path.name}-{flees}.pid"
        flight = "os.setsid()\n  if os.fork(): os._exit(0)" if flees else "pass"
        finished = _misbehave(
            "import os, signal, sys, time\n"
            "if os.fork() == 0:\n"
            f"  {flight}\n"
            "  signal.signal(15, signal.SIG_IGN)\n"
            f"  open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n"
            "  time.sleep(60)\n"
            f"while not (os.path.exists({str(pid_file)!r}) and open({str(pid_file)!r}).read()): "
            "time.sleep(0.01)\n"
            "sys.exit(9)"
        )
        assert finished.reason == "internal_error"
        assert not _alive(int(pid_file.read_text()))

    def test_all_are_killed_when_time_is_up(self, tmp_path: Path) -> None:
        pids = tmp_path.parent / f"{tmp_path.name}.pids"
        _misbehave(
            "import os, time\n"
            "for _ in range(3):\n"
            "  if os.fork() == 0: os.setsid()\n"
            f"open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
            "time.sleep(60)",
            limits=ProcessLimits(validation_seconds=0.5, grace_seconds=0.5),
        )
        found = [int(line) for line in pids.read_text().split()]
        assert len(found) == 8
        assert not any(map(_alive, found))

    def test_they_end_with_the_executor(self, tmp_path: Path) -> None:
        """Kill -9 of the worker: nobody is left to stop its validators and to clear up."""
        pid_file, temporary = tmp_path / "validator.pid", tmp_path / "temporary"
        temporary.mkdir()
        code = (
            "import os, time; os.makedirs('a/b'); open('a/b/c', 'w').close(); "
            "os.symlink('/tmp', 'a/link'); "
            f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
        )
        program = (
            "import asyncio, sys\n"
            "from thoth.dependency_monkey.jobs.process_executor import ProcessExecutor\n"
            "from thoth.storages import JobRecord\n"
            "from uuid import uuid4\n"
            f"job = JobRecord(uuid4(), 1, {_job().request!r}, 'pypi')\n"
            f"executor = ProcessExecutor({NOWHERE!r}, command={_script(code)!r})\n"
            "async def run():\n"
            "  await executor.run(job, cancelled=asyncio.Event())\n"
            "asyncio.run(run())"
        )
        environment = {**os.environ, "TMPDIR": str(temporary)}
        worker = subprocess.Popen([sys.executable, "-c", program], env=environment)
        _wait_for_text(pid_file)
        assert list(temporary.iterdir()) != []
        worker.kill()
        worker.wait()
        assert _wait_for_end(int(pid_file.read_text()), 30.0)
        until = time.monotonic() + 30
        while list(temporary.iterdir()) and time.monotonic() < until:
            time.sleep(0.02)
        assert list(temporary.iterdir()) == []


class TestLimits:
    def test_address_space(self) -> None:
        finished = _misbehave("x = bytearray(3 * 1024**3)")
        assert "MemoryError" in finished.raw_log

    def test_processor_time(self) -> None:
        limits = ProcessLimits(validation_seconds=60.0, grace_seconds=30.0, cpu_seconds=1)
        finished = _misbehave("while True: pass", limits=limits)
        assert finished.reason == "limit_exceeded"
        assert "processor time" in finished.raw_log

    def test_open_files(self) -> None:
        finished = _misbehave("fs = [open('/dev/null') for _ in range(300)]")
        assert "Too many open files" in finished.raw_log

    def test_file_size(self) -> None:
        limits = ProcessLimits(validation_seconds=60.0, grace_seconds=30.0, file_bytes=1024)
        finished = _misbehave(
            "open('f', 'wb', 0).write(b'x' * 4096); open('f', 'ab', 0).write(b'x')", limits=limits
        )
        assert "File too large" in finished.raw_log

    def test_no_core_is_written(self) -> None:
        finished = _misbehave(
            "import resource, sys; sys.exit(repr(resource.getrlimit(resource.RLIMIT_CORE)))"
        )
        assert "(0, 0)" in finished.raw_log


def test_a_killed_validator_is_told_from_a_killed_guard(index: IndexServer) -> None:
    finished = _misbehave("import os; os.kill(os.getpid(), 9)")
    assert "SIGKILL" in finished.raw_log
    assert isinstance(finished, InterruptedFailure)
    guard = _misbehave("import os, time; os.kill(os.getppid(), 9); time.sleep(60)")
    assert "SIGKILL" in guard.raw_log
    assert isinstance(guard, InterruptedFailure)
    assert guard.reason == "internal_error"


def test_many_run_at_once(index: IndexServer) -> None:
    async def run() -> list[FinishedJob]:
        executor = ProcessExecutor(index.url, limits=PATIENT)
        never = asyncio.Event()
        return await asyncio.gather(*(executor.run(_job(), cancelled=never) for _ in range(4)))

    assert [finished.valid for finished in asyncio.run(run())] == [True] * 4


def test_a_run_that_is_itself_cancelled_leaves_nothing(tmp_path: Path, directories: Path) -> None:
    pid_file = tmp_path.parent / f"{tmp_path.name}-self.pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    async def run() -> None:
        executor = ProcessExecutor(NOWHERE, command=_script(code), limits=PATIENT)
        task = asyncio.create_task(executor.run(_job(), cancelled=asyncio.Event()))
        await asyncio.to_thread(_wait_for_text, pid_file)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert not _alive(int(pid_file.read_text()))
    assert list(directories.iterdir()) == []
