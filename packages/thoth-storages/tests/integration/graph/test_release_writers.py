"""Eight writer processes at once, some of them killed: nothing twice, nothing lost, no deadlock."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from thoth.storages import ArtifactRecord, GraphDatabase, ReleaseRecord
from thoth.storages.testing import empty_database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thoth.storages.graph.connections import ConnectionParameters

WRITERS = 8
PATIENCE = 300

# Records batches in an order of its own, and says which of them it has recorded.
WRITER = """
import random, sys
from pathlib import Path
import msgspec
from thoth.storages import GraphDatabase, ReleaseRecord

batches = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=list[list[ReleaseRecord]])
order = list(range(len(batches)))
random.Random(sys.argv[2]).shuffle(order)
with GraphDatabase() as graph:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in order:
        graph.releases.record(batches[number])
        print(number, flush=True)
"""


def facts() -> list[list[ReleaseRecord]]:
    """Batches that overlap: the same packages, releases, requirements and artifacts again."""
    chance = random.Random("facts")
    batches = []
    for _ in range(60):
        records = []
        for _ in range(chance.randint(1, 60)):
            package, version = f"p{chance.randrange(40)}", f"{chance.randrange(30)}.0"
            name = f"{package}-{version}.whl"
            sha256 = bytes([chance.randrange(2)]) * 32
            records.append(
                ReleaseRecord(
                    package=package,
                    version=version,
                    index_url=chance.choice([None, "https://index.example/simple/"]),
                    requires_python=chance.choice([None, ">=3"]),
                    yanked=chance.choice([None, True]),
                    dependencies=tuple(
                        f"p{chance.randrange(60)}>={chance.randrange(5)}"
                        for _ in range(chance.randrange(6))
                    ),
                    artifacts=(
                        ArtifactRecord(name, sha256),
                        ArtifactRecord(filename=name),
                        ArtifactRecord(sha256=sha256),
                    )[: chance.randrange(4)],
                )
            )
        batches.append(records)
    return batches


class Writer:
    def __init__(self, graph: GraphDatabase, batches: Path, seed: str) -> None:
        server = graph.settings.server
        assert server is not None
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(batches), seed],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "KNOWLEDGE_GRAPH_HOST": server.host,
                "KNOWLEDGE_GRAPH_PORT": str(server.port),
                "KNOWLEDGE_GRAPH_USER": server.user,
                "KNOWLEDGE_GRAPH_PASSWORD": server.password or "x",
                "KNOWLEDGE_GRAPH_DATABASE": server.database,
            },
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def recorded(self) -> list[int]:
        """The batches that it has said to be recorded; nothing else may have gone wrong."""
        out, err = self.process.communicate(timeout=PATIENCE)
        assert err == ""
        return [int(line) for line in out.splitlines()]


@pytest.mark.slow
def test_parallel_writers_of_which_some_are_killed_leave_what_one_would(
    server_parameters: ConnectionParameters,
    recorded: Callable[[GraphDatabase], list[tuple[str, object]]],
    tmp_path: Path,
) -> None:
    batches = facts()
    file = tmp_path / "batches.json"
    file.write_bytes(msgspec.json.encode(batches))
    with empty_database(server_parameters) as alone, GraphDatabase(alone) as graph:
        graph.initialize_schema()
        graph.releases.record([record for batch in batches for record in batch])
        expected = recorded(graph)

    with empty_database(server_parameters) as shared, GraphDatabase(shared) as graph:
        graph.initialize_schema()
        writers = [Writer(graph, file, str(number)) for number in range(WRITERS)]
        for writer in writers:
            writer.go()
        doomed, survivors = writers[:3], writers[3:]
        for writer in doomed:
            time.sleep(0.3)
            writer.kill()

        killed = {number for writer in doomed for number in writer.recorded()}
        assert killed <= set(range(len(batches)))
        for writer in survivors:
            assert sorted(writer.recorded()) == list(range(len(batches)))
            assert writer.process.returncode == 0

        assert recorded(graph) == expected


@pytest.mark.slow
def test_what_a_killed_writer_said_to_be_recorded_is_recorded(
    server_parameters: ConnectionParameters,
    recorded: Callable[[GraphDatabase], list[tuple[str, object]]],
    tmp_path: Path,
) -> None:
    batches = facts()
    file = tmp_path / "batches.json"
    file.write_bytes(msgspec.json.encode(batches))
    with empty_database(server_parameters) as shared, GraphDatabase(shared) as graph:
        graph.initialize_schema()
        writers = [Writer(graph, file, str(number)) for number in range(WRITERS)]
        for writer in writers:
            writer.go()
        time.sleep(1.0)
        for writer in writers:
            writer.kill()
        done = {number for writer in writers for number in writer.recorded()}
        # Batches that the killed had sent may still be committed by the server.
        before = recorded(graph)
        for number in done:
            graph.releases.record(batches[number])

        assert [row for row in recorded(graph) if row not in before] == []
