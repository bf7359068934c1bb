"""Solver documents into an empty graph, once more, and forced, beside raw COPY of the same rows.

The documents are those of `thoth.storages.testing.solver_documents`, kept in a local folder. COPY
reads prepared text into tables of the same columns, without indexes and constraints. Every round
does all; the table shows medians. *CPU* is the processor time of this process and its workers, and
that of the server. Embedded server, unix socket.

    uv run --group benchmark python benchmarks/syncing.py [--documents 3000] [--jobs 1 2 4]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from raw_copy import copy_all, empty, figure, prepared_rows

from thoth.storages import GraphDatabase, SolverResultsStore, StoragesSettings, sync_documents
from thoth.storages.testing import solver_documents, temporary_settings

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = (
    "package_index",
    "package",
    "requirement",
    "release",
    "dependency",
    "artifact",
    "release_metadata",
    "software_environment",
    "solver_result",
    "solved",
    "unresolved",
)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Times:
    """Seconds of the rounds: by the clock, of our processes, of the server's."""

    wall: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)


def server_seconds(data_dir: Path) -> float:
    """Return the processor time that the server's processes took so far, those that ended too."""
    (pid_file,) = data_dir.rglob("postmaster.pid")
    postmaster = int(pid_file.read_text().split()[0])
    ticks = sum(_stat(postmaster)[11:15])
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            stat = _stat(int(directory.name))
        except OSError:
            continue
        if stat[1] == postmaster:
            ticks += sum(stat[11:13])
    return ticks / TICKS


def _stat(pid: int) -> list[int]:
    """Return the numbers of /proc/PID/stat from the state on, which counts as 0."""
    return [0, *map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1:])]


def own_seconds() -> float:
    """Return the processor time of this process and of workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def timed(times: Times, data_dir: Path, work: Callable[[], object]) -> None:
    ours, server = own_seconds(), server_seconds(data_dir)
    begin = time.perf_counter()
    work()
    times.wall.append(time.perf_counter() - begin)
    times.ours.append(own_seconds() - ours)
    times.server.append(server_seconds(data_dir) - server)


def measure(
    settings: StoragesSettings, graph: GraphDatabase, count: int, rounds: int, jobs: list[int]
) -> None:
    found: dict[str, Times] = defaultdict(Times)
    data_dir = settings.data_dir

    def sync(name: str, how_many: int, outcome: tuple[int, ...], *, force: bool = False) -> None:
        def work() -> None:
            counts = sync_documents(graph=graph, kinds=["solver"], jobs=how_many, force=force)
            assert counts["solver"] == outcome, counts

        timed(found[f"{name}, {how_many} worker{'s' * (how_many > 1)}"], data_dir, work)

    prepared: dict[str, bytes] = {}
    for _ in range(rounds):
        for how_many in jobs:
            empty(graph, TABLES)
            sync("empty graph", how_many, (count, count, 0, 0))
            if how_many == jobs[0]:
                sync("synced already", how_many, (count, 0, count, 0))
                sync("forced", how_many, (count, count, 0, 0), force=True)
                prepared = prepared or prepared_rows(graph, TABLES)
                timed(found["COPY"], data_dir, partial(copy_all, graph, prepared))
    rows = {table: figure(graph, f"SELECT count(*) FROM {table}") for table in TABLES}
    total = sum(rows.values())
    print(
        f"\n{count:,} documents, {total:,} rows:", ", ".join(f"{n} {c:,}" for n, c in rows.items())
    )
    raw = total / statistics.median(found["COPY"].wall)
    print("\n| what | s | documents/s | rows/s | of COPY | CPU ours | server |")
    print("|---|---|---|---|---|---|---|")
    for name, times in sorted(found.items()):
        wall = statistics.median(times.wall)
        per_second = f"{total / wall:,.0f} | {total / wall / raw:.0%}"
        if name.startswith(("synced", "forced")):
            per_second = " | "
        cpu = [statistics.median(times.ours), statistics.median(times.server)]
        print(f"| {name} | {wall:.2f} | {count / wall:,.0f} | {per_second} ", end="")
        print(f"| {cpu[0]:.2f} s | {cpu[1]:.2f} s |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2, 4])
    arguments = parser.parse_args()
    print(f"Load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with temporary_settings() as settings, GraphDatabase(settings) as graph:
        graph.initialize_schema()
        store = SolverResultsStore(settings=settings)
        store.connect()
        sizes = []
        for document in solver_documents(arguments.documents):
            store.store_document(document)
            sizes.append(len(msgspec.json.encode(document)))
        print(f"{statistics.mean(sizes):,.0f} bytes a document")
        measure(settings, graph, arguments.documents, arguments.rounds, arguments.jobs)
    print(f"Load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
