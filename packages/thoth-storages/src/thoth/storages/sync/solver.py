"""Syncing solver documents: what they become, in about twenty statements of one transaction.

The document's own row comes first, so that another who syncs the same document waits for it before
it holds anything else. What is inserted afterwards is in the order of natural keys, packages before
indexes before requirements before releases, as every writer of the graph has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from thoth.storages.exceptions import InvalidDocumentError, InvalidRecordError
from thoth.storages.graph.queries import release_statements
from thoth.storages.graph.queries.family import ECOSYSTEM
from thoth.storages.graph.queries.releases import record_releases
from thoth.storages.graph.queries.transactions import in_transaction
from thoth.storages.graph.queries.values import storable_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.storages.graph.connections import Connection
    from thoth.storages.sync.solver_documents import Outcome, SolverFacts

# The markers of an environment are the greatest that any document says, so that they do not depend
# on the order in which documents are synced.
_ADD_RESULT = """
    WITH environment AS (
         SELECT id FROM software_environment
          WHERE os_name = %(os_name)s AND os_version = %(os_version)s
            AND python_version = %(python_version)s),
    described AS (
         UPDATE software_environment SET markers = %(markers)s::jsonb
           FROM environment
          WHERE software_environment.id = environment.id AND %(markers)s::jsonb IS NOT NULL
            AND (software_environment.markers IS NULL
                 OR software_environment.markers < %(markers)s::jsonb))
    INSERT INTO solver_result
           (software_environment_id, duration, created_at, document_id, solver_name,
            solver_version, unparsed)
    SELECT environment.id, %(duration)s::int, %(created_at)s::timestamptz, %(document_id)s,
           %(solver_name)s, %(solver_version)s, %(unparsed)s::jsonb
      FROM environment
    ON CONFLICT (document_id) DO NOTHING
    RETURNING id
"""
_ADD_ENVIRONMENT = """
    INSERT INTO software_environment (os_name, os_version, python_version, markers)
    VALUES (%(os_name)s, %(os_version)s, %(python_version)s, %(markers)s::jsonb)
    ON CONFLICT DO NOTHING
"""
_LOCK_RESULT = """
    SELECT id FROM solver_result WHERE document_id = %(document_id)s FOR NO KEY UPDATE
"""
_CHANGE_RESULT = """
    UPDATE solver_result
       SET software_environment_id = environment.id, duration = %(duration)s::int,
           created_at = %(created_at)s::timestamptz, solver_name = %(solver_name)s,
           solver_version = %(solver_version)s, unparsed = %(unparsed)s::jsonb
      FROM software_environment AS environment
     WHERE solver_result.document_id = %(document_id)s
       AND environment.os_name = %(os_name)s AND environment.os_version = %(os_version)s
       AND environment.python_version = %(python_version)s
       AND (solver_result.software_environment_id, solver_result.duration,
            solver_result.created_at, solver_result.solver_name, solver_result.solver_version,
            solver_result.unparsed)
           IS DISTINCT FROM
           (environment.id, %(duration)s::int, %(created_at)s::timestamptz, %(solver_name)s,
            %(solver_version)s::text, %(unparsed)s::jsonb)
"""
_DELETE_OTHER_SOLVED = """
    DELETE FROM solved
     WHERE solver_result_id = %(result)s AND release_id <> ALL(%(releases)s::int[])
"""

# A release that solvers only know of because they did not find it is missing, unless somebody finds
# it; one that went missing since it was recorded (which is a change of it) is left as it is.
_FOUND = """
    UPDATE release SET is_missing = false
     WHERE id = ANY(%(seen)s::int[]) AND is_missing
       AND NOT EXISTS (SELECT FROM release_change
                        WHERE release_change.release_id = release.id
                          AND release_change.kind = 'missing')
"""
# What this transaction recorded, it recorded now.
_NOT_FOUND = """
    UPDATE release SET is_missing = true
     WHERE id = ANY(%(unsolvable)s::int[]) AND recorded_at = now() AND NOT is_missing
