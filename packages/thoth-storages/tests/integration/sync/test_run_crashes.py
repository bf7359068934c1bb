"""Processes that are killed while they sync a document of a run, after each of their statements."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import GraphDatabase, sync_documents
from thoth.storages.testing import connection_variables
from thoth.storages.testing.inspection_documents import (
    dependency_monkey_document,
    dependency_monkey_document_id,
)
from thoth.storages.testing.rows import natural_rows
from thoth.storages.testing.run_documents import (
    TABLES,
    adviser_document,
    adviser_document_id,
    failed_adviser_document,
    provenance_document,
    provenance_document_id,
    revsolver_document,
    revsolver_document_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Document = dict[str, Any]

# Each line of its input is a number: a process syncs the file and kills itself after so many
# statements. The answer is how it ended.
KILLED = """
    import os, signal, sys
    import psycopg
    from thoth.storages import sync_documents

    def sync(most):
        done, execute = 0, psycopg.Cursor.execute

        def counted(*arguments, **options):
            nonlocal done
            found = execute(*arguments, **options)
            done += 1
            if done == most:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        psycopg.Cursor.execute = counted
        sync_documents([sys.argv[1]], is_local=True, force=True)

    for line in sys.stdin:
        child = os.fork()
        if not child:
            sync(int(line))
            sys.exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
"""


def stored(folder: Path, document_id: str, document: Document) -> Path:
    path = folder / f"{document_id}.json"
    path.write_text(json.dumps(document))
    return path


@contextmanager
def killed(graph: GraphDatabase, path: Path) -> Iterator[Callable[[int], int]]:
    """Lend what syncs a file in a process that is killed after so many statements."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(path)],
        env=os.environ | connection_variables(graph.settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, told = process.stdin, process.stdout

    def sync(most: int) -> int:
        asked.write(f"{most}\n")
        asked.flush()
        return int(told.readline())

    with process:
        yield sync


def unresolved(document: Document) -> Document:
    """Return advice with packages that were not resolved besides."""
    report = failed_adviser_document()["result"]["report"]
    document["result"]["report"]["unresolved"] = report["unresolved"]
    return document


def shortened(document: Document, *keys: str) -> Document:
    """Return a document without the first entry of an array."""
    entries = document["result"]
    for key in keys:
        entries = entries[key]
    entries.pop(0)
    return document


VERSIONS: dict[str, tuple[str, Document, Document]] = {
    "adviser": (
        adviser_document_id(),
        unresolved(adviser_document()),
        shortened(unresolved(adviser_document(1)), "report", "unresolved"),
    ),
    "provenance": (
        provenance_document_id(),
        provenance_document(),
        shortened(provenance_document(1), "report"),
    ),
    "revsolver": (
        revsolver_document_id(),
        revsolver_document(),
        shortened(revsolver_document(1), "dependents"),
    ),
    "dependency": (
        dependency_monkey_document_id(),
        dependency_monkey_document(),
        shortened(dependency_monkey_document(1), "report", "responses"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", VERSIONS)
def test_a_process_killed_after_any_statement_leaves_a_document_as_it_was_and_the_next_run_mends_it(
    graph: GraphDatabase, empty_tables: Callable[[], None], tmp_path: Path, kind: str
) -> None:
    document_id, *versions = VERSIONS[kind]
    for version in versions:
        version["metadata"]["document_id"] = document_id
    clean = []
    for version in versions:
        path = stored(tmp_path, document_id, version)
        sync_documents([path], graph=graph, is_local=True, force=True)
        clean.append(natural_rows(graph, TABLES))
    empty_tables()

    for version, expected in zip(versions, clean, strict=True):
        path = stored(tmp_path, document_id, version)
        before = natural_rows(graph, TABLES)
        assert before != expected
        with killed(graph, path) as sync:
            for most in range(1, 100):
                code = sync(most)
                if code == 0:
                    break
                assert code == -signal.SIGKILL
                assert natural_rows(graph, TABLES) == before
        assert most > 8
        assert natural_rows(graph, TABLES) == expected
        counts = sync_documents([path], graph=graph, is_local=True)
        assert counts == {kind: (1, 0, 1, 0)}
