"""The ten most used questions, and the closure of two roots, on the snapshot's graph.

The adapter's cache is off, the database warm, the embedded server's socket between them. Prints the
median milliseconds of each, and that of the smallest statement there is.

    uv run --group benchmark python benchmarks/graph_reading.py [--repeat 500]
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time

from graph_questions import ENVIRONMENT, QUESTIONS, add_facts, medians
from msgspec.structs import replace
from snapshot import dense

from thoth.storages import GraphDatabase
from thoth.storages.testing import temporary_settings


def round_trip(graph: GraphDatabase, repeat: int) -> float:
    times = []
    with graph.migration_connection() as connection:
        connection.autocommit = True
        for _ in range(repeat):
            begin = time.perf_counter()
            connection.execute("SELECT 1", prepare=True).fetchone()
            times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def over_releases(graph: GraphDatabase, count: int) -> list[float]:
    """The median and the 90th percentile of `get_depends_on` over releases drawn at random."""
    known = graph.get_python_package_versions_all(count=None)
    drawn = random.Random(0).sample(known, count)
    times = []
    for release in [*drawn, *drawn]:
        begin = time.perf_counter()
        graph.get_depends_on(*release, **ENVIRONMENT)
        times.append((time.perf_counter() - begin) * 1000)
    return [statistics.quantiles(times[count:], n=10)[tenth] for tenth in (4, 8)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=500)
    repeat = parser.parse_args().repeat
    print(f"Load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    with temporary_settings() as settings:
        uncached = replace(settings, cache_size=0)
        with GraphDatabase(uncached) as graph:
            graph.initialize_schema()
            graph.releases.record(dense(artifacts=True))
            add_facts(graph)
            print("| question | ms | answers |\n|---|---|---|")
            print(f"| (one round trip) | {round_trip(graph, repeat):.3f} | |")
            for name, milliseconds in medians(graph, repeat).items():
                answer = QUESTIONS[name](graph)
                size = len(answer) if hasattr(answer, "__len__") else answer
                print(f"| `{name}` | {milliseconds:.2f} | {size} |")
            half, most = over_releases(graph, repeat)
            print(f"\n`get_depends_on` of {repeat} releases drawn at random: median {half:.2f} ms,")
            print(f"nine of ten within {most:.2f} ms")


if __name__ == "__main__":
    main()
