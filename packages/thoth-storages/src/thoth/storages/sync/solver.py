"""Writing solver documents: what several become, in about twenty statements of one transaction.

The documents' own rows come first, so that another who syncs one of them waits for it before it
holds anything else. What is inserted afterwards is in the order of natural keys, packages before
indexes before requirements before releases, as every writer of the graph has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import errors

from thoth.storages.graph import json_values
from thoth.storages.graph.queries import packing, release_statements
from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.foreign_keys import ForeignKeys
from thoth.storages.graph.queries.release_batches import prepare_together
from thoth.storages.graph.queries.release_writer import write
from thoth.storages.graph.queries.transactions import in_transaction
from thoth.storages.sync import solver_statements as sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.queries.release_batches import Batch, ReleaseKey
    from thoth.storages.sync.solver_documents import Outcome, SolverFacts


def sync_solver_facts(connection: Connection, facts: SolverFacts, *, force: bool = False) -> bool:
    """Write the rows of a solver document, all or none; say whether there was anything to write.

    A document that is in the graph already is left alone; `force` writes it again, after which the
    rows are those of this document, however often. Safe for any number of parallel writers. Raises
    `InvalidDocumentError` for what cannot be stored.
    """
    return sync_several_solver_facts(connection, [facts], force=force)[0]


def sync_several_solver_facts(
    connection: Connection, documents: Sequence[SolverFacts], *, force: bool = False
) -> list[bool]:
    """Write the first of several documents in one transaction; say of each whether it was written.

    As many as leave the same rows as if each had been written by itself, with
    `sync_solver_facts()`, in this order; at least one. The answer is as long as they are many.
    """
    wanted = _without_repetition(documents)
    batch, count = prepare_together([each.said for each in wanted])
    chosen = wanted[:count]

    def work() -> list[bool]:
        return _Writer(connection, chosen, batch).write(force=force)

    written: list[bool] = in_transaction(connection, work)
    return written


def _without_repetition(documents: Sequence[SolverFacts]) -> list[SolverFacts]:
    """Return documents up to the first whose id one before it has."""
    found: dict[str, SolverFacts] = {}
    for facts in documents:
        if facts.document.document_id in found:
            break
        found[facts.document.document_id] = facts
    return list(found.values())


class _Writer:
    """Writes documents of different ids in the caller's transaction; a batch has their releases."""

    def __init__(
        self, connection: Connection, documents: Sequence[SolverFacts], batch: Batch
    ) -> None:
        self._connection = connection
        self._documents = documents
        self._batch = batch
        self._results: dict[str, int] = {}
        self._known: set[int] = set()
        self._foreign_keys = ForeignKeys(connection)

    def write(self, *, force: bool) -> list[bool]:
        if force:
            self._change_results()
        self._add_results(force=force)
        documents = self._documents
        written = [each.document.document_id in self._results for each in documents]
        if not all(written):
            self._documents = [
                each for each, wanted in zip(documents, written, strict=True) if wanted
            ]
            self._batch, _ = prepare_together([each.said for each in self._documents])
        if self._documents:
            self._write_facts()
        return written

    def _write_facts(self) -> None:
        self._foreign_keys.prepare()
        releases = write(self._connection, self._batch, self._foreign_keys)
        outcomes = [_by_release(each.outcomes, releases) for each in self._documents]
        solved = self._solved_columns(outcomes)
        unresolved = self._unresolved_columns()
        if self._known:
            known = {"known": packing.integers(sorted(self._known))}
            self._execute(sql.DELETE_OTHER_SOLVED, solved | known)
            self._execute(sql.DELETE_OTHER_UNRESOLVED, unresolved | known)
        self._mark_missing(releases)
        solved_releases = sorted(set().union(*outcomes))
        if solved_releases:
            self._foreign_keys.lock(release_statements.LOCK_RECORDED, solved_releases)
            with self._foreign_keys.unchecked():
                self._execute(sql.ADD_SOLVED, solved)
        if any(each.unresolved for each in self._documents):
            self._execute(sql.ADD_UNRESOLVED, unresolved)

    # --- the documents' own rows -----------------------------------------------------------------

    def _change_results(self) -> None:
        """Lock the rows of documents that have one, and let them say what the documents do."""
        self._lock_results(self._documents)
        known = [each for each in self._documents if each.document.document_id in self._results]
        if known:
            columns = self._result_columns(known)
            self._execute(sql.ADD_ENVIRONMENTS, columns)
            self._execute(sql.CHANGE_RESULTS, columns)

    def _lock_results(self, documents: Sequence[SolverFacts]) -> None:
        ids = {"document_ids": packing.texts([each.document.document_id for each in documents])}
        found: dict[str, int] = dict(self._rows(sql.LOCK_RESULTS, ids))
        self._results |= found
        self._known |= set(found.values())

    def _add_results(self, *, force: bool) -> None:
        """Add rows of documents that have none."""
        for is_last in (False, True):
            lacking = self._lacking()
            if not lacking:
                return
            columns = self._result_columns(lacking)
            if is_last:
                self._execute(sql.ADD_ENVIRONMENTS, columns)
            self._results.update(self._rows(sql.ADD_RESULTS, columns))
        if force and self._lacking():
            raise errors.SerializationFailure("a document was synced by another meanwhile")

    def _lacking(self) -> list[SolverFacts]:
        return [each for each in self._documents if each.document.document_id not in self._results]

    def _result_columns(self, documents: Sequence[SolverFacts]) -> dict[str, Any]:
        places: dict[bytes, int] = {}
        environments = []
        for facts in documents:
            key = msgspec.json.encode(facts.environment)
            places.setdefault(key, len(places) + 1)
            environments.append(places[key])
        distinct = {
            place: facts.environment for place, facts in zip(environments, documents, strict=True)
        }
        named = [distinct[place] for place in sorted(distinct)]
        said = [each.markers for each in named]
        envelopes = [facts.document for facts in documents]
        return {
            "os_names": packing.texts([each.os_name for each in named]),
            "os_versions": packing.texts([each.os_version for each in named]),
            "python_versions": packing.texts([each.python_version for each in named]),
            "markers": packing.texts(
                [None if each is None else json_values.plain(each) for each in said]
            ),
            "document_ids": packing.texts([each.document_id for each in envelopes]),
            "environments": packing.integers(environments),
            "durations": packing.integers(
                [
                    -1 if each.metadata.duration is None else each.metadata.duration
                    for each in envelopes
                ]
            ),
            "created": packing.times([each.created_at for each in envelopes]),
            "solver_names": packing.texts([facts.solver_name for facts in documents]),
            "solver_versions": packing.texts(
                [each.metadata.analyzer_version for each in envelopes]
            ),
            "unparsed": packing.texts([json_values.plain(facts.unparsed) for facts in documents]),
        }

    # --- releases --------------------------------------------------------------------------------

    def _mark_missing(self, releases: Mapping[ReleaseKey, int]) -> None:
        """Mark releases that are missing or found, as if document after document did it.

        A release is recorded by the first document that mentions it.
        """
        seen: set[ReleaseKey] = set()
        mentioned: set[ReleaseKey] = set()
        unsolvable: set[ReleaseKey] = set()
        for facts in self._documents:
            wanted = {outcome.release for outcome in facts.outcomes if outcome.unsolvable}
            unsolvable |= wanted - mentioned
            mentioned.update(facts.said.mentioned)
            seen.update(facts.seen)
        if seen:
            self._execute(sql.FOUND, {"seen": _ids(seen, releases)})
        unsolvable -= seen
        if unsolvable:
            self._execute(sql.NOT_FOUND, {"unsolvable": _ids(unsolvable, releases)})

    # --- outcomes --------------------------------------------------------------------------------

    def _solved_columns(self, outcomes: Sequence[Mapping[int, Outcome]]) -> dict[str, Any]:
        results: list[int] = []
        releases: list[int] = []
        found: list[Outcome] = []
        for facts, each in zip(self._documents, outcomes, strict=True):
            results += [self._results[facts.document.document_id]] * len(each)
            releases += each
            found += each.values()
        return {
            "results": packing.integers(results),
            "releases": packing.integers(releases),
            "flags": packing.integers(
                [each.error | each.unsolvable << 1 | each.unparseable << 2 for each in found]
            ),
            "types": packing.texts([each.error_type for each in found]),
            "details": packing.texts([each.details for each in found]),
        }

    def _unresolved_columns(self) -> dict[str, Any]:
        wanted = [(facts, package) for facts in self._documents for package in facts.unresolved]
        results = [self._results[facts.document.document_id] for facts, _ in wanted]
        return {
            "ecosystem": ECOSYSTEM,
            "results": packing.integers(results),
            "packages": packing.texts([package.package for _, package in wanted]),
            "urls": packing.texts([package.index_url for _, package in wanted]),
            "specifiers": packing.texts([package.specifier for _, package in wanted]),
        }

    def _rows(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()

    def _execute(self, statement: str, parameters: dict[str, Any]) -> None:
        self._connection.execute(statement, parameters)


def _by_release(
    outcomes: Sequence[Outcome], releases: Mapping[ReleaseKey, int]
) -> dict[int, Outcome]:
    """Return outcomes by the ids of their releases; of several, the last error counts."""
    found: dict[int, Outcome] = {}
    for outcome in outcomes:
        release = releases[outcome.release]
        if release not in found or outcome.error:
            found[release] = outcome
    return found


def _ids(keys: Iterable[ReleaseKey], releases: Mapping[ReleaseKey, int]) -> packing.PackedIntegers:
    return packing.integers(sorted(map(releases.__getitem__, keys)))
