"""The same questions on the snapshot's graph and on a synthetic one 25 times as large.

The synthetic graph has 1 million releases and 10 million dependencies. It is made of copies of the
snapshot, so that releases per package, dependencies per release, requirements shared by releases
and the popularity of packages are those of the real one. In a copy, a package keeps all of its
requirements or only those that no extra asks for, so that there are ten a release in the mean;
every other requirement leads to the original package, which makes popular packages as popular as
they would be, and the others stay within the copy.

It is written with `graph.releases.record`, a copy at a time, while the tables of releases and
dependencies have no indexes but the one that foreign keys need; the others are made at the end.
Embedded server; takes some minutes and 2 GB of disk.

    uv run --group benchmark python benchmarks/graph_growth.py [--copies 26] [--repeat 300]
"""

from __future__ import annotations

import argparse
import os
import random
import re
import time
from typing import TYPE_CHECKING

from graph_questions import add_facts, medians
from msgspec.structs import replace
from snapshot import dense

from thoth.storages import GraphDatabase
from thoth.storages.graph.queries.release_statements import INDEX_DEFINITIONS
from thoth.storages.testing import temporary_settings

if TYPE_CHECKING:
    from thoth.storages import ReleaseRecord

PER_RELEASE = 10.0
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def copied(
    whole: list[ReleaseRecord], plain: list[ReleaseRecord], number: int
) -> list[ReleaseRecord]:
    """Return a copy of the snapshot under other names; the first keeps its own."""
    chance = random.Random(number)
    most, least = mean(whole), mean(plain)
    share = (PER_RELEASE - least) / (most - least)
    keeps = {release.package: chance.random() < share for release in plain}
    texts: dict[str, str] = {}
    lists: dict[tuple[str, ...], tuple[str, ...]] = {}
    records = []
    for full, bare in zip(whole, plain, strict=True):
        release = full if number == 0 or keeps[full.package] else bare
        if number:
            declared = release.dependencies or ()
            if declared not in lists:
                lists[declared] = tuple(renamed(text, number, texts, chance) for text in declared)
            release = replace(
                release, package=f"{release.package}-{number}", dependencies=lists[declared]
            )
        records.append(release)
    return records


def renamed(text: str, number: int, texts: dict[str, str], chance: random.Random) -> str:
    if text not in texts:
        name = _NAME.match(text)
        own = name is not None and chance.random() < 0.5
        texts[text] = f"{name[0]}-{number}{text[name.end() :]}" if name and own else text
    return texts[text]


def mean(records: list[ReleaseRecord]) -> float:
    return sum(len(release.dependencies or ()) for release in records) / len(records)


def load(graph: GraphDatabase, copies: int) -> tuple[float, float]:
    """Fill the graph; return the seconds that it took, and those of them for the indexes."""
    whole, plain = dense(artifacts=True), dense(extras=False, artifacts=True)
    spent = 0.0
    with graph.migration_connection() as connection:
        definitions = connection.execute(INDEX_DEFINITIONS, {}).fetchall()
        for remove, _ in definitions:
            connection.execute(remove)
        connection.commit()
        for number in range(copies):
            records = copied(whole, plain, number)
            begin = time.perf_counter()
            graph.releases.record(records)
            spent += time.perf_counter() - begin
        begin = time.perf_counter()
        connection.execute("SET statement_timeout = 0")
        for _, make in definitions:
            connection.execute(make)
        connection.commit()
        indexes = time.perf_counter() - begin
    return spent + indexes, indexes


def rows_and_bytes(graph: GraphDatabase, table: str) -> tuple[int, int]:
    with graph.migration_connection() as connection:
        row = connection.execute(
            f"SELECT count(*), pg_total_relation_size('{table}') FROM {table}"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def measure(copies: int, repeat: int) -> dict[str, float]:
    with (
        temporary_settings() as settings,
        GraphDatabase(replace(settings, cache_size=0)) as graph,
    ):
        graph.initialize_schema()
        seconds, indexes = load(graph, copies)
        add_facts(graph)
        print(
            f"\nLoaded in {seconds:.1f} s, {indexes:.1f} s of them for indexes of dependencies:\n"
        )
        print("| table | rows | MB | bytes a row |\n|---|---|---|---|")
        for table in ("package", "requirement", "release", "artifact", "dependency"):
            rows, size = rows_and_bytes(graph, table)
            print(f"| {table} | {rows:,} | {size / 2**20:,.0f} | {size / rows:.0f} |")
        return medians(graph, repeat)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=26)
    parser.add_argument("--repeat", type=int, default=300)
    arguments = parser.parse_args()
    print(f"Load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    small = measure(1, arguments.repeat)
    large = measure(arguments.copies, arguments.repeat)
    print("\n| question | ms, snapshot | ms, synthetic | growth |\n|---|---|---|---|")
    for name, before in small.items():
        print(f"| `{name}` | {before:.2f} | {large[name]:.2f} | {large[name] / before:.2f} |")


if __name__ == "__main__":
    main()
