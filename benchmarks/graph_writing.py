"""Releases and dependencies of the snapshot into an empty graph and into a full one, and raw COPY.

COPY reads prepared text into tables of the same columns, without indexes and constraints. Every
round does all three, one after the other; the table shows medians. Embedded server, unix socket.

    uv run --group benchmark python benchmarks/graph_writing.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from raw_copy import copy_all, empty, figure, prepared_rows
from snapshot import dense

from thoth.storages import GraphDatabase, ReleaseRecord
from thoth.storages.testing import temporary_settings

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = ("package_index", "package", "requirement", "release", "dependency")


@dataclass
class Times:
    copy: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)


def written(graph: GraphDatabase) -> int:
    """Rows inserted, updated and deleted so far, and dead ones, in all tables."""
    time.sleep(1.2)  # Sessions report their figures once a second.
    counters = "n_tup_ins + n_tup_upd + n_tup_del + n_dead_tup"
    return figure(graph, f"SELECT sum({counters}) FROM pg_stat_user_tables")


def dead(graph: GraphDatabase) -> dict[str, int]:
    """Return the dead rows of every table that has any."""
    statement = "SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE n_dead_tup > 0"
    with graph.migration_connection() as connection:
        return dict(connection.execute(statement).fetchall())


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(title: str, records: list[ReleaseRecord], rounds: int) -> None:
    times = Times()
    rewritten = 0
    with temporary_settings() as settings, GraphDatabase(settings) as graph:
        graph.initialize_schema()
        graph.releases.record(records)
        prepared = prepared_rows(graph, TABLES)
        rows = {table: figure(graph, f"SELECT count(*) FROM {table}") for table in TABLES}
        for _ in range(rounds):
            empty(graph, TABLES)
            figure(graph, "SELECT 1 FROM pg_stat_force_next_flush()")
            times.copy.append(seconds(partial(copy_all, graph, prepared)))
            times.empty.append(seconds(partial(graph.releases.record, records)))
            before = written(graph)
            times.full.append(seconds(partial(graph.releases.record, records)))
            rewritten = max(rewritten, written(graph) - before)
        left = dead(graph)
        sizes = {
            table: figure(graph, f"SELECT pg_total_relation_size('{table}')") for table in TABLES
        }
    total = sum(rows.values())
    raw = statistics.median(times.copy)
    print(f"\n{title}: {rows['release']:,} releases, {rows['dependency']:,} dependencies")
    print("\n| what | s | rows/s | of COPY |\n|---|---|---|---|")
    for name, values in (
        ("COPY", times.copy),
        ("empty graph", times.empty),
        ("full graph", times.full),
    ):
        median = statistics.median(values)
        print(f"| {name} | {median:.2f} | {total / median:,.0f} | {raw / median:.0%} |")
    # Each migration but the first replaces the only row of alembic_version.
    migrations = left.pop("alembic_version", 0)
    print(f"\nSecond time: {rewritten} rows written. Dead rows by table: {left or 'none'}", end="")
    print(f" (and {migrations} that the migrations left in alembic_version).")
    print(
        f"{sizes['dependency'] / rows['dependency']:.0f} bytes a dependency row with its indexes, "
        f"{sizes['release'] / rows['release']:.0f} a release; "
        f"{sum(sizes.values()) / 2**20:.0f} MB in all."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"Load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    measure("What no extra asks for", dense(extras=False), rounds)
    measure("All that is declared", dense(), rounds)


if __name__ == "__main__":
    main()
