"""The data directory: made when it is missing, shared by runs, and a clear error when it is bad."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _packages(server):
    server.add("data-app", "1", requires_dist=["data-lib"])
    server.add("data-lib", "1")


@pytest.mark.slow
def test_two_first_runs_at_once_both_answer(new_program):
    processes = [new_program.start("data-app", "--output-format=requirements") for _ in range(2)]
    outputs = []
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, b"")
        outputs.append(output)
    assert len(set(outputs)) == 1


@pytest.mark.slow
def test_runs_with_a_database_of_their_own_do_not_mix(program, new_program):
    assert program.call("data-app").code == 0
    outcome = new_program.run("data-app", "--offline")
    assert outcome.code == 3


def unusable(tmp_path: Path) -> dict[str, tuple[str, str]]:
    file = tmp_path / "file"
    file.touch()
    return {
        "a file": (str(file), "THOTH_DATA_DIR"),
        "inside a file": (str(file / "data"), "THOTH_DATA_DIR"),
        "no place for files": ("/proc/thoth", "THOTH_DATA_DIR"),
        "too long": ("/tmp/" + "x" * 300, "THOTH_DATA_DIR"),
    }


@pytest.mark.parametrize("kind", ["a file", "inside a file", "no place for files", "too long"])
def test_a_data_directory_that_cannot_be_is_an_error_with_a_remedy(program, tmp_path, kind):
    data_dir, remedy = unusable(tmp_path)[kind]
    outcome = program.call("data-app", variables={"THOTH_DATA_DIR": data_dir})
    assert (outcome.code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("error: the knowledge graph: ")
    assert remedy in outcome.stderr


def test_a_server_that_does_not_answer_is_an_error_with_a_remedy(program):
    variables = {"KNOWLEDGE_GRAPH_HOST": "127.0.0.1", "KNOWLEDGE_GRAPH_PORT": "1"}
    outcome = program.call("data-app", variables=variables)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "KNOWLEDGE_GRAPH_HOST" in outcome.stderr


def test_a_directory_of_somebody_elses_is_an_error(program, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    outcome = program.call("data-app", variables={"THOTH_DATA_DIR": str(tmp_path / "data")})
    assert outcome.code == 2
    assert "THOTH_DATA_DIR" in outcome.stderr


@contextlib.contextmanager
def small_file_system(place: Path, options: str):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(place)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_without_room_for_a_database_is_an_error(program, tmp_path):
    with small_file_system(tmp_path, "size=4m"):
        outcome = program.call("data-app", variables={"THOTH_DATA_DIR": str(tmp_path / "data")})
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "THOTH_DATA_DIR" in outcome.stderr


def test_a_read_only_disk_is_an_error(program, tmp_path):
    with small_file_system(tmp_path, "ro,size=4m"):
        outcome = program.call("data-app", variables={"THOTH_DATA_DIR": str(tmp_path / "data")})
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "THOTH_DATA_DIR" in outcome.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PG_VERSION", "global/pg_control", "postgresql.conf"])
@pytest.mark.parametrize("damage", [b"", b"nonsense"], ids=["empty", "nonsense"])
def test_a_damaged_database_is_an_error_that_names_it(new_program, name, damage):
    assert new_program.run("data-app").code == 0
    cluster = next(new_program.data_dir.rglob("PG_VERSION")).parent
    deadline = time.monotonic() + 20
    while (cluster / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    (cluster / name).write_bytes(damage)
    outcome = new_program.run("data-app")
    if outcome.code != 0:
        assert (outcome.code, outcome.stdout) == (2, "")
        assert outcome.stderr.startswith("error: the knowledge graph: ")
        assert str(new_program.data_dir) in outcome.stderr
