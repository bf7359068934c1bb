"""Writing solver documents: what several become, in about twenty statements of one transaction.

The documents' own rows come first, so that another who syncs one of them waits for it before it
holds anything else. What is inserted afterwards is in the order of natural keys, packages before
indexes before requirements before releases, as every writer of the graph has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import errors

from thoth.storages.exceptions import InvalidDocumentError, InvalidRecordError
from thoth.storages.graph import json_values
from thoth.storages.graph.queries import packing, release_statements
from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.foreign_keys import ForeignKeys
from thoth.storages.graph.queries.names import record_names
from thoth.storages.graph.queries.release_batches import prepare, prepare_together
from thoth.storages.graph.queries.release_writer import write
from thoth.storages.graph.queries.transactions import in_transaction
from thoth.storages.graph.queries.values import storable_text
from thoth.storages.sync import solver_statements as sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thoth.storages.graph.connections import Connection
    from thoth.storages.graph.queries.release_batches import Batch
    from thoth.storages.sync.solver_documents import Outcome, SolverFacts

_KEYS = {
    "package": "package_name",
    "version": "package_version",
    "requires_python": "importlib_metadata.metadata.Requires-Python",
    "metadata": "importlib_metadata.metadata",
}


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
    try:
        batch, count = prepare_together([each.records for each in wanted], ecosystem=ECOSYSTEM)
    except InvalidRecordError as error:
        raise _invalid_document(wanted, error) from error
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
    """Writes documents of different ids in the caller's transaction; a batch has their records."""

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
            records = [each.records for each in self._documents]
            self._batch, _ = prepare_together(records, ecosystem=ECOSYSTEM)
        if self._documents:
            self._write_facts()
        return written

    def _write_facts(self) -> None:
        self._foreign_keys.prepare()
        self._add_unresolved_packages()
        releases = self._split(write(self._connection, self._batch, self._foreign_keys))
        outcomes = [
            _by_release(each.outcomes, ids)
            for each, ids in zip(self._documents, releases, strict=True)
        ]
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
            "solver_versions": packing.texts([_solver_version(facts) for facts in documents]),
            "unparsed": packing.texts([json_values.plain(facts.unparsed) for facts in documents]),
        }

    # --- releases --------------------------------------------------------------------------------

    def _add_unresolved_packages(self) -> None:
        """Add packages and indexes that no release will add.

        Together with all others of the documents: what is added in two goes may deadlock.
        """
        documents = self._documents
        if any(each.unresolved for each in documents):
            names = set().union(*(each.packages for each in documents))
            urls = set().union(*(each.index_urls for each in documents))
            record_names(self._connection, names, urls)

    def _split(self, releases: Sequence[int]) -> list[Sequence[int]]:
        """Return for each document the ids of the releases that its records are of."""
        split, start = [], 0
        for facts in self._documents:
            split.append(releases[start : start + len(facts.records)])
            start += len(facts.records)
        return split

    def _mark_missing(self, releases: Sequence[Sequence[int]]) -> None:
        """Mark releases that are missing or found, as if document after document did it.

        A release is recorded by the first document that mentions it.
        """
        seen: set[int] = set()
        mentioned: set[int] = set()
        unsolvable: set[int] = set()
        for facts, ids in zip(self._documents, releases, strict=True):
            wanted = {ids[outcome.record] for outcome in facts.outcomes if outcome.unsolvable}
            unsolvable |= wanted.difference(mentioned)
            mentioned.update(ids)
            seen.update(ids[: facts.seen])
        if seen:
            self._execute(sql.FOUND, {"seen": packing.integers(sorted(seen))})
        unsolvable -= seen
        if unsolvable:
            self._execute(sql.NOT_FOUND, {"unsolvable": packing.integers(sorted(unsolvable))})

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


def _solver_version(facts: SolverFacts) -> str:
    try:
        return storable_text("analyzer_version", facts.document.metadata.analyzer_version)
    except InvalidRecordError as error:
        raise facts.document.invalid("metadata.analyzer_version", error.problem) from error


def _by_release(outcomes: Sequence[Outcome], releases: Sequence[int]) -> dict[int, Outcome]:
    """Return outcomes by the ids of their releases; of several, the last error counts."""
    found: dict[int, Outcome] = {}
    for outcome in outcomes:
        release = releases[outcome.record]
        if release not in found or outcome.error:
            found[release] = outcome
    return found


def _invalid_document(
    documents: Sequence[SolverFacts], error: InvalidRecordError
) -> InvalidDocumentError:
    """Return the error of the first document that has a record which cannot be stored."""
    for facts in documents:
        for number, record in enumerate(facts.records):
            try:
                prepare([record], ecosystem=ECOSYSTEM)
            except InvalidRecordError as found:
                return facts.document.invalid(_key(facts, number, found.field), found.problem)
    return documents[0].document.invalid("result", f"{error.field} {error.problem}")


def _key(facts: SolverFacts, number: int, field: str) -> str:
    path = facts.path_of(number)
    if field == "dependencies":
        for place, text in enumerate(facts.records[number].dependencies or ()):
            try:
                storable_text(field, text)
            except InvalidRecordError:
                return f"{path}.dependencies[{place}]"
    if path.endswith("]") and "resolved_versions" in path:
        return path
    return f"{path}.{_KEYS.get(field, _KEYS['metadata'])}"