"""
_ADD_SOLVED = """
    INSERT INTO solved
           (release_id, solver_result_id, error, unsolvable, unparseable, error_type, details)
    SELECT release_id, %(result)s::int, error, unsolvable, unparseable, error_type, details
      FROM unnest(%(releases)s::int[], %(errors)s::bool[], %(unsolvable)s::bool[],
                  %(unparseable)s::bool[], %(types)s::text[], %(details)s::text[])
           AS new (release_id, error, unsolvable, unparseable, error_type, details)
     ORDER BY release_id
    ON CONFLICT (release_id, solver_result_id) DO UPDATE
       SET error = excluded.error, unsolvable = excluded.unsolvable,
           unparseable = excluded.unparseable, error_type = excluded.error_type,
           details = excluded.details
     WHERE (solved.error, solved.unsolvable, solved.unparseable, solved.error_type, solved.details)
           IS DISTINCT FROM
           (excluded.error, excluded.unsolvable, excluded.unparseable, excluded.error_type,
            excluded.details)
"""
_UNRESOLVED = """
    wanted AS (
         SELECT DISTINCT package.id AS package_id, new.specifier COLLATE "C" AS specifier,
                package_index.id AS package_index_id
           FROM unnest(%(packages)s::text[], %(urls)s::text[], %(specifiers)s::text[])
                AS new (package, url, specifier)
           JOIN package ON package.ecosystem = %(ecosystem)s AND package.name = new.package
           LEFT JOIN package_index
                  ON package_index.ecosystem = %(ecosystem)s AND package_index.url = new.url)
"""
_ADD_UNRESOLVED = f"""
    WITH {_UNRESOLVED}
    INSERT INTO unresolved (solver_result_id, package_id, package_index_id, specifier)
    SELECT %(result)s::int, package_id, package_index_id, specifier FROM wanted ORDER BY 2, 4, 3
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants of ours
_DELETE_OTHER_UNRESOLVED = f"""
    WITH {_UNRESOLVED}
    DELETE FROM unresolved
     WHERE solver_result_id = %(result)s::int
       AND NOT EXISTS (SELECT FROM wanted
                        WHERE wanted.package_id = unresolved.package_id
                          AND wanted.specifier = unresolved.specifier
                          AND wanted.package_index_id
                              IS NOT DISTINCT FROM unresolved.package_index_id)
"""  # noqa: S608 - constants of ours

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
    synced: bool = in_transaction(connection, lambda: _Writer(connection, facts).write(force=force))
    return synced


class _Writer:
    """Writes the facts of one document in the caller's transaction."""

    def __init__(self, connection: Connection, facts: SolverFacts) -> None:
        self._connection = connection
        self._facts = facts

    def write(self, *, force: bool) -> bool:
        added = self._add_result()
        if added is None and not force:
            return False
        result = self._change_result() if added is None else added
        self._add_unresolved_packages()
        releases = self._record_releases()
        outcomes = _by_release(self._facts.outcomes, releases)
        if added is None:
            self._execute(_DELETE_OTHER_SOLVED, {"result": result, "releases": sorted(outcomes)})
            self._execute(_DELETE_OTHER_UNRESOLVED, self._unresolved_columns(result))
        self._mark_missing(releases)
        self._add_solved(result, outcomes)
        self._add_unresolved(result)
        return True

    def _result_columns(self) -> dict[str, Any]:
        facts = self._facts
        environment, metadata = facts.environment, facts.document.metadata
        markers = environment.markers
        return {
            "os_name": environment.os_name,
            "os_version": environment.os_version,
            "python_version": environment.python_version,
            "markers": None if markers is None else Jsonb(markers),
            "duration": metadata.duration,
            "created_at": facts.document.created_at,
            "document_id": facts.document.document_id,
            "solver_name": facts.solver_name,
            "solver_version": self._solver_version(),
            "unparsed": Jsonb(facts.unparsed),
        }

    def _solver_version(self) -> str:
        version = self._facts.document.metadata.analyzer_version
        try:
            return storable_text("analyzer_version", version)
        except InvalidRecordError as error:
            path = "metadata.analyzer_version"
            raise self._facts.document.invalid(path, error.problem) from error

    def _add_result(self) -> int | None:
        """Add the document's row, None where it has one."""
        columns = self._result_columns()
        row = self._row(_ADD_RESULT, columns)
        if row is None and self._row(_LOCK_RESULT, columns) is None:
            self._execute(_ADD_ENVIRONMENT, columns)
            row = self._row(_ADD_RESULT, columns)
        return None if row is None else row[0]

    def _change_result(self) -> int:
        columns = self._result_columns()
        row = self._row(_LOCK_RESULT, columns)
        assert row is not None  # noqa: S101 - whoever deletes it waits for this transaction
        self._execute(_ADD_ENVIRONMENT, columns)
        self._execute(_CHANGE_RESULT, columns)
        return int(row[0])

    def _add_unresolved_packages(self) -> None:
        """Add packages and indexes that no release will add.

        Together with all others of the document: what is added in two goes may deadlock.
        """
        wanted = self._facts.unresolved
        if not wanted:
            return
        names = {"ecosystem": ECOSYSTEM, "names": [package.package for package in wanted]}
        if len(self._rows(release_statements.FIND_PACKAGES, names)) < len(set(names["names"])):
            names["names"] = sorted(self._facts.packages)
            self._execute(release_statements.ADD_PACKAGES, names)
        urls = {
            "ecosystem": ECOSYSTEM,
            "urls": [package.index_url for package in wanted if package.index_url is not None],
        }
        if len(self._rows(release_statements.FIND_INDEXES, urls)) < len(set(urls["urls"])):
            urls["urls"] = sorted(self._facts.index_urls)
            self._execute(release_statements.ADD_INDEXES, urls)

    def _record_releases(self) -> list[int]:
        try:
            return record_releases(self._connection, self._facts.records)
        except InvalidRecordError as error:
            raise _invalid_document(self._facts, error) from error

    def _mark_missing(self, releases: Sequence[int]) -> None:
        facts = self._facts
        seen = set(releases[: facts.seen])
        unsolvable = {
            releases[outcome.record] for outcome in facts.outcomes if outcome.unsolvable
        }.difference(seen)
        if seen:
            self._execute(_FOUND, {"seen": sorted(seen)})
        if unsolvable:
            self._execute(_NOT_FOUND, {"unsolvable": sorted(unsolvable)})

    def _add_solved(self, result: int, outcomes: dict[int, Outcome]) -> None:
        if not outcomes:
            return
        found = outcomes.values()
        parameters = {
            "result": result,
            "releases": list(outcomes),
            "errors": [outcome.error for outcome in found],
            "unsolvable": [outcome.unsolvable for outcome in found],
            "unparseable": [outcome.unparseable for outcome in found],
            "types": [outcome.error_type for outcome in found],
            "details": [outcome.details for outcome in found],
        }
        self._execute(_ADD_SOLVED, parameters)

    def _add_unresolved(self, result: int) -> None:
        if self._facts.unresolved:
            self._execute(_ADD_UNRESOLVED, self._unresolved_columns(result))

    def _unresolved_columns(self, result: int) -> dict[str, Any]:
        wanted = self._facts.unresolved
        return {
            "result": result,
            "ecosystem": ECOSYSTEM,
            "packages": [package.package for package in wanted],
            "urls": [package.index_url for package in wanted],
            "specifiers": [package.specifier for package in wanted],
        }

    def _row(self, statement: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
        return self._connection.execute(statement, parameters).fetchone()

    def _rows(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()

    def _execute(self, statement: str, parameters: dict[str, Any]) -> None:
        self._connection.execute(statement, parameters)


def _by_release(outcomes: Sequence[Outcome], releases: Sequence[int]) -> dict[int, Outcome]:
    """Return outcomes by the ids of their releases; of several, the last error counts."""
    found: dict[int, Outcome] = {}
    for outcome in outcomes:
        release = releases[outcome.record]
        if release not in found or outcome.error:
            found[release] = outcome
    return found


def _invalid_document(facts: SolverFacts, error: InvalidRecordError) -> InvalidDocumentError:
    """Return the error of the document whose record could not be stored: find its place."""
    from thoth.storages.graph.queries.release_batches import prepare

    for number, record in enumerate(facts.records):
        try:
            prepare([record], ecosystem=ECOSYSTEM)
        except InvalidRecordError as found:
            return facts.document.invalid(_key(facts, number, found.field), found.problem)
    return facts.document.invalid("result", f"{error.field} {error.problem}")


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
